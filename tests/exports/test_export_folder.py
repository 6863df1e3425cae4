"""The folder of an export: complete or without export.json, and never overwritten unless that is asked for."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from orienteer.errors import InputError
from orienteer.exports import export as export_module
from orienteer.exports.export import export
from orienteer.exports.export_folder import EXPORT_FILE, new_export_folder
from tests.helpers.saved_runs import SaveRun


@pytest.fixture
def run(save_run: SaveRun) -> Path:
    return save_run("tiny", (16, 16, 16), filters=[4, 8, 8])


def write_export(folder: Path, text: str, overwrite: bool = False) -> None:
    with new_export_folder(folder, overwrite) as part:
        (part / "weights").write_text(text)
        (part / EXPORT_FILE).write_text("{}")


def test_files_appear_when_the_block_ends_and_nothing_else_remains(tmp_path: Path) -> None:
    with new_export_folder(tmp_path / "new" / "out", overwrite=False) as part:
        (part / "weights").write_text("one")
        assert not (tmp_path / "new" / "out").exists()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]
    assert (tmp_path / "new" / "out" / "weights").read_text() == "one"


def test_a_block_that_fails_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_export_folder(tmp_path / "new" / "out", overwrite=False) as part:
        (part / "weights").write_text(str(1 / 0))
    assert not list(tmp_path.iterdir())


def test_export_json_comes_last_and_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that holds export.json holds the files that it describes, also when an export is replaced halfway."""
    write_export(tmp_path / "out", "old")
    moved = shutil.move

    def fail_at_weights(source: Path, target: Path) -> None:
        if source.name == "weights":
            raise OSError(28, "No space left on device")
        moved(source, target)

    monkeypatch.setattr(shutil, "move", fail_at_weights)
    with pytest.raises(InputError, match="No space left on device"):
        write_export(tmp_path / "out", "new", overwrite=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["weights"]
    monkeypatch.undo()
    write_export(tmp_path / "out", "new", overwrite=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [EXPORT_FILE, "weights"]


def test_an_export_is_replaced_only_where_that_is_asked_for(run: Path) -> None:
    folder = export(str(run), to="monai").folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(InputError, match=r"which holds export\.json\. Do this: choose another --out, or replace it"):
        export(str(run), to="monai", classes=4)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    export(str(run), to="monai", classes=4, overwrite=True)
    assert json.loads((folder / "export.json").read_text())["target_arguments"]["out_channels"] == 4


def test_a_file_of_somebody_else_is_not_replaced(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "network.pt").write_text("mine")
    with pytest.raises(InputError, match=r"which holds network\.pt"):
        export(str(run), to="monai", out=str(tmp_path / "mine"))
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["network.pt"]
    assert (tmp_path / "mine" / "network.pt").read_text() == "mine"


def test_a_file_in_place_of_the_folder_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="out: wanted a folder that can be written"):
        export(str(run), to="monai", out=str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_leaves_nothing_behind(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(part: Path, *rest: Any) -> None:
        (part / "network.pt").write_bytes(b"half of")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_module, "write_monai", full)
    with pytest.raises(InputError, match=r"No space left on device.*free some disk space"):
        export(str(run), to="monai", out=str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))

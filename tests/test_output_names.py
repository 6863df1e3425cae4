"""Every name, whoever made it up, becomes a file of its own inside the output folder."""

import unicodedata
from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.files import write_bytes
from orienteer.output_names import inside, output_paths, safe_names
from tests.helpers.hostile import NAMES

HOSTILE = [
    *NAMES,
    "/etc/passwd",
    "../a",
    "../../a",
    "b/../../a",
    "..\\..\\a",
    "C:\\data\\a",
    "a",
    "A",
    "a/b",
    "a.nii.gz/b",
    "A.NII.GZ",
    "",
    ".",
    "..",
    "/",
    "....//a",
    ".hidden/a",
    "a\nb",
    "a\x1b[2Jb",
    "a\x00b",
    "m\udcfcller",
    "name ",
    "name.",
    "CON",
    "aux.x",
    'a:b|c?*<>"',
    "x" * 300,
    "x" * 300 + "y",
    "é" * 200,
    "/".join(["d"] * 400),
    unicodedata.normalize("NFD", "é"),
    "STRASSE",
    "straße",
    "~/a",
]


@pytest.mark.parametrize("reverse", [False, True])
def test_hostile_names_become_files_inside_the_folder(tmp_path: Path, reverse: bool) -> None:
    names = HOSTILE[::-1] if reverse else HOSTILE
    (tmp_path / "outside").write_text("mine")
    paths = output_paths(tmp_path / "out", names, ".nii.gz", below="predictions")
    assert list(paths) == names
    for number, path in enumerate(paths.values()):
        write_bytes(path, b"%d" % number)
    assert [path.read_bytes() for path in paths.values()] == [b"%d" % number for number in range(len(names))]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "outside"]
    keys = {unicodedata.normalize("NFC", str(path)).casefold() for path in paths.values()}
    assert len(keys) == len(names)  # on disks that ignore case and the form of accents, too
    for path in paths.values():
        shown = path.relative_to(tmp_path).as_posix()
        assert shown.isprintable()
        assert not any(part.startswith((".", "-", " ")) or part.endswith((".", " ")) for part in shown.split("/"))
        assert len(path.name.encode()) < 170


def test_names_that_are_paths_already_are_kept() -> None:
    names = ["imagesTr/la_003", "Müller, A (2)", "ct/肝", "a", "..a" * 2]
    assert [safe_names(names)[name] for name in names[:4]] == names[:4]
    assert safe_names(["../a", "a"]) == {"../a": "a-2", "a": "a"}
    assert safe_names(["a", "../a"]) == {"a": "a", "../a": "a-2"}


@pytest.mark.parametrize("name", ["/etc/passwd", "../a", "b/../../a", ".", "", "b/..", "link/a"])
def test_an_output_outside_its_folder_is_refused(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(InputError, match="wanted a place inside"):
        inside(folder, name)


def test_a_link_in_the_output_folder_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "predictions").symlink_to(tmp_path / "scans")
    with pytest.raises(InputError, match="wanted a place inside"):
        output_paths(tmp_path / "out", ["a"], below="predictions")


@pytest.mark.parametrize("name", ["a.nii.gz", "imagesTr/a", "b/../a", "..a", "a..b/c"])
def test_an_output_inside_its_folder_is_kept_as_it_is(name: str, tmp_path: Path) -> None:
    assert inside(tmp_path, name) == tmp_path / name

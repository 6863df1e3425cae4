"""Embedding a folder: names, determinism, bad scans."""

import csv
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orienteer.cli import main
from orienteer.errors import InputError
from orienteer.executor import Executor
from orienteer.exports.push import push
from orienteer.features.embed import Embedding, embed
from orienteer.features.pretrained import Pretrained, load
from orienteer.features.vectors import VectorTable
from orienteer.runs.run import Run
from orienteer.store.store import Store
from tests.helpers.fake_hub import FakeHub


def test_one_vector_per_scan_with_bad_scans_named(
    finished: Run,
    torsos: Path,
    store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orienteer.features.embed.PICTURES", 1)
    scans = tmp_path / "scans"
    scans.mkdir()
    names = sorted(path.name for path in torsos.glob("*.nii.gz"))[:2]
    for name in names:
        shutil.copy(torsos / name, scans / f"copy_of_{name}")
    shutil.copy(torsos / names[0], scans / "twin.nii.gz")
    (scans / "cut.nii.gz").write_bytes((torsos / names[1]).read_bytes()[:3000])
    found = embed(finished.folder, scans, tmp_path / "v.csv", store=str(store), workers=0, accelerator="cpu")
    assert found.scans == (f"copy_of_{names[0]}", f"copy_of_{names[1]}", "twin.nii.gz")
    assert np.array_equal(found.vectors[0], found.vectors[2])
    assert [failure.name for failure in found.failures] == ["cut.nii.gz"]
    assert "1 scan cannot be used:\n  cut.nii.gz" in capsys.readouterr().out
    with open(tmp_path / "v.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["scan"] for row in rows] == list(found.scans)
    assert {row["modality"] for row in rows} == {"CT"}
    pretrained = load(finished.folder)
    key = key_of(store, pretrained, names[1])
    views = pretrained.view_vectors(Store.open(store), key)
    assert int(rows[1]["views"]) == len(views.vectors)
    assert np.allclose([float(rows[1][f"v{c:04d}"]) for c in range(8)], views.vectors.mean(0), rtol=1e-4, atol=1e-6)
    card = json.loads((tmp_path / "v.json").read_text())
    assert card["weights_sha256"] == pretrained.card["sha256"]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["v_features_0.png", "v_map.png"]


def test_workers_of_a_cluster_fetch_weights_of_the_hub_by_themselves(
    finished: Run, torsos: Path, store: Path, tmp_path: Path, fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They see an address, which is no file that they could miss."""
    push(str(finished.folder), to=str(tmp_path / "pushed"), license="mit")
    fake_hub.put("user/name", tmp_path / "pushed")
    asked: list[list[Path]] = []

    def local(cluster: object, work: Any, workers: object, jobs: int, shared: Path, seen: list[Path]) -> Any:
        asked.append(seen)
        return Executor(work, 0)

    monkeypatch.setattr("orienteer.features.embed.make_executor", local)
    scan = sorted(torsos.glob("*.nii.gz"))[0]
    there = embed("hf://user/name", scan, store=str(store), workers=0, accelerator="cpu")
    here = embed(finished.folder, scan, store=str(store), workers=0, accelerator="cpu")
    assert np.array_equal(there.vectors, here.vectors)
    assert asked == [[], [finished.folder]]


def key_of(store: Path, pretrained: Pretrained, name: str) -> str:
    with Store.open(store) as reader:
        return next(scan.key for scan in reader.entries(pretrained.preparation.fingerprint()) if scan.name == name)


def test_per_view_rows_carry_their_place(finished: Run, torsos: Path, store: Path, tmp_path: Path) -> None:
    out = tmp_path / "v.npy"
    found = embed(finished.folder, torsos, out, per_view=True, overlap=0.5, store=str(store), workers=0, pictures=False)
    with open(tmp_path / "v.rows.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    vectors = np.load(out)
    assert len(rows) == len(vectors) > len(found.scans) == 6
    first = [place for place, row in enumerate(rows) if row["scan"] == found.scans[0]]
    assert np.allclose(vectors[first].mean(0), found.vectors[0], atol=1e-6)
    assert [int(rows[place]["view"]) for place in first] == list(range(len(first)))
    pretrained = load(finished.folder)
    views = pretrained.view_vectors(Store.open(store), key_of(store, pretrained, found.scans[0]), 0.5)
    columns = ("centre_left_right_mm", "centre_back_front_mm", "centre_foot_head_mm")
    written = np.array([[float(rows[place][column]) for column in columns] for place in first])
    assert np.allclose(written, views.centres_mm, atol=1e-3)


def test_same_scans_give_the_same_bytes(finished: Run, torsos: Path, store: Path, tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        embed(finished.folder, torsos, tmp_path / name, store=str(store), workers=0, pictures=False)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


@pytest.mark.parametrize("missing", ["run", "scans"])
def test_a_missing_argument_is_named(missing: str) -> None:
    given = {"run": "r", "scans": "s", "out": "o.csv"}
    with pytest.raises(InputError, match=f"^{missing}: wanted .*orienteer embed RUN --scans a.nii.gz"):
        embed(**{**given, missing: None})  # type: ignore[arg-type]


def test_what_cannot_be_printed_needs_a_file(finished: Run, torsos: Path) -> None:
    with pytest.raises(
        InputError, match=r"^out: wanted a file or folder for several scans, got none.*--out vectors\.csv"
    ):
        embed(finished.folder, torsos)
    with pytest.raises(InputError, match=r"^out: wanted a file or folder for one vector per view"):
        embed(finished.folder, next(torsos.glob("*.nii.gz")), per_view=True)


def test_the_command_prints_the_vector_of_one_scan_alone(
    finished: Run, torsos: Path, store: Path, capsys: pytest.CaptureFixture
) -> None:
    scan = next(torsos.glob("*.nii.gz"))
    assert main(["embed", str(finished.folder), "--scans", str(scan), "--store", str(store), "--workers", "0"]) == 0
    printed = json.loads(capsys.readouterr().out)
    pretrained = load(finished.folder)
    wanted = pretrained.view_vectors(Store.open(store), key_of(store, pretrained, scan.name)).vectors.mean(0)
    assert np.allclose(printed, wanted, rtol=1e-6)


def test_one_file_becomes_one_vector(finished: Run, torsos: Path, store: Path, tmp_path: Path) -> None:
    """As container tasks ask for it: one scan in, an array of one axis out."""
    scan = next(torsos.glob("*.nii.gz"))
    made = embed(finished.folder, scan, tmp_path / "o" / "v.npy", store=str(store), workers=0, pictures=False)
    vector = np.load(tmp_path / "o" / "v.npy", allow_pickle=False)
    assert (vector.dtype, vector.shape) == (np.float32, made.vectors.shape[1:])
    assert np.array_equal(vector, made.vectors[0])


def test_a_folder_gets_one_file_per_scan(finished: Run, torsos: Path, store: Path, tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    for path, name in zip(
        sorted(torsos.glob("*.nii.gz")), ("sub_1/t1.nii.gz", "sub_2/t1.nii.gz", "c.nii.gz"), strict=False
    ):
        (scans / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, scans / name)
    settings = {"store": str(store), "workers": 0, "pictures": False}
    made = embed(finished.folder, scans, tmp_path / "each", **settings)
    names = {"sub_1/t1.nii.gz": "sub_1/t1.npy", "sub_2/t1.nii.gz": "sub_2/t1.npy", "c.nii.gz": "c.npy"}
    for scan, vector in zip(made.scans, made.vectors, strict=True):
        assert np.array_equal(np.load(tmp_path / "each" / names[scan]), vector)
    with open(tmp_path / "each" / "rows.csv", newline="") as file:
        assert {row["scan"]: row["file"] for row in csv.DictReader(file)} == names
    views = embed(finished.folder, scans, tmp_path / "views", per_view=True, **settings)
    first = np.load(tmp_path / "views" / names[views.scans[0]])
    assert first.ndim == 2
    assert np.allclose(first.mean(0), views.vectors[0], atol=1e-6)
    with pytest.raises(InputError, match="a new or empty folder"):
        embed(finished.folder, scans, tmp_path / "each", **settings)


def test_rows_become_a_table_of_pandas(finished: Run, torsos: Path, store: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    made = embed(finished.folder, torsos, tmp_path / "v.csv", store=str(store), workers=0, pictures=False)
    frame, written = made.to_pandas(), pandas.read_csv(tmp_path / "v.csv")
    assert list(frame.columns) == list(written.columns)
    pandas.testing.assert_frame_equal(frame, written, check_dtype=False, rtol=1e-6)
    assert np.array_equal(frame.filter(regex=r"^v\d").to_numpy(), made.vectors)


def test_without_pandas_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    table = VectorTable({"scan": ["a"]}, np.zeros((1, 2), np.float32))
    with pytest.raises(InputError, match="pip install pandas"):
        Embedding(None, ("a",), table.vectors, (), (), table).to_pandas()


def test_an_existing_file_is_not_overwritten(finished: Run, torsos: Path, tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("precious")
    with pytest.raises(InputError, match="a new file, got .*v.csv, which exists"):
        embed(finished.folder, torsos, tmp_path / "v.csv")
    assert (tmp_path / "v.csv").read_text() == "precious"


def test_a_folder_without_a_usable_scan_is_an_error(finished: Run, torsos: Path, tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    whole = next(iter(sorted(torsos.glob("*.nii.gz"))))
    (scans / "cut.nii.gz").write_bytes(whole.read_bytes()[:3000])
    with pytest.raises(InputError, match="at least one that can be used, got 1 that cannot; cut.nii.gz"):
        embed(finished.folder, scans, tmp_path / "v.csv", store=str(tmp_path / "store"), workers=0)
    assert not (tmp_path / "v.csv").exists()

"""Embedding a folder: names, determinism, bad scans, pictures."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from orienteer.draw.figures import new_figure
from orienteer.errors import InputError
from orienteer.features.embed import embed
from orienteer.features.pictures import map_of_scans, principal_components
from orienteer.features.whole_scan import frozen_encoder, view_vectors
from orienteer.runs.run import Run
from orienteer.scans.store import Store


def test_one_vector_per_scan_with_bad_scans_named(
    finished: Run, torsos: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
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
    said = capsys.readouterr().out
    assert "1 scan cannot be used:\n  cut.nii.gz" in said
    with open(tmp_path / "v.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["scan"] for row in rows] == list(found.scans)
    assert {row["modality"] for row in rows} == {"CT"}
    frozen = frozen_encoder(finished.folder)
    key = frozen_key(store, frozen, names[1])
    views = view_vectors(frozen, Store.open(store), key)
    assert int(rows[1]["views"]) == len(views.vectors)
    assert np.allclose([float(rows[1][f"v{c:04d}"]) for c in range(8)], views.vectors.mean(0), rtol=1e-4, atol=1e-6)
    card = json.loads((tmp_path / "v.json").read_text())
    assert card["weights_sha256"] == frozen.card["sha256"]
    for picture in ("v_map.png", "v_features_0.png", "v_features_2.png"):
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")


def frozen_key(store: Path, frozen, name: str) -> str:  # type: ignore[no-untyped-def]
    with Store.open(store) as reader:
        return next(scan.key for scan in reader.entries(frozen.preparation.fingerprint()) if scan.name == name)


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
    frozen = frozen_encoder(finished.folder)
    views = view_vectors(frozen, Store.open(store), frozen_key(store, frozen, found.scans[0]), 0.5)
    columns = ("centre_left_right_mm", "centre_back_front_mm", "centre_foot_head_mm")
    written = np.array([[float(rows[place][column]) for column in columns] for place in first])
    assert np.allclose(written, views.centres_mm, atol=1e-3)


def test_same_scans_give_the_same_bytes(finished: Run, torsos: Path, store: Path, tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        embed(finished.folder, torsos, tmp_path / name, store=str(store), workers=0, pictures=False)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


@pytest.mark.parametrize("missing", ["run", "scans", "out"])
def test_a_missing_argument_is_named(missing: str) -> None:
    given = {"run": "r", "scans": "s", "out": "o.csv"}
    with pytest.raises(InputError, match=f"^{missing}: wanted .*orienteer embed RUN --scans FOLDER"):
        embed(**{**given, missing: None})  # type: ignore[arg-type]


def test_an_existing_file_is_not_overwritten(finished: Run, torsos: Path, tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("precious")
    with pytest.raises(InputError, match="a new file, got .*v.csv, which is there"):
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


def test_principal_components_keep_distances_of_flat_data() -> None:
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 7)) + 3
    places, shares = principal_components(flat, 3)
    apart = np.linalg.norm(flat[:, None] - flat[None], axis=-1)
    assert np.allclose(np.linalg.norm(places[:, None] - places[None], axis=-1), apart)
    assert shares.sum() == pytest.approx(1)
    assert shares[0] >= shares[1] >= shares[2] >= -1e-12
    again, _ = principal_components(flat[::-1], 3)
    assert np.allclose(again[::-1], places, atol=1e-9)


def test_map_of_one_scan_and_of_equal_scans() -> None:
    for count in (1, 3):
        assert map_of_scans(np.ones((count, 4), np.float32), ["CT"] * count).startswith(b"\x89PNG")
    assert new_figure(100, 100).axes == []

"""Copies cut to the common extent: where they begin and end, which scans have none, and that originals stay."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks.rows import read_rows
from orienteer.auditing.audit import audit
from orienteer.auditing.cropping import common_parts, write_cropped
from orienteer.errors import InputError
from orienteer.phantoms.torso import write_phantoms
from orienteer.scans.discover import discover
from orienteer.scans.source import Selection
from orienteer.screening.extents import Extent
from orienteer.screening.findings import Finding


def extent(frame: int, begin: float, end: float) -> Extent:
    return Extent(frame, (-100.0, -80.0, begin), (100.0, 80.0, end), 3)


def test_the_common_part_is_what_nine_of_ten_cover() -> None:
    extents = {f"scan {number}": extent(1, -100.0, 100.0) for number in range(9)}
    extents |= {"low": extent(1, -300.0, 90.0), "odd": extent(2, 0.0, 50.0)}
    assert {frame: part[1:] for frame, part in common_parts(extents).items()} == {1: (-100.0, 100.0)}
    apart = {"a": extent(1, -100.0, -50.0), "b": extent(1, 50.0, 100.0)}
    assert common_parts(apart) == {}


def test_copies_are_cut_and_lie_where_they_lay(tmp_path: Path) -> None:
    paths = write_phantoms(tmp_path / "scans", 4, shape_vox=(16, 16, 40), spacing_mm=8.0, labels=False, progress=False)
    sources = {source.name: source for source in discover(tmp_path / "scans", progress=False).sources}
    names = sorted(sources)
    extents = {name: extent(1, -160.0, 160.0) for name in names[:2]}
    extents |= {names[2]: extent(1, -80.0, 240.0), names[3]: extent(1, -160.0, 160.0)}
    wrong = Finding(names[3], "noise", "error", "")
    made = write_cropped(tmp_path / "cut", sources, extents, [wrong], Selection())
    assert sorted(made) == names[:3]
    before, after = sitk.ReadImage(str(paths[0])), sitk.ReadImage(str(made[names[0]]))
    assert after.GetSize() == (16, 16, 30)
    place = after.TransformIndexToPhysicalPoint((3, 4, 5))
    assert after[3, 4, 5] == before[before.TransformPhysicalPointToIndex(place)]
    assert sitk.ReadImage(str(made[names[2]])).GetSize() == (16, 16, 30)
    rows = read_rows(tmp_path / "cut" / "crops.csv")
    assert [(row["scan"], row["from_mm"], row["to_mm"], row["covered"]) for row in rows] == [
        (name, "-80.0", "160.0", "1.0") for name in names[:3]
    ]
    with pytest.raises(InputError, match="crop.*which holds something"):
        write_cropped(tmp_path / "cut", sources, extents, [], Selection())


def test_rules_alone_give_no_extents_to_crop_to(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="compared with each other"):
        audit(tmp_path, tmp_path / "out", rules_only=True, crop=tmp_path / "cut")


def test_an_audit_crops_what_it_compared(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "scans", 3, shape_vox=(40, 32, 48), spacing_mm=8.0, labels=False, progress=False)
    audit(tmp_path / "scans", tmp_path / "out", anatomy=False, workers=0, pictures=False, crop=tmp_path / "cut")
    sizes = [sitk.ReadImage(str(path)).GetSize() for path in sorted((tmp_path / "cut").glob("*.nii.gz"))]
    assert len(sizes) >= 2
    assert all(size[:2] == (40, 32) and size[2] <= 48 for size in sizes)
    assert len({size[2] for size in sizes}) == 1
    assert not list((tmp_path / "out").glob(".working-*"))
    assert np.all([row["covered"] for row in read_rows(tmp_path / "cut" / "crops.csv")])

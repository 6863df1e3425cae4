"""Voxels far larger or smaller than the others'."""

from pathlib import Path

from orienteer.labelled.datasets import Case
from orienteer.labelled.odd_spacing import odd_spacing
from orienteer.scans.source import Selection
from tests.helpers.files import noise, source_of, write


def cases(folder: Path, *edges_mm: float) -> list[Case]:
    sources = [write(folder / f"{n}.nii", noise(), spacing=(edge,) * 3) for n, edge in enumerate(edges_mm)]
    return [Case(source.name, source, folder / "labels.nii") for source in sources]


def test_scans_are_compared_with_each_other_or_with_the_spacing(tmp_path: Path) -> None:
    several = cases(tmp_path, 1.0, 0.9, 1.2, 10.0)
    (failure,) = odd_spacing(several, Selection(), None)
    assert (failure.name, failure.reason) == ("3.nii", "voxels of 10 mm where 1.1 mm are usual")
    assert odd_spacing(several, Selection(), (3.0, 3.0, 3.0)) == []
    (failure,) = odd_spacing(several, Selection(), (8.0, 8.0, 8.0))
    assert failure.reason == "voxels of 0.9 mm where 8 mm are wanted"


def test_a_header_that_cannot_be_read_is_set_aside_and_not_compared(tmp_path: Path) -> None:
    (tmp_path / "cut.nii").write_bytes(b"nothing")
    broken = Case("cut", source_of(tmp_path / "cut.nii"), tmp_path / "labels.nii")
    (failure,) = odd_spacing([*cases(tmp_path, 1.0, 1.0), broken], Selection(), None)
    assert (failure.name, failure.step) == ("cut", "read")

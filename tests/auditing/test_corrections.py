"""Corrections undo faults exactly, and the header that is proposed places every voxel where the corrected copy has it."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.auditing.corrections import as_json, corrected, corrections_of, proposed_affine, write_corrected
from orienteer.errors import InputError
from orienteer.report.faults import FAULTS, Fault, apply_fault
from orienteer.scans.source import Scan, Selection
from orienteer.screening.findings import Correction, Finding
from tests.helpers.files import image_of, noise, source_of, turned


def correction_of(fault: Fault) -> Correction:
    back = fault.inverse
    return Correction(back.orientation.axes, back.orientation.signs, back.factors)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_correction_undoes_its_fault(fault: Fault) -> None:
    values = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    scan = Scan("a", values, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), np.eye(3), "CT", "NIfTI")
    back = corrected(apply_fault(scan, fault), correction_of(fault))
    assert np.array_equal(back.voxels, scan.voxels)
    assert back.spacing_mm == pytest.approx(scan.spacing_mm)


@pytest.mark.parametrize(
    "correction",
    [
        Correction(signs=(-1, 1, 1)),
        Correction(axes=(2, 0, 1), signs=(1, -1, 1)),
        Correction(axes=(0, 2, 1), spacing_factor=(1.0, 0.5, 2.0)),
    ],
    ids=lambda correction: correction.words,
)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_the_proposed_affine_places_voxels_as_the_corrected_copy_does(
    correction: Correction, order: tuple[int, int, int], tmp_path: Path
) -> None:
    values = np.arange(7 * 6 * 5, dtype=np.int16).reshape(7, 6, 5)
    direction = turned((0.0, 0.0, 0.0), order, (1, -1, 1))
    sitk.WriteImage(image_of(values, direction=direction), str(tmp_path / "a.nii.gz"))
    source = source_of(tmp_path / "a.nii.gz")
    finding = Finding("a.nii.gz", "orientation", "error", "", correction=correction)
    (path,) = write_corrected(tmp_path / "fixed", {"a.nii.gz": source}, [finding], Selection(modality="MR")).values()
    affine, copy = proposed_affine(source, correction), sitk.ReadImage(str(path))
    for voxel in ((0, 0, 0), (6, 2, 1), (3, 5, 4)):
        place = affine @ np.array([*voxel, 1.0])
        index = copy.TransformPhysicalPointToIndex((np.diag([-1.0, -1.0, 1.0]) @ place[:3]).tolist())
        assert copy[index] == values[voxel]
    assert as_json(source, correction)["words"] == correction.words


def test_values_and_geometry_are_corrected_together_and_the_surest_counts() -> None:
    shift, flip, other = Correction(value_shift=-1024.0), Correction(signs=(1, 1, -1)), Correction(signs=(-1, 1, 1))
    findings = [
        Finding("a", "orientation", "error", "", sure=0.6, correction=other),
        Finding("a", "hu_offset", "error", "", sure=0.9, correction=shift),
        Finding("a", "orientation", "error", "", sure=0.9, correction=flip),
        Finding("b", "clipped", "warning", ""),
    ]
    assert corrections_of(findings) == {"a": [shift, flip]}


def test_corrected_copies_never_go_where_something_is(tmp_path: Path) -> None:
    (tmp_path / "scan.nii.gz").write_bytes(b"")
    with pytest.raises(InputError, match="copies never replace a file"):
        write_corrected(tmp_path, {}, [], Selection())


def test_a_header_without_axes_at_right_angles_to_the_body_is_corrected_too(tmp_path: Path) -> None:
    direction = turned((0.0, 0.0, 12.0))
    sitk.WriteImage(image_of(noise(), direction=direction), str(tmp_path / "a.nii.gz"))
    affine = proposed_affine(source_of(tmp_path / "a.nii.gz"), Correction(spacing_factor=(2.0, 2.0, 2.0)))
    assert np.allclose(np.linalg.norm(affine[:3, :3], axis=0), (2.0, 4.0, 6.0))

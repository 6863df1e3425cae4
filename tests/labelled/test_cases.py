"""Labelled cases: labels on the grid of their scan, cached once, bad cases set aside."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.errors import InputError
from orienteer.labelled.cases import PreparedCases, case_of, label_counts, prepare_cases
from orienteer.labelled.datasets import read_dataset
from orienteer.labelled.label_cache import open_labels
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.store.store import Store
from tests.helpers.labelled import SHAPE, case_arrays, rewrite_labels, write_dataset

PREPARATION = Preparation((1.0, 1.0, 1.0), crop_to_body=False)


def prepared_from(folder: Path, **options: bool) -> PreparedCases:
    data = read_dataset(str(folder / "dataset.json"), None, None)
    return prepare_cases(data, folder / "store", PREPARATION, Selection(modality="MR"), 0, shown=False, **options)


def test_labels_lie_on_the_voxels_of_their_scan(tmp_path: Path) -> None:
    write_dataset(tmp_path, cases=2)
    prepared = prepared_from(tmp_path)
    case = prepared.cases["imagesTr/case_1"]
    labels = open_labels(case.labels)[:]
    assert labels.shape == case.shape_vox == SHAPE
    # The files count towards left and back, the prepared grid towards right and front.
    assert np.array_equal(labels, case_arrays(1)[1][::-1, ::-1])
    assert case.voxels == tuple(np.bincount(labels.reshape(-1)))
    assert label_counts(prepared.cases, list(prepared.cases)).tolist() == [2, 2, 2]
    voxels = Store.open(tmp_path / "store").read(case.key, (0, 0, 0), SHAPE)
    assert voxels[labels == 1].mean() > voxels[labels == 2].mean() > voxels[labels == 0].mean()


def test_label_maps_are_cached_once_and_again_when_they_change(tmp_path: Path) -> None:
    write_dataset(tmp_path, cases=2)
    first = prepared_from(tmp_path).cases["imagesTr/case_0"].labels
    made = first.stat().st_mtime_ns
    assert prepared_from(tmp_path).cases["imagesTr/case_0"].labels == first
    assert first.stat().st_mtime_ns == made
    rewrite_labels(tmp_path / "labelsTr/case_0.nii.gz", lambda values: np.minimum(values, 1))
    assert prepared_from(tmp_path).cases["imagesTr/case_0"].labels != first


def test_bad_cases_are_set_aside_with_the_reason(tmp_path: Path) -> None:
    write_dataset(tmp_path, cases=5)
    rewrite_labels(tmp_path / "labelsTr/case_1.nii.gz", lambda values: np.where(values == 2, 7, values))
    (tmp_path / "imagesTr/case_2.nii.gz").write_bytes(b"nothing")
    for kind in ("imagesTr", "labelsTr"):
        image = sitk.ReadImage(str(tmp_path / kind / "case_3.nii.gz"))
        image.SetSpacing((20.0, 20.0, 20.0))
        sitk.WriteImage(image, str(tmp_path / kind / "case_3.nii.gz"))
    prepared = prepared_from(tmp_path, given_spacing=True)
    assert list(prepared.cases) == ["imagesTr/case_0", "imagesTr/case_4"]
    reasons = {failure.name: failure.reason for failure in prepared.failures}
    assert list(reasons) == [f"imagesTr/case_{number}" for number in (1, 2, 3)]
    assert "got 7 in case_1.nii.gz" in reasons["imagesTr/case_1"]
    assert reasons["imagesTr/case_3"] == "voxels of 20 mm where 1 mm are usual"


def test_no_usable_case_is_an_error_with_the_first_reason(tmp_path: Path) -> None:
    write_dataset(tmp_path, cases=2)
    for number in range(2):
        rewrite_labels(tmp_path / f"labelsTr/case_{number}.nii.gz", lambda values: np.where(values == 2, 7, values))
    with pytest.raises(
        InputError, match="data: wanted at least one case that can be used, got 2 that cannot; .*case_0"
    ):
        prepared_from(tmp_path)


def test_the_case_of_a_scan_is_found_by_its_name(tmp_path: Path) -> None:
    data = read_dataset(str(write_dataset(tmp_path, cases=1)), None, None)
    assert case_of("imagesTr/case_0.nii.gz", data.cases) == "imagesTr/case_0"
    assert case_of("elsewhere.nii", data.cases) == "elsewhere.nii"

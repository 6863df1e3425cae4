"""The scripts of a bundle prepare scans as this package does: the same grid, the same values."""

from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged

from orienteer.errors import ScanError
from orienteer.exports.bundle.configs import recipe_fields
from orienteer.exports.bundle.scripts.preparation import (
    SCAN_AFFINE,
    SCAN_SHAPE,
    PrepareScand,
    label_image,
    prepare,
    read_recipe,
    scan_of,
)
from orienteer.scans.normalise import to_values
from orienteer.scans.preparation import Preparation
from orienteer.scans.prepare_scan import prepare_scan
from orienteer.scans.source import Selection
from tests.exports.bundle.conftest import GEOMETRIES
from tests.helpers.files import source_of

LOAD = Compose([LoadImaged("image"), EnsureChannelFirstd("image")])


def loaded(path) -> MetaTensor:
    return LOAD({"image": str(path)})["image"]


@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.5, 3.0)])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_an_mr_is_prepared_as_here(mr_scans, name, spacing, crop):
    preparation = Preparation(spacing_mm=spacing, crop_to_body=crop, margin_mm=2.0)
    ours = prepare_scan(source_of(mr_scans / f"{name}.nii.gz"), Selection(modality="MR"), preparation)
    recipe = read_recipe(recipe_fields(preparation, "MR"))
    scan, _ = scan_of(loaded(mr_scans / f"{name}.nii.gz"), "MR")
    theirs = prepare(scan, recipe, with_body=True)
    np.testing.assert_allclose(theirs.affine[:3, 3], ours.origin_mm, atol=1e-4)
    np.testing.assert_allclose(np.diag(theirs.affine)[:3], spacing)
    np.testing.assert_allclose(theirs.values, to_values(ours.voxels), atol=2.1e-3)
    assert np.mean(theirs.values == to_values(ours.voxels)) > 0.97
    np.testing.assert_array_equal(theirs.body.inside, ours.body.inside)


def test_a_ct_is_prepared_as_here_whichever_modality_is_given(torso_data):
    path = min((torso_data / "imagesTr").iterdir())
    preparation = Preparation(spacing_mm=(8.0, 8.0, 8.0))
    ours = prepare_scan(source_of(path), Selection(modality="CT"), preparation)
    for modality in ("CT", "auto"):
        scan, _ = scan_of(loaded(path), modality)
        theirs = prepare(scan, read_recipe(recipe_fields(preparation, modality)), with_body=True)
        np.testing.assert_allclose(theirs.values, to_values(ours.voxels), atol=1.1e-3)
        np.testing.assert_array_equal(theirs.body.body, ours.body.body)


def test_labels_become_class_numbers_on_the_same_grid(torso_data):
    path = min((torso_data / "imagesTr").iterdir())
    recipe = recipe_fields(Preparation(spacing_mm=(8.0, 8.0, 8.0), crop_to_body=False), "CT")
    transform = PrepareScand("image", recipe, label_key="label", label_values=[0, 1, 2, 3])
    items = {"image": loaded(path), "label": loaded(torso_data / "labelsTr" / path.name)}
    result = transform(items)
    assert result["label"].shape == result["image"].shape
    assert set(torch.unique(result["label"]).tolist()) == {0, 1, 2, 3}
    torch.testing.assert_close(result["label"].affine, result["image"].affine)
    before, after = items["label"], result["label"]
    for number in (1, 2, 3):  # the centre of a class stays where it is
        centres = [
            (image.affine[:3, :3] @ (image[0] == number).nonzero().double().mean(0) + image.affine[:3, 3])
            for image in (before, after)
        ]
        assert float(torch.dist(*centres)) < 4.0


def image_of(values: np.ndarray, affine: np.ndarray | None = None, **meta: Any) -> MetaTensor:
    return MetaTensor(torch.from_numpy(values.astype(np.float32)), affine=torch.from_numpy(np.eye(4) if affine is None
                      else affine), meta={"filename_or_obj": "a.nii.gz", **meta})  # fmt: skip


VALUES = np.random.default_rng(0).normal(0, 100, (1, 8, 8, 8))
SKEWED = np.array([[1, 0.3, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (lambda: image_of(VALUES[[0, 0]]), r"a\.nii\.gz: a 3D scan of one channel is needed"),
        (lambda: image_of(VALUES, SKEWED), r"a\.nii\.gz: axes that deviate from right angles by 0\.\d+; resample"),
        (lambda: image_of(np.where(VALUES > 200, np.nan, VALUES)), r"a\.nii\.gz: values that are not finite"),
    ],
)
def test_scans_that_cannot_be_are_named(image, words):
    with pytest.raises(ValueError, match=words):
        scan_of(image(), "MR")


def test_a_ct_with_an_offset_is_refused_as_here():
    values = np.full((1, 16, 16, 16), 24.0)
    values[:, 4:12, 4:12, 4:12] = 1064
    with pytest.raises(ScanError, match="HU plus an offset"):
        scan_of(image_of(values), "CT")


def prepared_image_of(affine: np.ndarray) -> MetaTensor:
    return image_of(VALUES, affine, **{SCAN_AFFINE: affine, SCAN_SHAPE: np.array([8, 8, 8])})


def test_an_unknown_label_value_is_named():
    labels = image_of(np.full((1, 8, 8, 8), 7.0))
    with pytest.raises(ValueError, match=r"label values \[7\.0\], where the classes have \[0, 1\]"):
        label_image(labels, prepared_image_of(np.eye(4)), [0, 1])


def test_labels_whose_axes_run_the_other_way_are_on_the_same_voxels():
    numbers = np.zeros((1, 8, 8, 8))
    numbers[0, 0] = 1
    reversed_affine = np.diag([-1.0, 1.0, 1.0, 1.0])
    reversed_affine[0, 3] = 7.0
    made = label_image(image_of(numbers, reversed_affine), prepared_image_of(np.eye(4)), [0, 1])
    assert made[0, :, 0, 0].tolist() == [0, 0, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("shape", [(1, 8, 8, 8), (1, 8, 8, 9)])
def test_labels_on_other_voxels_than_their_scan_are_refused(shape):
    moved = np.eye(4)
    moved[:3, 3] = [0, 0, 0.5]
    with pytest.raises(ValueError, match="on other voxels than its scan"):
        label_image(image_of(np.zeros(shape), moved), prepared_image_of(np.eye(4)), [0, 1])

"""Label maps are recognised by their values; images with few values are not."""

import numpy as np
import pytest

from orienteer.scans import label_maps
from tests.helpers.files import label_map, noise, write


def test_many_labels_are_labels(tmp_path):
    blocks = np.kron(np.arange(120).reshape(4, 5, 6), np.ones((6, 6, 6))).astype(np.int16)
    write(tmp_path / "a.nii.gz", blocks)
    assert label_maps.looks_like_labels(tmp_path / "a.nii.gz")


@pytest.mark.parametrize(
    "values",
    [
        noise((20, 20, 20)) % 256,
        noise((20, 20, 20)) % 40,
        np.where(np.indices((20, 20, 20)).sum(0) < 30, 0, noise((20, 20, 20)) % 256),
        np.full((20, 20, 20), 7),
        label_map((20, 20, 20), np.int16) - 1,
        np.repeat(np.arange(8000).reshape(20, 20, 20), 2, axis=0),
    ],
    ids=["256 grey levels", "40 grey levels", "much background", "constant", "below zero", "thousands of values"],
)
@pytest.mark.parametrize("suffix", [".nii.gz", ".mha"])
def test_images_are_no_label_maps(tmp_path, values, suffix):
    write(tmp_path / f"a{suffix}", values.astype(np.int16))
    assert not label_maps.looks_like_labels(tmp_path / f"a{suffix}")

"""Preparing one scan in another process gives what it gives in this one, or the error by name."""

import numpy as np
import pytest

from orienteer.errors import ScanError
from orienteer.scans.preparation import Preparation
from orienteer.scans.prepare_scan import prepare_scan, prepare_scan_apart
from orienteer.scans.source import Selection
from tests.helpers.files import write
from tests.helpers.stores import tissue

SETTINGS = Preparation((2.0, 2.0, 2.0))


def test_a_scan_is_prepared_as_in_this_process(tmp_path):
    source = write(tmp_path / "a.nii.gz", tissue(0), spacing=(1.0, 1.0, 1.0))
    here, there = (prepare(source, Selection(), SETTINGS) for prepare in (prepare_scan, prepare_scan_apart))
    np.testing.assert_array_equal(there.voxels, here.voxels)
    assert (there.origin_mm, there.value_range, there.warnings) == (here.origin_mm, here.value_range, here.warnings)


def test_a_scan_that_cannot_be_used_is_named(tmp_path):
    source = write(tmp_path / "a.nii.gz", np.full((9, 9, 9), 5.0))
    with pytest.raises(ScanError, match=r"a\.nii\.gz: wanted an image, got 5 in every voxel"):
        prepare_scan_apart(source, Selection(), SETTINGS)

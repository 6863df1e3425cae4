"""Whole small runs for the report, and an oracle that knows where every view lies."""

import numpy as np
import pytest

from orienteer.report.whole_scan import WholeScan
from orienteer.runs.loaded import LoadedRun
from tests.helpers.oracle import coded_scan, oracle_run


@pytest.fixture(scope="session")
def oracle() -> LoadedRun:
    """A model that reads the place of a view out of its voxels, right to a fraction of a mm."""
    return oracle_run()


@pytest.fixture(scope="session")
def coded() -> WholeScan:
    """A scan whose voxels tell where in the body they are."""
    return coded_scan(np.random.default_rng(0))

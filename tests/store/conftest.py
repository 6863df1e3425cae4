import pytest

from tests.helpers.files import write
from tests.helpers.stores import tissue


@pytest.fixture
def folder(tmp_path):
    """Three scans to prepare, all different."""
    scans = tmp_path / "scans"
    for number in range(3):
        write(scans / f"scan{number}.nii.gz", tissue(number), spacing=(1.0, 1.0, 1.0))
    return scans

import pytest

from orienteer.scans import apart
from tests.helpers.files import write
from tests.helpers.stores import tissue


@pytest.fixture
def read_here(monkeypatch):
    """Lets files be read in this process, where functions can be replaced, instead of in one of their own."""
    monkeypatch.setattr(apart._reader, "call", lambda function, readings, bounds: apart._run((function, readings)))


@pytest.fixture
def folder(tmp_path):
    """Three scans to prepare, all different."""
    scans = tmp_path / "scans"
    for number in range(3):
        write(scans / f"scan{number}.nii.gz", tissue(number), spacing=(1.0, 1.0, 1.0))
    return scans

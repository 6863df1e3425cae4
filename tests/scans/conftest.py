import pytest

from orienteer.scans import apart


@pytest.fixture
def read_here(monkeypatch):
    """Lets files be read in this process, where functions can be replaced, instead of in one of their own."""
    monkeypatch.setattr(apart._reader, "call", lambda function, readings, bounds: apart._run((function, readings)))

"""The session, which the page asks before anything is open."""

import subprocess
import sys

import pytest

from orienteer.explorer.explorer import Explorer
from orienteer.explorer.session import NotReady, Session


def test_before_it_is_open_it_says_what_is_done() -> None:
    session = Session()
    session.stage = "reading a.nii"
    with pytest.raises(NotReady, match=r"reading a\.nii; wait"):
        session.opened()


def test_an_error_is_kept_for_the_page() -> None:
    session = Session()
    with pytest.raises(ValueError, match="broken"), session.reporting():
        raise ValueError("broken")
    assert session.status()["failure"] == "broken"


def test_it_has_the_progress_of_the_explorer(explorer: Explorer) -> None:
    session = Session(explorer)
    assert session.opened() is explorer
    assert session.status()["progress"] == {"first": 1.0, "second": 1.0, "maps": 1.0}


def test_the_server_needs_nothing_that_takes_seconds_to_import() -> None:
    """The address is there before torch is."""
    code = (
        "import sys, orienteer.explorer.server, orienteer.explorer.explore\n"
        "print([name for name in ('torch', 'monai', 'SimpleITK', 'matplotlib') if name in sys.modules])"
    )
    pytest.importorskip("fastapi", reason="the extra explore is not installed")
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"

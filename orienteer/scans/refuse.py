"""Refusing a scan, and keeping SimpleITK's own messages from the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from orienteer.errors import ScanError


def refuse(name: str, wanted: str, got: str, do: str, step: str = "read") -> NoReturn:
    """Raises the error for a scan that cannot be used.

    Args:
        name: of the scan.
        wanted: what would have been right.
        got: what came instead.
        do: the next thing to try.
        step: where it failed; see `ScanError`.

    Raises:
        ScanError: always.
    """
    raise ScanError(name, step=step, wanted=wanted, got=got, do=do) from None


@contextmanager
def quiet_itk() -> Iterator[None]:
    """Suppresses the warnings that SimpleITK prints to the terminal."""
    import SimpleITK as sitk  # here: exported bundles carry this file, and run without SimpleITK

    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)

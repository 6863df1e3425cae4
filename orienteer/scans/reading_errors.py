"""Errors of reading a scan, of the file system and of SimpleITK, in one short line with the scan's name."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from orienteer.errors import ScanError
from orienteer.scans.refuse import quiet_itk, refuse
from orienteer.scans.source import DICOM, ScanSource
from orienteer.scans.whole_file import check_whole


class Unusable(Exception):
    """Wanted, got, do: raised where the name of the scan is not known."""


@contextmanager
def failures_in_words(source: ScanSource) -> Iterator[None]:
    """Turns errors of any kind into one short ScanError, and suppresses ITK's warnings."""
    try:
        with quiet_itk():
            yield
    except ScanError:
        raise
    except Unusable as error:
        wanted, got, do = error.args
        refuse(source.name, wanted, got, do)
    except PermissionError:
        refuse(source.name, "a readable file", "permission denied", "change its permissions (chmod +r)")
    except OSError as error:
        refuse(source.name, "a file that can be opened", error.strerror or str(error), "check that it is still there")
    except RuntimeError as error:
        if source.format != DICOM:
            with suppress(OSError, KeyError):  # what is damaged, in better words than ITK's
                check_whole(source.name, source.files[0], source.format)
        refuse(source.name, *_complaint(source.format, _without_folders(str(error), source)))
    except Exception as error:  # a damaged file may bring out anything; it must not stop the others
        got = type(error).__name__
        if source.format != DICOM:  # whose messages may quote fields of the patient
            got += f": {' '.join(_without_folders(str(error), source).split())[:120]}"
        refuse(
            source.name, f"a whole {source.format} file", got, "copy or download it again; if it is whole, report this"
        )


def _without_folders(message: str, source: ScanSource) -> str:
    """Returns a message in which files are named without their folders, which may be those of a user."""
    for file in (*source.files, *source.companions):
        message = message.replace(f"{file.parent}{os.sep}", "")
    return message.replace(f"{tempfile.gettempdir()}{os.sep}", "")


def _complaint(file_format: str, message: str) -> tuple[str, str, str]:
    """Returns wanted, got and do for the long message of an ITK exception. If ITK's texts change, the last case still holds."""
    if "orthonormal" in message or "determinant" in message:
        return (
            "axis directions at right angles and of length one",
            "a header with skewed or missing directions",
            "resample the scan to a rectangular grid",
        )
    if "Zero-valued spacing" in message or "Negative spacing" in message:
        return "voxel spacings above zero", "a spacing of zero or less", "correct the header"
    last = [line.strip() for line in message.splitlines() if line.strip()][-1]
    short = re.sub(r"^.*ERROR:\s*|\S*\(0x[0-9a-f]+\):\s*", "", last)[:120]
    return f"a whole {file_format} file", f"one that cannot be read ({short})", "copy or download it again"

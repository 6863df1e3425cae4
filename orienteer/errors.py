"""Errors that a user can act on: what is at fault, what was wanted, what came, what to do."""

from typing import Any

from orienteer.text import printable


class InputError(ValueError):
    """A setting, file or folder of the user that cannot be used.

    Args:
        what: the argument or file at fault, as the user wrote it.
        wanted: what would have been right.
        got: what came instead.
        do: the next thing to try.

    The message is one line: control characters, such as those of a file's name, are written out.

    Example:
        >>> raise InputError("view_size", wanted="a multiple of 16", got="(30, 30, 30)", do="use (32, 32, 32)")
        Traceback (most recent call last):
        orienteer.errors.InputError: view_size: wanted a multiple of 16, got (30, 30, 30). Do this: use (32, 32, 32).
    """

    def __init__(self, what: str, *, wanted: str, got: str, do: str) -> None:
        self.what, self.wanted, self.got, self.do = what, wanted, got, do
        super().__init__(printable(f"{what}: wanted {wanted}, got {got}. Do this: {do.rstrip('.')}."))

    def __reduce__(self) -> tuple[Any, ...]:
        # An error raised in a worker process travels by pickle, which knows positional arguments only.
        return _rebuild, (type(self), self.what, self.wanted, self.got, self.do)


class ScanError(InputError):
    """One scan that cannot be used. The command names it, counts it, sets it aside and continues.

    Args:
        step: where it failed: ``discover``, ``read``, ``orient``, ``resample``, ``crop``, ``normalise``, ``fit`` or ``write``.
    """

    def __init__(self, what: str, *, step: str, wanted: str, got: str, do: str) -> None:
        super().__init__(what, wanted=wanted, got=got, do=do)
        self.step = step

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_scan_error, (self.what, self.step, self.wanted, self.got, self.do)


def _rebuild(kind: type[InputError], what: str, wanted: str, got: str, do: str) -> InputError:
    return kind(what, wanted=wanted, got=got, do=do)


def _rebuild_scan_error(what: str, step: str, wanted: str, got: str, do: str) -> ScanError:
    return ScanError(what, step=step, wanted=wanted, got=got, do=do)


class TrainingStopped(RuntimeError):
    """Training that cannot continue (a loss that is not finite). The message names the step and the scans, and what to do."""


class FindingsRemain(RuntimeError):
    """An audit has findings of a level at which the user wants it to fail. Page and tables are written before."""

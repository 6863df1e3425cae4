"""What became of a scan that is not simply prepared: it failed, it is odd, or it is there already."""

from dataclasses import dataclass

from orienteer.errors import ScanError


@dataclass(frozen=True)
class Failure:
    """A scan that could not be used: the step at which it failed, the reason, and what to do about it."""

    name: str
    step: str
    reason: str
    do: str

    @classmethod
    def of(cls, error: ScanError, name: str | None = None) -> "Failure":
        """Returns the failure that an error describes.

        Args:
            name: of the scan, if it differs from the name in the error.
        """
        return cls(name or error.what, error.step, f"wanted {error.wanted}, got {error.got}", error.do)

    def __str__(self) -> str:
        return f"{self.name} ({self.step}): {self.reason}. Do this: {self.do.rstrip('.')}."


@dataclass(frozen=True)
class Oddity:
    """A scan that is used although something about its files is odd: what it is, and how it was decided."""

    name: str
    warning: str

    def __str__(self) -> str:
        return f"{self.name}: {self.warning}"


@dataclass(frozen=True)
class Duplicate:
    """A file that holds the same scan as another one, by whose name the scan is known."""

    name: str
    original: str

    def __str__(self) -> str:
        return f"{self.name} holds the same scan as {self.original}"

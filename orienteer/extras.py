"""Optional packages: whether they can be imported, and what to install where they cannot."""

from collections.abc import Iterable

from orienteer.errors import InputError


def require_packages(what: str, packages: Iterable[str], extra: str) -> None:
    """Checks that the packages of an extra can be imported, before any work that needs them.

    Args:
        what: the command or setting that needs them.
        packages: as they are imported.
        extra: the extra of orienteer that installs them.

    Raises:
        InputError: one is missing; the message has the command that installs it.

    Example:
        >>> require_packages("explore", ["json", "no_such_package"], extra="explore")
        Traceback (most recent call last):
        orienteer.errors.InputError: explore: wanted the packages json and no_such_package, got no no_such_package. \
Do this: pip install "orienteer[explore]".
    """
    names = list(packages)
    for name in names:
        try:
            __import__(name)
        except ImportError as error:
            do = f'pip install "orienteer[{extra}]"'
            wanted = f"the package{'s' if len(names) > 1 else ''} {' and '.join(names)}"
            raise InputError(what, wanted=wanted, got=f"no {error.name or name}", do=do) from error

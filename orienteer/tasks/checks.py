"""What every task about pairs of views asks of its surroundings before any work."""

from orienteer.errors import InputError
from orienteer.tasks.base import ViewShape


def require_pairs(task: str, shape: ViewShape) -> None:
    """Raises an InputError where a view set has no pair of views.

    Example:
        >>> require_pairs("gap", ViewShape((32, 32, 32), (1.0, 1.0, 1.0), views=1, unit_mm=100.0))
        Traceback (most recent call last):
        orienteer.errors.InputError: views: wanted at least 2 for task 'gap', got 1. Do this: use 3.
    """
    if shape.views < 2:
        raise InputError("views", wanted=f"at least 2 for task '{task}'", got=str(shape.views), do="use 3")

"""Checks of a run's views that several tasks share."""

from orienteer.settings import require
from orienteer.tasks.base import ViewShape


def require_pairs(task: str, shape: ViewShape) -> None:
    """Raises an InputError if a view set contains no pair of views.

    Example:
        >>> require_pairs("gap", ViewShape((32, 32, 32), (1.0, 1.0, 1.0), views=1, unit_mm=100.0))
        Traceback (most recent call last):
        orienteer.errors.InputError: views: wanted at least 2 for task 'gap', got 1. Do this: use 3.
    """
    require(shape.views >= 2, "views", f"at least 2 for task '{task}'", shape.views, "use 3")

"""What a cell measures: values of cases, and facts about how they came about."""

from collections.abc import Sequence
from typing import Any, NamedTuple


class Value(NamedTuple):
    """One value of one case: the name of the case, what was measured, its unit, and the number."""

    case: str
    metric: str
    unit: str
    value: float


class Outcome(NamedTuple):
    """The result of a cell: values case by case, optimiser steps if any, and other facts as JSON values."""

    values: Sequence[Value]
    steps: int | None = None
    facts: dict[str, Any] = {}  # noqa: RUF012 - never written to

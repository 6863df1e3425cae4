"""Metrics as a reader sees them: with names in words, units, and their baselines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

TRIVIAL = "trivial"
"""How the keys of the simplest baseline's metrics end."""


@dataclass(frozen=True)
class Metric:
    """One metric with its baselines.

    Attributes:
        key: its key in metrics.jsonl.
        name: its name in words.
        value: the model's, in ``unit``.
        unit: ``mm``, ``%`` or nothing.
        baselines: values of the baselines, by their names.
    """

    key: str
    name: str
    value: float
    unit: str
    baselines: Mapping[str, float]


def with_baselines(values: Mapping[str, float]) -> list[Metric]:
    """Returns the metrics among ``values``, each with its baselines, whose keys begin with that of the metric.

    Example:
        >>> gap, closure = with_baselines({"gap_error_mm": 12.0, "gap_error_mm_trivial": 125.0, "closure_error_mm": 4.0})
        >>> gap.name, gap.value, gap.unit, gap.baselines, closure.baselines
        ('gap error', 12.0, 'mm', {'trivial': 125.0}, {})
    """
    keys = [key for key in values if not any(key.startswith(f"{other}_") for other in values)]
    metrics = []
    for key in keys:
        name, value, unit = readable(key, values[key])
        baselines = {
            other.removeprefix(f"{key}_"): readable(key, level)[1]
            for other, level in values.items()
            if other.startswith(f"{key}_")
        }
        metrics.append(Metric(key, name, value, unit, baselines))
    return metrics


def mean_metrics(measured: Sequence[Mapping[str, float]]) -> list[Metric]:
    """Returns the means of the metrics of several scans, each with its baselines."""
    keys = measured[0] if measured else ()
    return with_baselines({key: float(np.mean([each[key] for each in measured if key in each])) for key in keys})


def baseline_names(metrics: Sequence[Metric]) -> list[str]:
    """Returns the names of all baselines, the trivial one first."""
    names = {name for metric in metrics for name in metric.baselines}
    return sorted(names, key=lambda name: (name != TRIVIAL, name))


def readable(key: str, value: float) -> tuple[str, float, str]:
    """Returns a metric's name in words, its value and its unit.

    Example:
        >>> readable("near_far_accuracy", 0.984), readable("gap_error_mm", 12.0)
        (('near far accuracy', 98.4, '%'), ('gap error', 12.0, 'mm'))
    """
    if key.endswith("_mm"):
        return key.removesuffix("_mm").replace("_", " "), value, "mm"
    if key.endswith(("_accuracy", "_share")):
        return key.replace("_", " "), 100 * value, "%"
    return key.replace("_", " "), value, ""

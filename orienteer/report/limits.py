"""What is beyond the usual: limits from the values of a few sound scans, and how often a sound scan exceeds them."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student_t

REMARKS = 3
"""Kinds of remarks about a scan: its header, its error, its closure error."""

FALSE_ALARMS = 0.05
"""Share of sound scans that may get any remark, and of faulty ones of a distinguishable kind that may be missed."""

PER_REMARK = FALSE_ALARMS / REMARKS
"""Share of sound scans that may get a remark of one kind."""

ENOUGH_SOUND = 19
"""A new sound scan is the largest of 20 by chance once in 20 times: fewer cannot guarantee a false-alarm rate of 5 %."""

LEAST_SOUND = 3
"""With fewer sound scans it is not known how much they differ, and nothing can be judged."""


def upper_limit(values: Sequence[float] | np.ndarray, share: float = PER_REMARK) -> float:
    """Returns what at most a share of new values exceeds, from a few known ones; infinity for fewer than two.

    It is the larger of two bounds. That of the ranks, the largest value (or a lower one, if there are enough), assumes
    nothing. The one-sided prediction bound of a normal distribution is right for any number of values of such a
    distribution, and wide for few.

    Args:
        values: of sound scans.
        share: of new ones that may exceed the limit.

    Example:
        >>> upper_limit([1.0, 2.0, 3.0], share=0.05) > 5, upper_limit(np.arange(100.0), share=0.5)
        (True, 50.0)
    """
    if len(values) < 2:
        return np.inf
    above = max(1, int(np.floor(share * (len(values) + 1))))
    ranked = float(np.sort(values)[len(values) - above])
    return max(ranked, float(np.mean(values)) + half_width(values, share))


def half_width(values: Sequence[float] | np.ndarray, share: float) -> float:
    """Returns how far from the mean of a normal distribution a new value may be, to one side, in all but a share of cases."""
    spread = float(np.std(values, ddof=1) * np.sqrt(1 + 1 / len(values)))
    return float(student_t.ppf(1 - share, len(values) - 1)) * spread

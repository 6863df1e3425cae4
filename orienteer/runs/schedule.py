"""The learning-rate schedule of all trainings: a linear warm-up, then a cosine to zero (Loshchilov and Hutter, 2017)."""

import math


def warmup_cosine(step: int, steps: int, warmup: float, begins: int = 0) -> float:
    """Returns the share of the peak learning rate at a step.

    Args:
        step: optimiser steps taken before this one.
        steps: optimiser steps in all.
        warmup: share of the steps over which the rate rises.
        begins: first step at which these weights learn; what begins later rises to the rate that the others have by then.

    Example:
        >>> [round(warmup_cosine(step, steps=100, warmup=0.1), 2) for step in (0, 9, 10, 55, 99)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
        >>> warmup_cosine(49, steps=100, warmup=0.1, begins=50)
        0.0
    """
    rise = max(1, round(steps * warmup))
    falling = 0.5 * (1 + math.cos(math.pi * max(0, step - rise) / max(1, steps - rise)))
    return falling * min(1.0, max(0.0, (step - begins + 1) / rise))

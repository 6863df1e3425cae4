"""Whether more steps would help: one simple rule on the held-out loss over the validations.

The loss is *level* if the last third of the validations lowered it by less than 2 % of the total decrease since the first
validation, *rising* if it has increased again by more than 10 % of that decrease, and *falling* otherwise. At least six
validations are needed.

The learning rate falls to zero at the end of a run, and the loss levels off with it. A level loss therefore means that
the steps were enough *at this run's learning rate*; a longer run may still reach a lower loss.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

LEAST_VALIDATIONS = 6
LEVEL_SHARE = 0.02
RISE_SHARE = 0.1


@dataclass(frozen=True)
class Hint:
    """The course of the held-out loss.

    Attributes:
        state: its course at the end of the run.
        best_step: the step at which it was lowest.
        words: the same in words, with what to do.
    """

    state: Literal["too short", "level", "rising", "falling", "nothing learned"]
    best_step: int
    words: str

    def plain(self) -> dict[str, Any]:
        """Returns plain values, as summary.json holds them."""
        return asdict(self)


def plateau(steps: Sequence[int], losses: Sequence[float]) -> Hint | None:
    """Returns the course of the held-out loss over the validations; None without a validation.

    Args:
        steps: steps of the validations, ascending.
        losses: the weighted sum of the held-out losses at each; values that are not finite are ignored.

    Example:
        >>> plateau(range(100, 700, 100), [8.0, 4.0, 3.0, 2.99, 2.98, 2.98]).state
        'level'
    """
    finite = [(step, loss) for step, loss in zip(steps, losses, strict=True) if math.isfinite(loss)]
    if not finite:
        return None
    steps, losses = [int(step) for step, _ in finite], [loss for _, loss in finite]
    best = min(range(len(losses)), key=lambda number: losses[number])
    if len(losses) < LEAST_VALIDATIONS:
        words = (
            f"{len(losses)} validations are too few to judge whether more steps would help: "
            "validate more often with --validate-every"
        )
        return Hint("too short", steps[best], words)
    return _course(steps, losses, best)


def _course(steps: Sequence[int], losses: Sequence[float], best: int) -> Hint:
    best_step = steps[best]
    earlier = min(losses[: len(losses) - len(losses) // 3])
    decrease, rise = losses[0] - losses[best], losses[-1] - losses[best]
    if decrease <= 0:
        words = (
            f"the held-out loss never fell below that of the first validation, at step {best_step}: "
            "use a lower --learning-rate, or look at the scans and pictures"
        )
        return Hint("nothing learned", best_step, words)
    if rise > RISE_SHARE * decrease:
        words = (
            f"the held-out loss was lowest at step {best_step} and has risen since, by {rise / decrease:.0%} of its "
            "decrease until then: use fewer --steps or more scans; best.ckpt holds the weights of that step"
        )
        return Hint("rising", best_step, words)
    late = (earlier - losses[best]) / decrease
    if late < LEVEL_SHARE:
        words = (
            f"the held-out loss has levelled off: {max(late, 0):.1%} of its decrease came in the last third of the run, "
            "so as many --steps or fewer are enough at this learning rate"
        )
        return Hint("level", best_step, words)
    words = (
        f"the held-out loss was still falling at step {steps[-1]}: {late:.0%} of its decrease came in the last third of "
        "the run, so more --steps will help"
    )
    return Hint("falling", best_step, words)

"""Whether more steps would help: one simple rule on the held-out loss over the validations.

The rule looks back over the last third of the validations. The loss is *level* where that third brought less than 2 % of
all that was gained since the first validation, *rising* where the loss has climbed back by more than 10 % of it, and
*falling* otherwise. Fewer than six validations say nothing.

The learning rate goes to zero by itself at the end of a run, and the loss becomes level with it. So a level loss says
that these steps were enough *for this run's learning rate*; a longer run may still reach a lower one.
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
    """What the held-out loss did.

    Attributes:
        state: what it does now.
        best_step: at which step it was lowest.
        words: the same for a person, with what to do.
    """

    state: Literal["too short", "level", "rising", "falling", "nothing learned"]
    best_step: int
    words: str

    def plain(self) -> dict[str, Any]:
        """Returns it as summary.json holds it."""
        return asdict(self)


def plateau(steps: Sequence[int], losses: Sequence[float]) -> Hint | None:
    """Returns what the held-out loss did over the validations; None where there was none.

    Args:
        steps: of the validations, rising.
        losses: the weighted sum of the held-out losses at each; those that are not finite do not count.

    Example:
        >>> plateau(range(100, 700, 100), [8.0, 4.0, 3.0, 2.99, 2.98, 2.98]).state
        'level'
    """
    kept = [(step, loss) for step, loss in zip(steps, losses, strict=True) if math.isfinite(loss)]
    if not kept:
        return None
    steps, losses = [step for step, _ in kept], [loss for _, loss in kept]
    best = min(range(len(losses)), key=lambda number: losses[number])
    best_step, last = int(steps[best]), int(steps[-1])
    if len(losses) < LEAST_VALIDATIONS:
        words = f"{len(losses)} validations are too few to tell whether more steps would help"
        return Hint("too short", best_step, f"{words}: lower --validate-every")
    earlier = min(losses[: len(losses) - len(losses) // 3])
    gained, rise = losses[0] - losses[best], losses[-1] - losses[best]
    if gained <= 0:
        words = f"the held-out loss was never below that of the first validation, at step {best_step}"
        return Hint("nothing learned", best_step, f"{words}: lower --learning-rate, or look at the scans and pictures")
    if rise > RISE_SHARE * gained:
        words = (
            f"the held-out loss was lowest at step {best_step} and has risen since, by {rise / gained:.0%} of what it "
        )
        do = "had gained: use fewer --steps or more scans; best.ckpt holds the weights of that step"
        return Hint("rising", best_step, words + do)
    late = (earlier - losses[best]) / gained
    if late < LEVEL_SHARE:
        words = (
            f"the held-out loss has become level: the last third of the run brought {max(late, 0):.1%} of all that was "
        )
        return Hint("level", best_step, f"{words}gained, so as many --steps or fewer are enough at this learning rate")
    words = (
        f"the held-out loss was still falling at step {last}: the last third of the run brought {late:.0%} of all that "
    )
    return Hint("falling", best_step, f"{words}was gained, so more --steps will help")

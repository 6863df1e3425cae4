"""How far predicted positions are off, as a loss: mean squares, or mean lengths of the error vectors.

The gradient of a square fades as errors become small, so that in a sum of tasks the others take over; that of a length does
not. The length is the error that is reported.
"""

from typing import Literal

from jaxtyping import Float
from torch import Tensor

from orienteer.geometry.pairs import distances

MissForm = Literal["square", "length"]
"""``square``: mean square, as published. ``length``: mean length of the error vector."""


def component_miss(errors: Float[Tensor, "*items 3"], form: MissForm) -> Float[Tensor, ""]:
    """Returns the mean square of the components of error vectors, or the mean length of the vectors.

    Example:
        >>> import torch
        >>> errors = torch.tensor([[3.0, 0.0, 4.0]])
        >>> round(component_miss(errors, "square").item(), 3), component_miss(errors, "length").item()
        (8.333, 5.0)
    """
    return errors.square().mean() if form == "square" else distances(errors).mean()


def number_miss(errors: Float[Tensor, "*items"], form: MissForm) -> Float[Tensor, ""]:
    """Returns the mean square of errors that are numbers, or the mean of their absolute values.

    Example:
        >>> import torch
        >>> number_miss(torch.tensor([-1.0, 3.0]), "square").item(), number_miss(torch.tensor([-1.0, 3.0]), "length").item()
        (5.0, 2.0)
    """
    return errors.square().mean() if form == "square" else errors.abs().mean()

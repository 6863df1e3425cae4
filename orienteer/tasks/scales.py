"""The scale of a prediction's own error: one Laplace distribution per axis, with the scale predicted beside the location.

Kendall and Gal, *What Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?*, NeurIPS 2017, section 3.1,
with the Laplace distribution of their footnote. Departure: the scale is fitted to the errors that the location has made, and
its gradient reaches neither the location nor the features. With the joint likelihood, places that are hard get a large scale
early and are then learned less (Seitzer et al., *On the Pitfalls of Heteroscedastic Uncertainty Estimation*, ICLR 2022).
"""

import math

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from orienteer.tasks.heads import linear_float32

LEAST_SCALE = 0.01
"""Smallest scale of a gap, in units of ``unit_mm``: 1 mm if these are 100 mm. Without a floor the likelihood is unbounded."""

FIRST_SCALE = 0.7
"""Scale of a view's position before training, in units of ``unit_mm``."""


class ScaleHead(nn.Module):
    """Computes the scale of the error of a position along each axis from a vector, or from the vector of every cell.

    Args:
        width: numbers in a vector.

    Example:
        >>> import torch
        >>> head = ScaleHead(8)
        >>> scales = head(torch.randn(2, 5, 8))
        >>> scales.shape, bool((scales > 0).all())
        (torch.Size([2, 5, 3]), True)
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden, self.read_out = nn.Linear(width, width), nn.Linear(width, 3)
        nn.init.normal_(self.read_out.weight, std=0.1 / width**0.5)
        nn.init.constant_(self.read_out.bias, math.log(math.expm1(FIRST_SCALE)))

    def forward(self, vectors: Float[Tensor, "*items width"]) -> Float[Tensor, "*items 3"]:
        """Returns scales in units of ``unit_mm``, float32; the gradient does not reach ``vectors``."""
        hidden = nn.functional.gelu(linear_float32(vectors.detach(), self.hidden))
        return softplus(linear_float32(hidden, self.read_out)) + LEAST_SCALE / 2**0.5


def pair_scales(scales: Float[Tensor, "batch views 3"]) -> Float[Tensor, "batch views views 3"]:
    """Returns the scale of the gap between each two views, from the scales of their positions: errors add in squares.

    Example:
        >>> import torch
        >>> pair_scales(torch.tensor([[[3.0, 0.0, 1.0], [4.0, 0.0, 1.0]]]))[0, 0, 1].tolist()
        [5.0, 0.0, 1.4142135381698608]
    """
    return (scales.square()[:, None, :, :] + scales.square()[:, :, None, :]).sqrt()


def laplace_loss(errors: Float[Tensor, "*items 3"], scales: Float[Tensor, "*items 3"], least: float) -> Tensor:
    """Returns the mean negative log likelihood of errors under Laplace distributions, 0 for no error at the least scale.

    ``|e| / b + log(b / least)``: the likelihood ``|e| / b + log 2b`` less its lowest value. The gradient reaches the scales
    only.

    Example:
        >>> import torch
        >>> laplace_loss(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[1.0, 1.0, 1.0]]), least=1.0).item()
        0.3333333432674408
    """
    return (errors.detach().abs() / scales + (scales / least).log()).mean()

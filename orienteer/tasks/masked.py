"""Means and accuracies over the items of a batch that count, where not all do."""

from jaxtyping import Bool, Float, Int64
from torch import Tensor


def masked_mean(values: Float[Tensor, "*items"], counted: Bool[Tensor, "*items"]) -> Float[Tensor, ""]:
    """Returns the mean over the counted items; 0, with a gradient of 0, if there are none.

    Example:
        >>> import torch
        >>> masked_mean(torch.tensor([1.0, 5.0, 3.0]), torch.tensor([True, False, True])).item()
        2.0
    """
    return (values * counted).sum() / counted.sum().clamp(min=1)


def masked_accuracy(
    scores: Float[Tensor, "*items classes"], truth: Int64[Tensor, "*items"], counted: Bool[Tensor, "*items"]
) -> Float[Tensor, ""]:
    """Returns the fraction of counted items whose highest score is that of the true class; 1 if there are none.

    Example:
        >>> import torch
        >>> scores, truth = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]), torch.tensor([0, 1, 0])
        >>> masked_accuracy(scores, truth, torch.tensor([True, False, True])).item()
        0.5
    """
    wrong = (scores.argmax(-1) != truth) & counted
    return 1 - wrong.sum() / counted.sum().clamp(min=1)

"""What tasks share that name one of a few things that may have been done to a view."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from orienteer.draw.slices import PLANES, show_slice
from orienteer.tasks import scene
from orienteer.views.batch import ViewBatch
from orienteer.views.rearrange import UNTOUCHED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Scores = Float[Tensor, "batch views classes"]
"""One number per class and view, before the softmax."""

Classes = Int64[Tensor, "batch views"]
"""The number of each view's class, or ``UNTOUCHED`` for a view that is no example."""


def numbered(views: ViewBatch, change: Literal["turn", "order"], known: Sequence[int]) -> Classes:
    """Returns the place of each view's change among the known ones; ``UNTOUCHED`` where nothing was drawn."""
    if views.distorted is None:
        return torch.full((views.batch, views.views), UNTOUCHED, device=views.images.device)
    found = getattr(views.distorted, change)
    numbers = torch.full_like(found, UNTOUCHED)
    for place, number in enumerate(known):
        numbers = torch.where(found == number, place, numbers)
    return numbers


def cross_entropy(scores: Scores, truth: Classes) -> Tensor:
    """Returns the mean over the views that are examples; 0, with a gradient of 0, where none is."""
    each = torch.nn.functional.cross_entropy(
        scores.flatten(0, 1), truth.flatten(), ignore_index=UNTOUCHED, reduction="sum"
    )
    return each / (truth != UNTOUCHED).sum().clamp(min=1)


def accuracy(scores: Scores, truth: Classes) -> Tensor:
    """Returns the share of examples whose highest score is the true class's; 1 where there is no example."""
    examples = truth != UNTOUCHED
    wrong = (scores.argmax(-1) != truth) & examples
    return 1 - wrong.sum() / examples.sum().clamp(min=1)


def chance(classes: int, truth: Classes) -> Tensor:
    """Returns the share that a guess gets right; 1 where there is no example, as for `accuracy`."""
    share = torch.full((), 1 / classes, device=truth.device)
    return torch.where((truth != UNTOUCHED).any(), share, torch.ones_like(share))


def picture(
    figure: "Figure",
    views: ViewBatch,
    scores: Float[Tensor, "views classes"],
    truth: Int64[Tensor, " views"],
    words: Sequence[str],
) -> "Figure":
    """Draws the first views of the first set as the encoder saw them, with what is true and what is named."""
    shown = min(4, views.views)
    columns = figure.subplots(2, shown, squeeze=False).T
    for view, column in enumerate(columns):
        volume = views.images[0, view, 0].detach().float().cpu().numpy()
        first_mm = scene.voxels_to_mm(views, view, torch.zeros(3).numpy()).tolist()
        for axes, axis in zip(column, (1, 2), strict=True):
            middle = views.size_vox[axis] // 2
            show_slice(axes, volume, axis, middle, views.spacing_mm, first_mm, scene.INTENSITIES)
            axes.set_title(PLANES[axis], loc="left", fontsize=8)
        named, true = words[int(scores[view].argmax())], int(truth[view])
        said = "no example" if true == UNTOUCHED else f"is: {words[true]}\nnamed: {named}"
        column[0].set_title(f"view {view + 1}\n{said}", loc="left", fontsize=9)
    return figure

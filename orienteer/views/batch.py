"""ViewBatch: the views of a few scans with their centres in mm, the input of every task and encoder."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from orienteer.tensors import CentresMm, Images
from orienteer.types import Triple, TripleMm
from orienteer.views.distort import Distorted


@dataclass(frozen=True)
class ViewBatch:
    """One draw of V views from each of a few scans.

    Attributes:
        images: normalised voxels after augmentation, ``(batch, views, 1, size0, size1, size2)``.
        centres_mm: centres of the views in mm in the body frame, ``(batch, views, 3)``, float32.
        scans: the key of the scan that each view set was cut from, one per batch item.
        spacing_mm: voxel size in mm, the same for all scans of a store.
        draw: number of the draw (the training step). Tasks that sample (routes of many views) use it as their seed,
            so that a step depends on the run's seed and its number alone.
        distorted: what was hidden or rearranged in ``images``; None if nothing was.
    """

    images: Images
    centres_mm: CentresMm
    scans: tuple[str, ...]
    spacing_mm: TripleMm
    draw: int = 0
    distorted: Distorted | None = None

    @property
    def batch(self) -> int:
        """Number of view sets (one scan each)."""
        return self.images.shape[0]

    @property
    def views(self) -> int:
        """Number of views in a set, V."""
        return self.images.shape[1]

    @property
    def size_vox(self) -> Triple:
        """Size of each view in voxels, array order."""
        size0, size1, size2 = self.images.shape[-3:]
        return size0, size1, size2

    @property
    def clean(self) -> Images:
        """The original views, before anything was hidden or rearranged."""
        return self.images if self.distorted is None else self.distorted.clean

    def to(self, device: torch.device | str) -> "ViewBatch":
        """Returns the same batch on another device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "ViewBatch":
        """Returns the batch in page-locked memory, for fast copies to a GPU."""
        return self._each(lambda tensor: tensor.pin_memory())

    def renumbered(self, order: Int[Tensor, " views"]) -> "ViewBatch":
        """Returns the batch with its views in another order: new view k is old view ``order[k]``."""
        return self._each(lambda tensor: tensor[:, order])

    def shifted(self, offset_mm: Float[Tensor, "3"]) -> "ViewBatch":
        """Returns the batch with all centres moved together by ``offset_mm``."""
        return replace(self, centres_mm=self.centres_mm + offset_mm)

    def _each(self, function: Callable[[Tensor], Tensor]) -> "ViewBatch":
        return replace(
            self,
            images=function(self.images),
            centres_mm=function(self.centres_mm),
            distorted=None if self.distorted is None else self.distorted.each(function),
        )

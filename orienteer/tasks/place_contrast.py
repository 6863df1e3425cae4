"""The place contrast task: recognise a place of one view in an overlapping view, among all other places.

It extends the paper's fine task (Zhang, Chen and Zhang, arXiv 2509.05967: near and far parts of views) to the cells of the
feature map. Two views overlap and are augmented differently; places are drawn in the overlap and embedded in both views,
and the loss (InfoNCE) requires the embedding of each place to be closer to that of the same place in the other view than
to that of any other place of the scan. Nearby places are the hard negatives; those that cells cannot resolve do not count.
Related work: Xie et al., *Propagate Yourself*, CVPR 2021; Wang et al., *Dense Contrastive Learning*, CVPR 2021; Yan et al.,
*SAM: Self-supervised Learning of Pixel-wise Anatomical Embeddings in Radiological Images*, IEEE TMI 2022. Departures:
negatives are places of the same scan, so that the same organ of another person is never a negative; matching places are
known in mm, and embeddings are interpolated between cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from orienteer.draw.boxes import draw_box
from orienteer.draw.figures import new_figure
from orienteer.draw.palette import MISSED, NEAR
from orienteer.draw.slices import in_plane
from orienteer.geometry.pairs import distances
from orienteer.geometry.sampling import sample_maps
from orienteer.settings import require
from orienteer.tasks import scene
from orienteer.tasks.base import Features, FeatureSpec, Task, ViewShape
from orienteer.tasks.heads import Pointwise, Pyramid, full_precision, per_view
from orienteer.tasks.masked import masked_mean
from orienteer.types import Triple, TripleMm
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 12
"""Number of places in a picture."""

RAW_REACH_VOX = 2.0
"""The raw-intensity baseline compares 27 voxels around a place, this far apart."""

Embedded = Float[Tensor, "batch pairs places channels"]
"""One vector per place from one view of each pair; only its direction matters."""


@dataclass(frozen=True)
class PlaceContrastConfig:
    """Settings of the place contrast task."""

    width: int = 16
    """Channels of the pyramid: at the finest level its cost soon exceeds that of the encoder."""
    channels: int = 32
    """Numbers in the vector of a place."""
    level: int = 0
    """Number of the encoder's level, finest first, whose cells are embedded."""
    places: int = 96
    """Number of places drawn in the overlap of a pair of views."""
    pairs: int = 0
    """Number of pairs of a view set that are compared, from the first on: 1 for layout ``mixed``, where others do not
    overlap; 0 for all."""
    temperature: float = 0.1
    """Divides the cosines: the lower, the more the hardest negatives count."""
    apart_cells: float = 1.5
    """Places closer than this many cells are not negatives of each other."""


@dataclass(frozen=True)
class PlaceContrastTargets:
    """The places: views 2k and 2k + 1 are pair k, and contain the same places.

    Attributes:
        first_vox: the places in the voxels of each pair's first view, ``(batch, pairs, places, 3)``.
        second_vox: the same places in the voxels of its second view.
        places_mm: the same places in mm in the body frame, minus the mean over the scan.
        overlapping: whether the two views overlap by more than a cell, ``(batch, pairs)``.
        spacing_mm: voxel size.
    """

    first_vox: Float[Tensor, "batch pairs places 3"]
    second_vox: Float[Tensor, "batch pairs places 3"]
    places_mm: Float[Tensor, "batch pairs places 3"]
    overlapping: Bool[Tensor, "batch pairs"]
    spacing_mm: TripleMm


@dataclass(frozen=True)
class PlaceContrastPrediction:
    """The embedding of every cell of every view, a vector whose direction matters."""

    embedding: Float[Tensor, "batch views channels cells0 cells1 cells2"]


class PlaceContrast(Task[PlaceContrastTargets, PlaceContrastPrediction]):
    """Embeds every cell of one level, so that a place has the same embedding in two views, unlike that of any other place.

    Loss ``place``: cross-entropy of the same place in the other view among all places of the scan's pairs, by cosine over
    temperature, in both directions; 0 if no pair overlaps.

    Example:
        >>> shape = ViewShape(size_vox=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0), views=2, unit_mm=100.0)
        >>> task = PlaceContrast(PlaceContrastConfig(), [FeatureSpec(8, (2, 2, 2))], shape)
        >>> task(Features((torch.zeros(1, 2, 8, 8, 8, 8),))).embedding.shape, task.apart_mm
        (torch.Size([1, 2, 32, 8, 8, 8]), 6.0)
    """

    name = "place_contrast"
    spatial, pairs = False, True
    Config = PlaceContrastConfig
    minimum: ClassVar[Mapping[str, float]] = {"place": 0.0}

    def __init__(self, config: PlaceContrastConfig, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__(config, specs, shape)
        require(config.pairs >= 0, "tasks.place_contrast.pairs", "0 or more", config.pairs, "use 0 for all pairs")
        self.level = min(config.level, len(self.specs) - 1)
        self.pyramid = Pyramid(self.specs, config.width, self.level)
        self.embed = Pointwise(config.width, config.channels)
        cell_mm = [cell * step for cell, step in zip(self.specs[self.level].stride, shape.spacing_mm, strict=True)]
        self.apart_mm = config.apart_cells * max(cell_mm)

    def targets(self, views: ViewBatch) -> PlaceContrastTargets:
        """Returns places drawn uniformly in the overlap of the two views of each pair, seeded by the number of the draw."""
        pairs, device = self._pairs(views.views), views.centres_mm.device
        centres = views.centres_mm.float()[:, : 2 * pairs].reshape(views.batch, pairs, 2, 3)
        spacing = torch.tensor(views.spacing_mm, device=device)
        size_vox = torch.tensor(views.size_vox, device=device).float()
        # Positions in voxels of the first view; those of the second view are shifted by the gap between the two.
        gap_vox = (centres[:, :, 1] - centres[:, :, 0]) / spacing  # batch pairs 3
        # Beyond the centres of the outermost cells there is nothing to interpolate between.
        margin = torch.tensor(self.specs[self.level].stride, device=device) / 2
        low, high = gap_vox.clamp(min=0) + margin, size_vox + gap_vox.clamp(max=0) - margin
        generator = torch.Generator().manual_seed(views.draw)
        fractions = torch.rand(views.batch, pairs, self.config.places, 3, generator=generator).to(device)
        faces = low[:, :, None] + fractions * (high - low).clamp(min=0)[:, :, None]  # 0 is the outer face of voxel 0
        first_vox = faces - 0.5
        places_mm = centres[:, :, None, 0] + (first_vox - (size_vox - 1) / 2) * spacing
        return PlaceContrastTargets(
            first_vox=first_vox,
            second_vox=first_vox - gap_vox[:, :, None],
            places_mm=places_mm - places_mm.mean(dim=(1, 2), keepdim=True),
            overlapping=(high > low).all(dim=-1),
            spacing_mm=views.spacing_mm,
        )

    def forward(self, features: Features) -> PlaceContrastPrediction:
        """Returns the embedding of every cell of every view; in training, of the views that are compared."""
        compared = 2 * self._pairs(features.levels[0].shape[1]) if self.training and self.config.pairs else None
        maps = self.pyramid([level[:, :compared] for level in features.levels])
        return PlaceContrastPrediction(per_view(self.embed, maps).float())

    def embedded_cells(self, features: Features) -> Float[Tensor, "batch views channels cells0 cells1 cells2"]:
        """Returns the embedding of every cell, each of length 1."""
        return normalize(per_view(self.embed, self.pyramid(features.levels)).float(), dim=2)

    def loss(self, prediction: PlaceContrastPrediction, targets: PlaceContrastTargets) -> dict[str, Tensor]:
        """Returns ``place``, the mean over all places of overlapping pairs, in both directions."""
        first, second = self.embedded(prediction, targets)
        with full_precision(first.device):
            cosines = torch.einsum("bpc,bqc->bpq", first.flatten(1, 2), second.flatten(1, 2))
            scores = (cosines / self.config.temperature).masked_fill(self._excluded(targets), -1e4)
            forwards = scores.log_softmax(-1).diagonal(dim1=1, dim2=2)
            backwards = scores.log_softmax(-2).diagonal(dim1=1, dim2=2)
            return {"place": masked_mean(-(forwards + backwards) / 2, _counted(targets).flatten(1))}

    @torch.no_grad()
    def metrics(self, prediction: PlaceContrastPrediction, targets: PlaceContrastTargets) -> dict[str, Tensor]:
        """Returns the distance from a place to the most similar place of the other view, and how often it is the same."""
        return _metrics(*self.embedded(prediction, targets), targets)

    @torch.no_grad()
    def baselines(self, views: ViewBatch, targets: PlaceContrastTargets) -> dict[str, dict[str, Tensor]]:
        """Returns the metrics of a guess among the places, and of the cosine of the raw intensities around them."""
        apart_mm = torch.cdist(targets.places_mm, targets.places_mm)
        guess = {
            "place_error_mm": masked_mean(apart_mm, _counted(targets)[..., None].expand_as(apart_mm)),
            "place_accuracy": torch.full((), 1 / self.config.places, device=apart_mm.device),
        }
        images = views.images.float()
        return {"trivial": guess, "raw": _metrics(_raw(images, targets, 0), _raw(images, targets, 1), targets)}

    @torch.no_grad()
    def picture(self, views: ViewBatch, prediction: PlaceContrastPrediction, targets: PlaceContrastTargets) -> "Figure":
        """Returns the first pair of views: places in the first, and the most similar place in the second."""
        first, second = self.embedded(prediction, targets)
        best = (first[0, 0] @ second[0, 0].T).argmax(-1).cpu().numpy()[:SHOWN]
        places_mm = [
            scene.voxels_to_mm(views, view, points[0, 0].cpu().double().numpy())
            for view, points in enumerate((targets.first_vox, targets.second_vox))
        ]
        axis, figure = 1, new_figure(1000, 480)
        panels = figure.subplots(1, 2)
        for view, axes in enumerate(panels):
            scene.show_views(axes, views, [view], axis)
        for number, match in enumerate(best):
            draw_box(panels[0], axis, places_mm[0][number], [self.apart_mm] * 3, NEAR)
            _draw_match(panels[1], axis, places_mm[1][number], places_mm[1][match], self.apart_mm)
        panels[0].set_title("places in view 1", loc="left", fontsize=9)
        panels[1].set_title("most similar in view 2 (lines lead from the true place)", loc="left", fontsize=9)
        metrics = _metrics(first[:1, :1], second[:1, :1], _only_first(targets))
        figure.suptitle(f"mean error {float(metrics['place_error_mm']):.0f} mm", fontsize=10)
        return figure

    def embedded(self, prediction: PlaceContrastPrediction, targets: PlaceContrastTargets) -> tuple[Embedded, Embedded]:
        """Returns the vector of each place in the first and in the second view of its pair, of length 1."""
        pairs = targets.overlapping.shape[1]
        maps = prediction.embedding[:, : 2 * pairs].float()
        with full_precision(maps.device):
            first = _embedding_at(maps[:, ::2], targets.first_vox, self.shape.size_vox)
            second = _embedding_at(maps[:, 1::2], targets.second_vox, self.shape.size_vox)
            return normalize(first, dim=-1), normalize(second, dim=-1)

    def _pairs(self, views: int) -> int:
        return min(self.config.pairs or views, views // 2)

    def _excluded(self, targets: PlaceContrastTargets) -> Bool[Tensor, "batch all all"]:
        """Returns which two places are no negatives: too close, or of views that do not overlap."""
        places_mm = targets.places_mm.flatten(1, 2)
        count = places_mm.shape[1]
        same = torch.eye(count, dtype=torch.bool, device=places_mm.device)
        counted = _counted(targets).flatten(1)
        near = torch.cdist(places_mm, places_mm) < self.apart_mm
        return (near | ~counted[:, None, :] | ~counted[:, :, None]) & ~same


def _embedding_at(
    maps: Float[Tensor, "batch pairs channels cells0 cells1 cells2"],
    places_vox: Float[Tensor, "batch pairs places 3"],
    size_vox: Triple,
) -> Embedded:
    """Returns the embedding at places given in voxels of one view of each pair, interpolated between cells."""
    return per_view(lambda flat: sample_maps(flat, places_vox.flatten(0, 1), size_vox), maps)


def _counted(targets: PlaceContrastTargets) -> Bool[Tensor, "batch pairs places"]:
    """Returns which places count: those of pairs that overlap."""
    return targets.overlapping[:, :, None].expand(targets.first_vox.shape[:3])


def _raw(images: Float[Tensor, "batch views 1 _ _ _"], targets: PlaceContrastTargets, side: int) -> Embedded:
    """Returns the intensities around each place in one view of its pair, minus their mean, of length 1."""
    places_vox = targets.second_vox if side else targets.first_vox
    steps = torch.tensor([-RAW_REACH_VOX, 0.0, RAW_REACH_VOX], device=images.device)
    around = torch.cartesian_prod(steps, steps, steps)  # 27 3
    pairs = places_vox.shape[1]
    points_vox = (places_vox[..., None, :] + around).flatten(2, 3)
    size0, size1, size2 = images.shape[-3:]
    values = _embedding_at(images[:, side : 2 * pairs : 2], points_vox, (size0, size1, size2))
    vectors = values[..., 0].unflatten(2, (-1, len(around)))
    return normalize(vectors - vectors.mean(-1, keepdim=True), dim=-1)


def _metrics(first: Embedded, second: Embedded, targets: PlaceContrastTargets) -> dict[str, Tensor]:
    """Returns the mean distance to the most similar place of the other view, and how often it is the same place."""
    best = torch.einsum("bpnc,bpmc->bpnm", first, second).argmax(-1)
    match_mm = targets.places_mm.gather(2, best[..., None].expand_as(targets.places_mm))
    counted = _counted(targets)
    right = (best == torch.arange(best.shape[-1], device=best.device)) | ~counted
    return {
        "place_error_mm": masked_mean(distances(match_mm - targets.places_mm), counted),
        "place_accuracy": right.float().mean(),
    }


def _only_first(targets: PlaceContrastTargets) -> PlaceContrastTargets:
    return PlaceContrastTargets(
        targets.first_vox[:1, :1],
        targets.second_vox[:1, :1],
        targets.places_mm[:1, :1],
        targets.overlapping[:1, :1],
        targets.spacing_mm,
    )


def _draw_match(
    axes: "Axes", axis: int, true_mm: Float[np.ndarray, "3"], match_mm: Float[np.ndarray, "3"], apart_mm: float
) -> None:
    """Draws the matched place, and a line to it from the true one; dashed and in another colour if it is far off."""
    across, up = in_plane(axis)
    near = float(np.linalg.norm(match_mm - true_mm)) <= 2 * apart_mm
    colour = NEAR if near else MISSED
    axes.plot([true_mm[across], match_mm[across]], [true_mm[up], match_mm[up]], "-", color=colour, linewidth=1.2)
    draw_box(axes, axis, match_mm, [apart_mm] * 3, colour, dashed=not near)

"""The place contrast task: find a place of one view in another that overlaps it, among all other places.

It takes the paper's fine task (Zhang, Chen and Zhang, arXiv 2509.05967: parts of views, near and far) down to the cells of
the feature map: instead of two parts and a sign, many places and the question which of them is the same. Two views
overlap and are augmented differently; places are drawn where both see, each is embedded in both, and the loss (InfoNCE)
asks each to be nearer to itself in the other view than to every other place of the scan. Near places are the hard ones;
those closer than a cell can tell apart do not count. Kin: Xie et al., *Propagate Yourself*, CVPR 2021; Wang et al.,
*Dense Contrastive Learning*, CVPR 2021; Yan et al., *SAM: Self-supervised Learning of Pixel-wise Anatomical Embeddings in
Radiological Images*, IEEE TMI 2022. Departures: negatives are places of the same scan, so that the same organ of another
person is never pushed away; matching places are known in mm and read between the cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import grid_sample, normalize

from orienteer.draw.boxes import draw_box
from orienteer.draw.figures import new_figure
from orienteer.draw.palette import MISSED, NEAR
from orienteer.draw.slices import in_plane
from orienteer.tasks import scene
from orienteer.tasks.base import Features, FeatureSpec, Task, ViewShape
from orienteer.tasks.checks import require_pairs
from orienteer.tasks.heads import Pyramid, full_precision
from orienteer.types import TripleMm
from orienteer.views.batch import ViewBatch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RAW_REACH_VOX = 2.0
"""The raw-intensity rival compares 27 voxels about a place, this far apart."""

Embedded = Float[Tensor, "batch pairs places channels"]
"""One vector per place as one view of each pair sees it; only its direction counts."""


@dataclass(frozen=True)
class PlaceContrastConfig:
    """Settings of the place contrast task."""

    width: int = 16
    """Channels of the pyramid: at the finest level its cost soon passes that of the encoder."""
    channels: int = 32
    """Numbers in a place's vector."""
    level: int = 0
    """Number of the encoder's level, finest first, whose cells are embedded."""
    places: int = 96
    """Places that are drawn where a pair of views overlaps."""
    temperature: float = 0.1
    """Cosines are divided by this: the lower, the more the nearest negatives count."""
    apart_cells: float = 1.5
    """Places nearer than so many cells are not told apart."""


@dataclass(frozen=True)
class PlaceContrastTargets:
    """The truth: views 2k and 2k + 1 are pair k, and see the same places.

    Attributes:
        first_vox: the places in the voxels of each pair's first view, ``(batch, pairs, places, 3)``.
        second_vox: the same places in the voxels of its second view.
        places_mm: the same places in mm in the body frame, less the mean of the scan's.
        seen: whether the two views overlap by a cell and more, ``(batch, pairs)``.
        spacing_mm: voxel size.
    """

    first_vox: Float[Tensor, "batch pairs places 3"]
    second_vox: Float[Tensor, "batch pairs places 3"]
    places_mm: Float[Tensor, "batch pairs places 3"]
    seen: Bool[Tensor, "batch pairs"]
    spacing_mm: TripleMm


@dataclass(frozen=True)
class PlaceContrastPrediction:
    """What the head makes of every cell of every view: a vector whose direction counts."""

    embedding: Float[Tensor, "batch views channels cells0 cells1 cells2"]


class PlaceContrast(Task[PlaceContrastTargets, PlaceContrastPrediction]):
    """Embeds every cell of one level, so that a place looks like itself in another view and like no other place.

    Loss ``place``: cross-entropy of the same place in the other view among all places of the scan's pairs, by cosine over
    temperature, both ways; 0 where no pair overlaps.

    Example:
        >>> shape = ViewShape(size_vox=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0), views=2, unit_mm=100.0)
        >>> task = PlaceContrast(PlaceContrastConfig(), [FeatureSpec(8, (2, 2, 2)), FeatureSpec(16, (4, 4, 4))], shape)
        >>> task(Features((torch.zeros(1, 2, 8, 8, 8, 8), torch.zeros(1, 2, 16, 4, 4, 4)))).embedding.shape
        torch.Size([1, 2, 32, 8, 8, 8])
    """

    name = "place_contrast"
    spatial = False
    Config = PlaceContrastConfig
    minimum: ClassVar[Mapping[str, float]] = {"place": 0.0}

    def __init__(self, config: PlaceContrastConfig, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__(config, specs, shape)
        require_pairs(self.name, shape)
        self.level = min(config.level, len(self.specs) - 1)
        self.pyramid = Pyramid(self.specs, config.width, self.level)
        self.embed = nn.Conv3d(config.width, config.channels, kernel_size=1)
        cell_mm = [cell * step for cell, step in zip(self.specs[self.level].stride, shape.spacing_mm, strict=True)]
        self.apart_mm = config.apart_cells * max(cell_mm)

    def targets(self, views: ViewBatch) -> PlaceContrastTargets:
        """Draws places where the two views of each pair overlap, by the number of the draw, evenly over the overlap."""
        pairs, device = views.views // 2, views.centres_mm.device
        centres = views.centres_mm.float()[:, : 2 * pairs].reshape(views.batch, pairs, 2, 3)
        spacing = torch.tensor(views.spacing_mm, device=device)
        size_vox = torch.tensor(views.size_vox, device=device).float()
        # Voxels of the second view count from the first one's middle, shifted by the gap between the two.
        gap_vox = (centres[:, :, 1] - centres[:, :, 0]) / spacing  # batch pairs 3
        # Beyond the middles of the outermost cells nothing lies to read between.
        margin = torch.tensor(self.specs[self.level].stride, device=device) / 2
        low, high = gap_vox.clamp(min=0) + margin, size_vox + gap_vox.clamp(max=0) - margin
        generator = torch.Generator().manual_seed(views.draw)
        shares = torch.rand(views.batch, pairs, self.config.places, 3, generator=generator).to(device)
        edges = low[:, :, None] + shares * (high - low).clamp(min=0)[:, :, None]  # 0 is the outer face of voxel 0
        first_vox = edges - 0.5
        places_mm = centres[:, :, None, 0] + (first_vox - (size_vox - 1) / 2) * spacing
        return PlaceContrastTargets(
            first_vox=first_vox,
            second_vox=first_vox - gap_vox[:, :, None],
            places_mm=places_mm - places_mm.mean(dim=(1, 2), keepdim=True),
            seen=(high > low).all(dim=-1),
            spacing_mm=views.spacing_mm,
        )

    def forward(self, features: Features) -> PlaceContrastPrediction:
        """Returns the embedding of every cell of every view."""
        maps = self.pyramid(features.levels)
        cells = self.embed(rearrange(maps, "b v c x y z -> (b v) c x y z"))
        return PlaceContrastPrediction(rearrange(cells, "(b v) c x y z -> b v c x y z", b=maps.shape[0]).float())

    def loss(self, prediction: PlaceContrastPrediction, targets: PlaceContrastTargets) -> dict[str, Tensor]:
        """Returns ``place``, the mean over all places of pairs that overlap, both ways."""
        first, second = self.embedded(prediction, targets)
        with full_precision(first.device):
            cosines = torch.einsum("bpc,bqc->bpq", first.flatten(1, 2), second.flatten(1, 2))
            scores = (cosines / self.config.temperature).masked_fill(self._too_near(targets), -1e4)
            there = scores.log_softmax(-1).diagonal(dim1=1, dim2=2)
            back = scores.log_softmax(-2).diagonal(dim1=1, dim2=2)
            counted = targets.seen[:, :, None].expand(targets.first_vox.shape[:3]).flatten(1)
            lost = -(there + back) / 2 * counted
            return {"place": lost.sum() / counted.sum().clamp(min=1)}

    @torch.no_grad()
    def metrics(self, prediction: PlaceContrastPrediction, targets: PlaceContrastTargets) -> dict[str, Tensor]:
        """Returns how far from the truth the most alike of the places drawn in the other view lies, and how often it is
        the place itself."""
        return _figures(*self.embedded(prediction, targets), targets)

    @torch.no_grad()
    def rivals(self, views: ViewBatch, targets: PlaceContrastTargets) -> dict[str, dict[str, Tensor]]:
        """Returns the figures of a guess among the places, and of the cosine of the raw intensities about them."""
        apart_mm = torch.cdist(targets.places_mm, targets.places_mm)
        counted = targets.seen[:, :, None, None].expand_as(apart_mm)
        guess = {
            "place_error_mm": (apart_mm * counted).sum() / counted.sum().clamp(min=1),
            "place_accuracy": torch.full((), 1 / self.config.places, device=apart_mm.device),
        }
        images = views.images.float()
        return {"trivial": guess, "raw": _figures(_raw(images, targets, 0), _raw(images, targets, 1), targets)}

    @torch.no_grad()
    def picture(self, views: ViewBatch, prediction: PlaceContrastPrediction, targets: PlaceContrastTargets) -> "Figure":
        """Returns the first pair of views: a few places in the first, and where the second has what is most alike."""
        first, second = self.embedded(prediction, targets)
        best = (first[0, 0] @ second[0, 0].T).argmax(-1).cpu().numpy()
        places_mm = [
            scene.voxels_to_mm(views, view, points[0, 0].cpu().double().numpy())
            for view, points in enumerate((targets.first_vox, targets.second_vox))
        ]
        axis = 1
        figure = new_figure(1000, 480)
        every = figure.subplots(1, 2)
        shown = range(min(12, len(best)))
        across, up = in_plane(axis)
        cell_mm = [self.apart_mm] * 3
        for view, axes in enumerate(every):
            scene.show_views(axes, views, [view], axis)
            for number in shown:
                true_mm = places_mm[view][number]
                if view == 0:
                    draw_box(axes, axis, true_mm, cell_mm, NEAR)
                else:
                    found_mm = places_mm[1][best[number]]
                    near = float(((found_mm - true_mm) ** 2).sum() ** 0.5) <= 2 * self.apart_mm
                    colour = NEAR if near else MISSED
                    ends = ([true_mm[across], found_mm[across]], [true_mm[up], found_mm[up]])
                    axes.plot(*ends, "-", color=colour, linewidth=1.2)
                    draw_box(axes, axis, found_mm, cell_mm, colour, dashed=not near)
        every[0].set_title("places in view 1", loc="left", fontsize=9)
        every[1].set_title("most alike in view 2 (a line leads from where it is)", loc="left", fontsize=9)
        figures = _figures(first[:1, :1], second[:1, :1], _only_first(targets))
        figure.suptitle(f"missed by {float(figures['place_error_mm']):.0f} mm on average", fontsize=10)
        return figure

    def embedded(self, prediction: PlaceContrastPrediction, targets: PlaceContrastTargets) -> tuple[Embedded, Embedded]:
        """Returns the vector of each place as the first and as the second view of its pair sees it, of length 1."""
        pairs = targets.seen.shape[1]
        maps = prediction.embedding[:, : 2 * pairs].float()
        with full_precision(maps.device):
            first = read_at(maps[:, ::2], targets.first_vox, self.shape.size_vox)
            second = read_at(maps[:, 1::2], targets.second_vox, self.shape.size_vox)
            return normalize(first, dim=-1), normalize(second, dim=-1)

    def _too_near(self, targets: PlaceContrastTargets) -> Bool[Tensor, "batch all all"]:
        """Returns which two places are too near to be told apart, or not seen by both views of their pair."""
        places_mm = targets.places_mm.flatten(1, 2)
        count = places_mm.shape[1]
        own = torch.eye(count, dtype=torch.bool, device=places_mm.device)
        seen = targets.seen[:, :, None].expand(targets.first_vox.shape[:3]).flatten(1)
        near = torch.cdist(places_mm, places_mm) < self.apart_mm
        return (near | ~seen[:, None, :] | ~seen[:, :, None]) & ~own


def read_at(
    maps: Float[Tensor, "batch pairs channels cells0 cells1 cells2"],
    places_vox: Float[Tensor, "batch pairs places 3"],
    size_vox: tuple[int, int, int],
) -> Embedded:
    """Returns what maps say at places given in voxels of their views, linearly between the middles of the cells.

    Example:
        >>> ramp = torch.arange(4.0).reshape(1, 1, 1, 4, 1, 1).expand(1, 1, 1, 4, 4, 4)  # cells of 2 voxels
        >>> read_at(ramp, torch.tensor([[[[0.5, 3.0, 3.0], [3.5, 3.0, 3.0]]]]), (8, 8, 8)).flatten().tolist()
        [0.0, 1.5]
    """
    batch = maps.shape[0]
    size = torch.tensor(size_vox, device=maps.device)
    # grid_sample calls the outer faces -1 and 1, and wants the last axis first.
    faces = ((2 * places_vox + 1) / size - 1).flip(-1)
    found = grid_sample(
        rearrange(maps, "b p c x y z -> (b p) c x y z"),
        rearrange(faces, "b p n axes -> (b p) n 1 1 axes"),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return rearrange(found, "(b p) c n 1 1 -> b p n c", b=batch)


def _raw(images: Float[Tensor, "batch views 1 _ _ _"], targets: PlaceContrastTargets, side: int) -> Embedded:
    """Returns the intensities about each place in the first or second view of its pair, mean taken out, of length 1."""
    places_vox = targets.second_vox if side else targets.first_vox
    steps = torch.tensor([-RAW_REACH_VOX, 0.0, RAW_REACH_VOX], device=images.device)
    about = torch.cartesian_prod(steps, steps, steps)  # 27 3
    pairs, places = places_vox.shape[1:3]
    each = rearrange(places_vox[..., None, :] + about, "b p n k axes -> b p (n k) axes")
    size0, size1, size2 = images.shape[-3:]
    found = read_at(images[:, side : 2 * pairs : 2], each, (size0, size1, size2))
    vectors = rearrange(found, "b p (n k) 1 -> b p n k", n=places)
    return normalize(vectors - vectors.mean(-1, keepdim=True), dim=-1)


def _figures(first: Embedded, second: Embedded, targets: PlaceContrastTargets) -> dict[str, Tensor]:
    """Returns the mean distance to the most alike place of the other view, and how often it is the place itself."""
    best = torch.einsum("bpnc,bpmc->bpnm", first, second).argmax(-1)
    found_mm = targets.places_mm.gather(2, best[..., None].expand_as(targets.places_mm))
    counted = targets.seen[:, :, None].expand_as(best)
    missed_mm = (found_mm - targets.places_mm).norm(dim=-1) * counted
    right = (best == torch.arange(best.shape[-1], device=best.device)) | ~counted
    return {
        "place_error_mm": missed_mm.sum() / counted.sum().clamp(min=1),
        "place_accuracy": right.float().mean(),
    }


def _only_first(targets: PlaceContrastTargets) -> PlaceContrastTargets:
    return PlaceContrastTargets(
        targets.first_vox[:1, :1],
        targets.second_vox[:1, :1],
        targets.places_mm[:1, :1],
        targets.seen[:1, :1],
        targets.spacing_mm,
    )

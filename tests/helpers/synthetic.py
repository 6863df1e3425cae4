"""Views and feature maps made up for tests of tasks, and predictions built from the truth."""

import dataclasses
from collections.abc import Mapping
from types import UnionType
from typing import Any, get_args, get_origin

import torch

from orienteer.geometry.frames import cell_offsets_mm
from orienteer.tasks import TASKS
from orienteer.tasks.base import Features, FeatureSpec, Task, ViewShape
from orienteer.tasks.classes import ClassPrediction
from orienteer.tasks.dense_gap import DenseGapPrediction
from orienteer.tasks.gap import GapPrediction
from orienteer.tasks.instance_contrast import InstanceContrastPrediction
from orienteer.tasks.place_contrast import PlaceContrastPrediction
from orienteer.tasks.reconstruction import ReconstructionPrediction
from orienteer.tasks.route import RoutePrediction
from orienteer.tasks.scales import LEAST_SCALE
from orienteer.tasks.similarity import SimilarityPrediction
from orienteer.tasks.volume_contrast import VolumeContrastPrediction
from orienteer.views.batch import ViewBatch
from orienteer.views.distort import Distorted
from orienteer.views.rearrange import ORDERS, fitting_turns

SPACING = (1.5, 2.0, 3.0)
SIZE = (16, 32, 24)
UNIT_MM = 100.0
SPECS = (FeatureSpec(8, (2, 2, 2)), FeatureSpec(16, (4, 4, 4)), FeatureSpec(32, (8, 8, 8)))


VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "gap with scale": ("gap", {"scale": True}),
    "route with scale": ("route", {"scale": True}),
    "position route with scale": ("route", {"scale": True, "edges": "position"}),
    "dense gap with scale": ("dense_gap", {"scale": True}),
    "graded similarity": ("similarity", {"form": "graded"}),
}
"""Forms of a task with a head, losses or targets of their own: the contract holds for each."""

FORMS = (*TASKS, *VARIANTS)
"""Names that `make_task` takes."""


def task_class(form: str) -> type[Task]:
    """The class of a task or of a variant."""
    return TASKS[VARIANTS[form][0] if form in VARIANTS else form]


def make_task(name: str, views=3, seed=0, specs=SPECS, size=SIZE, spacing=SPACING, **settings: Any) -> Task:
    """A task, or a variant of one, with weights that depend on the seed alone."""
    name, variant = VARIANTS.get(name, (name, {}))
    settings = {**variant, **settings}
    shape = ViewShape(size_vox=size, spacing_mm=spacing, views=views, unit_mm=UNIT_MM)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return TASKS[name](TASKS[name].Config(**settings), specs, shape)


def make_views(batch: int = 2, views: int = 3, seed: int = 0, size=SIZE, draw: int = 0) -> ViewBatch:
    """Random voxels in [-1, 1], half of them hidden; views 0, 2 .. anywhere within half a metre, each next one near it."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(batch, views, 1, *size, generator=generator) * 2 - 1
    centres = (torch.rand(batch, views, 3, generator=generator) - 0.5) * 500
    extent = torch.tensor(size) * torch.tensor(SPACING)
    shift = (torch.rand(batch, views // 2, 3, generator=generator) - 0.5) * extent
    centres[:, 1::2] = centres[:, 0 : 2 * (views // 2) : 2] + shift
    hidden = torch.rand(images.shape, generator=generator) < 0.5
    turns = torch.tensor(fitting_turns(size))
    distorted = Distorted(
        clean=images,
        hidden=hidden,
        turn=turns[torch.randint(len(turns), (batch, views), generator=generator)],
        order=torch.randint(ORDERS, (batch, views), generator=generator),
    )
    scans = tuple(f"scan {item}" for item in range(batch))
    images = images.masked_fill(hidden, 0.0)
    return ViewBatch(images, centres, scans, SPACING, draw, distorted)


def make_features(
    batch: int = 2, views: int = 3, seed: int = 0, specs=SPECS, size=SIZE, grad: bool = False
) -> Features:
    """Random feature maps of every level."""
    generator = torch.Generator().manual_seed(seed)
    maps = [torch.randn(batch, views, spec.channels, *spec.cells(size), generator=generator) for spec in specs]
    return Features(levels=tuple(m.requires_grad_(grad) for m in maps))


def cast(features: Features, dtype: torch.dtype) -> Features:
    return Features(levels=tuple(level.to(dtype) for level in features.levels))


def renumbered(record: Any, order: torch.Tensor) -> Any:
    """A record of targets or of a prediction with every axis that its annotation calls ``views`` in another order."""
    changes = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if isinstance(value, torch.Tensor):
            for axis, name in enumerate(axes_of(field)):
                value = value.index_select(axis, order) if name == "views" else value
            changes[field.name] = value
    return dataclasses.replace(record, **changes)


def axes_of(field: dataclasses.Field) -> list[str]:
    """The names of a tensor's axes as its annotation gives them, also where it may be None."""
    kind = next(iter(get_args(field.type)), field.type) if get_origin(field.type) is UnionType else field.type
    return kind.dim_str.split()


def assert_same(got: Any, expected: Any, **tolerance: float) -> None:
    """Asserts that two records agree in every field."""
    for field in dataclasses.fields(expected):
        if getattr(expected, field.name) is None:
            assert getattr(got, field.name) is None, field.name
            continue
        torch.testing.assert_close(getattr(got, field.name), getattr(expected, field.name), **tolerance)


def assert_same_figures(got: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor], **tolerance) -> None:
    assert got.keys() == expected.keys()
    for key in expected:
        torch.testing.assert_close(got[key], expected[key], msg=lambda m, key=key: f"{key}: {m}", **tolerance)


def truth(task: Task, views: ViewBatch) -> Any:
    """A prediction that is right about everything. A new task needs a line here."""
    builders = {
        "gap": _true_gaps,
        "similarity": _true_embedding,
        "route": _true_edges,
        "dense_gap": _true_places,
        "place_contrast": _true_place_embedding,
        "reconstruction": lambda task, views: ReconstructionPrediction(voxels=views.clean),
        "instance_contrast": _true_instances,
        "volume_contrast": _true_overlap,
        "rotation": _true_classes,
        "jigsaw": _true_classes,
    }
    return builders[task.name](task, views)


TRUTH_SETTINGS: dict[str, dict[str, Any]] = {
    "instance_contrast": {"temperature": 0.02},
    "place_contrast": {"temperature": 1e-6},
}
"""Settings under which the truth reaches the bound of a loss: at a higher temperature no prediction does."""


def _true_classes(task: Task, views: ViewBatch) -> ClassPrediction:
    classes = task.targets(views).classes
    return ClassPrediction(torch.nn.functional.one_hot(classes, len(task.changes)).float() * 100)


def _true_places(task: Task, views: ViewBatch) -> DenseGapPrediction:
    places = task.targets(views).places_mm / UNIT_MM
    scales = torch.full_like(places, LEAST_SCALE / 2**0.5) if task.config.scale else None
    return DenseGapPrediction(places=places, scales=scales)


def _true_instances(task: Task, views: ViewBatch) -> InstanceContrastPrediction:
    """One direction per pair of views."""
    number = torch.arange(views.batch)[:, None] * (views.views // 2) + torch.arange(views.views) // 2
    return InstanceContrastPrediction(vectors=torch.eye(16)[number])


def _true_overlap(task: Task, views: ViewBatch) -> VolumeContrastPrediction:
    """For sets of two views: an angle whose cosine is the overlap."""
    overlap = task.targets(views).overlap[:, 0]
    crop = torch.stack([torch.ones_like(overlap), torch.zeros_like(overlap)], -1)
    base = torch.stack([overlap, (1 - overlap**2).sqrt()], -1)
    return VolumeContrastPrediction(vectors=torch.stack([crop, base], 1))


def _true_place_embedding(task: Task, views: ViewBatch) -> PlaceContrastPrediction:
    """The place itself and a constant: linear in mm, so that interpolation between the cells of two views agrees."""
    cells_mm = cell_offsets_mm(views.size_vox, task.specs[task.level].stride, views.spacing_mm)
    centres = views.centres_mm - views.centres_mm.mean(1, keepdim=True)
    places = (centres[..., None, None, None] + cells_mm) / UNIT_MM
    return PlaceContrastPrediction(embedding=torch.cat([places, torch.ones_like(places[:, :, :1])], dim=2))


def _true_gaps(task: Task, views: ViewBatch) -> GapPrediction:
    gaps = task.targets(views).gaps_mm / UNIT_MM
    return GapPrediction(gaps=gaps, scales=_least_scales(task, gaps))


def _true_edges(task: Task, views: ViewBatch) -> RoutePrediction:
    edges = task.targets(views).gaps_mm / UNIT_MM
    return RoutePrediction(edges=edges, scales=_least_scales(task, edges))


def _least_scales(task: Task, like: torch.Tensor) -> torch.Tensor | None:
    """The smallest scale that can be predicted for each gap: right for predictions without an error."""
    return torch.full_like(like, LEAST_SCALE) if task.config.scale else None


def _true_embedding(task: Task, views: ViewBatch) -> SimilarityPrediction:
    """For sets of two views: the near halves of both are alike, the far halves are opposite.

    Near and far parts are divided by the middle of the axis on which they reach the border of the view.
    """
    spec = task.specs[task.level]
    embedding = torch.zeros(views.batch, 2, 2, *spec.cells(views.size_vox))
    offsets = task.targets(views).parts_vox - (torch.tensor(views.size_vox) - 1) / 2
    for item in range(views.batch):
        for view in range(2):
            walk = offsets[item, view, 1 - view, 0] / torch.tensor(views.size_vox)
            axis = int(walk.abs().argmax())
            halves = list(embedding[item, view].chunk(2, dim=1 + axis))
            near, far = halves[::-1] if walk[axis] > 0 else halves
            near[0] = 1.0
            far[1] = 1.0 if view == 0 else -1.0
    return SimilarityPrediction(embedding=embedding, stride=spec.stride)

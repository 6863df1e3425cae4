"""Each spatial task, trained briefly on feature maps that contain the positions: its errors must become small."""

import pytest
import torch

from orienteer.geometry.frames import cell_offsets_mm
from orienteer.tasks import TASKS
from orienteer.tasks.base import Features, FeatureSpec
from orienteer.views.batch import ViewBatch
from tests.helpers.synthetic import make_task

SIZE, SPACING = (16, 16, 16), (10.0, 11.0, 12.0)
SPEC = FeatureSpec(16, (4, 4, 4))
STEPS = 150


def positional_features(views: ViewBatch) -> Features:
    """Sixteen channels that mix the position of every cell, in units of 100 mm, with slow waves of it."""
    offsets_mm = cell_offsets_mm(SIZE, SPEC.stride, SPACING).movedim(0, -1)
    positions = (views.centres_mm[:, :, None, None, None] + offsets_mm) / 100
    mix = torch.randn(9, 16, generator=torch.Generator().manual_seed(0)) / 3
    channels = torch.cat([positions, positions.sin(), positions.cos()], dim=-1) @ mix
    return Features(levels=(channels.movedim(-1, 2),))


def draw(seed: int) -> ViewBatch:
    generator = torch.Generator().manual_seed(seed)
    centres = (torch.rand(8, 3, 3, generator=generator) - 0.5) * 300
    return ViewBatch(
        images=torch.rand(8, 3, 1, *SIZE, generator=generator) * 2 - 1,
        centres_mm=centres,
        scans=tuple(map(str, range(8))),
        spacing_mm=SPACING,
    )


def trained(name: str, **settings):
    task = make_task(name, specs=[SPEC], size=SIZE, spacing=SPACING, **settings)
    optimiser = torch.optim.Adam(task.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, STEPS)
    for step in range(STEPS):
        views = draw(step)
        loss = sum(task.loss(task(positional_features(views)), task.targets(views)).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return task


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gap", {}),
        ("similarity", {}),
        ("route", {"edges": "pair"}),
        ("route", {"edges": "position"}),
        ("dense_gap", {}),
    ],
    ids=["gap", "similarity", "route-pair", "route-position", "dense_gap"],
)
def test_a_task_learns_the_positions_in_the_features(name, settings):
    task = trained(name, **settings)
    task.fit_baselines([draw(seed) for seed in range(2000, 2004)])
    views = draw(1000)
    targets = task.targets(views)
    metrics, baseline = (
        task.metrics(task(positional_features(views)), targets),
        task.baselines(views, targets)["trivial"],
    )
    for key, trivial in baseline.items():
        if key.endswith("_mm"):
            assert metrics[key] < 0.25 * trivial, f"{key}: {metrics[key]} against {trivial}"
    if "near_far_accuracy" in metrics:
        assert metrics["near_far_accuracy"] > 0.95
        assert metrics["near_best_accuracy"] > 0.5


def test_every_task_is_tried_here():
    assert {name for name, task in TASKS.items() if task.spatial} == {"gap", "similarity", "route", "dense_gap"}

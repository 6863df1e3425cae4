"""Each method beside the spatial ones memorises a fixed batch through a small encoder: its losses can go down."""

import numpy as np
import pytest
import torch
from einops import rearrange
from torch import nn

from orienteer.encoders import build_encoder
from orienteer.methods import METHODS, task_config
from orienteer.tasks import TASKS
from orienteer.tasks.base import Features, FeatureSpec, ViewShape
from orienteer.views.batch import ViewBatch
from orienteer.views.body import ViewSpace
from orienteer.views.distort import Distorted, distort
from orienteer.views.layout import draw_layout
from orienteer.views.policy import ViewPolicy
from tests.helpers.fake_views import blocks_of

SIZE, SHAPE, SPACING = (16, 16, 16), (48, 48, 48), (2.0, 2.0, 2.0)

GOALS = {
    "reconstruction": ("unrestored_share", 0.5),
    "models-genesis": ("unrestored_share", 0.5),
    "voco": ("overlap_error_share", 0.06),
    "simclr": ("partner_accuracy", 0.9),
    "rotation-jigsaw": ("order_accuracy", 0.9),
    "place-contrast": ("place_accuracy", 0.5),
    "dense-gap": ("place_in_scan_error_mm", 8.0),
}
"""For each method, a metric and the value that it must reach on the batch that it was trained on."""


def fixed_batch(name: str) -> ViewBatch:
    """Views of two smooth random scans, placed and distorted as the method requires."""
    method, rng = METHODS[name], np.random.default_rng(0)
    policy = ViewPolicy(views=method.views, view_size=SIZE, layout=method.layout)
    sets, centres, records = [], [], []
    for _ in range(2):
        noise = nn.functional.interpolate(
            torch.from_numpy(rng.uniform(-1, 1, (1, 1, 10, 10, 10))).float(), SHAPE, mode="trilinear"
        )[0, 0]
        starts = draw_layout(rng, ViewSpace(SHAPE, blocks_of(np.ones(SHAPE, bool)), SPACING), policy)
        views = torch.stack([noise[i : i + 16, j : j + 16, k : k + 16] for i, j, k in starts.tolist()])[:, None]
        seen, record = distort(rng, views, method.distortion)
        sets.append(seen)
        records.append(record)
        centres.append(torch.from_numpy((starts + 7.5) * np.array(SPACING)).float())
    return ViewBatch(torch.stack(sets), torch.stack(centres), ("a", "b"), SPACING, 0, Distorted.stacked(records))


def features_of(encoder: nn.Module, views: ViewBatch) -> Features:
    levels = encoder(rearrange(views.images, "b v c x y z -> (b v) c x y z"))
    return Features(tuple(rearrange(level, "(b v) c x y z -> b v c x y z", b=views.batch) for level in levels))


@pytest.mark.parametrize("name", GOALS)
def test_a_method_learns_a_fixed_batch(name):
    method, views = METHODS[name], fixed_batch(name)
    torch.manual_seed(0)
    encoder = build_encoder("tiny", SIZE, filters=(8, 16, 32), stem_stride=2)
    specs = [FeatureSpec(*level) for level in zip(encoder.channels, encoder.strides, strict=True)]
    shape = ViewShape(SIZE, SPACING, method.views, 100.0)
    tasks = {task: TASKS[task](task_config(task, use), specs, shape) for task, use in method.tasks.items()}
    targets = {task: tasks[task].targets(views) for task in tasks}
    optimiser = torch.optim.AdamW(nn.ModuleList([encoder, *tasks.values()]).parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        features = features_of(encoder, views)
        weighted = [
            method.tasks[task].weight * loss
            for task, module in tasks.items()
            for loss in module.loss(module(features), targets[task]).values()
        ]
        losses.append(sum(weighted))
        optimiser.zero_grad()
        losses[-1].backward()
        nn.utils.clip_grad_norm_([p for group in optimiser.param_groups for p in group["params"]], 1.0)
        optimiser.step()
    features = features_of(encoder, views)
    metrics = {key: v for task in tasks for key, v in tasks[task].metrics(tasks[task](features), targets[task]).items()}
    key, goal = GOALS[name]
    assert losses[-1] < 0.8 * losses[0]
    assert metrics[key] >= goal if key.endswith("_accuracy") else metrics[key] <= goal, f"{key}: {metrics[key]}"


def test_every_other_method_is_tried_here():
    assert set(GOALS) | {"default", "spatial", "paper"} == set(METHODS)

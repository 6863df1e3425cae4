"""Each task that is not spatial learns a fixed batch by heart, through a small encoder: its loss can go down."""

import numpy as np
import pytest
import torch

from orienteer.encoders import build_encoder
from orienteer.methods import METHODS, task_config
from orienteer.pretraining.module import named_losses, named_metrics, total_loss
from orienteer.runs.network import Network
from orienteer.tasks import TASKS
from orienteer.tasks.base import FeatureSpec, ViewShape
from orienteer.views.batch import ViewBatch
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
"""For each method, a figure and what it must reach on the batch that it was trained on."""


def fixed_batch(name: str) -> ViewBatch:
    """Views of two smooth random scans, laid out and distorted as the method says."""
    method, rng = METHODS[name], np.random.default_rng(0)
    policy = ViewPolicy(views=method.views, view_size=SIZE, layout=method.layout)
    sets, centres, done = [], [], []
    for _ in range(2):
        noise = torch.nn.functional.interpolate(
            torch.from_numpy(rng.uniform(-1, 1, (1, 1, 10, 10, 10))).float(), SHAPE, mode="trilinear"
        )[0, 0]
        starts = draw_layout(rng, SHAPE, blocks_of(np.ones(SHAPE, bool)), policy, SPACING)
        views = torch.stack([noise[i : i + 16, j : j + 16, k : k + 16] for i, j, k in starts.tolist()])[:, None]
        seen, what = distort(rng, views, method.distortion)
        sets.append(seen)
        done.append(what)
        centres.append(torch.from_numpy((starts + 7.5) * np.array(SPACING)).float())
    return ViewBatch(torch.stack(sets), torch.stack(centres), ("a", "b"), SPACING, 0, Distorted.stacked(done))


@pytest.mark.parametrize("name", GOALS)
def test_a_method_learns_a_fixed_batch(name):
    method = METHODS[name]
    torch.manual_seed(0)
    encoder = build_encoder("tiny", SIZE, filters=(8, 16, 32), stem_stride=1)
    specs = [FeatureSpec(*level) for level in zip(encoder.channels, encoder.strides, strict=True)]
    shape = ViewShape(SIZE, SPACING, method.views, 100.0)
    tasks = {task: TASKS[task](task_config(task, use), specs, shape) for task, use in method.tasks.items()}
    network, views = Network(encoder, tasks), fixed_batch(name)
    weights = {task: use.weight for task, use in method.tasks.items()}
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    begun = None
    for _ in range(80):
        loss = total_loss(weights, named_losses(network.answers(views)))
        begun = loss.item() if begun is None else begun
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
    figures = named_metrics(network.answers(views))
    key, goal = GOALS[name]
    assert loss.item() < 0.8 * begun
    assert figures[key] >= goal if key.endswith("_accuracy") else figures[key] <= goal, f"{key}: {figures[key]}"


def test_every_method_of_others_is_tried_here():
    assert set(GOALS) | {"default", "spatial", "paper"} == set(METHODS)

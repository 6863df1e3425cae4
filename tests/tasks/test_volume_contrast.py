"""The volume contrast task against the published formula and counted voxels."""

import math

import numpy as np
import pytest
import torch

from orienteer.tasks.volume_contrast import VolumeContrastPrediction
from tests.helpers.synthetic import SIZE, SPACING, make_task, make_views


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a * b).sum() / (a.norm() * b.norm()))


def test_volume_contrast_is_the_published_formula():
    task, views = make_task("volume_contrast", views=5), make_views(views=5)
    vectors = rand(2, 5, 64)
    lost, apart = [], []
    for item in range(2):
        for base in range(1, 5):
            predicted = max(0.0, cosine(vectors[item, 0], vectors[item, base]))
            low = [
                max(
                    0.0,
                    1
                    - abs(float(views.centres_mm[item, base, a] - views.centres_mm[item, 0, a]))
                    / (SIZE[a] * SPACING[a]),
                )
                for a in range(3)
            ]
            lost.append(-math.log(1 - abs(math.prod(low) - predicted)))
            apart += [abs(cosine(vectors[item, base], vectors[item, other])) for other in range(base + 1, 5)]
    losses = task.loss(VolumeContrastPrediction(vectors), task.targets(views))
    assert losses["overlap"].item() == pytest.approx(np.mean(lost), rel=1e-4)
    assert losses["apart"].item() == pytest.approx(np.mean(apart), rel=1e-4)


def test_overlaps_are_counted_voxels():
    task, views = make_task("volume_contrast", views=2), make_views(batch=1, views=2)
    shift_vox = torch.tensor([3.0, -5.0, 4.0])
    views.centres_mm[0, 1] = views.centres_mm[0, 0] + shift_vox * torch.tensor(SPACING)
    first = set(np.ndindex(*SIZE))
    second = {(i + 3, j - 5, k + 4) for i, j, k in first}
    assert task.targets(views).overlap[0, 0].item() == pytest.approx(len(first & second) / len(first), abs=1e-4)


def test_the_baseline_is_the_mean_overlap_and_a_guess():
    task, views = make_task("volume_contrast", views=4), make_views(views=4)
    targets = task.targets(views)
    baseline = task.baselines(views, targets)["trivial"]
    error = (targets.overlap - targets.overlap.mean()).abs().mean()
    torch.testing.assert_close(baseline["overlap_error_share"], error)
    assert baseline["base_accuracy"].item() == pytest.approx(1 / 3)

"""The graded form of similarity: targets that fall with the distance, a loss that two clusters do not satisfy."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch.nn.functional import cosine_similarity, normalize

from orienteer.errors import InputError
from orienteer.geometry.frames import cell_offsets_mm
from orienteer.tasks.graded import graded_loss, kernels, pair_values, rank_correlation
from tests.helpers.synthetic import SIZE, SPACING, UNIT_MM, make_features, make_task, make_views

WIDTHS = (50.0, 100.0)


def places(count: int = 12, batch: int = 2, seed: int = 0, extent: float = 400.0) -> torch.Tensor:
    return (torch.rand(batch, count, 3, generator=torch.Generator().manual_seed(seed)) - 0.5) * extent


def gaussian_vectors(places_mm: torch.Tensor, waves: int = 4000) -> torch.Tensor:
    """Random Fourier features: cosines near the Gaussian of the distance, a group per width."""
    generator = torch.Generator().manual_seed(1)
    groups = []
    for width in WIDTHS:
        phases = places_mm @ (torch.randn(3, waves, generator=generator) / width)
        groups.append(torch.cat([phases.sin(), phases.cos()], dim=-1))
    return torch.cat(groups, dim=-1)


def test_the_target_falls_with_the_distance_at_every_width():
    line = torch.arange(0.0, 600.0, 10.0)
    along = torch.stack([line, torch.zeros_like(line), torch.zeros_like(line)], dim=-1)[None]
    for target in kernels(along, (50.0, 200.0))[0, :, 0]:
        falls = target.diff()
        assert (falls[target[1:] > 1e-6] < 0).all()
        assert target[0] == 1


def test_the_loss_equals_a_naive_loop():
    at, vectors = places(count=5), torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(3))
    values = []
    for item in range(2):
        for i in range(5):
            for j in range(i + 1, 5):
                for group, width in enumerate(WIDTHS):
                    a, b = (vectors[item, k, 4 * group : 4 * group + 4] for k in (i, j))
                    target = np.exp(-float((at[item, i] - at[item, j]).square().sum()) / (2 * width**2))
                    values.append((float(cosine_similarity(a, b, dim=0)) - target) ** 2)
    assert graded_loss(vectors, at, WIDTHS).item() == pytest.approx(np.mean(values), rel=1e-4)


def test_vectors_whose_cosines_are_the_kernel_reach_the_minimum():
    at = places()
    assert graded_loss(gaussian_vectors(at), at, WIDTHS) < 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_two_clusters_are_no_optimum(seed):
    """Near and far halves as +1 and -1 satisfy the published form; here they lose, and the gradient leads away."""
    at = places(count=40, seed=seed)
    side = torch.where(at[..., :1] > 0, 1.0, -1.0)
    noise = torch.randn(2, 40, 8, generator=torch.Generator().manual_seed(seed)) * 0.05
    clusters = (side * torch.ones(8) + noise).requires_grad_()
    graded = graded_loss(clusters, at, WIDTHS)
    assert graded > 0.3
    graded.backward()
    assert clusters.grad.norm() > 1e-3
    cosines, lengths = pair_values(clusters.detach(), at)
    assert rank_correlation(cosines, lengths).mean() > -0.8
    assert rank_correlation(*pair_values(gaussian_vectors(at), at)).mean() < -0.85


def test_one_vector_for_all_places_is_no_optimum():
    at = places()
    assert graded_loss(torch.ones(2, 12, 8), at, WIDTHS) > 0.3


def test_the_rank_correlation_is_that_of_scipy_with_ties():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 6, (3, 40)).astype(np.float32), rng.normal(size=(3, 40)).astype(np.float32)
    ours = rank_correlation(torch.from_numpy(first), torch.from_numpy(second))
    np.testing.assert_allclose(ours, [spearmanr(a, b).statistic for a, b in zip(first, second, strict=True)], atol=1e-6)
    assert rank_correlation(torch.ones(1, 9), torch.arange(9.0)[None]).item() == 0


def test_parts_and_cells_are_compared_where_they_are():
    """An embedding made of the true places has the lowest loss: parts and cells lie where the targets say."""
    task, views = make_task("graded similarity", widths=(1.0,)), make_views()
    targets = task.targets(views)
    stride = task.specs[task.level].stride
    offsets = cell_offsets_mm(SIZE, stride, SPACING)
    centres = views.centres_mm - views.centres_mm.mean(1, keepdim=True)
    at = centres[..., None, None, None] + offsets  # batch views 3 cells...
    picked = at[
        (..., *(slice(first, None, step) for first, step in zip(targets.first_cell, targets.cell_step, strict=True)))
    ]
    torch.testing.assert_close(picked.flatten(3).transpose(2, 3), targets.cells_mm, atol=1e-3, rtol=1e-4)
    generator = torch.Generator().manual_seed(0)
    phases = torch.einsum("bvaxyz,aw->bvwxyz", at, torch.randn(3, 2000, generator=generator) / UNIT_MM)
    embedding = normalize(torch.cat([phases.sin(), phases.cos()], dim=2), dim=2)
    prediction = type(task(make_features()))(embedding=embedding, stride=stride)
    losses, moved = task.loss(prediction, targets), task.loss(prediction, task.targets(make_views(seed=8)))
    assert losses["cell_similarity"] < 1e-3
    assert losses["similarity"] < 0.02  # the mean of a part's cells has nearly the vector of its centre
    assert all(moved[key] > 3 * losses[key] for key in losses)
    assert task.metrics(prediction, targets)["cosine_rank"] < -0.85


def test_every_cell_has_its_turn():
    task = make_task("graded similarity", min_cells=2)
    seen = {task.targets(make_views(draw=draw)).first_cell for draw in range(60)}
    step = task.targets(make_views()).cell_step
    assert len(seen) == np.prod(step)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"form": "other"}, "similarity.form"),
        ({"widths": (0.0,)}, "similarity.widths"),
        ({"channels": 63}, "similarity.channels"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, words):
    config = make_task("graded similarity").config
    for name, value in settings.items():
        object.__setattr__(config, name, value)  # past the type check that runs in tests only
    task = make_task("similarity")
    with pytest.raises(InputError, match=f"{words}: wanted .*Do this"):
        type(task)(config, task.specs, task.shape)


def test_the_picture_shows_the_fall_and_the_scan_as_it_is():
    task, views = make_task("graded similarity"), make_views()
    figure = task.picture(views, task(make_features()), task.targets(views))
    curve = figure.axes[-1]
    labels = [line.get_label() for line in curve.lines]
    assert len(curve.lines) == 2
    assert any(label.startswith("raw intensities, rank correlation") for label in labels)
    shown = figure.axes[0].images[0].get_array()
    middle = views.clean[0, 0, 0, views.size_vox[0] // 2]
    assert sorted(np.unique(shown.round(4))) == sorted(np.unique(middle.numpy().round(4)))

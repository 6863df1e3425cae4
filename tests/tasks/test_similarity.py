import dataclasses

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from torch.nn.functional import avg_pool3d, cosine_similarity

from orienteer.draw import palette
from orienteer.errors import InputError
from orienteer.geometry.pairs import FAR, NEAR
from orienteer.tasks.base import FeatureSpec
from orienteer.tasks.cells import choose_level
from orienteer.tasks.parts import PARTS, part_cosines
from orienteer.tasks.similarity import SimilarityPrediction, part_vectors
from orienteer.types import Triple
from orienteer.views.batch import ViewBatch
from tests.helpers.synthetic import SIZE, SPACING, SPECS, make_features, make_task, make_views

PYRAMID = [FeatureSpec(16 * stride, (stride,) * 3) for stride in (1, 2, 4, 8)]


@pytest.mark.parametrize(
    ("size", "min_cells", "level"),
    [
        ((48, 48, 48), 4, 2),
        ((48, 48, 48), 3, 3),
        ((32, 32, 32), 4, 2),
        ((32, 32, 32), 2, 3),
        ((64, 64, 64), 4, 3),
        ((64, 64, 16), 4, 1),  # the shortest axis decides
        ((6, 6, 6), 4, 0),  # three cells on the finest level are enough where there is no better
    ],
)
def test_the_coarsest_level_with_enough_cells_is_chosen(size: Triple, min_cells, level):
    assert choose_level(PYRAMID, size, min_cells) == level


def test_a_patch_encoder_of_one_level_serves_if_parts_span_two_cells():
    assert choose_level([FeatureSpec(768, (16, 16, 16))], (64, 64, 64), 4) == 0
    with pytest.raises(InputError, match=r"view_size: wanted at least \(64, 64, 64\).*Do this: use \(64, 64, 64\)"):
        choose_level([FeatureSpec(768, (16, 16, 16))], (48, 48, 48), 4)


def test_the_chosen_level_is_the_one_that_is_embedded():
    task = make_task("similarity", min_cells=2)
    assert SPECS[task.level].cells(SIZE) == tuple(task(make_features()).embedding.shape[-3:])
    assert make_task("similarity", min_cells=4).level < task.level


def test_part_vectors_equal_a_naive_loop_with_whole_cells():
    """Along axis 0 parts of half the view are whole cells, so plain slices average the same."""
    views = make_views(views=2)
    centres = torch.zeros(2, 2, 3)
    centres[:, 1, 0] = 200.0
    views = dataclasses.replace(views, centres_mm=centres)
    task = make_task("similarity", views=2)
    prediction, targets = task(make_features(views=2)), task.targets(views)
    first, second = prediction.embedding[:, 0], prediction.embedding[:, 1]
    half, (c1, c2) = first.shape[2] // 2, first.shape[3:]
    middle = (slice(c1 // 4, 3 * c1 // 4), slice(c2 // 4, 3 * c2 // 4))
    assert half * 2 % 4 == c1 % 4 == c2 % 4 == 0  # otherwise plain slices would not be the parts
    weigh = [lambda x: x[..., half:, *middle], lambda x: x[..., :half, *middle]]
    near_i, far_i = (cut(first).mean(dim=(2, 3, 4)) for cut in weigh)
    far_j, near_j = (cut(second).mean(dim=(2, 3, 4)) for cut in weigh)
    parts = part_vectors(prediction, targets)[:, 0]
    torch.testing.assert_close(parts, torch.stack([near_i, far_i, near_j, far_j], dim=1))


def test_the_loss_equals_a_naive_loop_over_pairs():
    task, views = make_task("similarity"), make_views()
    prediction, targets = task(make_features()), task.targets(views)
    parts, row, losses = part_vectors(prediction, targets), 0, []
    for i in range(3):
        for _ in range(i + 1, 3):
            near_i, far_i, near_j, far_j = parts[:, row].unbind(1)
            losses.append(cosine_similarity(far_i, far_j, dim=-1) - cosine_similarity(near_i, near_j, dim=-1))
            row += 1
    torch.testing.assert_close(task.loss(prediction, targets)["similarity"], torch.stack(losses).mean())


def embedding_of(views: ViewBatch, function) -> SimilarityPrediction:
    """An embedding that is a function of where each cell of stride 2 lies in the body."""
    stride = (2, 2, 2)
    grids = [torch.arange(size // 2) * 2 + 0.5 - (size - 1) / 2 for size in views.size_vox]
    offsets = torch.stack(torch.meshgrid(*grids, indexing="ij"), dim=-1) * torch.tensor(views.spacing_mm)
    places = views.centres_mm[:, :, None, None, None] + offsets
    return SimilarityPrediction(embedding=function(places).movedim(-1, 2), stride=stride)


def waves(places_mm: torch.Tensor) -> torch.Tensor:
    """Slow waves along the axes: places near each other get similar numbers."""
    phase = places_mm / 150
    return torch.cat([phase.sin(), phase.cos()], dim=-1)


def test_an_embedding_that_varies_slowly_in_the_body_finds_the_near_parts():
    views = make_views(batch=20)
    task = make_task("similarity")
    figures = task.metrics(embedding_of(views, waves), task.targets(views))
    assert figures["near_far_accuracy"] > 0.75


def test_one_embedding_everywhere_is_a_draw():
    views = make_views(batch=5)
    task = make_task("similarity")
    prediction = SimilarityPrediction(embedding=torch.zeros(5, 3, 8, 8, 16, 12), stride=(2, 2, 2))
    figures, losses = task.metrics(prediction, task.targets(views)), task.loss(prediction, task.targets(views))
    assert losses["similarity"].item() == 0
    assert figures["near_far_accuracy"].item() == pytest.approx(0.5)
    assert figures["near_best_accuracy"].item() == pytest.approx(1 / 6)


def test_random_embeddings_are_right_by_chance():
    task, views = make_task("similarity", views=6), make_views(batch=24, views=6)
    generator = torch.Generator().manual_seed(0)
    embedding = torch.randn(24, 6, 32, 2, 2, 2, generator=generator)
    figures = task.metrics(SimilarityPrediction(embedding=embedding, stride=(8, 16, 12)), task.targets(views))
    assert figures["near_far_accuracy"].item() == pytest.approx(0.5, abs=0.15)


def test_raw_intensities_recognise_overlapping_views_of_one_volume():
    """Two views that overlap by half: their near parts show the same voxels."""
    volume = torch.randn(32, 32, 32, generator=torch.Generator().manual_seed(0))
    starts = [(0, 8, 8), (8, 8, 8)]
    images = torch.stack([volume[a : a + 16, b : b + 16, c : c + 16] for a, b, c in starts])[None, :, None]
    centres = torch.tensor([[[a + 7.5, b + 7.5, c + 7.5] for a, b, c in starts]])
    views = ViewBatch(images=images, centres_mm=centres, scans=("one",), spacing_mm=(1.0, 1.0, 1.0))
    task = make_task("similarity", views=2, size=(16, 16, 16))
    figures = task.baselines(views, task.targets(views))["trivial"]
    assert figures["near_far_accuracy"].item() == 1.0
    assert figures["near_best_accuracy"].item() == 1.0


def test_views_without_contrast_leave_the_raw_baseline_undecided():
    task, views = make_task("similarity"), make_views()
    flat = dataclasses.replace(views, images=torch.full_like(views.images, 0.25))
    figures = task.baselines(flat, task.targets(flat))["trivial"]
    assert all(figure.isfinite() for figure in figures.values())


def test_cosines_are_symmetric_with_ones_on_the_diagonal():
    task, views = make_task("similarity"), make_views()
    cosines = part_cosines(part_vectors(task(make_features()), task.targets(views)))
    torch.testing.assert_close(cosines, cosines.transpose(2, 3))
    torch.testing.assert_close(cosines.diagonal(dim1=2, dim2=3), torch.ones(2, 3, len(PARTS)))


def test_targets_hold_boxes_of_half_the_view():
    views = make_views()
    targets = make_task("similarity").targets(views)
    assert targets.part_size_vox == tuple(size / 2 for size in SIZE)
    torch.testing.assert_close(
        targets.parts_vox[..., NEAR, :] + targets.parts_vox[..., FAR, :],
        (torch.tensor(SIZE) - 1.0).expand(2, 3, 3, 3),
    )


def test_the_gradient_does_not_depend_on_cells_outside_the_parts():
    task, views = make_task("similarity", views=2), make_views(views=2)
    prediction = task(make_features(views=2, grad=True))
    prediction.embedding.retain_grad()
    task.loss(prediction, task.targets(views))["similarity"].backward()
    touched = (prediction.embedding.grad.abs().sum(dim=2) > 0).float().mean()
    assert 0.1 < touched < 0.9


def test_averages_of_a_level_agree_with_pooling():
    """A whole-view part would be the pooled map; here the two parts along one axis pool to it together."""
    views = make_views(views=2)
    centres = torch.zeros(2, 2, 3)
    centres[:, 1, 2] = -70.0
    task, views = make_task("similarity", views=2), dataclasses.replace(views, centres_mm=centres)
    prediction, targets = task(make_features(views=2)), task.targets(views)
    parts = part_vectors(prediction, targets)[:, 0]
    d, h, w = prediction.embedding.shape[-3:]
    core = prediction.embedding[:, 0, :, d // 4 : 3 * d // 4, h // 4 : 3 * h // 4]
    pooled = avg_pool3d(core, core.shape[-3:])[..., 0, 0, 0]
    torch.testing.assert_close((parts[:, 0] + parts[:, 1]) / 2, pooled)
    assert w % 2 == 0


def test_the_picture_shows_the_parts_of_the_loss():
    task, views = make_task("similarity"), make_views()
    prediction, targets = task(make_features()), task.targets(views)
    figure = task.picture(views, prediction, targets)
    *slices, table, space = figure.axes
    cosines = part_cosines(part_vectors(prediction, targets))[0, 0]
    np.testing.assert_allclose(table.images[0].get_array(), cosines.detach(), atol=1e-6)
    frames_mm = [np.array(frame._segments3d) for frame in space.collections]  # type: ignore[attr-defined]
    for number, axes in enumerate(slices):
        view, axis = divmod(number, 3)
        across, up = [a for a in range(3) if a != axis]
        boxes = {to_hex(p.get_edgecolor()).upper(): p for p in axes.patches if isinstance(p, Rectangle)}
        for side, colour in enumerate((palette.NEAR, palette.FAR)):
            offset_vox = targets.parts_vox[0, view, 1 - view, side] - (torch.tensor(SIZE) - 1) / 2
            middle = views.centres_mm[0, view] + offset_vox * torch.tensor(SPACING)
            low = middle - torch.tensor(targets.part_size_vox) * torch.tensor(SPACING) / 2
            np.testing.assert_allclose(boxes[colour].get_xy(), [low[across], low[up]], atol=1e-3)
            frame_mm = frames_mm[3 * view + 1 + side].reshape(-1, 3)
            np.testing.assert_allclose(frame_mm.min(0), low, atol=1e-3)
            np.testing.assert_allclose(frame_mm.mean(0), middle, atol=1e-3)

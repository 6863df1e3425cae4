"""Losses of the tasks beside the paper's, against plain loops over views, voxels and places."""

import math

import numpy as np
import pytest
import torch

from orienteer.tasks.base import FeatureSpec, ViewShape
from orienteer.tasks.dense_gap import DenseGap, DenseGapConfig, DenseGapPrediction
from orienteer.tasks.instance_contrast import InstanceContrast, InstanceContrastConfig, InstanceContrastPrediction
from orienteer.tasks.jigsaw import JigsawPrediction, JigsawTargets
from orienteer.tasks.place_contrast import PlaceContrastPrediction
from orienteer.tasks.reconstruction import ReconstructionPrediction
from orienteer.tasks.rotation import RotationPrediction, RotationTargets
from orienteer.tasks.volume_contrast import VolumeContrastPrediction
from orienteer.views.rearrange import UNTOUCHED
from tests.helpers.synthetic import SIZE, SPACING, SPECS, UNIT_MM, make_features, make_task, make_views


def rand(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def cosine(a, b):
    return float((a * b).sum() / (a.norm() * b.norm()))


@pytest.mark.parametrize("where", ["hidden", "all"])
def test_reconstruction_is_the_mean_square_over_the_voxels_that_count(where):
    task, views = make_task("reconstruction", where=where), make_views()
    voxels = rand(*views.images.shape)
    total, count = 0.0, 0
    for place in np.ndindex(*views.images.shape):
        if where == "all" or bool(views.distorted.hidden[place]):
            total += float(voxels[place] - views.clean[place]) ** 2
            count += 1
    loss = task.loss(ReconstructionPrediction(voxels), task.targets(views))["reconstruction"]
    assert loss.item() == pytest.approx(total / count, rel=1e-4)


def test_a_view_without_a_hidden_voxel_counts_whole():
    task, views = make_task("reconstruction"), make_views()
    views.distorted.hidden[0, 1] = False
    counted = task.targets(views).counted
    assert counted[0, 1].all()
    assert torch.equal(counted[1], views.distorted.hidden[1])


def test_voxels_of_a_cell_come_from_that_cell():
    task = make_task("reconstruction").eval()
    features = make_features()
    before = task(features).voxels
    features.levels[0][0, 0, :, 2, 4, 6] += 100 * rand(8)
    # Group norms couple all cells a little, so the largest change is looked at instead of any.
    difference = (task(features).voxels - before).abs()[0, 0, 0]
    place = np.unravel_index(int(difference.argmax()), SIZE)
    assert all(abs(place[axis] // 2 - cell) <= 1 for axis, cell in enumerate((2, 4, 6)))


@pytest.mark.parametrize("views", [2, 3, 4])
def test_instance_contrast_is_nt_xent(views):
    task, batch = make_task("instance_contrast", views=views), make_views(views=views)
    vectors = rand(2, views, 64)
    flat, lost = [vectors[i, v] for i in range(2) for v in range(views)], []
    for number, own in enumerate(flat):
        item, view = divmod(number, views)
        partner = view + 1 if view % 2 == 0 else view - 1
        if partner >= views:
            continue  # an odd last view is a negative only
        alike = [math.exp(cosine(own, other) / 0.1) for k, other in enumerate(flat) if k != number]
        positive = math.exp(cosine(own, flat[item * views + partner]) / 0.1)
        lost.append(-math.log(positive / sum(alike)))
    loss = task.loss(InstanceContrastPrediction(vectors), task.targets(batch))["instance"]
    assert loss.item() == pytest.approx(np.mean(lost), rel=1e-4)


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


def test_place_contrast_is_info_nce_over_the_places_of_the_scan():
    task, views = make_task("place_contrast", views=4, places=6), make_views(views=4)
    targets = task.targets(views)
    assert targets.seen.all()
    maps = rand(2, 4, 32, *SPECS[0].cells(SIZE))
    first, second = task.embedded(PlaceContrastPrediction(maps), targets)
    lost = []
    for item in range(2):
        places = [(pair, n) for pair in range(2) for n in range(6)]
        for one in places:
            there, back = 0.0, 0.0
            for other in places:
                apart = float((targets.places_mm[item][one] - targets.places_mm[item][other]).norm())
                if one != other and apart < task.apart_mm:
                    continue
                there += math.exp(cosine(first[item][one], second[item][other]) / 0.1)
                back += math.exp(cosine(first[item][other], second[item][one]) / 0.1)
            same = math.exp(cosine(first[item][one], second[item][one]) / 0.1)
            lost.append(-(math.log(same / there) + math.log(same / back)) / 2)
    loss = task.loss(PlaceContrastPrediction(maps), targets)["place"]
    assert loss.item() == pytest.approx(np.mean(lost), rel=1e-3)


def test_places_are_the_same_in_both_views_and_inside_both():
    task, views = make_task("place_contrast", views=4), make_views(views=4, seed=3)
    targets = task.targets(views)
    middle = (torch.tensor(SIZE) - 1) / 2
    for side, places in enumerate((targets.first_vox, targets.second_vox)):
        assert (places >= -0.5).all()
        assert (places <= torch.tensor(SIZE) - 0.5).all()
        mm = views.centres_mm[:, side::2, None] + (places - middle) * torch.tensor(SPACING)
        centred = mm - mm.mean(dim=(1, 2), keepdim=True)
        assert torch.allclose(centred, targets.places_mm, atol=1e-3)


def test_pairs_that_do_not_overlap_teach_nothing():
    task, views = make_task("place_contrast", views=2), make_views(views=2)
    views.centres_mm[:, 1] += 1000
    features = make_features(views=2, grad=True)
    prediction, targets = task(features), task.targets(views)
    loss = task.loss(prediction, targets)["place"]
    assert loss.item() == 0
    loss.backward()
    assert all(level.grad is None or level.grad.abs().max() == 0 for level in features.levels)
    assert all(figure.isfinite() for figure in task.metrics(prediction, targets).values())


@pytest.mark.parametrize(
    ("name", "field", "record"), [("rotation", "turn", RotationTargets), ("jigsaw", "order", JigsawTargets)]
)
def test_naming_a_change_is_cross_entropy_over_the_examples(name, field, record):
    task, views = make_task(name), make_views()
    truth = getattr(task.targets(views), field).clone()
    truth[0, 1] = UNTOUCHED
    count = len(task.turns) if name == "rotation" else 24
    scores = rand(2, 3, count)
    lost = []
    for item, view in np.ndindex(2, 3):
        if truth[item, view] != UNTOUCHED:
            exps = [math.exp(value) for value in scores[item, view].tolist()]
            lost.append(-math.log(exps[int(truth[item, view])] / sum(exps)))
    prediction = {"rotation": RotationPrediction, "jigsaw": JigsawPrediction}[name](scores)
    assert task.loss(prediction, record(truth))[name].item() == pytest.approx(np.mean(lost), rel=1e-5)


def test_dense_gap_is_half_the_mean_square_of_all_gaps():
    shape = ViewShape((8, 8, 8), (2.0, 3.0, 4.0), 2, UNIT_MM)
    task = DenseGap(DenseGapConfig(), [FeatureSpec(8, (4, 4, 4))], shape)
    views = make_views(views=2, size=(8, 8, 8))
    truth = task.targets(views).places_mm
    guess = rand(*truth.shape)
    guess = guess - guess.mean(dim=(1, 3, 4, 5), keepdim=True)
    squares = []
    for item in range(2):
        true = truth[item].movedim(1, -1).reshape(-1, 3) / UNIT_MM
        told = guess[item].movedim(1, -1).reshape(-1, 3)
        squares += [float(((told[j] - told[i]) - (true[j] - true[i])).square().sum()) for i, j in np.ndindex(16, 16)]
    loss = task.loss(DenseGapPrediction(guess), task.targets(views))["dense_gap"]
    assert loss.item() == pytest.approx(np.mean(squares) / 2, rel=1e-4)


def test_contrast_tasks_need_a_pair():
    from orienteer.errors import InputError

    with pytest.raises(InputError, match="at least 2 for task 'instance_contrast'"):
        InstanceContrast(InstanceContrastConfig(), SPECS, ViewShape(SIZE, SPACING, 1, UNIT_MM))

"""A voxel probe of ramps: features that hold the label are found, and every encoder sees the same voxels."""

import numpy as np
import pytest
import torch

from orienteer.features.pretrained import Pretrained
from orienteer.labelled.cases import prepare_cases
from orienteer.labelled.datasets import read_dataset
from orienteer.probing.voxels import VoxelProbe
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.store.store import Store
from tests.helpers.labelled import write_dataset
from tests.helpers.voxel_encoder import VoxelEncoder

PREPARATION = Preparation((1.0, 1.0, 1.0), crop_to_body=False)


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> VoxelProbe:
    folder = tmp_path_factory.mktemp("labelled")
    data = read_dataset(str(write_dataset(folder, cases=4)), None, None)
    prepared = prepare_cases(data, folder / "store", PREPARATION, Selection(modality="MR"), workers=0, shown=False)
    cases = [prepared.cases[name] for name in sorted(prepared.cases)]
    return VoxelProbe(Store.open(folder / "store"), cases[:3], cases[3:], 3, 300, 800, overlap=0.0, seed=0)


def test_intensities_find_the_classes_that_differ_in_intensity(probe: VoxelProbe) -> None:
    features = probe.features(Pretrained(VoxelEncoder(1.0), {}, PREPARATION), "test", shown=False)
    assert features.training.shape[0] == sum(len(sample.classes) for sample in probe.samples)
    assert [len(rows) for rows in features.test] == [len(points) for points in probe.lattices]
    (dice,), chosen = probe.dice(features, "knn")
    (baseline,) = probe.baseline()
    assert dice.shape == baseline.shape == (2,)
    assert np.nanmean(dice) > np.nanmean(baseline) + 0.1
    assert chosen.balance in (0.0, 0.5, 1.0)


def test_constant_features_find_nothing_and_draw_nothing(probe: VoxelProbe) -> None:
    state = torch.random.get_rng_state()
    features = probe.features(Pretrained(VoxelEncoder(0.0), {}, PREPARATION), "test", shown=False)
    assert (features.training == features.training[0]).all()
    (dice,), _ = probe.dice(features, "ridge")
    assert np.nanmean(dice) < 0.3
    assert torch.equal(torch.random.get_rng_state(), state)

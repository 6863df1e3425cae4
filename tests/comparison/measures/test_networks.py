"""Untrained encoders: the same for the same seed, and opened like those of a run."""

from dataclasses import replace

import torch

from orienteer.comparison.measures.networks import frozen_of, save_untrained
from orienteer.runs.card import read_card
from tests.helpers.small_study import PRETRAIN

CONFIG = replace(PRETRAIN, unit_mm=100.0, encoder_arguments={"filters": [4, 8, 8], "stem_stride": 1})


def weights(folder, seed):
    save_untrained(folder, replace(CONFIG, seed=seed))
    return frozen_of(folder).network.state_dict()


def test_weights_depend_on_the_seed_alone(tmp_path):
    torch.manual_seed(5)
    first, again, other = weights(tmp_path / "a", 0), weights(tmp_path / "b", 0), weights(tmp_path / "c", 1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_it_is_opened_for_whole_scans_and_its_card_says_scratch(tmp_path):
    save_untrained(tmp_path, CONFIG)
    frozen = frozen_of(tmp_path)
    assert frozen.view_size == CONFIG.view_size
    assert frozen.preparation.spacing_mm == CONFIG.spacing_mm
    assert not frozen.preparation.crop_to_body
    assert (read_card(tmp_path)["method"], read_card(tmp_path)["steps"]) == ("scratch", 0)

"""What learns when, and how fast: measured on the weights after real steps."""

from itertools import pairwise

import pytest
import torch

from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.schedules import Schedule, rate_factor
from orienteer.finetuning.segmentation.network import build_segmenter
from tests.helpers.small_encoders import SMALL


def made(**settings):
    segmenter, loaded = build_segmenter(SMALL["dynunet"].build(), 2, deep_supervision=False, seed=0)
    config = FinetuneConfig(steps=10, warmup=0.2, **settings)
    schedule = Schedule(segmenter.network, loaded.level, loaded.levels, config)
    return segmenter, loaded, schedule


def steps(segmenter, schedule, count, begin=0):
    images = torch.rand(1, 1, *SMALL["dynunet"].view_size, generator=torch.Generator().manual_seed(0))
    for step in range(begin, begin + count):
        schedule.before_step(step)
        schedule.optimiser.zero_grad(set_to_none=True)
        segmenter.train()(images).square().mean().backward()
        schedule.optimiser.step()


def moved(segmenter, before) -> dict[str, bool]:
    return {name: not torch.equal(p, before[name]) for name, p in segmenter.network.named_parameters()}


def snapshot(segmenter):
    return {name: p.detach().clone() for name, p in segmenter.network.named_parameters()}


def test_full_moves_everything():
    segmenter, _, schedule = made(schedule="full")
    before = snapshot(segmenter)
    steps(segmenter, schedule, 3)
    still = [name for name, has in moved(segmenter, before).items() if not has]
    assert not still


def test_frozen_never_moves_the_encoder():
    segmenter, loaded, schedule = made(schedule="frozen")
    before = snapshot(segmenter)
    steps(segmenter, schedule, 10)
    for name, has in moved(segmenter, before).items():
        assert has == (name not in loaded.level), name


def test_decoder_first_leaves_the_encoder_alone_until_its_time_has_come():
    segmenter, loaded, schedule = made(schedule="decoder-first", decoder_first=0.4)
    before = snapshot(segmenter)
    steps(segmenter, schedule, 4)
    assert not any(has for name, has in moved(segmenter, before).items() if name in loaded.level)
    assert all(has for name, has in moved(segmenter, before).items() if name not in loaded.level)
    steps(segmenter, schedule, 2, begin=4)
    assert all(moved(segmenter, before).values())


def test_layer_decay_slows_each_level_by_the_same_factor():
    _, loaded, schedule = made(layer_decay=0.5)
    schedule.before_step(2)  # the first after the rise: the peak
    rates = {group["level"]: group["lr"] for group in schedule.optimiser.param_groups}
    peak = schedule.config.learning_rate
    assert loaded.levels == 3
    assert rates == pytest.approx({None: peak, 2: peak / 2, 1: peak / 4, 0: peak / 8})


def test_every_weight_is_in_one_group_and_norms_are_not_decayed():
    segmenter, _, schedule = made()
    grouped = [p for group in schedule.optimiser.param_groups for p in group["params"]]
    assert len(grouped) == len({id(p) for p in grouped}) == len(list(segmenter.network.parameters()))
    for group in schedule.optimiser.param_groups:
        assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])


def test_the_rate_rises_straight_and_ends_at_zero():
    config = FinetuneConfig(steps=200, warmup=0.1)
    rates = [rate_factor(step, 0, config) for step in range(200)]
    assert rates[:20] == pytest.approx([(step + 1) / 20 for step in range(20)])
    assert all(later <= earlier for earlier, later in pairwise(rates[19:]))
    assert rates[-1] < 1e-3


def test_what_begins_later_joins_the_others():
    config = FinetuneConfig(steps=200, warmup=0.1)
    assert [rate_factor(step, 100, config) for step in (0, 99)] == [0.0, 0.0]
    assert rate_factor(100, 100, config) == pytest.approx(rate_factor(100, 0, config) / 20)
    assert rate_factor(150, 100, config) == rate_factor(150, 0, config)

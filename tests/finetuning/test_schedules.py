"""Which weights are trained when, and at which rate: measured on the weights after real steps."""

from itertools import pairwise

import pytest
import torch

from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.schedules import Schedule, first_encoder_step
from orienteer.finetuning.segmentation.network import build_segmenter
from tests.helpers.small_encoders import SMALL


def made(**settings):
    segmenter, filled = build_segmenter(SMALL["dynunet"].build(), 2, deep_supervision=False, seed=0)
    config = FinetuneConfig(steps=10, warmup=0.2, **settings)
    schedule = Schedule(segmenter.network, filled.level, filled.levels, config)
    return segmenter, filled, schedule


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
    still = [name for name, changed in moved(segmenter, before).items() if not changed]
    assert not still


def test_frozen_never_moves_the_encoder():
    segmenter, filled, schedule = made(schedule="frozen")
    before = snapshot(segmenter)
    steps(segmenter, schedule, 10)
    for name, changed in moved(segmenter, before).items():
        assert changed == (name not in filled.level), name


def test_decoder_first_keeps_the_encoder_frozen_for_its_share_of_the_steps():
    segmenter, filled, schedule = made(schedule="decoder-first", decoder_first=0.4)
    before = snapshot(segmenter)
    steps(segmenter, schedule, 4)
    assert not any(changed for name, changed in moved(segmenter, before).items() if name in filled.level)
    assert all(changed for name, changed in moved(segmenter, before).items() if name not in filled.level)
    steps(segmenter, schedule, 2, begin=4)
    assert all(moved(segmenter, before).values())


def test_layer_decay_slows_each_level_by_the_same_factor():
    _, filled, schedule = made(layer_decay=0.5)
    schedule.before_step(2)  # the first after the rise: the peak
    rates = {group["level"]: group["lr"] for group in schedule.optimiser.param_groups}
    peak = schedule.config.learning_rate
    assert filled.levels == 3
    assert rates == pytest.approx({None: peak, 2: peak / 2, 1: peak / 4, 0: peak / 8})


def test_every_weight_is_in_one_group_and_norms_are_not_decayed():
    segmenter, _, schedule = made()
    grouped = [p for group in schedule.optimiser.param_groups for p in group["params"]]
    assert len(grouped) == len({id(p) for p in grouped}) == len(list(segmenter.network.parameters()))
    for group in schedule.optimiser.param_groups:
        assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])


def test_rates_rise_straight_and_fall_to_zero():
    _, _, schedule = made()
    rates = []
    for step in range(10):
        schedule.before_step(step)
        rates.append(schedule.optimiser.param_groups[0]["lr"])
    peak = schedule.config.learning_rate
    assert rates[:2] == pytest.approx([peak / 2, peak])
    assert all(later <= earlier for earlier, later in pairwise(rates[1:]))
    assert rates[-1] < 0.05 * peak


def test_an_encoder_that_begins_later_rises_to_the_rate_of_the_decoder():
    _, _, schedule = made(schedule="decoder-first", decoder_first=0.4)
    assert first_encoder_step(schedule.config) == schedule.begins == 4
    shares = []
    for step in range(10):
        schedule.before_step(step)
        encoder, decoder = (
            next(group["lr"] for group in schedule.optimiser.param_groups if (group["level"] is None) is new)
            for new in (False, True)
        )
        shares.append(encoder / decoder)
    assert shares == pytest.approx([0, 0, 0, 0, 0.5, 1, 1, 1, 1, 1])

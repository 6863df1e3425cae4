"""The learning-rate schedule: a straight rise, then a cosine; later groups join the others."""

import math

import pytest

from orienteer.runs.schedule import warmup_cosine


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0.0), (10, 0.3), (1000, 0.05)])
def test_it_rises_to_the_peak_and_falls_towards_zero(steps: int, warmup: float) -> None:
    rates = [warmup_cosine(step, steps, warmup) for step in range(steps)]
    peak = rates.index(max(rates))
    assert max(rates) == 1.0
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert all(0 < rate <= 1 for rate in rates)
    assert warmup_cosine(steps, steps, warmup) == pytest.approx(0 if steps > 1 else rates[0], abs=1e-12)


def test_hand_made_values() -> None:
    assert [warmup_cosine(step, 12, 1 / 3) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert warmup_cosine(6, 12, 1 / 3) == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))
    assert warmup_cosine(8, 12, 1 / 3) == pytest.approx(0.5)


def test_weights_that_begin_later_reach_the_rate_of_the_others() -> None:
    later, others = ([warmup_cosine(step, 100, 0.1, begins) for step in range(100)] for begins in (50, 0))
    assert later[:50] == [0.0] * 50
    assert later[59:] == others[59:]
    assert all(one < other for one, other in zip(later[50:59], others[50:59], strict=True))

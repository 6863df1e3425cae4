"""Timing: a warm-up that is not counted, then turns; processor time is apart from the clock."""

import time

from benchmarks.timing import in_turns, medians, timed


def test_calls_take_turns_after_one_warm_up_each():
    calls = []
    seconds = in_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=3)
    assert calls == ["a", "b"] * 4
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3}


def test_the_median_is_of_the_repeats():
    waits = iter([0.0, 0.03, 0.0, 0.0])
    assert medians({"wait": lambda: time.sleep(next(waits))}, repeats=3)["wait"] < 0.02


def test_waiting_takes_no_processor_time():
    times = timed(lambda: time.sleep(0.05) or "slept")
    assert times.result == "slept"
    assert times.seconds >= 0.05
    assert times.cpu_seconds < 0.04

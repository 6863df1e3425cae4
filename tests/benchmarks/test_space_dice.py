"""The benchmark of Dice over scratch: differences are paired by scan, and the interval holds their mean."""

import numpy as np
import pytest

from benchmarks.space_dice import compared


def row(seed: int, labels: int, gain: float) -> dict[str, object]:
    scratch = {f"scan {number}": 0.1 * number for number in range(8)}
    run = {scan: dice + gain + 0.01 * (-1) ** number for number, (scan, dice) in enumerate(scratch.items())}
    return {"seed": seed, "labels": labels, "scratch": scratch, "run": run}


def test_differences_are_paired_by_scan() -> None:
    """Scans differ by 0.7 and runs by 0.02: only a paired interval is narrow."""
    values = compared([row(1, 1, 0.05), row(2, 1, 0.07), row(1, 2, 0.5)], 1)
    assert values["difference"] == pytest.approx(0.06)
    assert values["run"] - values["scratch"] == pytest.approx(0.06)
    low, high = values["interval95"]
    assert 0.03 < low < 0.06 < high < 0.09


def test_one_seed_and_scan_have_no_spread() -> None:
    values = compared([{"seed": 1, "labels": 1, "run": {"a": 0.5}, "scratch": {"a": 0.4}}], 1)
    assert np.allclose(values["interval95"], values["difference"])

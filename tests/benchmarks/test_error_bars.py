"""The benchmark of error bars, on errors whose size is known."""

import numpy as np
import pytest

from benchmarks.error_bars import bar_values
from tests.report.test_trust import measured


def test_bars_that_follow_errors_are_found_to_do_so():
    values = bar_values([measured(number) for number in range(10)])
    assert values["scans"] == 10
    bars = values["bars"]["gap"]
    assert set(bars) == {"scale", "scale_and_spread"}
    assert bars["scale_and_spread"]["coverage90"] == pytest.approx(0.9, abs=0.05)
    assert bars["scale_and_spread"]["rank_places"] > 0.3
    assert values["signs"]["error bar"]["view_sets"]["value"] > 0.8
    assert values["error_mm"] == pytest.approx(np.mean([measured(n).error_mm for n in range(10)]), abs=0.01)

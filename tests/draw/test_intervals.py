"""Means and intervals are drawn at their values, references in grey."""

import numpy as np
from matplotlib.colors import same_color

from orienteer.draw.figures import new_figure
from orienteer.draw.intervals import curves_over_share, dots_with_intervals
from orienteer.draw.palette import GREY


def test_curves_have_their_means_and_error_bars() -> None:
    axes = new_figure().subplots()
    curves = {"method": {0.1: (0.5, 0.4, 0.7), 1.0: (0.8, 0.75, 0.85)}, "scratch": {0.1: (0.3, 0.2, 0.4)}}
    curves_over_share(axes, curves, "Dice", grey=("scratch",))
    method, scratch = axes.containers
    np.testing.assert_array_equal(method.lines[0].get_ydata(), [0.5, 0.8])
    np.testing.assert_allclose(np.asarray(method.lines[0].get_xdata(), float), [0.1, 1.0], rtol=0.02)
    bar = method.lines[2][0].get_segments()[0]
    np.testing.assert_allclose(bar[:, 1], [0.4, 0.7])
    assert same_color(scratch.lines[0].get_color(), GREY)
    assert not same_color(method.lines[0].get_color(), GREY)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["10 %", "100 %"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["method", "scratch"]


def test_curves_of_a_single_share_stay_together() -> None:
    axes = new_figure().subplots()
    curves_over_share(axes, {"a": {0.5: (0.5, 0.4, 0.6)}, "b": {0.5: (0.5, 0.4, 0.6)}}, "Dice")
    low, high = axes.get_xlim()
    assert low < 0.4 < 0.6 < high


def test_dots_are_rows_from_top_to_bottom_with_their_numbers() -> None:
    axes = new_figure().subplots()
    dots_with_intervals(axes, [("a", (3.0, 2.0, 5.0)), ("b", (7.0, 6.0, 8.0))], "error, mm", line=4.0, grey=("b",))
    assert [text.get_text() for text in axes.texts] == ["3", "7"]
    bars = [container.lines[2][0].get_segments()[0] for container in axes.containers]
    np.testing.assert_allclose([bar[:, 0] for bar in bars], [[2.0, 5.0], [6.0, 8.0]])
    low, high = axes.get_ylim()
    assert low > high  # the first row is at the top
    assert list(axes.lines[-1].get_xdata()) == [4.0, 4.0]

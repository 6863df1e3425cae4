"""Plots show the numbers that they were given, each beside its baseline, and do not touch pyplot."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.axes import Axes

from orienteer.draw.figures import new_figure
from orienteer.draw.plots import bars_against, learning_curves, matrix_pair, per_axis_error, truth_scatter


def empty() -> Axes:
    return new_figure().subplots()


def words(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_matrices_show_their_numbers_on_one_scale() -> None:
    figure = new_figure()
    true_mm, predicted_mm = np.array([[0.0, 80.2], [80.2, 0.0]]), np.array([[0.0, 121.0], [121.0, 0.0]])
    left, right = matrix_pair(figure, true_mm, predicted_mm)
    np.testing.assert_array_equal(left.images[0].get_array(), true_mm)
    np.testing.assert_array_equal(right.images[0].get_array(), predicted_mm)
    assert left.images[0].get_clim() == right.images[0].get_clim() == (0.0, 121.0)
    assert [text.get_text() for text in left.texts] == ["0", "80", "80", "0"]
    assert left.texts[1].get_position() == (1, 0)  # row 0 ("from view 1") is up, column 1 ("to view 2") is right
    assert (left.get_ylabel(), left.get_xlabel()) == ("from view", "to view")
    assert [axes.get_ylabel() for axes in figure.axes] == ["from view", "", "mm"]


def test_signed_matrices_have_their_zero_in_the_middle() -> None:
    left, _ = matrix_pair(new_figure(), np.array([[0.0, -30.0], [30.0, 0.0]]), np.array([[-0.2, -10.0], [10.0, 0.0]]))
    low, high = left.images[0].get_clim()
    assert (low, high) == (-30.0, 30.0)


def test_a_small_negative_number_is_not_written_as_minus_zero() -> None:
    _, right = matrix_pair(new_figure(), np.zeros((1, 1)), np.array([[-0.2]]))
    assert right.texts[0].get_text() == "0"


def test_numbers_stay_readable_on_every_colour() -> None:
    for matrix in (np.linspace(0, 300, 36).reshape(6, 6), np.linspace(-300, 300, 36).reshape(6, 6)):
        left, _ = matrix_pair(new_figure(), matrix, matrix)
        image = left.images[0]
        for text, value in zip(left.texts, matrix.ravel(), strict=True):
            red, green, blue, _ = image.cmap(image.norm(value))
            paper = 0.299 * red + 0.587 * green + 0.114 * blue
            assert abs(paper - (0.0 if text.get_color() == "black" else 1.0)) >= 0.5


def test_scatter_shows_model_baseline_and_perfect_agreement() -> None:
    axes = empty()
    true_mm, predicted_mm = np.array([10.0, 100.0, 190.0]), np.array([20.0, -5.0, 190.0])
    truth_scatter(axes, true_mm, predicted_mm, 100.0)
    perfect, baseline, model = axes.lines
    assert list(perfect.get_xdata()) == list(perfect.get_ydata())
    np.testing.assert_array_equal(baseline.get_ydata(), [100.0] * 3)
    np.testing.assert_array_equal(model.get_xdata(), true_mm)
    np.testing.assert_array_equal(model.get_ydata(), predicted_mm)
    assert words(axes) == ["perfect agreement", "baseline, error 60 mm", "model, error 38 mm"]
    low, high = axes.get_ylim()
    assert low < -5.0
    assert high > 190.0
    assert axes.get_xlim() == axes.get_ylim()


def test_scatter_takes_a_baseline_with_a_number_for_each_pair() -> None:
    axes = empty()
    truth_scatter(axes, np.array([10.0, 20.0]), np.array([10.0, 20.0]), np.array([11.0, 19.0]), quantity="gap")
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), [11.0, 19.0])
    assert axes.get_xlabel() == "true gap, mm"


def test_errors_stand_above_the_names_of_their_axes() -> None:
    axes = empty()
    errors_mm = np.array([[1.0, 0.0, -30.0], [-1.0, 10.0, -50.0], [1.0, -10.0, -40.0]])
    per_axis_error(axes, errors_mm)
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["left-right\nerror 1 mm", "back-front\nerror 7 mm", "foot-head\nerror 40 mm"]
    medians = [line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1]
    assert -40.0 in medians
    assert "mm" in axes.get_ylabel()


def test_bars_have_the_height_of_their_metrics() -> None:
    axes = empty()
    baselines = {"trivial": {"gap_error_mm": 149.0, "route_error_mm": 150.0}, "histogram": {"gap_error_mm": 101.0}}
    bars_against(axes, {"gap_error_mm": 41.0, "route_error_mm": 44.0}, baselines)
    heights = [[bar.get_height() for bar in group] for group in axes.containers]
    assert heights == [[41.0, 44.0], [149.0, 150.0], [101.0]]
    assert words(axes) == ["model", "trivial", "histogram"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["gap error", "route error"]
    centre = axes.containers[2][0]
    assert 0 < centre.get_x() + centre.get_width() / 2 < 0.5  # the histogram's bar belongs to the first figure


def test_bars_without_baselines() -> None:
    axes = empty()
    bars_against(axes, {"closure_error_mm": 12.0}, {})
    assert axes.containers[0][0].get_height() == 12.0


def test_curves_and_the_levels_of_baselines() -> None:
    axes = empty()
    steps, curve = np.array([10, 20, 30]), np.array([150.0, np.nan, 40.0])
    learning_curves(axes, steps, {"gap_error_mm": curve}, {"trivial": 149.0})
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), steps)
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), curve)
    assert list(axes.lines[1].get_ydata()) == [149.0, 149.0]
    assert words(axes) == ["gap error", "trivial baseline"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "mm")


@pytest.mark.parametrize("size", [(600, 300), (1100, 500)])
def test_no_two_words_of_a_figure_overlap(size: tuple[int, int], tmp_path) -> None:
    figure = new_figure(*size)
    left, right = figure.subplots(1, 2)
    truth_scatter(left, np.array([10.0, 200.0]), np.array([20.0, 180.0]), 100.0)
    bars_against(right, {"gap_error_mm": 41.0, "distance_error_mm": 4.0}, {"trivial": {"gap_error_mm": 149.0}})
    figure.savefig(tmp_path / "figure.png")
    texts = [axes.xaxis.label for axes in figure.axes] + [axes.yaxis.label for axes in figure.axes]
    texts += [label for axes in figure.axes for label in axes.get_xticklabels() + axes.get_yticklabels()]
    texts += [text for axes in figure.axes for text in axes.get_legend().get_texts()]
    frames = [text.get_window_extent() for text in texts if text.get_text() and text.get_visible()]
    for number, frame in enumerate(frames):
        assert not any(frame.overlaps(other) for other in frames[number + 1 :])


def test_matplotlib_is_loaded_on_first_use_and_pyplot_never() -> None:
    code = """
import sys, numpy as np
from orienteer.draw import arrows, boxes, figures, palette, plots, slices
assert "matplotlib" not in sys.modules
figure = figures.new_figure()
axes = slices.three_slices(figure, np.zeros((3, 3, 3)), (1, 1, 1), (1.0, 1.0, 1.0))[0]
boxes.draw_box(axes, 0, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), palette.TRUE, "box")
arrows.draw_miss(axes, 0, (1.0, 1.0, 1.0), (2.0, 2.0, 2.0))
figure.savefig("/dev/null", format="png")
assert "matplotlib.pyplot" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

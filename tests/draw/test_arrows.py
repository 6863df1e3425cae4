"""Arrows are drawn where they should be, on every slice."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color
from matplotlib.patches import FancyArrowPatch

from orienteer.draw.arrows import draw_arrow, draw_miss, draw_route
from orienteer.draw.figures import new_figure
from orienteer.draw.palette import MISSED, TRUE
from orienteer.draw.slices import in_plane, show_slice

SIZE = (20, 30, 40)


def slice_across(axis: int) -> Axes:
    axes = new_figure().subplots()
    show_slice(axes, np.zeros(SIZE, np.float32), axis, 5, (1.0, 1.0, 1.0))
    return axes


def ends(arrow: FancyArrowPatch) -> np.ndarray:
    """The two ends of an arrow's shaft, mm."""
    return np.array(arrow._posA_posB)  # type: ignore[attr-defined]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_route_passes_through_its_points_in_order(axis: int) -> None:
    axes = slice_across(axis)
    points_mm = np.array([[2.0, 3.0, 4.0], [15.0, 20.0, 30.0], [8.0, 25.0, 12.0], [1.0, 1.0, 1.0]])
    draw_route(axes, axis, points_mm, TRUE, "true route")
    flat = points_mm[:, in_plane(axis)]
    arrows = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    np.testing.assert_allclose(np.stack([ends(arrow) for arrow in arrows]), np.stack([flat[:-1], flat[1:]], axis=1))
    assert [text.get_text() for text in axes.legend().get_texts()] == ["true route"]
    (ring,) = [line for line in axes.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(np.column_stack(ring.get_data()), flat[:1])


def test_one_point_is_a_route_without_arrows() -> None:
    axes = slice_across(2)
    draw_route(axes, 2, np.array([[1.0, 2.0, 3.0]]), TRUE)
    assert not axes.patches


def test_a_miss_is_labelled_with_its_full_length_in_3d() -> None:
    axes = slice_across(2)
    draw_miss(axes, 2, (5.0, 5.0, 5.0), np.array([8.0, 9.0, 17.0]))  # 3, 4, 12 -> 13 mm
    assert axes.texts[-1].get_text() == "missed by 13 mm"
    dotted = axes.lines[0]
    np.testing.assert_array_equal(np.column_stack(dotted.get_data()), [[5.0, 5.0], [8.0, 9.0]])
    assert same_color(dotted.get_color(), MISSED)


def test_an_arrow_has_its_label_and_its_dashes() -> None:
    axes = slice_across(1)
    draw_arrow(axes, 1, (0.0, 0.0, 0.0), (10.0, 5.0, 20.0), TRUE, label="22 mm", dashed=True)
    assert axes.texts[-1].get_text() == "22 mm"
    assert axes.patches[0].get_linestyle() == "--"

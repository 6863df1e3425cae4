"""Boxes and arrows lie where they are said to lie, whatever slice they are seen on."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color
from matplotlib.patches import FancyArrowPatch, Rectangle

from orienteer.draw.arrows import draw_arrow, draw_miss, draw_route
from orienteer.draw.boxes import draw_box
from orienteer.draw.figures import new_figure
from orienteer.draw.palette import MISSED, PREDICTED, TRUE, view_colour
from orienteer.draw.slices import in_plane, show_slice

SIZE = (20, 30, 40)


def slice_across(axis: int) -> Axes:
    axes = new_figure().subplots()
    show_slice(axes, np.zeros(SIZE, np.float32), axis, 5, (1.0, 1.0, 1.0))
    return axes


def ends(arrow: FancyArrowPatch) -> np.ndarray:
    # The shaft's path, in pixels, back to mm: its first and last points are the two ends that were asked for.
    start, end = arrow._posA_posB  # type: ignore[attr-defined]
    return np.array([start, end])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_box_is_projected_on_the_slice(axis: int) -> None:
    axes = slice_across(axis)
    centre_mm, size_mm = (9.0, 14.0, 25.0), np.array([4.0, 6.0, 10.0])
    draw_box(axes, axis, centre_mm, size_mm, PREDICTED, label="most alike", dashed=True)
    box = axes.patches[0]
    assert isinstance(box, Rectangle)
    across, up = in_plane(axis)
    assert box.get_center() == pytest.approx((centre_mm[across], centre_mm[up]))
    assert (box.get_width(), box.get_height()) == (size_mm[across], size_mm[up])
    assert same_color(box.get_edgecolor(), PREDICTED)
    assert not box.get_fill()
    assert box.get_linestyle() == "--"
    assert axes.texts[-1].get_text() == "most alike"


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


def test_a_miss_is_told_in_full_length_though_the_slice_shows_a_part_of_it() -> None:
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


@pytest.mark.parametrize("x_mm", [0.5, 10.0, 18.5])
def test_a_tag_grows_away_from_the_border(x_mm: float) -> None:
    axes = slice_across(2)
    draw_box(axes, 2, (x_mm, 15.0, 5.0), (2.0, 2.0, 2.0), TRUE, label="a long label, but not too long")
    axes.figure.savefig("/dev/null", format="png")
    tag, frame = axes.texts[-1].get_window_extent(), axes.get_window_extent()
    middle = (tag.x0 + tag.x1) / 2
    inward = frame.x0 + frame.width / 2 - middle
    place = axes.transData.transform((x_mm, 0))[0]
    assert abs(inward) <= abs(frame.x0 + frame.width / 2 - place) + 1


def test_views_next_to_each_other_have_different_colours() -> None:
    assert len({view_colour(view) for view in range(7)}) == 7

"""Boxes are drawn where they should be, on every slice and in 3D."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color
from matplotlib.patches import Rectangle

from orienteer.draw.boxes import draw_box, draw_frame, frame_space
from orienteer.draw.figures import new_figure
from orienteer.draw.palette import PREDICTED, TRUE
from orienteer.draw.slices import in_plane, show_slice

SIZE = (20, 30, 40)


def slice_across(axis: int) -> Axes:
    axes = new_figure().subplots()
    show_slice(axes, np.zeros(SIZE, np.float32), axis, 5, (1.0, 1.0, 1.0))
    return axes


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


def test_a_frame_has_the_edges_of_its_box() -> None:
    axes = new_figure().add_subplot(projection="3d")
    centre_mm, size_mm = np.array([10.0, 20.0, 30.0]), np.array([4.0, 6.0, 8.0])
    draw_frame(axes, centre_mm, size_mm, TRUE)
    edges = np.array(axes.collections[0]._segments3d)
    assert sorted(np.linalg.norm(edges[:, 1] - edges[:, 0], axis=1)) == [4.0] * 4 + [6.0] * 4 + [8.0] * 4
    corners = np.unique(edges.reshape(-1, 3), axis=0)
    assert len(corners) == 8
    np.testing.assert_allclose(np.abs(corners - centre_mm), np.tile(size_mm / 2, (8, 1)))


def test_space_has_one_scale_and_the_right_on_the_left() -> None:
    axes = new_figure().add_subplot(projection="3d")
    frame_space(axes, (0.0, 0.0, 0.0), (10.0, 20.0, 40.0))
    assert axes.get_xlim() == (10.0, 0.0)
    assert axes.get_zlim() == (0.0, 40.0)
    aspect = axes._box_aspect
    np.testing.assert_allclose(aspect / aspect[0], [1.0, 2.0, 4.0])

"""What is shown on a slice is the data, in the right place, with the right sides."""

import numpy as np
import pytest

from orienteer.draw.figures import new_figure
from orienteer.draw.slices import PLANES, in_plane, show_slice, three_slices
from orienteer.errors import InputError

SHAPE, SPACING_MM, ORIGIN_MM = (5, 7, 4), (2.0, 3.0, 10.0), (-20.0, 6.0, 100.0)
FACES = {"L": (0, -1), "R": (0, 1), "P": (1, -1), "A": (1, 1), "F": (2, -1), "H": (2, 1)}


def volume() -> np.ndarray:
    return np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def test_every_voxel_is_shown_at_its_place_in_mm() -> None:
    scan = volume()
    for axis, axes in enumerate(three_slices(new_figure(), scan, (1, 2, 3), SPACING_MM, ORIGIN_MM)):
        image = axes.images[0]
        shown, (left, right, bottom, top) = np.asarray(image.get_array()), image.get_extent()
        across, up = in_plane(axis)
        for voxel in np.ndindex(SHAPE):
            if voxel[axis] != (1, 2, 3)[axis]:
                continue
            x, y = (ORIGIN_MM[a] + voxel[a] * SPACING_MM[a] for a in (across, up))
            column, row = (x - left) / (right - left) * shown.shape[1], (y - bottom) / (top - bottom) * shown.shape[0]
            # The middle of a voxel falls on the middle of its pixel.
            assert (column % 1, row % 1) == (pytest.approx(0.5), pytest.approx(0.5))
            assert shown[int(row), int(column)] == scan[voxel]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_each_side_mark_stands_on_its_side_of_the_body(axis: int) -> None:
    axes = new_figure().subplots()
    show_slice(axes, volume(), axis, (1, 2, 3), SPACING_MM, ORIGIN_MM)
    marks = {text.get_text(): text.get_position() for text in axes.texts}
    assert len(marks) == 4
    to_mm = axes.transData.inverted()
    for letter, place in marks.items():
        face_axis, sign = FACES[letter]
        at_mm = to_mm.transform(axes.transAxes.transform(place))
        middle_mm = ORIGIN_MM[face_axis] + (SHAPE[face_axis] - 1) / 2 * SPACING_MM[face_axis]
        assert (at_mm[in_plane(axis).index(face_axis)] - middle_mm) * sign > 0, letter


@pytest.mark.parametrize(
    ("axis", "left", "top"), [(0, "A", "H"), (1, "R", "H"), (2, "R", "A")], ids=["sagittal", "coronal", "axial"]
)
def test_slices_are_shown_as_radiologists_read_them(axis: int, left: str, top: str) -> None:
    axes = new_figure().subplots()
    show_slice(axes, volume(), axis, 0, SPACING_MM)
    marks = {text.get_text(): text.get_position() for text in axes.texts}
    assert min(marks, key=lambda letter: marks[letter][0]) == left
    assert max(marks, key=lambda letter: marks[letter][1]) == top
    assert axes.get_title(loc="left").startswith(PLANES[axis])


def test_a_millimetre_is_as_long_across_as_up_and_all_three_share_the_grey_scale() -> None:
    every = three_slices(new_figure(), volume(), (1, 2, 3), SPACING_MM)
    assert {axes.get_aspect() for axes in every} == {1.0}
    assert {axes.images[0].get_clim() for axes in every} == {(float(volume().min()), float(volume().max()))}
    limited = three_slices(new_figure(), volume(), (1, 2, 3), SPACING_MM, limits=(-1.0, 1.0))
    assert {axes.images[0].get_clim() for axes in limited} == {(-1.0, 1.0)}


def test_the_title_names_the_place_of_the_slice() -> None:
    axes = new_figure().subplots()
    show_slice(axes, volume(), 2, 3, SPACING_MM, ORIGIN_MM)
    assert axes.get_title(loc="left") == "axial, 130 mm"


def test_a_constant_volume_can_be_shown() -> None:
    axes = new_figure().subplots()
    show_slice(axes, np.full(SHAPE, 7, np.int16), 0, 0, SPACING_MM)
    low, high = axes.images[0].get_clim()
    assert low < 7 < high


def test_a_slice_outside_the_volume_is_refused() -> None:
    axes = new_figure().subplots()
    with pytest.raises(InputError, match="at_vox: wanted 0 to 6 on axis 1, got 7"):
        show_slice(axes, volume(), 1, 7, SPACING_MM)
    with pytest.raises(InputError, match="at_vox: wanted 0 to 3 on axis 2, got -1"):
        show_slice(axes, volume(), 2, (0, 0, -1), SPACING_MM)
    with pytest.raises(InputError, match="axis: wanted 0, 1 or 2, got 3"):
        in_plane(3)

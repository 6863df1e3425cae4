"""What is drawn lies at the places of the views in the body."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from orienteer.draw.figures import new_figure
from orienteer.tasks import scene
from tests.helpers.synthetic import SIZE, SPACING, make_views


def test_the_central_voxel_lies_at_the_centre_of_the_view():
    views = make_views()
    centre_vox = (np.array(SIZE) - 1) / 2
    for item, view in np.ndindex(2, 3):
        centre_mm = scene.centres_mm(views, item)[view]
        np.testing.assert_allclose(scene.voxels_to_mm(views, view, centre_vox, item), centre_mm)
        one_on = scene.voxels_to_mm(views, view, centre_vox + 1, item)
        np.testing.assert_allclose(one_on - centre_mm, SPACING)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_central_slice_is_drawn_in_mm(axis):
    views, axes = make_views(), new_figure(300, 300).subplots()
    scene.show_central_slice(axes, views, 1, axis, item=1)
    across, up = [other for other in range(3) if other != axis]
    half_mm = np.array(SIZE) * np.array(SPACING) / 2
    low, high = scene.centres_mm(views, 1)[1] - half_mm, scene.centres_mm(views, 1)[1] + half_mm
    np.testing.assert_allclose(axes.images[0].get_extent(), [low[across], high[across], low[up], high[up]], atol=1e-3)
    slice_vox = views.images[1, 1, 0].select(axis, SIZE[axis] // 2)
    np.testing.assert_allclose(axes.images[0].get_array(), slice_vox.T, atol=1e-6)


def test_other_voxels_can_be_drawn_in_the_place_of_the_images():
    views, axes = make_views(), new_figure(300, 300).subplots()
    scene.show_central_slice(axes, views, 0, 2, voxels=torch.full_like(views.images, 0.25))
    assert (axes.images[0].get_array() == 0.25).all()


def test_several_views_are_labelled_and_all_lie_inside_the_axes():
    views, axes = make_views(), new_figure(300, 300).subplots()
    scene.show_views(axes, views, [0, 2], axis=2)
    assert {text.get_text() for text in axes.texts} >= {"view 1", "view 3"}
    right, left = axes.get_xlim()
    for view in (0, 2):
        assert left < scene.centres_mm(views)[view][0] < right


def test_views_are_drawn_as_they_are_and_what_was_hidden_is_outlined():
    views, axes = make_views(), new_figure(300, 300).subplots()
    hidden = torch.zeros_like(views.distorted.hidden)
    hidden[0, 0, 0, :, 8:16, 4:10] = True
    views = replace(views, images=torch.zeros_like(views.images), distorted=replace(views.distorted, hidden=hidden))
    scene.show_views(axes, views, [0], axis=0)
    np.testing.assert_allclose(axes.images[0].get_array(), views.clean[0, 0, 0, SIZE[0] // 2].T, atol=1e-6)
    corners = np.concatenate([path.vertices for path in axes.collections[0].get_paths()])
    low = scene.voxels_to_mm(views, 0, np.array([0, 7.5, 3.5]))
    high = scene.voxels_to_mm(views, 0, np.array([0, 15.5, 9.5]))
    np.testing.assert_allclose(corners.min(0), low[1:], atol=1e-3)
    np.testing.assert_allclose(corners.max(0), high[1:], atol=1e-3)


def test_without_hidden_parts_nothing_is_outlined():
    views, axes = replace(make_views(), distorted=None), new_figure(300, 300).subplots()
    scene.show_views(axes, views, [0], axis=0)
    assert not axes.collections

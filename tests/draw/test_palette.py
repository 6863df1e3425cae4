"""Colours by role."""

from orienteer.draw.palette import view_colour


def test_neighbouring_views_have_different_colours() -> None:
    assert len({view_colour(view) for view in range(7)}) == 7

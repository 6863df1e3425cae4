"""Colours by role, from the Okabe-Ito palette, which people with the common colour-vision deficiencies can tell apart.

Source: Okabe and Ito, *Color Universal Design*, 2008. The grey for baselines is ours: they
stay in the background.
"""

from colorsys import hls_to_rgb

BLACK = "#000000"
ORANGE = "#E69F00"
SKY_BLUE = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#8C8C8C"

TRUE = SKY_BLUE
"""The truth: true gaps, true routes. Bright enough for dark scans and dark enough for white paper."""

PREDICTED = ORANGE
"""What the model predicts."""

MISSED = VERMILION
"""The error: from the truth to the prediction."""

BASELINE = GREY
"""What a baseline reaches."""

NEAR = GREEN
"""Parts of two views that face each other."""

FAR = PURPLE
"""Parts of two views that face away from each other."""

MARK = "#FFFFFF"
"""Letters on a scan, always with a dark outline."""

_VIEWS = (SKY_BLUE, ORANGE, GREEN, PURPLE, YELLOW, VERMILION, BLUE)


def view_colour(view: int) -> str:
    """Returns the colour of view number ``view`` (from 0); the colours repeat after seven views.

    Example:
        >>> view_colour(0) == view_colour(7), view_colour(0) == view_colour(1)
        (True, False)
    """
    return _VIEWS[view % len(_VIEWS)]


def class_colours(count: int) -> list[tuple[float, float, float]]:
    """Returns a colour for each of several classes, red, green and blue from 0 to 1.

    The first seven are of the palette. Further ones differ in hue and lightness; no palette keeps so many apart for everybody,
    so that names beside the colours are needed.

    Args:
        count: number of classes.

    Example:
        >>> len(set(class_colours(30))), [round(part, 2) for part in class_colours(1)[0]]
        (30, [0.34, 0.71, 0.91])
    """
    named = [_rgb(colour) for colour in _VIEWS]
    more = [hls_to_rgb((0.618 * number) % 1, (0.35, 0.55, 0.75)[number % 3], 0.65) for number in range(count)]
    return [*named, *more][:count]


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue

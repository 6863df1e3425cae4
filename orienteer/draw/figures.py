"""Figures without a window and without global state, so that any process and thread can draw them."""

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from orienteer.text import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 100

GREYS = 128
"""Grey levels kept in a saved picture, and as many colours: enough for a scan and a few line colours, a third of the bytes."""


MISSING = "\u25a1"
"""Takes the place of a letter that the font lacks."""


def new_figure(width_px: int = 900, height_px: int = 450) -> "Figure":
    """Returns an empty figure of the given size with constrained layout.

    Args:
        width_px: width in pixels of the saved picture.
        height_px: height in pixels.

    Example:
        >>> new_figure(600, 300).get_size_inches().tolist()
        [6.0, 3.0]
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width_px / DPI, height_px / DPI), dpi=DPI, layout="constrained")


def plain_label(name: str) -> str:
    r"""Returns a name of the user as matplotlib can show it: not as a formula, and in the legend whatever it begins with.

    Letters that the font lacks become boxes; matplotlib would warn of each.

    Example:
        >>> plain_label("a$b"), plain_label("_mine"), plain_label("CT \u809d")
        ('a\\$b', ' _mine', 'CT \u25a1')
    """
    shown = "".join(letter if ord(letter) in _letters() else MISSING for letter in printable(name)).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


@lru_cache
def _letters() -> frozenset[int]:
    """Returns the letters that the default font has."""
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def to_png(figure: "Figure") -> bytes:
    """Returns a figure as a PNG file with a palette of greys and colours."""
    from PIL import Image

    rgb = _pixels(figure)
    # Greys and colours are quantised separately: in one palette, thin arrows would fade or the scan would be tinted.
    coloured = (rgb != rgb[..., :1]).any(axis=-1)
    index = rgb[..., 0] // (256 // GREYS)
    palette = np.repeat(np.linspace(0, 255, GREYS).round().astype(np.uint8), 3).tolist()
    if coloured.any():
        inks = Image.fromarray(rgb[coloured][None]).quantize(
            256 - GREYS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
        index[coloured] = np.asarray(inks)[0] + GREYS
        palette += (inks.getpalette() or [])[: 3 * (256 - GREYS)]
    image = Image.fromarray(index)
    image.putpalette(palette)
    small = io.BytesIO()
    image.save(small, format="png", optimize=True)
    return small.getvalue()


def full_png(figure: "Figure") -> bytes:
    """Returns a figure as a PNG file in full colour; the same figure gives the same bytes."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(_pixels(figure)).save(file, format="png", dpi=(figure.dpi, figure.dpi))
    return file.getvalue()


def _pixels(figure: "Figure") -> UInt8[np.ndarray, "height width 3"]:
    """Returns red, green and blue of every pixel of a figure, drawn once: `savefig` draws twice, with the same pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])

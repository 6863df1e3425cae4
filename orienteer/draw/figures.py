"""New figures that belong to no window and to no global state, so that they can be made in any process and thread."""

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 100

GREYS = 128
"""Greys that a saved picture keeps, and as many colours: enough for a scan and a few inks, at a third of the bytes."""


def new_figure(width_px: int = 900, height_px: int = 450) -> "Figure":
    """Returns an empty figure of the given size that lays out its own contents.

    Args:
        width_px: width in pixels of the saved picture.
        height_px: height in pixels.

    Example:
        >>> new_figure(600, 300).get_size_inches().tolist()
        [6.0, 3.0]
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width_px / DPI, height_px / DPI), dpi=DPI, layout="constrained")


def to_png(figure: "Figure") -> bytes:
    """Returns a figure as a small PNG file."""
    from PIL import Image

    raw, small = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="png")
    rgb = np.asarray(Image.open(raw).convert("RGB"))
    # Greys and colours apart: in one palette for both, thin arrows would lose their colour, or the scan would gain one.
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
    image.save(small, format="png", optimize=True)
    return small.getvalue()


def full_png(figure: "Figure") -> bytes:
    """Returns a figure as a PNG file in full colour; the same figure gives the same bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()

"""New figures that belong to no window and to no global state, so that they can be made in any process and thread."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 100


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

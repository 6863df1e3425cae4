"""The extents of a collection as bars along three axes: one glance shows the odd ones."""

from collections.abc import Mapping

from orienteer.draw.figures import new_figure, plain_label, to_png
from orienteer.draw.palette import BLUE, VERMILION
from orienteer.screening.extents import Extent
from orienteer.types import AXIS_NAMES

MOST_BARS = 80
"""Scans that are drawn; extents.json has them all."""


def draw_extents(extents: Mapping[str, Extent], marked: frozenset[str]) -> bytes:
    """Returns a picture of the extents, lowest first, as a PNG file.

    Args:
        extents: by scan.
        marked: scans with an error or warning, drawn in another colour.
    """
    names = sorted(extents, key=lambda name: (extents[name].frame, extents[name].begin_mm[2], name))[:MOST_BARS]
    figure = new_figure(900, 90 + 16 * len(names))
    panels = figure.subplots(1, 3, sharey=True)
    colours = [VERMILION if name in marked else BLUE for name in names]
    rows = range(len(names))
    for axis, panel in enumerate(panels):
        begins = [extents[name].begin_mm[axis] for name in names]
        widths = [extents[name].end_mm[axis] - begin for name, begin in zip(names, begins, strict=True)]
        panel.barh(rows, widths, left=begins, color=colours, height=0.7)
        panel.set_xlabel(f"{AXIS_NAMES[axis]}, mm", fontsize=8)
        panel.tick_params(labelsize=7)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(rows, [_short(name) for name in names], fontsize=6)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    return to_png(figure)


def _short(name: str) -> str:
    return plain_label(name if len(name) <= 28 else f"...{name[-25:]}")

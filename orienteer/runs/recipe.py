"""The recipe of a run: how its scans were prepared, written to and read from cards (encoder.json, model.json)."""

from collections.abc import Mapping
from typing import Any

from orienteer.scans.preparation import Preparation
from orienteer.settings import plain
from orienteer.types import AXES_CODE, TripleMm

Card = Mapping[str, Any]
"""Content of an encoder.json or a model.json."""


def recipe_facts(preparation: Preparation) -> dict[str, Any]:
    """Returns the entries of a card that describe how scans are prepared: spacing, axes, intensity rules, crop.

    Example:
        >>> recipe_facts(Preparation(spacing_mm=(2.0, 2.0, 3.0)))["spacing_mm"]
        [2.0, 2.0, 3.0]
    """
    values = plain(preparation)
    return {
        "spacing_mm": values["spacing_mm"],
        "axes": AXES_CODE,
        "intensity": {
            "CT": {"window_hu": values["ct_window_hu"], "to": [-1, 1]},
            "MR": {"percentiles_of_body": values["mr_percentiles"], "to": [-1, 1]},
        },
        "crop": {"to_body": preparation.crop_to_body, "margin_mm": preparation.margin_mm},
    }


def preparation_of(card: Card) -> Preparation:
    """Returns the preparation that a card describes; a crop that it does not mention is the default one.

    Example:
        >>> preparation = Preparation(spacing_mm=(2.0, 2.0, 3.0), ct_window_hu=(-160.0, 260.0))
        >>> preparation_of(recipe_facts(preparation)) == preparation
        True
    """
    crop, renamed = card.get("crop", {}), (("crop_to_body", "to_body"), ("margin_mm", "margin_mm"))
    return Preparation(
        spacing_mm=spacing_of(card),
        ct_window_hu=ct_window_of(card),
        mr_percentiles=mr_percentiles_of(card),
        **{name: crop[key] for name, key in renamed if key in crop},
    )


def spacing_of(card: Card) -> TripleMm:
    """Returns the voxel size in mm."""
    size0, size1, size2 = (float(size) for size in card["spacing_mm"])
    return size0, size1, size2


def ct_window_of(card: Card) -> tuple[float, float]:
    """Returns the HU that become -1 and 1 in CT scans."""
    low, high = (float(value) for value in card["intensity"]["CT"]["window_hu"])
    return low, high


def mr_percentiles_of(card: Card) -> tuple[float, float]:
    """Returns the percentiles of the body's values that become -1 and 1 in MR scans."""
    low, high = (float(value) for value in card["intensity"]["MR"]["percentiles_of_body"])
    return low, high

"""encoder.json: what a user of a run's weights must know about the network and its input."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orienteer.errors import InputError
from orienteer.files import read_json
from orienteer.runs.card_checks import check_values
from orienteer.runs.hub_folder import CONFIG_FILE as HUB_CONFIG_FILE
from orienteer.runs.hub_folder import read_hub_card
from orienteer.runs.recipe import recipe_facts
from orienteer.runs.run_config import RunConfig

CARD_FILE = "encoder.json"

FORMAT = 1
"""Version of encoder.json and encoder.safetensors. Files of a later version are refused rather than misread."""

_REQUIRED = ("format", "encoder", "arguments", "view_size", "spacing_mm", "axes", "intensity", "sha256")


def encoder_facts(
    config: RunConfig, data_fingerprint: str, started_from: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Returns what encoder.json holds about the input of the encoder and its training; the rest describes the network.

    Args:
        config: the settings of the run.
        data_fingerprint: one hash of the content of all scans.
        started_from: what the weights had been trained on before, see `orienteer.runs.began`.
    """
    return {
        "view_size": list(config.view_size),
        **recipe_facts(config.preparation),
        "unit_mm": config.unit_mm,
        "method": config.method,
        "steps": config.steps,
        "seed": config.seed,
        "data_fingerprint": data_fingerprint,
        **({"started_from": [dict(origin) for origin in started_from]} if started_from else {}),
        "licence": "unknown: set it before you share the weights; it depends on the scans",
    }


def card_file(folder: Path) -> Path:
    """Returns the card of a folder: encoder.json of a run, or config.json of what `orienteer push` wrote."""
    run, hub = folder / CARD_FILE, folder / HUB_CONFIG_FILE
    return hub if hub.is_file() and not run.is_file() else run


def read_card(folder: Path) -> dict[str, Any]:
    """Returns the content of encoder.json in a folder, or the same from a folder in the layout of the Hugging Face hub.

    Raises:
        InputError: no such file, not JSON, a later version, or a missing or invalid value; a changed file of that layout.
    """
    file = card_file(folder)
    if file.name == HUB_CONFIG_FILE:
        card = read_hub_card(folder)
    else:
        wanted, do = (
            f"a run folder with encoder.safetensors and {CARD_FILE}",
            "name the folder that `orienteer pretrain` wrote",
        )
        card = read_json(file, wanted=wanted, do=do)
    missing = [key for key in _REQUIRED if key not in card]
    if missing:
        raise InputError(
            str(file),
            wanted=f"what `orienteer pretrain` writes: {', '.join(_REQUIRED)}",
            got=f"no {', '.join(missing[:3])}",
            do="copy the file again from the run folder",
        )
    if card["format"] != FORMAT:
        raise InputError(
            str(file), wanted=f"format {FORMAT}", got=str(card["format"]), do="install a newer version of orienteer"
        )
    check_values(file, card)
    return card

"""encoder.json: what a user of a run's weights must know about the network and its input."""

from pathlib import Path
from typing import Any

from orienteer.errors import InputError
from orienteer.files import read_json
from orienteer.runs.card_checks import check_values
from orienteer.runs.recipe import recipe_facts
from orienteer.runs.run_config import RunConfig

CARD_FILE = "encoder.json"

FORMAT = 1
"""Version of encoder.json and encoder.safetensors. Files of a later version are refused rather than misread."""

_REQUIRED = ("format", "encoder", "arguments", "view_size", "spacing_mm", "axes", "intensity", "sha256")


def encoder_facts(config: RunConfig, data_fingerprint: str) -> dict[str, Any]:
    """Returns what encoder.json holds about the input of the encoder and its training; the rest describes the network.

    Args:
        config: the settings of the run.
        data_fingerprint: one hash of the content of all scans.
    """
    return {
        "view_size": list(config.view_size),
        **recipe_facts(config.preparation),
        "unit_mm": config.unit_mm,
        "method": config.method,
        "steps": config.steps,
        "seed": config.seed,
        "data_fingerprint": data_fingerprint,
        "licence": "unknown: set it before you share the weights; it depends on the scans",
    }


def read_card(folder: Path) -> dict[str, Any]:
    """Returns the content of encoder.json in a folder.

    Raises:
        InputError: no such file, not JSON, a later version, or a missing or invalid value.
    """
    file, wanted = folder / CARD_FILE, f"a run folder with encoder.safetensors and {CARD_FILE}"
    card: dict[str, Any] = read_json(file, wanted=wanted, do="name the folder that `orienteer pretrain` wrote")
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

"""Weights in the layout of the Hugging Face hub: config.json, preprocessor_config.json, model.safetensors, README.md.

config.json holds the checksums of the other two and one of itself. README.md is for people, who may edit it on the hub; only
its licence must be that of config.json.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

import yaml

from orienteer.errors import InputError
from orienteer.files import read_json

CONFIG_FILE, PREPARATION_FILE, MODEL_FILE, README_FILE = (
    "config.json",
    "preprocessor_config.json",
    "model.safetensors",
    "README.md",
)
LIBRARY = "orienteer"

PREPARATION = ("view_size", "spacing_mm", "axes", "intensity", "crop", "unit_mm")
"""Keys of a card that say what images the encoder takes: they are in preprocessor_config.json."""

FURTHER = "further_sha256"
"""Key of the checksums of further files."""

_FETCH_AGAIN = "fetch or copy the folder again, or ask who published it"
_WRITTEN = "the file that `orienteer push` wrote"


class _Config(TypedDict):
    library_name: str
    preparation_sha256: str
    config_sha256: str


def hub_files(
    card: Mapping[str, Any], licence: str, readme: str, weights: bytes, more: Mapping[str, bytes] | None = None
) -> dict[str, bytes]:
    """Returns the content of each file of the layout.

    Args:
        card: content of encoder.json.
        licence: of the weights, an identifier such as ``apache-2.0``.
        readme: the model card.
        weights: content of encoder.safetensors.
        more: further files by name, whose checksums are kept too.
    """
    preparation = _json({key: card[key] for key in PREPARATION if key in card})
    config = {
        "library_name": LIBRARY,
        **{key: value for key, value in card.items() if key not in PREPARATION},
        "licence": licence,
        "preparation_sha256": hashlib.sha256(preparation).hexdigest(),
    }
    if more:
        config[FURTHER] = {name: hashlib.sha256(blob).hexdigest() for name, blob in more.items()}
    config["config_sha256"] = _own_checksum(config)
    return {
        **(more or {}),
        PREPARATION_FILE: preparation,
        MODEL_FILE: weights,
        README_FILE: readme.encode(),
        CONFIG_FILE: _json(config),
    }


def read_hub_card(folder: Path) -> dict[str, Any]:
    """Returns the card of a folder of this layout: what encoder.json of the run held.

    Raises:
        InputError: a file that is missing, damaged, was changed or is of another library, or two licences.
    """
    file = folder / CONFIG_FILE
    config: dict[str, Any] = read_json(file, do=_FETCH_AGAIN)
    if config.get("library_name") != LIBRARY or not _Config.__required_keys__ <= set(config):
        got = f"one of {config.get('library_name') or config.get('model_type') or 'another program'}"
        do = "name a folder or repository that `orienteer push` made, or a run folder"
        raise InputError(str(file), wanted=_WRITTEN, got=got, do=do)
    if config["config_sha256"] != _own_checksum(config):
        raise InputError(str(file), wanted=_WRITTEN, got="one that was changed", do=_FETCH_AGAIN)
    preparation = folder / PREPARATION_FILE
    blob = preparation.read_bytes() if preparation.is_file() else b""
    if hashlib.sha256(blob).hexdigest() != config["preparation_sha256"]:
        got = "one that is cut short or was changed" if blob else "no such file"
        raise InputError(str(preparation), wanted=_WRITTEN, got=got, do=_FETCH_AGAIN)
    _check_licence(folder, str(config.get("licence")))
    of_layout = {*_Config.__required_keys__, FURTHER}
    return {**{key: value for key, value in config.items() if key not in of_layout}, **json.loads(blob)}


def checked_file(folder: Path, name: str, do: str) -> bytes:
    """Returns the content of a further file of a folder whose card was read, and so found whole.

    Args:
        folder: the folder.
        name: of the file.
        do: what to do where the folder never had it.

    Raises:
        InputError: the folder does not have it, or it was changed.
    """
    config: dict[str, Any] = read_json(folder / CONFIG_FILE, do=_FETCH_AGAIN)
    if name not in config.get(FURTHER, {}):
        raise InputError(str(folder / name), wanted="such a file", got="an encoder alone", do=do)
    file = folder / name
    blob = file.read_bytes() if file.is_file() else b""
    if hashlib.sha256(blob).hexdigest() != config[FURTHER][name]:
        got = "one that is cut short or was changed" if blob else "no such file"
        raise InputError(str(file), wanted=_WRITTEN, got=got, do=_FETCH_AGAIN)
    return blob


def _check_licence(folder: Path, licence: str) -> None:
    """Stops where README.md, which is what people read, names another licence than config.json."""
    named = _licence_of(folder / README_FILE)
    if named is not None and named != licence:
        got, do = f"{named}, and {licence} in {CONFIG_FILE}", "ask who published it; push it again with --license"
        raise InputError(f"license in {folder / README_FILE}", wanted="one licence", got=got, do=do)


def _licence_of(readme: Path) -> str | None:
    """Returns the licence in the metadata of a model card; None without a card or without one in it."""
    if not readme.is_file():
        return None
    parts = readme.read_text("utf-8", "replace").split("---\n", 2)
    try:
        metadata = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else None
    except yaml.YAMLError:
        return None
    licence = metadata.get("license") if isinstance(metadata, dict) else None
    return None if licence is None else str(licence)


def _own_checksum(config: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of what a config holds, itself left out, whatever its order and white space."""
    content = {key: value for key, value in config.items() if key != "config_sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()

"""start.json: what a training began with, where that was not new weights, and what these weights had been trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from orienteer.encoders.adoption import Adopted
from orienteer.files import read_json, write_json
from orienteer.runs.card import read_card
from orienteer.runs.folder import CONFIG_FILE, SPLIT_FILE, START_FILE
from orienteer.runs.hub import is_address, local_copy
from orienteer.runs.records import fingerprint
from orienteer.runs.run_config import RunConfig, read_config
from orienteer.runs.split import EarlierScan, read_split_contents, seen_by

Origin = dict[str, Any]
"""What weights were trained on before: of a run its fingerprint, method and steps, of others the file and whose it is."""


class _Began(TypedDict):
    origins: list[dict[str, Any]]
    steps: NotRequired[int]
    checkpoint_sha256: NotRequired[str]


@dataclass(frozen=True)
class Began:
    """What a training began with.

    Attributes:
        origins: what its weights had been trained on before, the last first; nothing that names a place or a scan.
        steps: optimiser steps of the run that it continues; 0 without one.
        checkpoint_sha256: of the checkpoint of that run; empty without one.
        report: what became of tensors and settings.
    """

    origins: Sequence[Origin] = ()
    steps: int = 0
    checkpoint_sha256: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)


def write_began(folder: Path, began: Began) -> None:
    """Writes start.json, if there is something to say."""
    if began.origins:
        write_json(folder / START_FILE, asdict(began))


def read_began(folder: Path) -> Began:
    """Returns what a run began with.

    Raises:
        InputError: a damaged start.json.
    """
    if not (folder / START_FILE).is_file():
        return Began()
    content: _Began = read_json(folder / START_FILE, _Began)
    return Began(content["origins"], content.get("steps", 0), content.get("checkpoint_sha256", ""))


def origins_of_weights(path: str, adopted: Adopted | None) -> list[Origin]:
    """Returns what initial weights had been trained on.

    Args:
        path: the weights.
        adopted: what was loaded from a file of others; None for those of a run.

    Raises:
        InputError: weights of a run that are damaged.
    """
    address = {"address": path} if is_address(path) else {}
    if adopted is not None:
        return [{**address, "file": adopted.file, "origin": adopted.origin}]
    place = local_copy(path)
    card = read_card(place if place.is_dir() else place.parent)
    facts: Origin = {key: card[key] for key in ("data_fingerprint", "method", "steps") if key in card}
    return [{**address, **facts}, *card.get("started_from", [])]


def origins_of_run(run: str, steps: int) -> list[Origin]:
    """Returns what the weights of a run that is continued had been trained on.

    Args:
        run: its folder, or what ``push --whole`` wrote.
        steps: that it was trained for.

    Raises:
        InputError: a damaged run folder.
    """
    folder = local_copy(run)
    if not (folder / CONFIG_FILE).is_file():
        first, *others = origins_of_weights(run, None)
        return [{**first, "steps": steps}, *others]
    config: RunConfig = read_config(folder)
    contents = [
        content for key, content in read_split_contents(folder).items() if content is not None and key != content
    ]
    facts = {"data_fingerprint": fingerprint(contents), "method": config.method, "steps": steps}
    return [facts, *read_began(folder).origins]


def scans_seen_before(config: RunConfig) -> list[EarlierScan]:
    """Returns the scans that the initial weights of a run have seen, as far as their run folder is there.

    Raises:
        InputError: a damaged split.json.
    """
    source = config.continue_from or config.weights
    if source is None or is_address(source):
        return []
    folder = Path(source) if Path(source).is_dir() else Path(source).parent
    is_run = (folder / SPLIT_FILE).is_file() and (folder / CONFIG_FILE).is_file()
    return seen_by(folder) if is_run else []

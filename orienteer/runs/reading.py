"""How a run reads and prepares scans, and where its store is: all that is needed to find a scan again, without what trains."""

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from orienteer.runs.folder import read_settings
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.settings import make_settings

PartT = TypeVar("PartT")


@dataclass(frozen=True)
class Reading:
    """How a run reads and prepares scans.

    Attributes:
        selection: how ambiguous scans are read: their frame and modality.
        preparation: how they are prepared.
        store: folder of the prepared scans.
    """

    selection: Selection
    preparation: Preparation
    store: str


def read_reading(folder: Path) -> Reading:
    """Returns how a run reads and prepares scans, from its config.yaml. It imports nothing that takes long.

    Raises:
        InputError: no run there, or its config.yaml is damaged.
    """
    settings = read_settings(folder)
    selection = _part(Selection, settings, ("frame", "modality"))
    preparation = _part(Preparation, settings, [item.name for item in fields(Preparation)])
    return Reading(selection, preparation, store_folder(settings.get("store"), folder))


def store_folder(store: str | None, folder: Path) -> str:
    """Returns the folder of the prepared scans of a run: the one that was named, or ``store`` next to the run folder.

    The latter too where the one that was named is gone: run and store may have been moved together.

    Args:
        store: the folder that was named, if any.
        folder: of the run.
    """
    beside = folder.resolve().parent / "store"
    if store is not None and (os.path.isdir(store) or not beside.is_dir()):
        return store
    return str(beside)


def _part(kind: type[PartT], settings: dict[str, Any], names: tuple[str, ...] | list[str]) -> PartT:
    """Returns a group of settings; those that are open have their defaults."""
    return make_settings(kind, {name: settings[name] for name in names if settings.get(name) is not None})

"""The output folder of a fine-tuning: its config.yaml and its summary.json."""

import json
from pathlib import Path
from typing import Any

import yaml

from orienteer.errors import InputError
from orienteer.training.folder import CONFIG_FILE, SUMMARY_FILE
from orienteer.training.weights import write_whole
from orienteer.transfer.config import FinetuneConfig, make_config

MAY_DIFFER = {"workers", "accelerator", "prepare_workers", "resume", "out", "pictures", "store", "save_every"}
"""Settings that may differ when a fine-tuning is resumed: they change how fast it goes, not what comes out."""


def write_config(folder: Path, config: FinetuneConfig) -> None:
    """Writes config.yaml: every setting, resolved."""
    text = yaml.safe_dump(config.to_dict(), sort_keys=False, allow_unicode=True)
    first = f"# Run this again: orienteer finetune --config {CONFIG_FILE} --out NEW\n"
    write_whole(folder / CONFIG_FILE, (first + text).encode())


def read_config(folder: Path) -> FinetuneConfig:
    """Returns the settings of a fine-tuning.

    Raises:
        InputError: the folder is none, or its config.yaml cannot be read.
    """
    try:
        settings = yaml.safe_load((folder / CONFIG_FILE).read_text())
        return make_config(settings)
    except (OSError, yaml.YAMLError, InputError, TypeError) as error:
        raise InputError(
            str(folder),
            wanted=f"the folder of a fine-tuning, with {CONFIG_FILE}",
            got=f"none that can be read ({error})",
            do="name the folder that `orienteer finetune` made",
        ) from error


def check_same(before: FinetuneConfig, given: dict[str, Any]) -> None:
    """Stops where settings given with ``--resume`` contradict those that the fine-tuning began with.

    Raises:
        InputError: naming the first setting that differs.
    """
    old = before.to_dict()
    for name, value in make_config(given).to_dict().items():
        if name in given and name not in MAY_DIFFER and given[name] is not None and value != old[name]:
            raise InputError(
                name,
                wanted=f"{old[name]}, as it began",
                got=str(value),
                do="leave it out with --resume, or start again in another --out",
            )


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Writes summary.json."""
    write_whole(folder / SUMMARY_FILE, (json.dumps(summary, indent=2) + "\n").encode())

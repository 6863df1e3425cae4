"""about.json: what a reader of the summary must know without the folder, and the command that repeats the comparison."""

import shlex
from collections.abc import Sequence
from typing import Any

import yaml

from orienteer.comparison.config import CompareConfig
from orienteer.comparison.plan.cell import Entry
from orienteer.comparison.plan.parts import PARTS
from orienteer.comparison.plan.study import Study
from orienteer.comparison.work.records import Records

ABOUT_FILE = "about.json"

OF_THE_MACHINE = ("data", "images", "labels", "out", "store", "parallel", "cluster")
"""Settings that the command does not repeat: they depend on the machine."""


def about(study: Study, entries: Sequence[Entry], records: Records) -> dict[str, Any]:
    """Returns the facts as JSON values, without any path of this machine."""
    hashes = dict.fromkeys(entry.cell.hash for entry in entries)
    finished = [result for name in hashes if (result := records.get(name)) is not None]
    network = study.contenders[0].config.to_dict()
    return {
        "dataset": study.name,
        "command": command(study.config),
        "evaluate": study.config.evaluate,
        "cases": {part: len(study.parts.part(part)) for part in PARTS},
        "seeds": list(study.config.seeds),
        "methods": [contender.name for contender in study.contenders],
        "network": {key: network[key] for key in ("encoder", "encoder_arguments", "view_size", "spacing_mm")},
        "cells": len(hashes),
        "cells_done": len(finished),
        "processor_hours": round(sum(result["cpu_seconds"] for result in finished) / 3600, 2),
        "devices": sorted({result["device"] for result in finished}),
        "threads": sorted({result["threads"] for result in finished}),
        "versions": {key: value for result in finished[:1] for key, value in result["versions"].items()},
        "data_fingerprint": study.data_fingerprint,
    }


def command(config: CompareConfig) -> str:
    """Returns the command that repeats the comparison, without the paths of this machine.

    Example:
        >>> command(CompareConfig(seeds=(0,), finetune={"steps": 9}))
        "orienteer compare DATA --out OUT --seeds 0 --finetune '{steps: 9}'"
    """
    words = ["orienteer", "compare", "DATA", "--out", "OUT"]
    values, default = config.to_dict(), CompareConfig().to_dict()
    for key, value in values.items():
        if key not in OF_THE_MACHINE and value != default[key]:
            words += [f"--{key}", "SPLIT" if key == "split" else _argument(value)]
    return shlex.join(words)


def _argument(value: Any) -> str:
    if isinstance(value, dict):
        return yaml.safe_dump(value, default_flow_style=True, width=10**6).strip()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)

"""Facts of scans that were looked at before, kept beside their prepared arrays: nobody reads a scan twice for them."""

import dataclasses
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args, get_type_hints

from orienteer.errors import InputError
from orienteer.files import read_json, write_json
from orienteer.screening.facts import FACTS_VERSION, ScanFacts

FACTS_FILE = "facts.json"


def remembered_facts(folder: str | Path) -> dict[str, ScanFacts]:
    """Returns facts by the key of the scan in a store; none where there is no file, or one of another version."""
    file = Path(folder) / FACTS_FILE
    if not file.is_file():
        return {}
    try:
        content = read_json(file)
        if content.get("version") != FACTS_VERSION:
            return {}
        return {key: _made(ScanFacts, values) for key, values in content["scans"].items()}
    except (InputError, TypeError, KeyError, ValueError):  # a damaged file: the scans are looked at again
        return {}


def remember(folder: str | Path, facts: Mapping[str, ScanFacts]) -> None:
    """Keeps facts by the key of the scan; a store that may only be read is left as it is."""
    scans = {key: json.loads(json.dumps(each.to_dict())) for key, each in sorted(facts.items())}
    with suppress(InputError):
        write_json(Path(folder) / FACTS_FILE, {"version": FACTS_VERSION, "scans": scans})


def _made(kind: type, values: Mapping[str, Any]) -> Any:
    """Returns a dataclass from plain JSON values; its lists become tuples."""
    hints = get_type_hints(kind)
    return kind(**{name: _value(hints[name], value) for name, value in values.items()})


def _value(hint: Any, value: Any) -> Any:
    inner = next((each for each in (hint, *get_args(hint)) if dataclasses.is_dataclass(each)), None)
    if isinstance(value, dict) and inner is not None:
        return _made(inner, value)  # type: ignore[arg-type]
    return tuple(value) if isinstance(value, list) else value

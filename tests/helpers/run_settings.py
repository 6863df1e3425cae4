"""Settings of a run without scans: for tests of what works on settings alone."""

from typing import Any

from orienteer.runs.run_config import RunConfig, make_run_config

PLAIN: dict[str, Any] = {
    "view_size": [16, 16, 16],
    "spacing_mm": [2.0, 2.0, 3.0],
    "unit_mm": 50.0,
    "views": 4,
    "method": "spatial",
    "encoder": "tiny",
    "encoder_arguments": {"filters": [4, 8, 8], "stem_stride": 1},
}


def run_config(**changes: Any) -> RunConfig:
    """The settings of a small run, with changes."""
    return make_run_config({**PLAIN, **changes})

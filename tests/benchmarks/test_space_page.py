"""The section on space holds the numbers of the kept tables."""

import json
from pathlib import Path

from benchmarks.space_page import space_section
from benchmarks.space_values import KEYS

ROW = {"seed": 1, "steps": 400, "cpu_seconds": 120}
VALUES = {
    **dict.fromkeys(KEYS, 0.5),
    "faults_named": None,
    "interval95": {"gap_over_trivial": [0.4, 0.6]},
    "ranges": {**{key: [0.5, 0.5] for key in KEYS}, "coverage90": [0.4, 0.6], "faults_named": None},
    "by_seed": [ROW, {**ROW, "seed": 2}],
}
SETTINGS = {"method": "default", "minutes": 2.0, "set": {}, "sets": 16, "faults": 1}


def test_every_kept_table_is_a_row(tmp_path: Path) -> None:
    folder = tmp_path / "space"
    folder.mkdir()
    (folder / "demo.json").write_text(json.dumps({"demo": VALUES, "settings": SETTINGS}))
    text = space_section(tmp_path)
    first = "| demo | default | **0.500** [0.400, 0.600] | 0.50 (0.40 to 0.60) |"
    assert f"{first} 0.50 | 0.50 | 0.50 |  | 0.50 | 1, 2 | 400 | 2.0 |" in text


def test_without_tables_there_is_no_section(tmp_path: Path) -> None:
    assert space_section(tmp_path) == ""

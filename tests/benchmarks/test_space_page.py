"""The section on space holds the numbers of the kept tables."""

import json
from pathlib import Path

from benchmarks.space_page import space_section
from benchmarks.space_values import KEYS

SETTINGS = {"method": "default", "minutes": 2.0, "set": {}, "sets": 16, "faults": 1}


def keep(folder: Path, file: str, seed: int, ratio: float, data: str = "demo", method: str = "default") -> None:
    folder.mkdir(exist_ok=True)
    row = {**dict.fromkeys(KEYS, 0.5), "faults_named": None, "coverage90": 0.4 + seed / 10, "gap_over_trivial": ratio}
    row |= {"seed": seed, "steps": 400, "cpu_seconds": 120}
    row |= {"by_scan": {"error_mm": [ratio], "trivial_mm": [1.0], "cosine_rank": []}}
    content = {data: {"by_seed": [row]}, "settings": {**SETTINGS, "method": method}}
    (folder / file).write_text(json.dumps(content))


def test_seeds_of_one_method_are_one_row_whatever_their_files(tmp_path: Path) -> None:
    keep(tmp_path / "space", "demo-2.json", 2, 0.6)
    keep(tmp_path / "space", "demo-1.json", 1, 0.4)
    keep(tmp_path / "space", "demo-earlier.json", 1, 0.9, method="earlier-default")
    text = space_section(tmp_path)
    first = "| demo | default | **0.500** [0.400, 0.600] | 0.55 (0.50 to 0.60) |"
    assert f"{first} 0.50 | 0.50 | 0.50 |  | 0.50 | 0.50 | 0.50 | 0.50 | 1, 2 | 400 | 2.0 |" in text
    assert "| demo | earlier-default | **0.900** [0.900, 0.900] |" in text


def test_without_tables_there_is_no_section(tmp_path: Path) -> None:
    assert space_section(tmp_path) == ""

"""The recipes for GPUs can be run, fit their cards by what is counted, and the page of questions shows what was counted."""

import json
import re
from pathlib import Path

import pytest
import yaml

from benchmarks.recipes import RECIPES, SUSTAINED_TFLOPS, needs, read, table
from orienteer.runs.config import make_config

ROOT = Path(__file__).parents[2]
KEPT = json.loads((ROOT / "benchmarks" / "results" / "recipes.json").read_text())
FILES = sorted(RECIPES.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_recipe_is_settings_of_pretrain_and_fits_its_card(file: Path) -> None:
    given = yaml.safe_load(file.read_text())
    made = make_config({**given, "scans": "SCANS", "out": "OUT"})
    assert made.accelerator == "gpu"
    assert f"--config recipes/{file.name}" in file.read_text()
    card_gb = int(re.findall(r"gpu-(\d+)gb", file.name)[0])
    counted = KEPT[file.name]
    assert counted["memory_gb"] < 0.7 * card_gb  # room for what is not counted
    for key in ("encoder", "batch", "precision", "steps"):
        assert counted[key] == given[key], f"{key}: run python -m benchmarks.recipes again"


def test_every_recipe_was_counted() -> None:
    assert sorted(KEPT) == [file.name for file in FILES]


def test_the_page_of_questions_shows_what_was_counted() -> None:
    page = (ROOT / "docs" / "faq.md").read_text()
    assert table(KEPT) in page


def test_a_small_recipe_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "gpu-1gb.yaml"
    file.write_text(
        "{encoder: tiny, view_size: [32, 32, 32], batch: 2, accumulate: 2, steps: 1000, precision: bf16, accelerator: gpu}"
    )
    found = needs(file)
    whole = tmp_path / "gpu-2gb.yaml"
    whole.write_text(file.read_text().replace("accumulate: 2, ", ""))
    both = needs(whole)
    assert found["step_tflop"] == pytest.approx(both["step_tflop"], rel=0.1, abs=0.01)
    assert found["memory_gb"] <= both["memory_gb"]
    assert read(file).views == found["views"] == 4
    rows = table({"gpu-1gb.yaml": found}).splitlines()
    assert rows[2].count("|") == rows[0].count("|") == 6 + len(SUSTAINED_TFLOPS)
    assert "tiny, 4 of 32 x 32 x 32, 2" in rows[2]

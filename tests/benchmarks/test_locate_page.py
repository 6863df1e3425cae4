"""The section on places holds the numbers of the kept tables, means over the seeds of all files."""

import json
from pathlib import Path
from typing import Any

from benchmarks.locate_page import locate_section


def errors(mean: float, **others: Any) -> dict[str, Any]:
    return {"median_mm": mean - 1, "mean_mm": mean, "p90_mm": 2 * mean, **others}


AGAIN = {**errors(2.0, coverage90=0.9), "pairs": 2, "places": 99, "same_coordinates_mm": 4.0}


def keep(folder: Path, name: str, seed: int, mean: float, **others: Any) -> None:
    row = errors(mean, seed=seed, places=30, interval_mm=[mean - 2, mean + 2], over_affine=0.5, coverage90=0.9, pairs=6)
    row |= {
        "registered_pairs": errors(mean + 1),
        "three_templates": errors(mean - 3, coverage90=0.8),
        "same_person": None,
    }
    row |= {"outside_recall": 0.96, "outside_false": 0.02, "cut_away": 20, "left": 40}
    row |= {"seconds_per_scan": 0.4, "feature_seconds": 0.9}
    row["baselines"] = {"affine registration": errors(30.0, seconds=6.0, pairs=2)}
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps({"abdomen_ct": {"by_seed": [row | others]}}))


def test_seeds_of_several_files_stand_together(tmp_path):
    keep(tmp_path / "locate", "two.json", 2, 20.0, same_person=AGAIN)
    keep(tmp_path / "locate", "one.json", 1, 10.0)
    text = locate_section(tmp_path)
    assert "### abdomen_ct, seeds 1, 2" in text
    assert "| **orienteer locate** | 14.0 | 15.0 | 30.0 | 0.90 | 0.40 | 6 |" in text
    assert "| three templates | 11.0 | 12.0 | 24.0 | 0.80 |  |  |" in text
    assert "| affine registration | 29.0 | 30.0 | 60.0 |  | 6.00 | 2 |" in text
    assert (
        "Of 20 places that were cut away 96 % are called outside the field of view, of 40 that were left 2 %." in text
    )
    assert "median 1.0, mean 2.0 mm; same coordinates 4.0 mm." in text  # of the one seed that has such a pair


def test_one_seed_has_the_interval_over_its_scans(tmp_path):
    keep(tmp_path / "locate", "one.json", 1, 10.0)
    assert "10.0 [8, 12]" in locate_section(tmp_path)
    assert "The same person" not in locate_section(tmp_path)


def test_no_table_gives_no_section(tmp_path):
    assert locate_section(tmp_path) == ""

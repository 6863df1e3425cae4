"""The results page is what the command makes of the committed tables, and the goals are what a person would compute."""

import json
import math

import pytest
import yaml

from benchmarks import results
from benchmarks.results_goals import share_interval
from benchmarks.results_page import make_page
from orienteer.comparison.results.summary import Line, write_summary_table

ABOUT = {
    "dataset": "made-up", "command": "orienteer compare DATA --out OUT --seeds 0,1", "evaluate": "test",
    "cases": {"pretraining": 12, "validation": 4, "test": 5}, "seeds": [0, 1], "methods": ["scratch", "default", "voco"],
    "network": {"encoder": "tiny", "view_size": [16, 16, 16], "spacing_mm": [1.0, 1.0, 2.5]},
    "cells": 9, "cells_done": 8, "processor_hours": 0.5, "devices": ["cpu"], "threads": [2],
    "versions": {"orienteer": "0.1.0", "torch": "2"}, "data_fingerprint": "0123",
}  # fmt: skip


def dice(method, fraction, mean, against="", half=0.01, downstream="finetune"):
    return Line("made-up", downstream, "dice_mean", "", method, fraction, against, mean, mean - half, mean + half, 2, 5)


def error(method, mean):
    return Line("made-up", "retrieval", "error_mm", "mm", method, "", "", mean, mean - 0.5, mean + 0.5, 2, 5)


LINES = [
    dice("scratch", "0.05", 0.70), dice("default", "0.05", 0.74), dice("voco", "0.05", 0.72),
    dice("scratch", "1", 0.80), dice("default", "1", 0.795), dice("voco", "1", 0.79),
    dice("default", "mean", 0.7675), dice("voco", "mean", 0.755),
    dice("default", "0.05", 0.04, "scratch"), dice("default", "1", -0.005, "scratch"),
    dice("default", "0.05", 0.5, downstream="probe"), dice("voco", "0.05", 0.4, downstream="probe"),
    dice("majority map", "0.05", 0.3, downstream="probe"),
    error("default", 2.0), error("voco", 4.5), error("same coordinates", 6.0),
]  # fmt: skip
PAIRED = [
    dice("voco", "0.05", -0.02, "default"),
    dice("voco", "1", 0.02, "default"),
    dice("voco", "mean", -0.015, "default"),
]


def kept(folder, lines, about=ABOUT):
    """Writes a folder as compare leaves it, keeps it, and reads it back."""
    made = folder / "made"
    made.mkdir()
    write_summary_table(made, lines)
    (made / "about.json").write_text(json.dumps(about))
    (made / "compare.yaml").write_text(yaml.safe_dump({"data": "/here", "store": "/there", "seeds": [0, 1]}))
    head = "downstream,method,seed,config_hash,pretrain_seconds,finetune_seconds\n"
    rows = "pretrain,default,0,a,10.0,\n" * 2 + "pretrain,default,1,b,20.0,\nfinetune,scratch,0,c,,7.0\n"
    (made / "runs" / "a").mkdir(parents=True)
    steps = [{"step": 2, "part": "train", "loss": 1}, {"step": 2, "part": "heldout", "loss": 1, "gap_error_mm": 5.0},
             {"step": 4, "part": "heldout", "loss": 1, "gap_error_mm": 4.0, "gap_error_mm_trivial": 9.0}]  # fmt: skip
    (made / "runs" / "a" / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in steps))
    (made / "results.csv").write_text(head + rows)
    place = results.add(made, "made-up", folder / "tables")
    assert sorted(path.name for path in place.iterdir()) == [
        "about.json", "compare.yaml", "cost.csv", "curves.csv", "summary.csv"
    ]  # fmt: skip
    return results.read_results(folder / "tables")


def test_the_committed_page_is_what_the_command_makes():
    made = make_page(results.read_results(), results.read_stability(), results.read_tried())
    assert results.PAGE.read_text() == made, "give `python -m benchmarks.results write` and commit docs/results.md"


def test_what_is_kept_names_no_place_of_the_machine_and_counts_each_cell_once(tmp_path):
    (result,) = kept(tmp_path, LINES)
    assert yaml.safe_load((tmp_path / "tables" / "made-up" / "compare.yaml").read_text()) == {"seeds": [0, 1]}
    assert result.cost == {"default": (15.0, None), "scratch": (None, 7.0)}
    first, last = result.curves
    assert (first.method, first.seed, first.step, first.figure, first.value) == ("default", 0, 2, "gap_error_mm", 5.0)
    assert math.isnan(first.trivial)
    assert (last.step, last.value, last.trivial) == (4, 4.0, 9.0)


def test_the_page_shows_every_figure_and_says_what_it_is_of(tmp_path):
    kept(tmp_path, LINES)
    page = tmp_path / "docs" / "results.md"
    results.write(tmp_path / "tables", page)
    text = page.read_text()
    assert "| default | 0.740 [0.730, 0.750] | 0.795 [0.785, 0.805] | 0.767 [0.757, 0.777] |" in text.replace(
        "0.768", "0.767"
    )
    assert "| default | +0.040 [+0.030, +0.050] | -0.005 [-0.015, +0.005] |" in text
    assert "| same coordinates | 6.00 [5.50, 6.50] |" in text
    for words in ("**test**", "Not finished: 8 of 9", "--seeds 0,1", "| default | 15 |  |", "at 1 x 1 x 2.5 mm"):
        assert words in text
    for picture in ("results_made-up.png", "pretraining_made-up.png"):
        assert (page.parent / "img" / picture).read_bytes()[:4] == b"\x89PNG"
        assert f"(img/{picture})" in text
    before = text
    results.write(tmp_path / "tables", page)
    assert page.read_text() == before


def goals_of(tmp_path, lines, stability=()):
    return make_page(kept(tmp_path, lines), stability).partition("## Goals")[2].partition("\n## ")[0]


def test_the_short_table_holds_the_means_and_what_was_tried_stands_by_its_goal(tmp_path):
    text = make_page(kept(tmp_path, LINES + PAIRED), (), {"1": "slower rates", "4": "nothing"})
    short, _, goals = text.partition("## Goals")
    assert "| method | fine-tuned, Dice | frozen probe, Dice | same place, mm | pretraining, processor s |" in short
    assert "| voco | 0.755 [0.745, 0.765] | 0.400 [0.390, 0.410] | 4.5 [4.0, 5.0] |  |" in short
    assert "Tried: slower rates" in goals.partition("2. Fine-tuning")[0]
    assert "Tried: nothing" in goals.partition("4. Stability")[2]


def test_goals_are_judged_by_their_figures(tmp_path):
    said = goals_of(tmp_path, LINES + PAIRED)
    assert "Never below: no; gain with few labels: **yes**" in said  # -0.015 is the low end at all labels
    assert "voco +0.015 [+0.005, +0.025]" in said  # turned round
    assert "every fraction: no (behind voco at 100 %); best by 0.01: **yes**" in said
    assert "above both: **yes**" in said
    assert "0.44 of voco" in said
    assert "0.33 of same coordinates" in said
    assert "At most half of both: **yes**" in said
    assert "not measured" in said.partition("4. ")[2]


def test_a_worse_method_reaches_nothing(tmp_path):
    worse = [dice("default", "0.05", 0.02, "scratch"), dice("default", "1", 0.0, "scratch"),
             dice("default", "mean", 0.75), dice("voco", "mean", 0.755), error("default", 3.0), error("voco", 4.5),
             error("same coordinates", 6.0)]  # fmt: skip
    said = goals_of(tmp_path, worse)
    assert "Never below: **yes**; gain with few labels: no" in said
    assert "-0.005 on the mean of fractions to the best other, voco" in said
    assert "Best by 0.01: no" in said
    assert "At most half of both: no" in said  # half of one, two thirds of the other


@pytest.mark.parametrize(("bad", "reached"), [((), "**yes**"), ((3,), "no")])
def test_stability_counts_bad_seeds(tmp_path, bad, reached):
    rows = [
        {"seed": str(seed), "method": "default", "steps": "300", "diverged": "no", "effective_rank": "9.5",
         "collapsed": "yes" if seed in bad else "no"} for seed in range(20)
    ]  # fmt: skip
    said = goals_of(tmp_path, LINES, rows).partition("4. ")[2]
    assert f"20 seeds of 300 steps: 0 diverged, {len(bad)} collapsed" in said
    assert f"Reached: {reached}" in said


def test_the_interval_of_a_share_is_the_exact_one():
    low, high = share_interval(1, 20)
    assert sum_of_binomial(range(1, 21), 20, low) == pytest.approx(0.025)
    assert sum_of_binomial(range(2), 20, high) == pytest.approx(0.025)


def sum_of_binomial(counts, of, share):
    from math import comb

    return sum(comb(of, count) * share**count * (1 - share) ** (of - count) for count in counts)

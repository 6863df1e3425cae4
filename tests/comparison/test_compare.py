"""A whole comparison: it writes tables and a page, runs no cell twice, names what fails, and never sees the test part."""

import csv
import json
import shutil

import pytest
import yaml

from orienteer.comparison.compare import compare
from orienteer.comparison.config import make_config
from orienteer.comparison.measures import pretraining
from orienteer.comparison.measures.located import located_errors
from orienteer.comparison.measures.networks import frozen_of
from orienteer.comparison.plan.bench import set_up
from orienteer.comparison.plan.measurements import RetrievalSettings
from orienteer.comparison.work import cell as work
from orienteer.errors import InputError
from orienteer.labelled.overlap_contents import pretraining_contents
from orienteer.locating.fields import scan_field
from orienteer.locating.heads import heads_of
from orienteer.store.content import file_hash


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_holds_every_method_by_everything_it_is_measured_by(compared):
    rows = rows_of(compared.result.table)
    seen = {(row["downstream"], row["method"]) for row in rows}
    for kind in ("finetune", "probe", "retrieval", "sides"):
        assert {(kind, "scratch"), (kind, "default")} <= seen
    assert {("probe", "majority map"), ("retrieval", "same coordinates"), ("sides", "histogram")} <= seen
    scored = {row["case"] for row in rows if row["downstream"] == "finetune"}
    assert len(scored) == 2
    assert all("005" in name or "006" in name for name in scored)
    assert all(row["pretrain_seconds"] and row["config_hash"] for row in rows if row["method"] == "default")


def test_summary_and_about_tell_differences_and_how_to_do_it_again(compared):
    folder = compared.result.folder
    lines = rows_of(folder / "summary.csv")
    (line,) = [
        line
        for line in lines
        if (line["metric"], line["downstream"], line["against"]) == ("dice_mean", "finetune", "scratch")
    ]
    assert (line["method"], line["fraction"], line["cases"], line["seeds"]) == ("default", "0.5", "2", "1")
    about = json.loads((folder / "about.json").read_text())
    assert about["cases"] == {"pretraining": 4, "validation": 1, "test": 2}
    assert about["cells_done"] == compared.result.done < about["cells"]
    assert str(compared.data) not in about["command"]
    assert yaml.safe_load((folder / "compare.yaml").read_text())["fractions"] == [0.5]


def test_the_page_says_what_was_measured_what_failed_and_who_was_trained_on_what(compared):
    text = compared.result.page.read_text()
    for words in ("Fine-tuning with few labels", "Frozen probe", "The same place in another scan", "Left from right",
                  "test part", "cells failed", "Not finished", "data:image/png"):  # fmt: skip
        assert words in text
    assert text.count("<html") == 1
    assert str(compared.data) not in text


def test_a_method_that_cannot_be_trained_is_named_and_the_others_go_on(compared):
    failed = compared.result.failed
    assert len(failed) == 5  # its pretraining, and all four that wait for it
    reasons = list(failed.values())
    assert sum("waits for pretraining" in reason for reason in reasons) == 4
    assert any("min_distance_mm" in reason for reason in reasons)
    assert "far apart" not in {row["method"] for row in rows_of(compared.result.table)}


def test_a_second_call_does_no_cell_again_and_a_third_only_what_is_new(compared, tmp_path, monkeypatch):
    folder = tmp_path / "out"
    shutil.copytree(compared.result.folder, folder, symlinks=True)
    ran = []
    real = work.run_cell
    monkeypatch.setattr(
        work, "run_cell", lambda bench, cell, *rest, **more: ran.append(cell) or real(bench, cell, *rest, **more)
    )
    without = {**compared.settings, "define": {}}
    made = compare(compared.data, folder, **without)
    assert ran == []
    assert made.failed == {}
    assert rows_of(made.table) == rows_of(compared.result.table)
    compare(compared.data, folder, **{**without, "sides": {"views": 8}})
    assert {cell.kind for cell in ran} == {"sides"}


def test_places_are_located_by_the_heads_of_a_run_that_is_kept_with_its_last_checkpoint(compared):
    runs = list((compared.result.folder / "runs").glob("default*"))
    assert [file.name for file in (runs[0] / "checkpoints").iterdir()] == ["last.ckpt"]
    heads = heads_of(runs[0])
    assert heads is not None
    bench = set_up(make_config({**compared.settings, "data": str(compared.data)}), compared.result.folder)
    frozen = frozen_of(runs[0])
    cases = bench.part(frozen.preparation, "test")
    with bench.open_store() as store:
        known = scan_field(frozen, store, cases[0].key, heads).known
        by_heads, by_features = (
            located_errors(frozen, each, store, cases, RetrievalSettings(partners=1, places=100), [1, 2, 3], seed=0)
            for each in (heads, None)
        )
    assert known is not None
    assert known.places_mm.shape[1] == 3
    assert by_heads != by_features
    located = [row for row in rows_of(compared.result.table) if row["metric"] == "located_error_mm"]
    assert any(row["method"] == "default" for row in located)


def test_pretraining_never_sees_a_scan_of_the_test_or_validation_part(compared):
    files = sorted((compared.data / "imagesTr").glob("*.nii.gz"))
    kept = {file_hash(file) for file in files[4:]}
    runs = [path for path in (compared.result.folder / "runs").iterdir() if (path / "split.json").is_file()]
    assert runs
    for run in runs:
        seen = pretraining_contents(str(run))
        assert len(seen) >= 2
        assert not seen & kept
    links = [path.resolve().name for path in (compared.result.folder / "scans").rglob("*.nii.gz")]
    assert sorted(links) == [file.name for file in files[:4]]


def test_a_run_that_saw_a_test_scan_fails_and_nothing_is_measured_with_it(compared, tmp_path, monkeypatch):
    real = pretraining.pretrain

    def leaking(**settings):
        return real(**{**settings, "scans": str(compared.data / "imagesTr")})

    monkeypatch.setattr(pretraining, "pretrain", leaking)
    settings = {**compared.settings, "define": {}, "downstream": ["sides"]}
    made = compare(compared.data, tmp_path / "out", **settings)
    assert any("pretraining on the pretraining part alone" in why and "saw" in why for why in made.failed.values())
    assert not [row for row in rows_of(made.table) if row["method"] == "default"]


def test_a_folder_with_other_files_or_no_folder_is_refused(compared, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="which holds other files"):
        compare(compared.data, tmp_path, **compared.settings)
    with pytest.raises(InputError, match="out: wanted a folder"):
        compare(compared.data, **compared.settings)
    with pytest.raises(InputError, match="methods: wanted one of scratch, default"):
        compare(compared.data, tmp_path / "new", **{**compared.settings, "methods": ["vocoo"]})
    wrong = {
        **compared.settings,
        "downstream": ["retrieval"],
        "retrieval": {"ends": ["top"]},
        "store": str(tmp_path / "store"),
    }
    with pytest.raises(InputError, match=r"retrieval\.ends: wanted names among left"):
        compare(compared.data, tmp_path / "new", **wrong)
    assert not (tmp_path / "store").exists()  # no scan was prepared


def test_cases_are_shown_by_number_where_that_is_wanted(compared, tmp_path):
    folder = shutil.copytree(compared.result.folder, tmp_path / "out", symlinks=True)
    before = {(row["case"], row["metric"], row["value"]) for row in rows_of(compared.result.table)}
    result = compare(compared.data, folder, **compared.settings, names="numbered")
    assert result.done == compared.result.done
    cases = {row["number"]: row["case"] for row in rows_of(folder / "names.csv")}
    assert len(cases) == 7
    numbered = {(row["case"], row["metric"], row["value"]) for row in rows_of(result.table)}
    assert {(cases.get(case, ""), metric, value) for case, metric, value in numbered} == before
    for file in (result.table, result.page, folder / "summary.csv", folder / "about.json"):
        text = file.read_text()
        assert not [name for name in cases.values() if name in text], file.name
    assert (folder / "summary.csv").read_bytes() == (compared.result.folder / "summary.csv").read_bytes()

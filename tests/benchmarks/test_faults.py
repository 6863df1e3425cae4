"""A small sample of every kind of fault, counted as `python -m benchmarks.faults` counts them."""

import json
import os
import sys
from collections import Counter
from importlib import import_module

import pytest

from benchmarks import fault_mutations, fault_outside, faults
from benchmarks.fault_mutants import Mutant, bases, mutants
from benchmarks.fault_mutations import Outcome


@pytest.mark.parametrize("name", faults.PARTS)
def test_every_part_has_a_file_that_counts(name):
    assert callable(import_module(f"benchmarks.{faults.PARTS[name].module}").run)


def test_the_counts_add_up_and_every_reason_is_given(tmp_path):
    counted = faults.import_module("benchmarks.fault_counts").run(60, 0, tmp_path)
    assert (counted["unaccounted"], counted["without_reason"]) == (0, 0)
    assert min(counted[key] for key in ("used", "failed", "left_out", "no_scans")) > 5


def test_a_write_outside_is_counted(tmp_path, monkeypatch):
    def predictions(listing, store, out):
        (listing.parent / "imagesTr/scan.nii.gz").write_text("overwritten")
        (tmp_path / "new").mkdir()
        return 0

    monkeypatch.setattr(fault_outside, "_predictions", predictions)
    assert fault_outside.run(1, 0, tmp_path)["writes"] == 2


def test_nothing_is_written_outside_by_a_real_fine_tuning(tmp_path):
    counted = fault_outside.run(1, 0, tmp_path)
    assert counted["writes"] == 0
    assert counted["predictions"] > 0


def test_the_command_writes_nested_counts(tmp_path, monkeypatch, capsys):
    class Counted:
        @staticmethod
        def run(count, seed, folder):
            assert folder.is_dir()
            return {"tried": count, "seed": seed}

    monkeypatch.setattr(faults, "import_module", lambda name: Counted)
    file = tmp_path / "faults.json"
    monkeypatch.setattr(sys, "argv", ["faults", "--json", str(file), "--quick", "--seed", "3", "--only", "outside"])
    faults.main()
    assert json.loads(file.read_text()) == {"outside": {"tried": faults.PARTS["outside"].quick, "seed": 3}}
    assert "outside: tried 2, seed 3" in capsys.readouterr().out


def test_mutated_scans_neither_end_nor_hold_up_a_program(tmp_path):
    counted = fault_mutations.run(30, 0, tmp_path)
    assert counted["tried"] == 30
    assert [counted[key] for key in ("crashes", "hangs", "unnamed", "silent", "reader_ended")] == [0] * 5
    assert min(counted["used"], counted["failed"]) > 5
    assert counted["memory_mb"] < 2000


def ends(place):
    os._exit(3)


def raises(place):
    raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize("fault", [ends, raises])
def test_a_program_that_ends_or_raises_is_counted(tmp_path, monkeypatch, fault):
    monkeypatch.setattr(fault_mutations, "taken", fault)
    monkeypatch.setattr(fault_mutations._Judge, "_keep", lambda *_: None)
    assert fault_mutations.run(1, 0, tmp_path)["crashes"] == 1


@pytest.mark.parametrize(
    ("outcome", "counted"),
    [
        (Outcome(reasons={"a": ["wanted a file, got ZeroDivisionError: division by zero"]}), {"unnamed": 1}),
        (Outcome(reasons={"a": ["struct.error: bad"], "b": [" "], "c": ["a broken stream"]}), {"unnamed": 2}),
        (Outcome(unaccounted=3), {"unnamed": 3}),
        (Outcome(reasons={"a": ["the process terminated unexpectedly (SIGSEGV)"]}), {"reader_ended": 1}),
        (Outcome(used={"0-x": "other", "sound-x": "same"}), {"silent": 1}),
        (Outcome(used={"0-x": "same", "sound-x": "same"}), {}),
        (Outcome(seconds=1000.0), {"hangs": 1}),
        (Outcome(counts=Counter(used=4)), {"used": 4}),
    ],
)
def test_what_became_of_a_folder_is_judged(tmp_path, monkeypatch, outcome, counted):
    judge = fault_mutations._Judge(None, [], tmp_path)
    monkeypatch.setattr(judge, "_outcome", lambda batch: outcome)
    monkeypatch.setattr(judge, "_keep", lambda *_: None)
    assert dict(judge.judge([("0-x", Mutant("x", "flip-voxels", {}, True))])) == counted


def test_the_same_seed_makes_the_same_damages(tmp_path):
    first, second = bases(tmp_path / "a"), bases(tmp_path / "b")
    assert first == second
    assert list(mutants(first, 100, 5)) == list(mutants(second, 100, 5)) != list(mutants(first, 100, 6))
    kinds = {mutant.kind for mutant in mutants(first, 1500, 0)}
    assert kinds == {"bomb", "cut", "field", "flip", "flip-header", "flip-voxels", "piece", "size", "text"}

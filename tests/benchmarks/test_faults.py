"""A small sample of every kind of fault, counted as `python -m benchmarks.faults` counts them."""

import json
import sys
from importlib import import_module

import pytest

from benchmarks import fault_outside, faults


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

"""Verdicts on headers become findings with corrections, odd scans do not calibrate the check, folds keep people together."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from orienteer.auditing import anatomy
from orienteer.auditing.anatomy import findings_of, judge_among_themselves, rows_of
from orienteer.auditing.audit import audit
from orienteer.auditing.corrections import corrected
from orienteer.auditing.cross_fit import abilities, deal, judge_cross_fitted
from orienteer.phantoms.torso import write_phantoms
from orienteer.report.faults import Fault, apply_fault
from orienteer.report.header_check import Verdict
from orienteer.scans.source import Scan, Selection
from orienteer.screening.screen import screen

if TYPE_CHECKING:
    from orienteer.runs.run import Run


def verdict(fault: Fault | None, margin: float = 8.0, recognised: bool = True) -> Verdict:
    weights = {fault: margin} if fault is not None else {}
    return Verdict(recognised, fault is not None, fault, (), weights, {}, margin, 1.0, 0.0, None, None)


def test_a_header_that_does_not_fit_is_an_error_with_what_undoes_it() -> None:
    fault = Fault(mirrored=(2,), spacing_factor=1.0)
    (finding,) = findings_of({"a": verdict(fault), "b": verdict(None)})
    assert (finding.scan, finding.kind, finding.level) == ("a", "orientation", "error")
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    scan = Scan("a", values, (1.0, 2.0, 3.0), (0.0, 0.0, 0.0), np.eye(3), "CT", "NIfTI")
    assert finding.correction is not None
    assert np.array_equal(corrected(apply_fault(scan, fault), finding.correction).voxels, values)


def test_how_sure_a_finding_is_follows_from_how_far_it_is_ahead() -> None:
    fault = Fault(spacing_factor=2.0)
    clear, likely, possible = (findings_of({"a": verdict(fault, margin)})[0] for margin in (8.0, 3.0, 1.0))
    assert [each.certainty for each in (clear, likely, possible)] == ["clear", "likely", "possible"]
    assert [each.level for each in (clear, likely, possible)] == ["error", "error", "warning"]
    assert clear.kind == "anatomy_voxel_size"


def test_what_is_not_recognised_is_a_note_and_a_row() -> None:
    verdicts = {"a": verdict(None, recognised=False), "b": verdict(Fault(mirrored=(0,)))}
    assert [(each.kind, each.level) for each in findings_of(verdicts)][0] == ("not_recognised", "note")
    assert [row[:2] for row in rows_of(verdicts)] == [("a", "cannot be judged"), ("b", "looks mirrored left-right")]


def test_people_are_in_one_fold_and_every_scan_is_judged_once() -> None:
    names = [f"scan {number}" for number in range(11)]
    folds = deal(names, [("scan 0", "scan 5", "scan 9")], 3)
    assert sorted(name for fold in folds for name in fold) == sorted(names)
    assert max(map(len, folds)) - min(map(len, folds)) <= 1
    assert len([fold for fold in folds if {"scan 0", "scan 5", "scan 9"} & set(fold)]) == 1


def test_the_tasks_of_the_trainings_judge_headers() -> None:
    assert abilities()


def test_nothing_is_judged_where_nothing_can_be() -> None:
    assert judge_among_themselves([]) == {}


def test_too_few_scans_train_no_model_and_this_is_said(torsos: Path) -> None:
    screening = screen(torsos, workers=0, progress=False)
    made = judge_cross_fitted(torsos, screening, [], Selection(), 2, 1, 0)
    assert made.findings == ()
    assert "too few to train a model" in made.notes[0]


@pytest.mark.slow
def test_a_collection_is_judged_by_models_that_never_saw_each_scan(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "scans", 8, shape_vox=(40, 32, 48), spacing_mm=8.0, labels=False, progress=False)
    screening = screen(tmp_path / "scans", workers=0, progress=False)
    made = judge_cross_fitted(tmp_path / "scans", screening, [], Selection(), 2, 2, 0)
    assert len(made.rows) == 8
    assert "8 scans were judged by 2 models" in made.notes[-1]


@pytest.mark.slow
def test_a_run_judges_a_collection(finished: "Run", torsos: Path, tmp_path: Path) -> None:
    made = audit(torsos, tmp_path / "out", run=finished.folder, workers=0, pictures=False)
    html = (made.folder / "audit.html").read_text()
    assert "The run was trained on 5 of these scans" in html
    assert all(each.kind in ("not_comparable", "not_recognised", "outlier") for each in made.findings)


def test_suspicious_scans_do_not_calibrate_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two wrong scans among eight: in the second round the checks are calibrated on the six others alone."""

    class Measured:
        def __init__(self, number: int) -> None:
            self.key = self.name = f"scan {number}"
            self.fits, self.misread = {"a": number}, None
            self.score = 30.0 if number < 2 else -number / 10

    class Check:
        def __init__(self, scans: list[Measured]) -> None:
            self.scans = scans

        def judge(self, scan: Measured) -> Verdict:
            return verdict(Fault(mirrored=(0,)) if scan.score > 0 else None, scan.score)

    rounds: list[set[str]] = []

    def calibrate(scans: list[Measured]) -> Check:
        rounds.append({scan.key for scan in scans})
        return Check(scans)

    monkeypatch.setattr(anatomy, "calibrate", calibrate)
    judged = (
        anatomy.judge_among_themselves.__wrapped__
        if hasattr(judge_among_themselves, "__wrapped__")
        else judge_among_themselves
    )
    verdicts = judged([Measured(number) for number in range(8)])  # type: ignore[arg-type]
    assert [name for name, each in verdicts.items() if each.flagged] == ["scan 0", "scan 1"]
    assert all(not {"scan 0", "scan 1"} & keys for keys in rounds[8:])
    assert all(len(keys) == 7 for keys in rounds[:8])

"""Verdicts on headers become findings with corrections, odd scans do not calibrate the check, folds keep people together."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from orienteer.auditing.anatomy import findings_of, judge_among_themselves, not_outstanding, rows_of
from orienteer.auditing.audit import audit
from orienteer.auditing.corrections import corrected
from orienteer.auditing.cross_fit import judge_cross_fitted
from orienteer.geometry.orientations import ORIENTATIONS, Orientation
from orienteer.headers.evidence import WRONG_SIZES, HeaderEvidence, HeaderLook
from orienteer.phantoms.torso import write_phantoms
from orienteer.report.faults import Fault, apply_fault
from orienteer.report.header_check import Verdict
from orienteer.report.measurement import ScanMeasurement
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
    assert [(each.kind, each.level) for each in findings_of(verdicts)] == [
        ("not_recognised", "note"),
        ("orientation", "error"),
    ]
    assert [row[:2] for row in rows_of(verdicts)] == [("a", "cannot be judged"), ("b", "looks mirrored left-right")]


def test_what_many_wrong_headers_would_fit_and_what_is_unlike_the_rest_cannot_be_told() -> None:
    fault = Fault(mirrored=(2,))
    others = tuple(Fault(spacing_factor=factor) for factor in (0.5, 0.6, 0.7, 0.8, 1.25, 1.5, 1.67, 2.0))
    few, many = (replace(verdict(fault), alternatives=others[:count]) for count in (2, 8))
    verdicts = {"few": few, "many": many, "unlike": verdict(fault)}
    found = {each.scan: (each.kind, each.level) for each in findings_of(verdicts, {"unlike"})}
    note = ("not_recognised", "note")
    assert found == {"few": ("orientation", "warning"), "many": note, "unlike": note}
    assert {row[0]: row[1] for row in rows_of(verdicts, {"unlike"})} == {
        "few": "looks mirrored foot-head",
        "many": "cannot be judged",
        "unlike": "cannot be judged",
    }


def test_nothing_is_judged_where_nothing_can_be() -> None:
    assert judge_among_themselves([]) == {}


def test_too_few_scans_train_no_model_and_this_is_said(torsos: Path) -> None:
    screening = screen(torsos, workers=0, progress=False)
    made = judge_cross_fitted(screening, [], Selection(), 1, 0)
    assert made.findings == ()
    assert "too few to train networks" in made.notes[0]


@pytest.mark.slow
def test_a_collection_is_judged_by_networks_that_never_saw_each_scan(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "scans", 8, shape_vox=(40, 32, 48), spacing_mm=8.0, labels=False, progress=False)
    screening = screen(tmp_path / "scans", workers=0, progress=False)
    made = judge_cross_fitted(screening, [], Selection(), 2, 0)
    assert len(made.rows) == 8
    assert "8 scans were judged by 3 networks" in made.notes[-1]


@pytest.mark.slow
def test_a_run_judges_a_collection(finished: "Run", torsos: Path, tmp_path: Path) -> None:
    made = audit(torsos, tmp_path / "out", run=finished.folder, workers=0, pictures=False)
    html = (made.folder / "audit.html").read_text()
    assert "The run was trained on 5 of these scans" in html
    assert all(each.kind in ("not_comparable", "not_recognised", "outlier") for each in made.findings)


def measured(number: int, orientation: int) -> ScanMeasurement:
    """What a good reader sees in a scan whose header states the orientation of this number in the place of the right one."""
    rng = np.random.default_rng(number)
    logs = rng.normal(-8, 0.5, (17, 48))
    logs[:, 0] = rng.normal(-0.3, 0.1)
    sizes = np.zeros((17, 48, 3))
    sizes[1:] = np.log(WRONG_SIZES)[:, None]
    sound = HeaderEvidence(logs, sizes + rng.normal(0, 0.05, (17, 1, 3)))
    looks = [HeaderLook(*row).turned(ORIENTATIONS[orientation]) for row in zip(sound.logs, sound.sizes, strict=True)]
    seen = HeaderEvidence(np.stack([each.logs for each in looks]), np.stack([each.sizes for each in looks]))
    return replace(ScanMeasurement.of_header(f"key {number}", seen), name=f"scan {number}")


def test_faulty_headers_among_sound_ones_do_not_hide_each_other() -> None:
    """Three of fifteen scans are upside down. Each is judged by the others, the suspicious ones set aside."""
    upside_down = ORIENTATIONS.index(Orientation((0, 1, 2), (1, 1, -1)))
    scans = [measured(number, upside_down if number < 3 else 0) for number in range(15)]
    verdicts = judge_among_themselves(scans)
    flagged = {name: each.fault for name, each in verdicts.items() if each.flagged}
    assert flagged == {f"scan {number}": Fault(mirrored=(2,)) for number in range(3)}
    assert set(verdicts) == {scan.name for scan in scans}
    alone = judge_among_themselves(scans[:1])
    assert alone == {}


def test_one_faulty_header_stands_out_and_several_alike_are_only_noted() -> None:
    """Odd scans that are sound come in numbers: none of them stands out from all others."""
    upside_down = ORIENTATIONS.index(Fault(mirrored=(2,)).orientation)
    for odd, within in ((1, 0), (5, 5)):
        scans = [measured(number, upside_down if number < odd else 0) for number in range(20)]
        verdicts = judge_among_themselves(scans)
        assert sum(each.flagged for each in verdicts.values()) == odd
        noted = not_outstanding(verdicts, scans)
        assert len(noted) == within
        levels = {each.level for each in findings_of(verdicts, within=noted)}
        assert levels == ({"note"} if within else {"error"})

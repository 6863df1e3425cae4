"""The benchmark of audit: its faults have kinds, its limits are those of the calibration, its parts do not overlap."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.audit import _with
from benchmarks.audit_data import collection
from benchmarks.audit_faults import CT_FAULTS, FAULTS, cropped, noised, resliced, rewindowed, write_scan, write_series
from benchmarks.rows import read_rows
from orienteer.phantoms.torso import phantom
from orienteer.scans.discover import discover
from orienteer.scans.read import read_scan
from orienteer.scans.source import Scan, ScanSource
from orienteer.screening.findings import KINDS, Finding
from orienteer.screening.thresholds import THRESHOLDS

CALIBRATION = Path(__file__).parents[2] / "benchmarks" / "results" / "audit" / "calibration.csv"


@pytest.fixture(scope="module")
def torso() -> Scan:
    made = phantom(1, (24, 24, 40), 10.0)
    return Scan("a", made.voxels.astype(np.float32), made.spacing_mm, made.origin_mm, np.eye(3), "CT", "NIfTI")


def test_the_limits_of_the_rules_are_those_of_the_calibration() -> None:
    rows = read_rows(CALIBRATION)
    assert len(rows) >= 9
    for row in rows:
        assert getattr(THRESHOLDS, row["limit"]) == pytest.approx(float(row["between them"]), rel=1e-3), row["limit"]


def test_sound_and_faulty_scans_of_the_calibration_are_apart() -> None:
    for row in read_rows(CALIBRATION):
        if row["sound scans reach"]:
            low, high = sorted(float(row[name]) for name in ("sound scans reach", "faulty scans reach"))
            assert low < float(row["between them"]) < high, row["limit"]


@pytest.mark.parametrize("name", [*FAULTS, *CT_FAULTS])
def test_each_fault_changes_a_scan_and_has_a_kind(torso: Scan, name: str) -> None:
    kind, plant = {**FAULTS, **CT_FAULTS}[name]
    faulty = plant(torso, np.random.default_rng(0))
    assert kind in KINDS
    assert faulty.spacing_mm != torso.spacing_mm or not np.array_equal(faulty.voxels, torso.voxels)


def test_scans_are_written_where_they_lie(torso: Scan, tmp_path: Path) -> None:
    again = read_scan(ScanSource("a", "MetaImage", (write_scan(tmp_path / "a.mha", torso),)))
    assert np.array_equal(again.voxels, torso.voxels)
    assert again.origin_mm == pytest.approx(torso.origin_mm, abs=1e-3)
    write_series(tmp_path / "series", torso, {})
    (source,) = discover(tmp_path / "series", progress=False).sources
    series = read_scan(source)
    assert np.array_equal(series.voxels, torso.voxels)
    assert series.origin_mm == pytest.approx(torso.origin_mm, abs=1e-2)


def test_copies_show_the_same_places(torso: Scan) -> None:
    cut = cropped(torso)
    assert cut.voxels.shape == (14, 14, 24)
    assert cut.voxels[0, 0, 0] == torso.voxels[5, 5, 8]
    assert cut.origin_mm == pytest.approx(torso.position_mm(np.array([5.0, 5.0, 8.0])))
    assert resliced(torso).spacing_mm == pytest.approx((10.0, 10.0, 17.0))
    assert np.unique(rewindowed(torso).voxels).size <= 256
    assert not np.array_equal(noised(torso, np.random.default_rng(0)).voxels, torso.voxels)


def test_what_is_tested_was_not_calibrated_on(tmp_path: Path) -> None:
    part = collection("phantoms", tmp_path, count=2)
    tested, calibrated = (
        {source.files[0].read_bytes() for source in sources} for sources in (part.tested, part.calibration)
    )
    assert tested.isdisjoint(calibrated)


def test_scans_are_counted_once_for_a_level() -> None:
    findings = [
        Finding("a", "clipped", "warning", ""),
        Finding("a", "noise", "warning", ""),
        Finding("b", "noise", "error", ""),
    ]
    assert _with(findings, "warning") == {"a"}

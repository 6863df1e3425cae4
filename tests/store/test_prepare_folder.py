"""Preparing a folder: everything once, whatever the names; failures named; completed after kills; in several processes."""

import csv
import os
import time

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.errors import InputError
from orienteer.scans import apart
from orienteer.scans import prepare_scan as scan_module
from orienteer.scans.discover import discover
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.store import job
from orienteer.store import prepare_folder as prepare_module
from orienteer.store.job import ScanWork
from orienteer.store.outcomes import Duplicate
from orienteer.store.store import Store, array_path
from tests.helpers.files import write
from tests.helpers.stores import SETTINGS, prepare_here, tissue


def failures_csv(store):
    with (store / "failures.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def assert_fails(report, step, reason):
    """Checks that the second of three scans failed, and the others did not."""
    assert report.prepared == 2
    assert [(failure.name, failure.step) for failure in report.failures] == [("scan1.nii.gz", step)]
    assert reason in report.failures[0].reason


# What is stored


def test_everything_is_prepared_once_and_then_reused(folder, tmp_path):
    store = tmp_path / "store"
    first, again = prepare_here(folder, store), prepare_here(folder, store)
    assert (first.prepared, first.reused, len(first.keys)) == (3, 0, 3)
    assert (again.prepared, again.reused, again.keys) == (0, 3, first.keys)
    assert first.nbytes == again.nbytes == sum(path.stat().st_size for path in store.glob("arrays/*/*.b2nd"))
    with Store.open(store) as reader:
        assert tuple(reader.keys(SETTINGS.fingerprint())) == first.keys
        assert {scan.name for scan in reader.entries(SETTINGS.fingerprint())} == {f"scan{n}.nii.gz" for n in range(3)}
        assert reader.verify() == {}


def test_voxels_are_the_files_own_after_the_intensity_rule(tmp_path):
    """RAS axes and the store's spacing already: nothing but the intensity rule may change the voxels."""
    values = tissue()
    write(tmp_path / "a.nii.gz", values, spacing=(1.0, 1.0, 1.0), direction=np.diag([-1.0, -1.0, 1.0]))
    report = prepare_here(tmp_path, tmp_path / "store")
    with Store.open(tmp_path / "store") as store:
        scan = store.scan(report.keys[0])
        read = store.read(scan.key, (0, 0, 0), scan.shape_vox)
    low, high = np.percentile(values, (0.5, 99.5))
    # The darkest voxels at the border are not body, which moves the percentiles a little.
    np.testing.assert_allclose(read, np.clip((values - low) / (high - low) * 2 - 1, -1, 1), atol=2e-3)


def test_ct_is_stored_in_hu(tmp_path):
    values = np.full((20, 20, 20), -1000, np.int16)
    values[4:16, 4:16, 4:16] = np.random.default_rng(0).integers(-100, 1500, (12, 12, 12))
    write(tmp_path / "a.nii.gz", values, spacing=(1.0, 1.0, 1.0), direction=np.diag([-1.0, -1.0, 1.0]))
    report = prepare_here(tmp_path, tmp_path / "store", Preparation((1.0, 1.0, 1.0), margin_mm=2.0))
    with Store.open(tmp_path / "store") as store:
        scan = store.scan(report.keys[0])
        read = store.read(scan.key, (0, 0, 0), scan.shape_vox)
    assert scan.shape_vox == (16, 16, 16)
    np.testing.assert_allclose(read, np.clip(values[2:18, 2:18, 2:18] / 1000.0, -1, 1), atol=1e-6)


# Settings, content and names


def test_changed_settings_never_meet_old_arrays(folder, tmp_path):
    store = tmp_path / "store"
    fine, coarse = SETTINGS, Preparation(spacing_mm=(2.0, 2.0, 2.0))
    first, second = prepare_here(folder, store, fine), prepare_here(folder, store, coarse)
    assert not set(first.keys) & set(second.keys)
    assert second.prepared == 3
    with Store.open(store) as reader:
        assert reader.keys(fine.fingerprint()) == list(first.keys)
        assert {reader.scan(key).spacing_mm for key in reader.keys(coarse.fingerprint())} == {(2.0, 2.0, 2.0)}
    assert prepare_here(folder, store, fine).reused == 3


def test_a_chosen_modality_makes_another_scan(folder, tmp_path):
    guessed, chosen = (
        prepare_here(folder, tmp_path / "store", selection=Selection(modality=m)) for m in ("auto", "CT")
    )
    assert not set(guessed.keys) & set(chosen.keys)


def test_the_same_scan_twice_is_named_and_not_prepared_twice(folder, tmp_path):
    copy = folder / "below" / "copy.nii.gz"
    copy.parent.mkdir()
    copy.write_bytes((folder / "scan1.nii.gz").read_bytes())
    report = prepare_here(folder, tmp_path / "store")
    assert report.prepared == len(report.keys) == 3
    assert report.duplicates == (Duplicate("scan1.nii.gz", "below/copy.nii.gz"),)
    assert "scan1.nii.gz holds the same scan as below/copy.nii.gz" in str(report)
    with Store.open(tmp_path / "store") as store:
        assert store.duplicates(SETTINGS.fingerprint()) == report.duplicates


def test_the_same_scan_saved_in_other_files_is_used_once(folder, tmp_path):
    """Compressed anew, or not at all, and in another format: other bytes, the same voxels."""
    image = sitk.ReadImage(str(folder / "scan1.nii.gz"))
    for name in ("again.nii.gz", "plain.nii", "other.nrrd"):
        sitk.WriteImage(image, str(folder / name), useCompression=True, compressionLevel=9)
    (folder / "copy.nii").write_bytes((folder / "plain.nii").read_bytes())
    report = prepare_here(folder, tmp_path / "store")
    same = ("copy.nii", "other.nrrd", "plain.nii", "scan1.nii.gz")
    assert report.duplicates == tuple(Duplicate(name, "again.nii.gz") for name in same)
    assert (report.prepared, report.reused, len(report.keys)) == (3, 0, 3)
    assert len({report.names[name] for name in ("again.nii.gz", *same)}) == 1
    again = prepare_here(folder, tmp_path / "store")
    assert (again.prepared, again.reused, again.keys) == (0, 3, report.keys)
    assert (again.duplicates, again.names) == (report.duplicates, report.names)


def test_a_renamed_file_is_not_prepared_again(folder, tmp_path):
    keys = prepare_here(folder, tmp_path / "store").keys
    (folder / "scan0.nii.gz").rename(folder / "renamed.nii.gz")
    report = prepare_here(folder, tmp_path / "store")
    assert (report.prepared, report.reused, report.keys) == (0, 3, keys)


def test_a_changed_file_is_prepared_again(folder, tmp_path):
    old = prepare_here(folder, tmp_path / "store").keys
    write(folder / "scan0.nii.gz", tissue(77), spacing=(1.0, 1.0, 1.0))
    report = prepare_here(folder, tmp_path / "store")
    assert (report.prepared, report.reused) == (1, 2)
    assert len(set(report.keys) & set(old)) == 2


# Scans that cannot be used


def test_a_bad_scan_is_named_and_the_others_go_on(folder, tmp_path):
    store = tmp_path / "store"
    bad = (folder / "scan1.nii.gz").read_bytes()
    (folder / "cut.nii.gz").write_bytes(bad[: len(bad) // 2])
    holes = tissue(5).astype(np.float32)
    holes[3, 4, 5] = np.nan
    write(folder / "holes.nii.gz", holes, spacing=(1.0, 1.0, 1.0))
    write(folder / "even.nii.gz", np.full((9, 9, 9), 7.5, np.float32))
    report = prepare_here(folder, store)
    assert report.prepared == 3
    assert [failure.name for failure in report.failures] == ["cut.nii.gz", "even.nii.gz", "holes.nii.gz"]
    rows = failures_csv(store)
    assert [row["file"] for row in rows] == ["cut.nii.gz", "even.nii.gz", "holes.nii.gz"]
    assert all(row["step"] and row["reason"] and row["what to do"] for row in rows)
    assert "3 failed" in str(report)
    with Store.open(store) as reader:
        assert reader.failures(SETTINGS.fingerprint()) == report.failures
        assert len(reader.keys(SETTINGS.fingerprint())) == 3


def test_a_repaired_scan_is_no_longer_a_failure(folder, tmp_path):
    store = tmp_path / "store"
    whole = (folder / "scan1.nii.gz").read_bytes()
    (folder / "scan1.nii.gz").write_bytes(whole[:500])
    assert len(prepare_here(folder, store).failures) == 1
    (folder / "scan1.nii.gz").write_bytes(whole)
    report = prepare_here(folder, store)
    assert (report.prepared, report.reused, report.failures) == (1, 2, ())
    assert failures_csv(store) == []
    with Store.open(store) as reader:
        assert reader.failures(SETTINGS.fingerprint()) == ()


def test_a_failed_file_that_is_gone_is_forgotten(folder, tmp_path):
    (folder / "cut.nii.gz").write_bytes((folder / "scan1.nii.gz").read_bytes()[:500])
    prepare_here(folder, tmp_path / "store")
    (folder / "cut.nii.gz").unlink()
    prepare_here(folder, tmp_path / "store")
    with Store.open(tmp_path / "store") as reader:
        assert reader.failures(SETTINGS.fingerprint()) == ()


def test_a_file_that_may_not_be_read_is_named(folder, tmp_path, monkeypatch):
    discovery = discover(folder, progress=False)
    (folder / "scan1.nii.gz").unlink()
    (folder / "scan1.nii.gz").mkdir()  # cannot be opened, by the superuser neither
    assert_fails(prepare_here(discovery, tmp_path / "store"), "read", "one that cannot be opened")


def test_no_memory_is_a_failure_of_that_scan(folder, tmp_path, monkeypatch):
    real = scan_module.check_range

    def hungry(name, *arguments):
        if name == "scan1.nii.gz":
            raise MemoryError
        real(name, *arguments)

    monkeypatch.setattr(scan_module, "check_range", hungry)
    assert_fails(prepare_here(folder, tmp_path / "store"), "normalise", "no memory left")


# Full disks, Ctrl-C, bad arguments


def test_ctrl_c_keeps_what_is_finished(folder, tmp_path, monkeypatch):
    real = job.prepare_scan

    def interrupted(source, *arguments):
        if source.name == "scan1.nii.gz":
            raise KeyboardInterrupt
        return real(source, *arguments)

    monkeypatch.setattr(job, "prepare_scan", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare_here(folder, tmp_path / "store")
    monkeypatch.undo()
    report = prepare_here(folder, tmp_path / "store")
    assert (report.prepared, report.reused) == (2, 1)


def test_bad_arguments_are_refused(folder, tmp_path):
    with pytest.raises(InputError, match="spacing_mm: wanted a voxel size"):
        prepare_here(folder, tmp_path / "store", Preparation())
    with pytest.raises(InputError, match="workers: wanted 0 or more"):
        prepare_here(folder, tmp_path / "store", workers=-1)
    assert not (tmp_path / "store").exists()


# Worker processes


class OddWork(ScanWork):
    """Raises on one of the scans what nobody expects, and takes for ever on another."""

    def __call__(self, job):
        if job.source.name == "scan1.nii.gz":
            raise LookupError("no such thing")
        if job.source.name == "scan2.nii.gz":
            time.sleep(60)
        return super().__call__(job)


def test_what_nobody_expects_is_a_failure_of_that_scan_alone(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_module, "ScanWork", OddWork)
    monkeypatch.setattr(apart, "PREPARING_SECONDS", 2.0)
    report = prepare_here(folder, tmp_path / "store", workers=2)
    assert report.prepared == 1
    assert [(failure.name, failure.reason) for failure in report.failures] == [
        ("scan1.nii.gz", "LookupError: no such thing"),
        ("scan2.nii.gz", "it was not finished after 2 s, and its process was killed"),
    ]


class DeadlyWork(ScanWork):
    """Ends its process on one of the scans."""

    def __call__(self, job):
        if job.source.name == "scan1.nii.gz":
            os._exit(1)
        return super().__call__(job)


def test_a_worker_that_dies_is_a_failure_of_that_scan_alone(folder, tmp_path, monkeypatch):
    serial = prepare_here(folder, tmp_path / "serial")
    monkeypatch.setattr(prepare_module, "ScanWork", DeadlyWork)
    report = prepare_here(folder, tmp_path / "store", workers=2)
    assert report.prepared == 2
    assert [failure.name for failure in report.failures] == ["scan1.nii.gz"]
    assert "terminated unexpectedly (exit code 1)" in report.failures[0].reason
    assert [row["file"] for row in failures_csv(tmp_path / "store")] == ["scan1.nii.gz"]
    # The others are what one process makes of them, to the byte.
    for key in report.keys:
        assert array_path(tmp_path / "store", key).read_bytes() == array_path(tmp_path / "serial", key).read_bytes()
    assert set(report.keys) < set(serial.keys)


# Real scans


def test_real_scans_of_all_formats_are_prepared(real_scans, tmp_path):
    settings = Preparation(spacing_mm=(4.0, 4.0, 4.0))
    report = prepare_here(real_scans, tmp_path / "store", settings)
    assert report.failures == ()
    assert len(report.keys) == 8
    with Store.open(tmp_path / "store") as store:
        for scan in store.entries(settings.fingerprint()):
            body = store.body(scan.key)
            assert body.inside.all(), scan.name
            assert 0.2 < body.body.mean() / 255 <= 1, scan.name
            voxels = store.read(scan.key, (0, 0, 0), scan.shape_vox)
            assert -1 <= voxels.min() < voxels.max() <= 1, scan.name

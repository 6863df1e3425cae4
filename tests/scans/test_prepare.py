import csv
import errno
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from orienteer.errors import InputError, ScanError
from orienteer.files import write_bytes
from orienteer.scans import content, disk, job, preparation
from orienteer.scans import prepare as prepare_module
from orienteer.scans.discover import discover
from orienteer.scans.index import FILE_NAME, Duplicate
from orienteer.scans.job import ScanWork
from orienteer.scans.lock import only_writer
from orienteer.scans.preparation import Preparation, prepare_scan
from orienteer.scans.prepare import prepare
from orienteer.scans.source import Scan, Selection
from orienteer.scans.store import Store, array_path
from tests.helpers.files import turned, write

SETTINGS = Preparation(spacing_mm=(1.0, 1.0, 1.0))


def tissue(seed=0, shape=(24, 20, 22)):
    """A scan that is tissue everywhere, as a tight MR crop."""
    return np.random.default_rng(seed).integers(200, 900, shape).astype(np.int16)


@pytest.fixture
def folder(tmp_path):
    """Three scans to prepare, all different."""
    scans = tmp_path / "scans"
    for number in range(3):
        write(scans / f"scan{number}.nii.gz", tissue(number), spacing=(1.0, 1.0, 1.0))
    return scans


def run(scans, store, settings=SETTINGS, **options):
    return prepare(scans, store, preparation=settings, progress=False, **({"workers": 0} | options))


def failures_csv(store):
    with (store / "failures.csv").open(newline="") as file:
        return list(csv.DictReader(file))


# What is stored


def test_everything_is_prepared_once_and_then_reused(folder, tmp_path):
    store = tmp_path / "store"
    first, again = run(folder, store), run(folder, store)
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
    report = run(tmp_path, tmp_path / "store")
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
    report = run(tmp_path, tmp_path / "store", Preparation((1.0, 1.0, 1.0), margin_mm=2.0))
    with Store.open(tmp_path / "store") as store:
        scan = store.scan(report.keys[0])
        read = store.read(scan.key, (0, 0, 0), scan.shape_vox)
    assert scan.shape_vox == (16, 16, 16)
    np.testing.assert_allclose(read, np.clip(values[2:18, 2:18, 2:18] / 1000.0, -1, 1), atol=1e-6)


@pytest.mark.parametrize(
    "geometry",
    [
        {"spacing": (1.0, 1.0, 1.0)},
        {"spacing": (0.8, 1.1, 2.5), "origin": (-120.5, 33.25, 901.0)},
        {"spacing": (1.0, 1.5, 3.0), "direction": turned((0, 0, 0), order=(2, 0, 1))},
        {"spacing": (1.0, 1.5, 2.0), "direction": turned((0, 0, 0), signs=(1, 1, -1))},  # left-handed
        {"spacing": (1.5, 1.5, 1.5), "direction": turned((15, 0, 0))},
        {"spacing": (1.0, 1.5, 2.0), "direction": turned((-10, 20, 5), order=(1, 2, 0), signs=(1, -1, 1))},
    ],
    ids=["plain", "anisotropic", "other order", "left-handed", "oblique", "oblique, turned"],
)
@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (1.7, 1.3, 0.9)])
def test_a_bright_ball_keeps_its_place_in_mm(tmp_path, geometry, spacing_mm):
    """The centre of mass of a smooth ball, told by SimpleITK's own geometry, is where the store says it is."""
    spot = np.array([21.0, 17.0, 14.0])
    index = np.stack(np.meshgrid(*map(np.arange, (40, 36, 30)), indexing="ij"), axis=-1)
    distance_mm = np.linalg.norm((index - spot) * np.array(geometry["spacing"]), axis=-1)
    values = (1000 + 30000 * np.exp(-0.5 * (distance_mm / 5.0) ** 2)).astype(np.int16)
    values += np.random.default_rng(0).integers(0, 2, values.shape).astype(np.int16)
    source = write(tmp_path / "a.nii.gz", values, **geometry)
    image_direction = geometry.get("direction", np.eye(3))
    origin = np.array(geometry.get("origin", (5.0, -6.0, 7.0)))
    wanted_lps = origin + image_direction @ (spot * np.array(geometry["spacing"]))
    settings = Preparation(spacing_mm, mr_percentiles=(0.0, 100.0))
    arrays = prepare_scan(source, Selection(modality="MR"), settings)
    weight = np.clip(arrays.voxels.astype(float) + 600, 0, None)  # the upper four fifths of the ball alone
    places = np.stack(np.meshgrid(*map(np.arange, weight.shape), indexing="ij"), axis=-1)
    centre_vox = (places * weight[..., None]).sum(axis=(0, 1, 2)) / weight.sum()
    found = np.array(arrays.origin_mm) + centre_vox * np.array(arrays.spacing_mm)
    np.testing.assert_allclose(found, wanted_lps * [-1, -1, 1], atol=0.03)


def test_cropping_does_not_move_the_voxels(tmp_path):
    values = np.zeros((40, 30, 30), np.int16)
    values[15:33, 6:20, 9:24] = tissue(1, (18, 14, 15))
    source = write(tmp_path / "a.nii.gz", values, spacing=(1.0, 1.0, 1.0), direction=np.diag([-1.0, -1.0, 1.0]))
    tight, whole = (
        prepare_scan(source, Selection(modality="MR"), Preparation((1.0, 1.0, 1.0), crop_to_body=crop, margin_mm=3.0))
        for crop in (True, False)
    )
    shift = np.array(tight.origin_mm) - np.array(whole.origin_mm)
    assert shift.tolist() == [12.0, 3.0, 6.0]
    assert tight.voxels.shape == (24, 20, 21)
    np.testing.assert_array_equal(tight.voxels, whole.voxels[12:36, 3:23, 6:27])


def test_an_oblique_scan_marks_what_was_not_scanned(tmp_path):
    source = write(
        tmp_path / "a.nii.gz", tissue(2, (40, 40, 40)), spacing=(1.0, 1.0, 1.0), direction=turned((0, 0, 30))
    )
    arrays = prepare_scan(source, Selection(modality="MR"), Preparation((1.0, 1.0, 1.0)))
    assert not arrays.body.inside[0, 0].any()
    middle = tuple(size // 2 for size in arrays.body.inside.shape)
    assert arrays.body.inside[middle]
    assert arrays.body.body[middle] > 200
    # The field is a cube of 40 mm: blocks wholly inside it must hold less, but most of it.
    assert 0.6 < arrays.body.inside.sum() * 4**3 / 40**3 < 1.0


# Settings, content and names


def test_changed_settings_never_meet_old_arrays(folder, tmp_path):
    store = tmp_path / "store"
    fine, coarse = SETTINGS, Preparation(spacing_mm=(2.0, 2.0, 2.0))
    first, second = run(folder, store, fine), run(folder, store, coarse)
    assert not set(first.keys) & set(second.keys)
    assert second.prepared == 3
    with Store.open(store) as reader:
        assert reader.keys(fine.fingerprint()) == list(first.keys)
        assert {reader.scan(key).spacing_mm for key in reader.keys(coarse.fingerprint())} == {(2.0, 2.0, 2.0)}
    assert run(folder, store, fine).reused == 3


@pytest.mark.parametrize(
    "other",
    [
        {"spacing_mm": (1.0, 1.0, 1.5)},
        {"ct_window_hu": (-900.0, 1000.0)},
        {"mr_percentiles": (1.0, 99.5)},
        {"crop_to_body": False},
        {"margin_mm": 6.0},
    ],
)
def test_every_setting_changes_the_fingerprint(other):
    assert Preparation(**({"spacing_mm": (1.0, 1.0, 1.0)} | other)).fingerprint() != SETTINGS.fingerprint()


def test_the_fingerprint_of_a_larger_record_is_that_of_its_settings():
    @dataclass(frozen=True)
    class More(Preparation):
        steps: int = 5

    assert More(spacing_mm=(1.0, 1.0, 1.0), steps=9).fingerprint() == SETTINGS.fingerprint()


def test_a_chosen_modality_makes_another_scan(folder, tmp_path):
    guessed, chosen = (run(folder, tmp_path / "store", selection=Selection(modality=m)) for m in ("auto", "CT"))
    assert not set(guessed.keys) & set(chosen.keys)


def test_the_same_scan_twice_is_named_and_not_prepared_twice(folder, tmp_path):
    copy = folder / "below" / "copy.nii.gz"
    copy.parent.mkdir()
    copy.write_bytes((folder / "scan1.nii.gz").read_bytes())
    report = run(folder, tmp_path / "store")
    assert report.prepared == len(report.keys) == 3
    assert report.duplicates == (Duplicate("scan1.nii.gz", "below/copy.nii.gz"),)
    assert "scan1.nii.gz holds the same scan as below/copy.nii.gz" in str(report)
    with Store.open(tmp_path / "store") as store:
        assert store.duplicates(SETTINGS.fingerprint()) == report.duplicates


def test_a_renamed_file_is_not_prepared_again(folder, tmp_path):
    keys = run(folder, tmp_path / "store").keys
    (folder / "scan0.nii.gz").rename(folder / "renamed.nii.gz")
    report = run(folder, tmp_path / "store")
    assert (report.prepared, report.reused, report.keys) == (0, 3, keys)


def test_a_changed_file_is_prepared_again(folder, tmp_path):
    old = run(folder, tmp_path / "store").keys
    write(folder / "scan0.nii.gz", tissue(77), spacing=(1.0, 1.0, 1.0))
    report = run(folder, tmp_path / "store")
    assert (report.prepared, report.reused) == (1, 2)
    assert len(set(report.keys) & set(old)) == 2


def test_changed_voxels_beside_a_header_count_as_change(tmp_path):
    scans, store = tmp_path / "scans", tmp_path / "store"
    write(scans / "a.mhd", tissue(), spacing=(1.0, 1.0, 1.0))
    raw = next(scans.glob("a.*raw"))
    first = run(scans, store)
    before = raw.read_bytes()
    write(scans / "b" / "a.mhd", tissue(1), spacing=(1.0, 1.0, 1.0))
    raw.write_bytes(next((scans / "b").glob("a.*raw")).read_bytes())
    assert raw.read_bytes() != before
    second = run(scans, store, selection=Selection(exclude=("b",)))
    assert (second.prepared, second.reused) == (1, 0)
    assert not set(first.keys) & set(second.keys)


def test_unchanged_files_are_not_read_again(folder, tmp_path, monkeypatch):
    run(folder, tmp_path / "store")
    found = discover(folder, progress=False)
    monkeypatch.setattr(content, "file_hash", None)
    monkeypatch.setattr(job, "prepare_scan", None)
    assert run(found, tmp_path / "store").reused == 3


# Scans that cannot be used


def test_a_bad_scan_is_named_and_the_others_go_on(folder, tmp_path):
    store = tmp_path / "store"
    bad = (folder / "scan1.nii.gz").read_bytes()
    (folder / "cut.nii.gz").write_bytes(bad[: len(bad) // 2])
    holes = tissue(5).astype(np.float32)
    holes[3, 4, 5] = np.nan
    write(folder / "holes.nii.gz", holes, spacing=(1.0, 1.0, 1.0))
    write(folder / "even.nii.gz", np.full((9, 9, 9), 7.5, np.float32))
    report = run(folder, store)
    assert report.prepared == 3
    assert [failure.name for failure in report.failures] == ["cut.nii.gz", "even.nii.gz", "holes.nii.gz"]
    rows = failures_csv(store)
    assert [row["file"] for row in rows] == ["cut.nii.gz", "even.nii.gz", "holes.nii.gz"]
    assert all(row["step"] and row["reason"] and row["what to do"] for row in rows)
    assert "3 failed" in str(report)
    with Store.open(store) as reader:
        assert reader.failures(SETTINGS.fingerprint()) == report.failures
        assert len(reader.keys(SETTINGS.fingerprint())) == 3


def test_a_mended_scan_is_no_failure_any_more(folder, tmp_path):
    store = tmp_path / "store"
    whole = (folder / "scan1.nii.gz").read_bytes()
    (folder / "scan1.nii.gz").write_bytes(whole[:500])
    assert len(run(folder, store).failures) == 1
    (folder / "scan1.nii.gz").write_bytes(whole)
    report = run(folder, store)
    assert (report.prepared, report.reused, report.failures) == (1, 2, ())
    assert failures_csv(store) == []
    with Store.open(store) as reader:
        assert reader.failures(SETTINGS.fingerprint()) == ()


def test_a_failed_file_that_is_gone_is_forgotten(folder, tmp_path):
    (folder / "cut.nii.gz").write_bytes((folder / "scan1.nii.gz").read_bytes()[:500])
    run(folder, tmp_path / "store")
    (folder / "cut.nii.gz").unlink()
    run(folder, tmp_path / "store")
    with Store.open(tmp_path / "store") as reader:
        assert reader.failures(SETTINGS.fingerprint()) == ()


def test_a_file_that_may_not_be_read_is_named(folder, tmp_path, monkeypatch):
    found = discover(folder, progress=False)
    (folder / "scan1.nii.gz").unlink()
    (folder / "scan1.nii.gz").mkdir()  # cannot be opened, by the superuser neither
    report = run(found, tmp_path / "store")
    assert report.prepared == 2
    assert [(failure.name, failure.step) for failure in report.failures] == [("scan1.nii.gz", "read")]
    assert "cannot be opened" in report.failures[0].reason


def test_a_label_map_saved_as_floats_is_refused(tmp_path):
    labels = np.kron(np.arange(8).reshape(2, 2, 2), np.ones((9, 9, 9))).astype(np.float32)
    source = write(tmp_path / "a.nii.gz", labels)
    with pytest.raises(ScanError, match="as in a label map") as caught:
        prepare_scan(source, Selection(modality="MR"), SETTINGS)
    assert caught.value.step == "read"


def test_air_alone_is_refused(tmp_path):
    values = (-1000 + np.random.default_rng(0).integers(0, 40, (12, 12, 12))).astype(np.int16)
    source = write(tmp_path / "a.nii.gz", values)
    with pytest.raises(ScanError, match="wanted a body in the scan") as caught:
        prepare_scan(source, Selection(), SETTINGS)
    assert caught.value.step == "crop"


def test_values_beyond_the_window_alone_are_refused(tmp_path):
    source = write(tmp_path / "a.nii.gz", (3000 + tissue()).astype(np.int16))
    with pytest.raises(ScanError, match="different values after the intensity rule") as caught:
        prepare_scan(source, Selection(modality="CT"), SETTINGS)
    assert caught.value.step == "normalise"


def test_values_that_turn_non_finite_are_refused(tmp_path, monkeypatch):
    source = write(tmp_path / "a.nii.gz", tissue())
    voxels = tissue().astype(np.float32)
    voxels[2, 2, 2] = np.inf
    scan = Scan("a.nii.gz", voxels, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3), "MR", "NIfTI")
    monkeypatch.setattr("orienteer.scans.preparation.read_scan", lambda *_: scan)
    with pytest.raises(ScanError, match="NaN or Inf") as caught:
        prepare_scan(source, Selection(), SETTINGS)
    assert caught.value.step == "resample"


def test_an_unforeseen_error_names_scan_and_step(tmp_path, monkeypatch):
    source = write(tmp_path / "a.nii.gz", tissue())

    def broken(*_):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("orienteer.scans.preparation.onto_grid", broken)
    with pytest.raises(ScanError, match=r"a\.nii\.gz: .*ZeroDivisionError: division by zero") as caught:
        prepare_scan(source, Selection(), SETTINGS)
    assert caught.value.step == "resample"


def test_no_memory_is_a_failure_of_that_scan(folder, tmp_path, monkeypatch):
    real = preparation.check_range

    def hungry(name, *arguments):
        if name == "scan1.nii.gz":
            raise MemoryError
        real(name, *arguments)

    monkeypatch.setattr(preparation, "check_range", hungry)
    report = run(folder, tmp_path / "store")
    assert report.prepared == 2
    assert [(failure.name, failure.step) for failure in report.failures] == [("scan1.nii.gz", "normalise")]
    assert "no memory left" in report.failures[0].reason


def test_a_file_that_changes_while_it_is_read_is_not_stored(folder, tmp_path, monkeypatch):
    real = job.prepare_scan

    def meddling(source, *arguments):
        arrays = real(source, *arguments)
        if source.name == "scan1.nii.gz":
            write(source.files[0], tissue(99), spacing=(1.0, 1.0, 1.0))
        return arrays

    monkeypatch.setattr(job, "prepare_scan", meddling)
    report = run(folder, tmp_path / "store")
    assert [failure.name for failure in report.failures] == ["scan1.nii.gz"]
    assert "changed while it was read" in report.failures[0].reason


# Kills, full disks, other processes


def test_a_kill_while_writing_is_cleaned_up_and_completed(folder, tmp_path):
    store = tmp_path / "store"
    report = run(folder, store)
    key = report.keys[0]
    path = array_path(store, key)
    stray = path.with_name(f"{path.name}.123.tmp")
    stray.write_bytes(path.read_bytes()[:100])
    path.unlink()
    _delete_row(store, key)
    again = run(folder, store)
    assert (again.prepared, again.reused, again.keys) == (1, 2, report.keys)
    assert not stray.exists()
    with Store.open(store) as reader:
        assert reader.verify() == {}


def test_an_array_whose_row_was_not_written_is_adopted(folder, tmp_path, monkeypatch):
    store = tmp_path / "store"
    report = run(folder, store)
    with Store.open(store) as reader:
        before = list(reader.entries(SETTINGS.fingerprint()))
    _delete_row(store, report.keys[1])
    monkeypatch.setattr(job, "prepare_scan", None)  # adopting needs no preparing
    again = run(folder, store)
    assert (again.prepared, again.reused, again.keys) == (0, 3, report.keys)
    with Store.open(store) as reader:
        assert list(reader.entries(SETTINGS.fingerprint())) == before
        assert reader.verify() == {}


def test_an_array_without_a_row_that_is_damaged_is_rewritten(folder, tmp_path):
    store = tmp_path / "store"
    key = run(folder, store).keys[1]
    _delete_row(store, key)
    array_path(store, key).write_bytes(b"not an array")
    assert run(folder, store).prepared == 1
    with Store.open(store) as reader:
        assert reader.verify() == {}


@pytest.mark.parametrize("left", [None, 700])
def test_a_row_whose_array_is_gone_or_short_is_redone(folder, tmp_path, left):
    store = tmp_path / "store"
    report = run(folder, store)
    path = array_path(store, report.keys[2])
    whole = path.read_bytes()
    path.unlink() if left is None else path.write_bytes(whole[:left])
    again = run(folder, store)
    assert (again.prepared, again.keys) == (1, report.keys)
    with Store.open(store) as reader:
        assert reader.verify() == {}


def _delete_row(store: Path, key: str) -> None:
    connection = sqlite3.connect(store / FILE_NAME)
    connection.execute("DELETE FROM scans WHERE key = ?", (key,))
    connection.commit()
    connection.close()


def test_a_killed_run_is_completed_by_the_next(folder, tmp_path):
    """A real process, killed without warning after its first scan."""
    store = tmp_path / "store"
    code = (
        "import os, sys\n"
        "from orienteer.scans import index, prepare\n"
        "add = index.Index.add_scan\n"
        "def once(*arguments):\n"
        "    add(*arguments)\n"
        "    os.kill(os.getpid(), 9)\n"
        "index.Index.add_scan = once\n"
        "settings = prepare.Preparation(spacing_mm=(1.0, 1.0, 1.0))\n"
        "prepare.prepare(sys.argv[1], sys.argv[2], preparation=settings, workers=0)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(folder), str(store)], timeout=60, cwd=Path.cwd())
    assert killed.returncode == -9
    report = run(folder, store)
    assert (report.prepared, report.reused) == (2, 1)


def test_ctrl_c_keeps_what_is_finished(folder, tmp_path, monkeypatch):
    real = job.prepare_scan

    def interrupted(source, *arguments):
        if source.name == "scan1.nii.gz":
            raise KeyboardInterrupt
        return real(source, *arguments)

    monkeypatch.setattr(job, "prepare_scan", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "store")
    monkeypatch.undo()
    report = run(folder, tmp_path / "store")
    assert (report.prepared, report.reused) == (2, 1)


def test_a_disk_that_fills_up_while_writing_stops_the_run_cleanly(folder, tmp_path, monkeypatch):
    store = tmp_path / "store"
    real, written = os.fsync, []

    def full_after_one(descriptor):
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith(".part"):
            written.append(descriptor)
            if len(written) > 1:
                raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc to tell which file is being written")
    monkeypatch.setattr(os, "fsync", full_after_one)
    with pytest.raises(InputError, match=r"disk of the store .* MB free, got .* MB"):
        run(folder, store)
    monkeypatch.undo()
    assert len(list(store.glob("arrays/*/*"))) == 1  # one whole array, nothing half written
    report = run(folder, store)
    assert (report.prepared, report.reused, report.failures) == (2, 1, ())


def test_a_disk_that_is_too_small_is_refused_before_any_work(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_module, "free_bytes", lambda _: 1_000_000)
    monkeypatch.setattr(job, "prepare_scan", None)
    with pytest.raises(InputError, match=r"wanted 33.6 MB free, got 1.0 MB"):
        run(folder, tmp_path / "store")
    assert not list((tmp_path / "store").glob("arrays/*/*"))


def test_a_disk_too_small_for_the_next_array_stops_before_writing(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(job, "free_bytes", lambda _: 500)
    with pytest.raises(InputError, match=r"wanted 0.0 MB free, got 0.0 MB"):
        run(folder, tmp_path / "store")
    assert not list((tmp_path / "store").glob("arrays/*/*"))


def test_the_estimate_of_the_space_is_near_the_truth(folder, tmp_path):
    sources = discover(folder, progress=False).sources
    estimate = disk.estimated_bytes(sources, Selection(), (1.0, 1.0, 1.0))
    assert estimate == pytest.approx(3 * 24 * 20 * 22 * disk.BYTES_PER_VOXEL, abs=2)
    assert disk.estimated_bytes(sources, Selection(), (2.0, 2.0, 1.0)) == pytest.approx(estimate / 4, abs=2)


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "replace", _no_space)
    with pytest.raises(OSError, match="No space left"):
        write_bytes(tmp_path / "sub" / "x.b2nd", b"content")
    assert not list((tmp_path / "sub").iterdir())


def _no_space(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_two_processes_do_not_prepare_into_one_store(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("orienteer.scans.lock.PATIENCE_S", 0.0)
    with (
        only_writer(tmp_path / "store"),
        pytest.raises(InputError, match=rf"got process {os.getpid()} on .*, which is preparing"),
    ):
        run(folder, tmp_path / "store")
    assert run(folder, tmp_path / "store").prepared == 3


def test_a_second_process_waits_for_the_first(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("orienteer.scans.lock.PATIENCE_S", 30.0)
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom orienteer.scans.lock import only_writer\n"
        "with only_writer(Path(sys.argv[1])):\n    print('mine', flush=True)\n    time.sleep(3)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "mine\n"
        assert run(folder, tmp_path / "store").prepared == 3
        assert first.wait(timeout=10) == 0
    assert f"waiting for another process that prepares into {tmp_path / 'store'} (process {first.pid} on " in (
        capsys.readouterr().err
    )


def test_the_lock_of_a_killed_process_is_free(folder, tmp_path):
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom orienteer.scans.lock import only_writer\n"
        "with only_writer(Path(sys.argv[1])):\n    os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "store")], timeout=60, cwd=Path.cwd())
    assert killed.returncode == -9
    assert (tmp_path / "store" / "writer.lock.holder").exists()  # it left its name, and yet:
    assert run(folder, tmp_path / "store").prepared == 3


def test_a_store_that_cannot_be_made_is_an_input_error(folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="wanted a folder that can be written"):
        run(folder, tmp_path / "file" / "store")


def test_bad_arguments_are_refused(folder, tmp_path):
    with pytest.raises(InputError, match="spacing_mm: wanted a voxel size"):
        run(folder, tmp_path / "store", Preparation())
    with pytest.raises(InputError, match="workers: wanted 0 or more"):
        run(folder, tmp_path / "store", workers=-1)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    "setting",
    [
        {"spacing_mm": (0.0, 1.0, 1.0)},
        {"spacing_mm": (1.0, -1.0, 1.0)},
        {"spacing_mm": (1.0, float("nan"), 1.0)},
        {"ct_window_hu": (100.0, -100.0)},
        {"mr_percentiles": (50.0, 50.0)},
        {"mr_percentiles": (-1.0, 99.0)},
        {"margin_mm": -1.0},
    ],
)
def test_settings_that_cannot_be_are_refused(setting):
    with pytest.raises(InputError, match=f"{next(iter(setting))}: wanted"):
        Preparation(**setting)


# Worker processes


class DeadlyWork(ScanWork):
    """Ends its process, without a word, on one of the scans."""

    def __call__(self, job):
        if job.source.name == "scan1.nii.gz":
            os._exit(1)
        return super().__call__(job)


def test_a_worker_that_dies_is_a_failure_of_that_scan_alone(folder, tmp_path, monkeypatch):
    serial = run(folder, tmp_path / "serial")
    monkeypatch.setattr(prepare_module, "ScanWork", DeadlyWork)
    report = run(folder, tmp_path / "store", workers=2)
    assert report.prepared == 2
    assert [failure.name for failure in report.failures] == ["scan1.nii.gz"]
    assert "terminated unexpectedly (exit code 1)" in report.failures[0].reason
    assert [row["file"] for row in failures_csv(tmp_path / "store")] == ["scan1.nii.gz"]
    # The others are what one process makes of them, to the byte.
    for key in report.keys:
        assert array_path(tmp_path / "store", key).read_bytes() == array_path(tmp_path / "serial", key).read_bytes()
    assert set(report.keys) < set(serial.keys)


def test_a_script_needs_no_guard_to_start_workers(folder, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom orienteer.scans.preparation import Preparation\nfrom orienteer.scans.prepare import prepare\n"
        "print(prepare(sys.argv[1], sys.argv[2], preparation=Preparation(spacing_mm=(1.0, 1.0, 1.0)), workers=1))\n"
    )
    path = {"PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, str(script), str(folder), str(tmp_path / "store")]
    ended = subprocess.run(command, env=os.environ | path, capture_output=True, text=True, timeout=120)
    assert ended.stdout.startswith("3 scans ready"), ended.stderr


# Real scans


def test_real_scans_of_all_formats_are_prepared(real_scans, tmp_path):
    settings = Preparation(spacing_mm=(4.0, 4.0, 4.0))
    report = run(real_scans, tmp_path / "store", settings)
    assert report.failures == ()
    assert len(report.keys) == 8
    with Store.open(tmp_path / "store") as store:
        for scan in store.entries(settings.fingerprint()):
            body = store.body(scan.key)
            assert body.inside.all(), scan.name
            assert 0.2 < body.body.mean() / 255 <= 1, scan.name
            voxels = store.read(scan.key, (0, 0, 0), scan.shape_vox)
            assert -1 <= voxels.min() < voxels.max() <= 1, scan.name

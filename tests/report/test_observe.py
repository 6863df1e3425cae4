"""The command: what it observes, what it leaves out, and which input it refuses."""

import re
import shutil

import pytest

from orienteer.errors import InputError
from orienteer.pretraining.pretrain import pretrain
from orienteer.report.faults import SOUND
from orienteer.report.observe import observe
from orienteer.runs.loaded import load_run
from tests.helpers.html import Page
from tests.helpers.small_run import SMALL
from tests.report.conftest import QUICK

QUICKEST = {**QUICK, "sets": 1, "own_scans": 1}
"""Settings for reports whose measurements are not looked at."""


def test_it_names_no_path_of_the_machine(own, new, finished, torsos, mixed):
    for report in (own, new):
        text = report.report.read_text()
        for folder in (finished.folder.parent, torsos, mixed, report.report.parent):
            assert str(folder) not in text


def test_new_scans_that_cannot_be_used_are_named(new):
    left_out = new.findings.left_out
    assert "smaller than a view" in left_out["small.nii.gz"]
    assert "broken.nii.gz" in left_out
    assert sum("the same scan as" in reason for reason in left_out.values()) == 1
    text = Page(new.report.read_text()).text
    assert all(name in text for name in left_out)


def test_another_modality_and_coarse_voxels_are_noted(new):
    notes = {scan.measurement.name: " ".join(scan.notes) for scan in new.findings.scans}
    assert "MR, but the run was trained on CT" in notes["brain.nii.gz"]
    assert "voxels of 16 x 16 x 16 mm, coarser than the" in notes["coarse.nii.gz"]
    assert "MR, but the run was trained on CT" in Page(new.report.read_text()).text


def test_a_scan_that_was_trained_on_is_noted(bare, torsos, tmp_path):
    name = next(iter(load_run(bare, device="cpu").training.values()))
    observation = observe(bare, torsos / name, out=tmp_path, drawn=0, demonstration=False, **QUICKEST)
    assert observation.findings.scans[0].notes == ("the run was trained on this scan",)


def test_headers_are_judged_by_held_out_scans_alone(torsos, tmp_path):
    """And the demonstration shows one scan with and without faults."""
    run = pretrain(torsos, tmp_path / "run", **SMALL | {"validation_fraction": 0.5, "steps": 2, "header_steps": 2})
    loaded = load_run(run.folder, device="cpu")
    assert len(loaded.validation) == 3
    observation = observe(run.folder, torsos, drawn=0, out=tmp_path, **QUICKEST | {"own_scans": 24})
    found = observation.findings
    assert {scan.key for scan in found.own} == set(loaded.validation)
    assert set(loaded.reader.own) == {*loaded.training, *loaded.validation}
    assert len(found.header_check.scores) == 6  # each seen by networks that were not trained on it
    assert all(scan.header is not None for scan in found.own)
    assert found.header_check.evidence.misfit is not None
    assert found.header_check.evidence.reader is not None
    for scan in (
        *found.scans,
        *found.demonstration,
    ):  # beside a reader only faults that it does not rule out are undone
        assert SOUND in scan.measurement.fits
        assert len(scan.measurement.fits) == 1 or scan.flagged or not scan.recognised
    names = [scan.measurement.name for scan in found.demonstration]
    assert names[0].endswith("sound.nii.gz")
    assert len(names) == 5
    assert (
        "All thresholds come from 6 scans of the run, each seen by networks that were not trained on it"
        in Page(observation.report.read_text()).text
    )


def test_with_one_held_out_scan_headers_are_not_judged(new):
    assert len(new.findings.own) == 1
    assert new.findings.header_check is None
    assert not new.findings.demonstration
    assert "fewer than three held-out scans" in Page(new.report.read_text()).text


def test_when_no_scan_can_be_used_the_report_gives_the_reasons(bare, mixed, tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    shutil.copy(mixed / "small.nii.gz", folder)
    observation = observe(bare, folder, out=tmp_path, **QUICKEST)
    assert not observation.findings.scans
    assert "smaller than a view" in Page(observation.report.read_text()).text


def test_a_run_without_metrics_and_pictures_says_so(bare):
    observation = observe(bare, drawn=0, demonstration=False, **QUICKEST)
    assert observation.report == bare / "report.html"
    text = Page(observation.report.read_text()).text
    assert "drew no pictures during training" in text
    assert "no held-out metrics" in text


def test_without_the_store_new_scans_are_observed_and_old_ones_refused(bare, mixed, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(bare, folder)
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(re.sub(r"store: .*", f"store: {tmp_path / 'gone'}", text))
    observation = observe(folder, mixed, drawn=0, **QUICKEST)
    assert observation.findings.header_check is None
    assert observation.findings.scans[0].verdict is None
    assert "headers cannot be checked" in Page(observation.report.read_text()).text
    with pytest.raises(InputError, match="name new scans with --scans"):
        observe(folder, **QUICK)


def test_a_folder_that_is_not_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"wanted a run folder with config\.yaml"):
        observe(tmp_path)


def test_the_command_is_a_function_of_the_package(tmp_path):
    import orienteer
    import orienteer.runs.loaded

    for _ in range(2):  # the first access imports it
        with pytest.raises(InputError, match=r"wanted a run folder with config\.yaml"):
            orienteer.observe(tmp_path)


def test_a_folder_without_scans_is_refused(finished, tmp_path):
    with pytest.raises(InputError, match="scan"):
        observe(finished.folder, tmp_path, **QUICK)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"out": "report.pdf"}, r"ends in \.html"),
        ({"out": "nowhere/report.html"}, "create nowhere first"),
        ({"sets": 0}, "sets: wanted at least 1, got 0"),
        ({"own_scans": 0}, "use --own-scans 1"),
    ],
)
def test_invalid_settings_are_refused_before_any_work(finished, settings, words):
    with pytest.raises(InputError, match=words):
        observe(finished.folder, **settings)

"""Preparing says which scans are used although something is odd, every time; and every file has its outcome."""

import nibabel

from orienteer.scans.discover import discover
from orienteer.scans.preparation import Preparation
from tests.helpers.odd_files import write_odd_files
from tests.helpers.stores import delete_row, prepare_here, tissue


def odd_scan(path):
    """A scan that is used with a warning: its axes have no names."""
    image = nibabel.Nifti1Image(tissue(7), None)
    image.header["sform_code"] = image.header["qform_code"] = 0
    path.write_bytes(image.to_bytes())


def test_warnings_are_reported_and_said_again_by_every_run(folder, tmp_path):
    odd_scan(folder / "odd.nii")
    first = prepare_here(folder, tmp_path / "store")
    (oddity,) = first.warnings
    assert oddity.name == "odd.nii"
    assert "neither sform nor qform" in oddity.warning
    assert ", 1 with warnings" in str(first)
    assert f"\n  warning: {oddity}" in str(first)
    (folder / "odd.nii").rename(folder / "renamed.nii")
    second = prepare_here(folder, tmp_path / "store")
    assert (second.prepared, second.reused) == (0, 4)
    assert [(item.name, item.warning) for item in second.warnings] == [("renamed.nii", oddity.warning)]


def test_warnings_survive_a_kill_between_array_and_index(folder, tmp_path):
    odd_scan(folder / "odd.nii")
    first = prepare_here(folder, tmp_path / "store")
    for key in first.keys:
        delete_row(tmp_path / "store", key)
    assert prepare_here(folder, tmp_path / "store").warnings == first.warnings


def test_every_file_of_a_folder_is_prepared_left_out_or_failed(tmp_path):
    count = write_odd_files(tmp_path / "scans")
    discovery = discover(tmp_path / "scans", progress=False)
    report = prepare_here(discovery, tmp_path / "store", Preparation(spacing_mm=(2.0, 2.0, 2.0)))
    failed = {failure.name for failure in report.failures}
    files = {source.name: len(source.files) + len(source.companions) for source in discovery.sources}
    assert failed <= files.keys()
    assert report.prepared + report.reused + len(report.duplicates) + len(failed) == len(files)
    assert sum(files.values()) + sum(item.files for item in discovery.with_others()) == count

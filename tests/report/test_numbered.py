"""A report with numbers in the place of names holds none of them, and a warning is given before names are shown."""

import shutil

import pytest

from orienteer.files import csv_rows, write_csv
from orienteer.report.numbered import numbers_of
from orienteer.report.observe import NAMES_FILE, observe
from orienteer.report.page import make_report
from tests.helpers.html import Page
from tests.report.test_observe import QUICKEST


def test_no_name_of_a_scan_is_on_the_page(new):
    findings = new.findings
    numbers = numbers_of(findings, [])
    html = make_report(findings, numbers)
    names = [*(scan.measurement.name for scan in findings.demonstration), *numbers]
    assert len(names) > 5
    assert not [name for name in names if name in html]
    text = Page(html).text
    assert ".nii" not in text
    shown = [*(scan.measurement.name for scan in findings.scans), *findings.left_out]
    assert all(numbers[name] in text for name in shown)


@pytest.fixture
def person(bare, torsos, tmp_path):
    """A folder named like a person with one scan, and a run that failed on another of its scans."""
    folder = tmp_path / "scans/Mueller_Anna_1965"
    folder.mkdir(parents=True)
    shutil.copy(sorted(torsos.glob("*.nii.gz"))[0], folder / "ct.nii.gz")
    run = shutil.copytree(bare, tmp_path / "run")
    failed = ["Schmidt_Otto/mr.nii.gz", "read", "wanted slices, got Schmidt_Otto/7.dcm", "copy it"]
    write_csv(run / "failures.csv", ["scan", "step", "reason", "what to do"], [failed])
    return run, tmp_path / "scans"


def test_a_folder_named_like_a_person_draws_a_warning_that_says_what_helps(person, tmp_path, capsys):
    run, scans = person
    shown = observe(run, scans, out=tmp_path, drawn=0, demonstration=False, **QUICKEST).report.read_text()
    assert "Mueller_Anna_1965/ct.nii.gz" in shown
    words = "WARNING: the report shows the names of scans, and 'Mueller_Anna_1965', 'Schmidt_Otto' could be names of persons"
    assert capsys.readouterr().err.count(words) == 1
    html = observe(
        run, scans, out=tmp_path, drawn=0, demonstration=False, names="numbered", **QUICKEST
    ).report.read_text()
    assert "WARNING" not in capsys.readouterr().err
    assert "Mueller" not in html
    assert "Schmidt" not in html
    rows = {row["scan"]: row["number"] for row in csv_rows(run / NAMES_FILE)}
    assert rows["Mueller_Anna_1965/ct.nii.gz"] == "scan 1"
    assert "Schmidt_Otto/mr.nii.gz" in rows

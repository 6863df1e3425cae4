"""The page of a report: complete, self-contained, accessible, and true to what was measured."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from orienteer.report.faults import Fault
from orienteer.report.findings import Findings, ObservedScan
from orienteer.report.header_check import calibrate
from orienteer.report.measure import measure_scan
from orienteer.report.page import make_report
from orienteer.report.pictures import draw_scan
from tests.browser.chromium import visit_page
from tests.helpers.html import Page
from tests.helpers.oracle import coded_scan, with_fault


def test_the_page_is_whole_and_loads_nothing(own):
    html = own.report.read_text()
    page = Page(html)
    assert own.report.stat().st_size < 15e6
    assert page.every("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.every("meta")
    assert not page.every("script")
    assert not page.every("link")
    assert all(image["src"].startswith("data:image/png;base64,") and image["alt"] for image in page.every("img"))
    assert all(attributes["href"].startswith("#") for attributes in page.every("a"))
    assert "url(" not in html
    assert not re.search(r"\{\{|\{%|\bNone\b(?!: all scans)|Undefined", page.text)


def test_headings_go_down_one_level_at_a_time(own):
    levels = [int(tag[1]) for tag, _ in Page(own.report.read_text()).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_it_shows_what_was_measured(own):
    text = Page(own.report.read_text()).text
    for scan in own.findings.scans:
        assert scan.measurement.name in text
        assert f"{scan.measurement.name} {scan.measurement.error_mm:.0f} {scan.measurement.trivial_mm:.0f}" in text
        assert f"<td>{scan.measurement.closure_mm:.0f}</td>" in own.report.read_text()
    for word in ("Learning curves", "over time", "left-right", "foot-head", "n = 1", "All settings of the run"):
        assert word in own.report.read_text(), word


@pytest.mark.parametrize("which", ["own", "new"])
def test_it_can_be_read_by_everybody_on_any_screen(which, request):
    visit_page(request.getfixturevalue(which).report)


def test_ten_scans_with_pictures_print_on_six_pages(findings, oracle, tmp_path):
    scans = []
    for seed in range(10):
        coded = coded_scan(np.random.default_rng(seed), f"patient_{seed:03d}_abdomen.nii.gz")
        measured = measure_scan(oracle, coded, sets=2)
        pictures = tuple(draw_scan(oracle, coded, measured))
        scans.append(ObservedScan(measured, findings.header_check.judge(measured), (), pictures))
    page = tmp_path / "ten.html"
    page.write_text(
        make_report(replace(findings, scans=(*scans[:9], replace(findings.scans[1], pictures=scans[9].pictures))))
    )
    assert visit_page(page)["printed"] <= 6


@pytest.fixture(scope="module")
def findings(oracle) -> Findings:
    """A sound scan, and a mirrored copy of it that is flagged, measured by the oracle."""
    sound = [measure_scan(oracle, coded_scan(np.random.default_rng(seed), f"s{seed}"), sets=2) for seed in range(3)]
    check = calibrate(sound)
    mirrored = with_fault(coded_scan(np.random.default_rng(9), "mirrored"), Fault(mirrored=(0,)))
    scans = [sound[0], measure_scan(oracle, mirrored, sets=2)]
    observed = tuple(ObservedScan(scan, check.judge(scan)) for scan in scans)
    return Findings(
        oracle, observed, True, {"small.nii": "smaller than a view"}, tuple(sound), check, observed, ("a note",)
    )


def test_a_flagged_header_is_explained(findings):
    text = Page(make_report(findings)).text
    assert "1 of 2 looks wrong (1 clearly). Were all 2 sound, fewer than 0.1 would be flagged by mistake." in text
    assert "3 held-out scans set the threshold, 19 are needed" in text
    assert "mirrored: mean error" in text or "Header or anatomy unusual; not in the medians" in text
    assert "mirrored: clearly mirrored left-right, unless the anatomy is unlike the run's. The weight of this" in text
    assert "misfit as stated" in text
    assert "Scans are compared with 3 held-out scans of the run" in text
    assert "with it undone, the misfit falls from" in text
    assert "s0 consistent" in text
    assert "1 of 2 copies were flagged" in text
    assert "All thresholds come from 3 held-out scans" in text
    assert "That is too few to guarantee a false-alarm rate of 5 %" in text
    assert "possible faults would be found in 19 of 20 scans" in text
    assert "1 not used scan reason small.nii smaller than a view" in text
    assert "a note" in text
    assert "Train with edges: pair to have one." in text  # the oracle's routes close by construction


def test_many_faults_that_are_not_ruled_out_are_counted_in_tables_and_named_below_them(findings):
    others = findings.header_check.evidence.faults[1:8]
    verdict = replace(findings.scans[1].verdict, alternatives=others, misfits={})
    scan = replace(findings.scans[1], verdict=verdict)
    text = Page(make_report(replace(findings, scans=(scan,), own=findings.own[:1], demonstration=()))).text
    assert "mirrored clearly mirrored left-right, or has one of 7 faults that are not ruled out either" in text
    assert f"(not ruled out either: {others[0].name}; {others[1].name}; {others[2].name}; and 4 more)" in text
    assert "Scans are compared with 1 held-out scan of the run" in text
    assert "misfit as stated" not in text  # a column without any value


def test_a_scan_that_is_not_recognised_is_not_judged(findings):
    verdict = replace(findings.scans[1].verdict, recognised=False, flagged=False, fault=None)
    text = Page(make_report(replace(findings, scans=(replace(findings.scans[1], verdict=verdict),)))).text
    assert "mirrored cannot be judged" in text
    assert "not recognised: unlike the run's scans" in text
    assert "It is not recognised, perhaps another anatomy than the run's, so that the header cannot be judged." in text
    assert "look wrong" not in text
    assert "looks wrong" not in text


def test_without_scans_and_without_a_check_the_page_says_so(findings):
    text = Page(make_report(replace(findings, scans=(), left_out={}, header_check=None, demonstration=()))).text
    for words in (
        "could not be applied to any scan",
        "There were no scans",
        "Headers cannot be checked",
        "their store is missing",
    ):
        assert words in text


def test_no_header_is_called_consistent_where_no_fault_can_be_distinguished(findings):
    check = findings.header_check
    unable = replace(check, indistinguishable=frozenset(check.evidence.faults))
    scans = tuple(replace(scan, verdict=unable.judge(scan.measurement)) for scan in findings.scans)
    text = Page(make_report(replace(findings, scans=scans, demonstration=(), header_check=unable))).text
    assert "s0 cannot be determined" in text
    assert "consistent" not in text


def test_a_large_error_is_remarked(findings):
    scan = replace(findings.scans[0], percentiles={"error": 1.0}, large=("error",), notes=("coarse voxels",))
    text = Page(make_report(replace(findings, scans=(scan,)))).text
    assert "larger error than held-out scans lead to expect; coarse voxels" in text
    assert "100 %" in text

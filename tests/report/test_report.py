"""The report: whole, self-contained, and true to what was measured; bad input is named."""

import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.errors import InputError
from orienteer.phantoms.torso import write_phantoms
from orienteer.pretraining.pretrain import pretrain
from orienteer.report.observe import observe
from tests.browser.chromium import run_in_chromium
from tests.helpers.small_run import SMALL

QUICK = {"sets": 3, "own_scans": 3, "device": "cpu", "prepare_workers": 0}


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def every(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """New scans: a sound one, a copy of it, another modality, one that is too small, coarse voxels, and a broken file."""
    folder = tmp_path_factory.mktemp("mixed")
    (sound,) = write_phantoms(folder, 1, seed=5, shape_vox=(40, 32, 48), spacing_mm=8.0, labels=False, progress=False)
    shutil.copy(sound, folder / "again.nii.gz")
    rng = np.random.default_rng(0)
    body = np.zeros((48, 40, 40), np.float32)
    body[4:44, 4:36, 4:36] = rng.gamma(4.0, 100.0, (40, 32, 32))
    write(folder / "brain.nii.gz", body, 8.0)
    write(folder / "small.nii.gz", rng.integers(-50, 80, (10, 10, 10)).astype(np.int16), 8.0)
    write(folder / "coarse.nii.gz", sitk.GetArrayFromImage(sitk.ReadImage(str(sound)))[::2, ::2, ::2], 16.0)
    (folder / "broken.nii.gz").write_bytes(b"no scan at all")
    return folder


def write(path, values, spacing):
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((spacing,) * 3)
    sitk.WriteImage(image, str(path))


@pytest.fixture(scope="module")
def new(finished, mixed, tmp_path_factory):
    """A report on new scans."""
    return observe(finished.folder, mixed, out=tmp_path_factory.mktemp("reports"), drawn=1, **QUICK)


@pytest.fixture(scope="module")
def own(finished, tmp_path_factory):
    """A report on the run's own held-out scans."""
    return observe(finished.folder, out=tmp_path_factory.mktemp("reports") / "own.html", drawn=2, **QUICK)


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
    assert "$" not in page.text


def test_headings_go_down_one_level_at_a_time(own):
    levels = [int(tag[1]) for tag, _ in Page(own.report.read_text()).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_it_tells_the_figures_that_were_measured(own):
    text = Page(own.report.read_text()).text
    for scan in own.findings.scans:
        assert scan.figures.name in text
        assert f"{scan.figures.error_mm:.1f}" in text
        assert f"{scan.figures.closure_mm:.1f}" in text
    for word in ("Learning curves", "Over time", "left-right", "foot-head", "n = 1", "Every setting of the run"):
        assert word in own.report.read_text(), word


def test_it_names_no_place_on_the_machine(own, new, finished, torsos, mixed):
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


def test_another_modality_and_coarse_voxels_are_said(new):
    notes = {scan.figures.name: " ".join(scan.notes) for scan in new.findings.scans}
    assert "MR, but the run was trained on CT" in notes["brain.nii.gz"]
    assert "voxels of 16 x 16 x 16 mm, coarser than the" in notes["coarse.nii.gz"]
    assert "MR, but the run was trained on CT" in Page(new.report.read_text()).text


def test_a_scan_that_was_trained_on_is_said(finished, torsos, tmp_path):
    from orienteer.runs.loaded import load_run

    name = next(iter(load_run(finished.folder, device="cpu").training.values()))
    seen = observe(finished.folder, torsos / name, out=tmp_path, drawn=0, demonstration=False, **QUICK)
    assert seen.findings.scans[0].notes == ("the run was trained on this very scan",)


def test_a_demonstration_shows_one_scan_with_and_without_faults(new):
    names = [scan.figures.name for scan in new.findings.demonstration]
    assert names[0].endswith("sound.nii.gz")
    assert len(names) == 5


def test_when_no_scan_can_be_used_the_report_still_says_why(finished, mixed, tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    shutil.copy(mixed / "small.nii.gz", folder)
    seen = observe(finished.folder, folder, out=tmp_path, **QUICK)
    assert not seen.findings.scans
    assert "smaller than a view" in Page(seen.report.read_text()).text


def test_a_run_without_pictures_says_so(torsos, store, tmp_path):
    run = pretrain(torsos, tmp_path / "run", store=str(store), **{**SMALL, "steps": 2, "pictures": False})
    seen = observe(run.folder, drawn=0, demonstration=False, **QUICK)
    assert seen.report == tmp_path / "run" / "report.html"
    assert "drew no pictures while it trained" in Page(seen.report.read_text()).text


def test_without_the_store_new_scans_are_still_seen_and_old_ones_asked_for(finished, mixed, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished.folder, folder)
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(re.sub(r"store: .*", f"store: {tmp_path / 'gone'}", text))
    seen = observe(folder, mixed, drawn=0, **QUICK)
    assert seen.findings.witness is None
    assert seen.findings.scans[0].verdict is None
    assert "headers cannot be checked" in Page(seen.report.read_text()).text
    with pytest.raises(InputError, match="name new scans with --scans"):
        observe(folder, **QUICK)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"wanted a run folder with config\.yaml"):
        observe(tmp_path)


def test_the_package_can_be_called_like_the_function(tmp_path):
    import orienteer
    import orienteer.runs.loaded

    for _ in range(2):  # the first access imports, and Python then puts the package in the function's place
        with pytest.raises(InputError, match=r"wanted a run folder with config\.yaml"):
            orienteer.observe(tmp_path)


def test_a_folder_without_scans_is_refused(finished, tmp_path):
    with pytest.raises(InputError, match="scan"):
        observe(finished.folder, tmp_path, **QUICK)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"out": "report.pdf"}, r"ends in \.html"),
        ({"out": "nowhere/report.html"}, "make nowhere first"),
        ({"sets": 0}, "sets: wanted at least 1, got 0"),
        ({"own_scans": 0}, "use --own-scans 1"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_any_work(finished, settings, words):
    with pytest.raises(InputError, match=words):
        observe(finished.folder, **settings)


@pytest.mark.parametrize("which", ["own", "new"])
def test_axe_finds_nothing_to_complain_of(which, request, tmp_path):
    report = request.getfixturevalue(which).report
    found = run_in_chromium("axe.mjs", report)
    assert [(item["id"], item["nodes"]) for item in found["value"]] == []
    assert [url for url in found["requests"] if not url.startswith(("file:", "data:"))] == []


def test_markup_escapes_what_comes_from_files():
    from orienteer.draw.markup import Picture, figure, notice, table

    bad = '<b onclick="x">&'
    png = b"\x89PNG\r\n\x1a\n" + b"\x00" * 8 + (3).to_bytes(4, "big") + (2).to_bytes(4, "big")
    for html in (table(bad, (bad, bad), [(bad, "!" + bad)]), notice(bad), figure(Picture(bad, bad, bad, png))):
        assert "<b" not in html.replace("<body", "")
        assert "&lt;b onclick=" in html

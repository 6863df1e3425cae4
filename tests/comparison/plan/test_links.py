"""The folder of links holds the scans to pretrain on and nothing else, and nothing outside it is touched."""

import shutil
from pathlib import Path

import pytest

from orienteer.comparison.plan.links import link_places, link_scans
from orienteer.errors import InputError
from orienteer.labelled.datasets import Case, read_dataset
from orienteer.scans.discover import discover
from orienteer.scans.source import METAIMAGE, ScanSource
from tests.helpers.files import noise, write
from tests.helpers.labelled import write_dataset


def cases_of(folder: Path, count: int) -> tuple[Case, ...]:
    return read_dataset(str(write_dataset(folder, count)), None, None).cases


def test_the_folder_of_links_holds_the_asked_scans_and_forgets_others(tmp_path):
    cases = cases_of(tmp_path / "data", 4)
    links = tmp_path / "links"
    for chosen in (cases[:3], cases[1:2]):
        assert link_scans(chosen, links) == {case.source.name: case.name for case in chosen}
        linked = sorted(path.relative_to(links).as_posix() for path in links.rglob("*.nii.gz"))
        assert linked == [case.source.name for case in chosen]
    assert (links / cases[1].source.name).read_bytes() == cases[1].source.files[0].read_bytes()


def test_a_scan_that_changed_under_the_same_name_is_linked_again(tmp_path):
    cases = cases_of(tmp_path / "data", 2)
    stale = tmp_path / "links" / cases[0].source.name
    stale.parent.mkdir(parents=True)
    stale.symlink_to(cases[1].source.files[0])
    link_scans(cases[:1], tmp_path / "links")
    assert stale.resolve() == cases[0].source.files[0].resolve()


def renamed(case: Case, name: str) -> Case:
    return Case(name, ScanSource(name, case.source.format, case.source.files), case.labels)


@pytest.mark.parametrize(
    "name", ["../../a.nii.gz", "/a.nii.gz", ".hidden/a.nii.gz", "labelsTr/a.nii.gz", "x\ny.nii.gz"]
)
def test_links_of_any_name_lie_inside_and_are_found_there(tmp_path, name):
    cases = [
        renamed(case, name.replace("a.", f"{letter}."))
        for case, letter in zip(cases_of(tmp_path / "data", 2), "ab", strict=True)
    ]
    before = sorted(path for path in tmp_path.rglob("*") if "data" in path.parts)
    places = link_scans(cases if "\n" not in name else cases[:1], tmp_path / "out/links")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "out"]
    assert sorted(path for path in tmp_path.rglob("*") if "data" in path.parts) == before
    found = [source.name for source in discover(tmp_path / "out/links", progress=False).sources]
    assert found == sorted(places)


def test_names_alike_in_two_folders_are_two_links():
    places = link_places(["/x/a.nii.gz", "x/a.nii.gz", "X/A.nii.gz"])
    assert places == {"x/a.nii.gz": "x/a.nii.gz", "/x/a.nii.gz": "x/a-3.nii.gz", "X/A.nii.gz": "X/A-2.nii.gz"}


def test_a_file_that_a_header_names_outside_its_folder_gets_no_link(tmp_path):
    source = write(tmp_path / "data/scans/a.mhd", noise())
    header = source.files[0]
    shutil.move(header.with_suffix(".raw"), tmp_path / "data/a.raw")
    header.write_text(header.read_text().replace("a.raw", "../a.raw"))
    case = Case("a", ScanSource("a.mhd", METAIMAGE, (header,)), header)
    link_scans([case], tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["a.mhd"]  # the header alone: reading refuses it


def test_two_headers_with_data_files_of_one_name_keep_their_own(tmp_path):
    cases = []
    for number, folder in enumerate(("one", "two")):
        source = write(tmp_path / folder / "ct.mhd", noise(seed=number))
        cases.append(Case(folder, ScanSource(f"/{folder}/ct.mhd", METAIMAGE, source.files), source.files[0]))
    for place, case in link_scans(cases, tmp_path / "out").items():
        raw = tmp_path / "out" / place / "ct.raw"
        assert raw.read_bytes() == (tmp_path / case / "ct.raw").read_bytes()


def test_a_folder_that_is_a_link_to_scans_is_not_emptied(tmp_path):
    cases = cases_of(tmp_path / "data", 2)
    (tmp_path / "links").symlink_to(tmp_path / "data/imagesTr")
    with pytest.raises(InputError, match="wanted a folder of its own, got a link"):
        link_scans(cases[:1], tmp_path / "links")
    assert len(list((tmp_path / "data/imagesTr").iterdir())) == 2


def test_where_links_cannot_be_made_whole_copies_take_their_place(tmp_path, monkeypatch):
    cases = cases_of(tmp_path / "data", 1)

    def refused(*_):
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refused)
    for _ in range(2):
        link_scans(cases, tmp_path / "out")
        copy = tmp_path / "out" / cases[0].source.name
        assert copy.read_bytes() == cases[0].source.files[0].read_bytes()
        copy.write_bytes(b"cut by a kill")

import os
import re
from pathlib import Path

import nibabel
import numpy as np
import pytest

from orienteer.errors import InputError, ScanError
from orienteer.scans import discover as discover_module
from orienteer.scans import label_maps
from orienteer.scans.discover import discover
from orienteer.scans.read import read_scan
from orienteer.scans.source import Discovery, Selection
from tests.helpers.files import label_map, noise, write, write_dicom
from tests.helpers.odd_files import write_odd_files


def names(discovery: Discovery) -> list[str]:
    return [source.name for source in discovery.sources]


def reasons(discovery: Discovery) -> dict[str, str]:
    return {item.name: item.reason for item in discovery.left_out}


@pytest.fixture
def mixed(tmp_path) -> Path:
    """One scan of each format, in folders, among files that are no scans."""
    write(tmp_path / "ct" / "a.nii.gz", noise())
    write(tmp_path / "ct" / "deep" / "B.nii", noise())
    write(tmp_path / "mr" / "c.nrrd", noise())
    write(tmp_path / "mr" / "d.mha", noise())
    write(tmp_path / "mr" / "e.mhd", noise())
    write(tmp_path / "mr" / "f.nhdr", noise())
    write_dicom(tmp_path / "series", noise())
    (tmp_path / "README.md").write_text("about")
    (tmp_path / "dataset.json").write_text("{}")
    (tmp_path / "notes").write_text("neither DICOM nor anything else")
    return tmp_path


def test_finds_every_format_in_every_folder(mixed):
    discovery = discover(mixed)
    kinds = {source.name: source.format for source in discovery.sources}
    assert kinds == {
        "ct/a.nii.gz": "NIfTI",
        "ct/deep/B.nii": "NIfTI",
        "mr/c.nrrd": "NRRD",
        "mr/d.mha": "MetaImage",
        "mr/e.mhd": "MetaImage",
        "mr/f.nhdr": "NRRD",
        "series": "DICOM",
    }
    assert discovery.left_out == ()
    assert names(discovery) == sorted(kinds)


def test_endings_in_capitals(tmp_path):
    write(tmp_path / "a.nii.gz", noise())
    (tmp_path / "a.nii.gz").rename(tmp_path / "A.NII.GZ")
    assert names(discover(tmp_path)) == ["A.NII.GZ"]


def test_one_file_instead_of_a_folder(mixed):
    assert names(discover(mixed / "mr" / "c.nrrd")) == ["c.nrrd"]


def test_text_and_path_are_the_same(mixed):
    assert discover(str(mixed)) == discover(mixed)


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (("ct/*",), (), ["ct/a.nii.gz", "ct/deep/B.nii"]),
        (("*.nii.gz", "*.nrrd"), (), ["ct/a.nii.gz", "mr/c.nrrd"]),
        (("ct",), ("*/deep/*",), ["ct/a.nii.gz"]),
        (("series",), (), ["series"]),
        (("series/*",), (), ["series"]),
        ((), ("mr", "ct/*"), ["series"]),
        ((), ("series",), ["ct/a.nii.gz", "ct/deep/B.nii", "mr/c.nrrd", "mr/d.mha", "mr/e.mhd", "mr/f.nhdr"]),
        (("mr/?.m*",), ("*e.mhd",), ["mr/d.mha"]),
    ],
)
def test_include_and_exclude(mixed, include, exclude, expected):
    discovery = discover(mixed, Selection(include=include, exclude=exclude))
    assert names(discovery) == expected
    assert all("excluded by" in reason or reason == "not included" for reason in reasons(discovery).values())


def test_one_of_two_series_is_chosen_by_its_name(tmp_path):
    write_dicom(tmp_path / "s", noise(), series="1.1")
    write_dicom(tmp_path / "s", noise(), series="1.2")
    first, second = names(discover(tmp_path))
    assert names(discover(tmp_path, Selection(include=(first,)))) == [first]
    assert names(discover(tmp_path, Selection(exclude=(first,)))) == [second]


@pytest.mark.parametrize("folder", ["labels", "labelsTr", "Segmentations", "MASKS", "seg"])
def test_folders_of_label_maps(tmp_path, folder):
    write(tmp_path / "images" / "a.nii.gz", noise())
    write(tmp_path / folder / "a.nii.gz", noise())
    write_dicom(tmp_path / folder / "series", noise())
    discovery = discover(tmp_path)
    assert names(discovery) == ["images/a.nii.gz"]
    expected = f"in a folder of label maps ({folder})"
    assert reasons(discovery) == {f"{folder}/a.nii.gz": expected, f"{folder}/series": expected}


def test_folder_that_only_begins_like_labels(tmp_path):
    write(tmp_path / "labelled_scans" / "a.nii.gz", noise())
    assert names(discover(tmp_path)) == ["labelled_scans/a.nii.gz"]


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32])
def test_label_maps_are_known_by_their_values(tmp_path, suffix, dtype):
    write(tmp_path / f"scan{suffix}", noise((20, 20, 20), dtype=np.int16))
    write(tmp_path / f"mask{suffix}", label_map(dtype=dtype))
    discovery = discover(tmp_path)
    assert names(discovery) == [f"scan{suffix}"]
    assert "label map" in reasons(discovery)[f"mask{suffix}"]


def test_scans_are_not_read_in_full_to_know_that_they_are_no_label_maps(tmp_path, monkeypatch, read_here):
    write(tmp_path / "a.nii.gz", noise((20, 20, 20)))
    write(tmp_path / "b.mha", noise((20, 20, 20)))

    read_in_full = []
    monkeypatch.setattr(label_maps, "are_labels", read_in_full.append)
    assert names(discover(tmp_path)) == ["a.nii.gz", "b.mha"]
    assert read_in_full == []


def test_hidden_and_empty_files_are_left_out_with_the_reason(tmp_path):
    write(tmp_path / "a.nii.gz", noise())
    write(tmp_path / "._a.nii.gz", noise())
    (tmp_path / "b.nii.gz").touch()
    (tmp_path / "c.dcm").touch()
    write(tmp_path / ".cache" / "d.nii.gz", noise())
    discovery = discover(tmp_path)
    assert names(discovery) == ["a.nii.gz"]
    assert reasons(discovery) == {
        "._a.nii.gz": "a hidden file",
        ".cache": "a hidden folder",
        "b.nii.gz": "an empty file",
        "c.dcm": "an empty file",
    }


def test_dicom_that_is_no_scan(tmp_path):
    write_dicom(tmp_path / "scan", noise())
    write_dicom(tmp_path / "contours", noise((4, 5, 1)), series="1.1", modality="RTSTRUCT")
    write_dicom(tmp_path / "report", noise((4, 5, 1)), series="1.2", modality="SR")
    write_dicom(tmp_path / "scout", noise((4, 5, 1)), series="1.3", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    write_dicom(tmp_path / "pet", noise(), series="1.4", modality="PT")
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    discovery = discover(tmp_path)
    assert names(discovery) == ["scan"]
    assert reasons(discovery) == {
        "DICOMDIR": "a DICOM directory file, not an image",
        "contours": "no image (DICOM modality RTSTRUCT)",
        "pet": "neither CT nor MR (DICOM modality PT); --modality CT or MR takes it",
        "report": "no image (DICOM modality SR)",
        "scout": "a localizer (scout image)",
    }
    assert names(discover(tmp_path, Selection(modality="MR"))) == ["pet", "scan"]


def test_a_file_that_cannot_be_read_is_found_and_left_to_reading(tmp_path):
    (tmp_path / "a.nii.gz").write_text("not a scan")
    assert names(discover(tmp_path)) == ["a.nii.gz"]


def test_frame_travels_with_the_source(mixed):
    assert {source.frame for source in discover(mixed, Selection(frame=2)).sources} == {2}


def test_folder_that_does_not_exist(tmp_path):
    with pytest.raises(InputError, match="nowhere: wanted a scan or a folder of scans, got a path that does not exist"):
        discover(tmp_path / "nowhere")


def test_empty_folder_says_what_was_looked_for(tmp_path):
    with pytest.raises(InputError, match=r"\.nii\.gz.*DICOM series.*got an empty folder"):
        discover(tmp_path)


def test_folder_without_a_scan_says_what_it_holds(tmp_path):
    (tmp_path / "README.md").write_text("about")
    write(tmp_path / "labels" / "a.nii.gz", label_map())
    with pytest.raises(
        InputError, match=re.escape("2 files, none of them a scan to use (labels/a.nii.gz: in a folder")
    ):
        discover(tmp_path)


def test_globs_that_leave_nothing(mixed):
    with pytest.raises(InputError, match=r"not included; and \d+ more.*check the folder, --include and --exclude"):
        discover(mixed, Selection(include=("*.png",)))


def test_links_in_a_circle_end(tmp_path):
    write(tmp_path / "a" / "a.nii.gz", noise())
    (tmp_path / "a" / "back").symlink_to(tmp_path, target_is_directory=True)
    assert names(discover(tmp_path)) == ["a/a.nii.gz"]


def test_links_to_folders_elsewhere_are_followed(tmp_path):
    write(tmp_path / "elsewhere" / "a.nii.gz", noise())
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert names(discover(tmp_path / "scans")) == ["linked/a.nii.gz"]


def test_a_link_to_nothing_is_left_out(tmp_path):
    write(tmp_path / "a.nii.gz", noise())
    (tmp_path / "b.nii.gz").symlink_to(tmp_path / "gone")
    assert reasons(discover(tmp_path)) == {"b.nii.gz": "cannot be opened: no such file or directory"}


def test_a_slice_that_may_not_be_opened(tmp_path, monkeypatch, read_here):
    write(tmp_path / "a.nii.gz", noise())
    (tmp_path / "IM1").write_bytes(b"x")

    def closed(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(discover_module, "read_slice_header", closed)  # tests may run as root
    assert reasons(discover(tmp_path)) == {"IM1": "cannot be opened: permission denied"}


def test_a_file_that_brings_out_an_error_of_its_own_does_not_stop_the_search(tmp_path, monkeypatch, read_here):
    write(tmp_path / "a.nii.gz", noise())
    (tmp_path / "IM1").write_bytes(b"x")
    monkeypatch.setattr(discover_module, "read_slice_header", lambda path: 1 / 0)
    assert reasons(discover(tmp_path)) == {"IM1": "cannot be read: ZeroDivisionError: division by zero"}


def test_a_folder_that_may_not_be_opened(tmp_path, monkeypatch):
    write(tmp_path / "a.nii.gz", noise())
    (tmp_path / "closed").mkdir()
    true_scandir = os.scandir

    def scandir(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return true_scandir(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert reasons(discover(tmp_path)) == {"closed": "the folder cannot be opened: permission denied"}


# Every file is accounted for


@pytest.fixture(scope="module")
def odd_files(tmp_path_factory) -> tuple[Path, int]:
    folder = tmp_path_factory.mktemp("odd") / "scans"
    return folder, write_odd_files(folder)


def test_every_file_is_read_left_out_or_failed(odd_files):
    folder, count = odd_files
    discovery = discover(folder, progress=False)
    assert discovery.files == count
    used, failed = [], []
    for source in discovery.sources:
        try:
            read_scan(source)
        except ScanError:
            failed.append(source)
        else:
            used.append(source)
    in_sources = [file for source in (*used, *failed) for file in (*source.files, *source.companions)]
    assert len(set(in_sources)) == len(in_sources), "no file in two scans"
    out = sum(item.files for item in discovery.left_out)
    assert len(in_sources) + out + sum(discovery.others.values()) == count
    assert sorted(source.name for source in used) == [
        "broken/comment.mha",
        "dicom/ct",
        "dicom/mr",
        "dicom/nameless",
        "dicom/unmarked",
        *(f"formats/{name}" for name in ("G.NII.GZ", "a.nii", "b.nii.gz", "c.nrrd", "d.nhdr", "e.mha", "f.mhd")),
        *(f"formats/{name}" for name in ("pair.hdr", "plain.nii.gz", "zipped.nii")),
    ]


def test_what_is_left_out_has_a_reason_that_fits(odd_files):
    found = reasons(discover(odd_files[0], progress=False))
    for name, words in {
        "broken/gone.nii": "cannot be opened",
        "broken/loop": "a link to a folder that is searched already",
        "broken/nothing": "an empty file",
        "broken/nothing.nii.gz": "an empty file",
        "broken/pipe.nii": "not a file with content",
        "broken/scan-\\xff.nii": "not UTF-8",
        "broken/red\\x1b[31m.nii": "control characters",
        "broken/socket": "not a file with content",
        "dicom/DICOMDIR": "a DICOM directory",
        "dicom/ct/copy": "the same slice as",
        "dicom/ct/dose": "a secondary capture",
        "dicom/ct/scout": "a localizer",
        "dicom/pet": "neither CT nor MR",
        "dicom/report": "no image",
        "dicom/text.dcm": "named .dcm, but not a DICOM file",
        "formats/._hidden.nii.gz": "a hidden file",
        "formats/.cache": "a hidden folder",
        "formats/a.nrrd.bak": "a NRRD image whose name does not end like one",
        "formats/headless.img": "voxels without their header",
        "formats/labelsTr/label.nii.gz": "in a folder of label maps",
        "formats/mask.nii.gz": "looks like a label map",
        "formats/nameless": "a NIfTI image whose name does not end like one",
        "other/a.mnc": "a MINC image (.mnc), which is not read",
        "other/a.nii.bz2": "a NIfTI image that is not compressed by gzip",
        "other/orig.mgz": "a FreeSurfer image",
    }.items():
        assert words in found.pop(name)
    assert not found


def test_files_that_are_no_scans_are_counted_by_their_ending(odd_files):
    others = discover(odd_files[0], progress=False).others
    assert others == {".csv": 1, ".hdr": 1, ".raw": 1, ".txt": 2, "hidden": 1, "no ending": 2}


def test_series_that_are_excluded_by_their_folder_are_counted(mixed):
    discovery = discover(mixed, Selection(exclude=("series",)))
    (item,) = discovery.left_out
    assert (item.name, item.files) == ("series", 5)


def test_one_of_two_headers_has_the_voxels(tmp_path):
    write(tmp_path / "a.mhd", noise())
    (tmp_path / "b.mhd").write_text((tmp_path / "a.mhd").read_text())
    first, second = discover(tmp_path).sources
    assert ([file.suffix for file in first.companions], second.companions) == ([".raw"], ())
    np.testing.assert_array_equal(read_scan(first).voxels, read_scan(second).voxels)


def test_one_file_whose_name_is_not_utf8(tmp_path):
    path = tmp_path / os.fsdecode(b"a-\xff.nii")
    write(tmp_path / "a.nii", noise()).files[0].rename(path)
    with pytest.raises(InputError, match=r"a-\\xff.nii.* 1 files, none of them a scan to use .*not UTF-8"):
        discover(path)


def test_the_voxels_of_a_damaged_header_are_counted(tmp_path):
    write(tmp_path / "a.nii", noise())
    nibabel.save(nibabel.Nifti1Pair(noise(), np.eye(4)), tmp_path / "pair.hdr")
    (tmp_path / "pair.hdr").write_bytes(b"\xff" + (tmp_path / "pair.hdr").read_bytes()[1:])
    discovery = discover(tmp_path)
    assert (names(discovery), discovery.others, discovery.files) == (["a.nii"], {".hdr": 1}, 3)
    assert reasons(discovery) == {"pair.img": "voxels without their header (.hdr)"}


def test_a_file_of_voxels_with_a_name_of_any_length_stops_nothing(tmp_path):
    write(tmp_path / "a.mhd", noise())
    text = (tmp_path / "a.mhd").read_text().replace("a.raw", "x" * 5000)
    (tmp_path / "a.mhd").write_text(text)
    (source,) = discover(tmp_path).sources
    with pytest.raises(ScanError, match="one without its voxels in xxx"):
        read_scan(source)

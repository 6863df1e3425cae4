"""Hashes of scan files: of content alone, of all files of a scan, remembered while files do not change."""

import pytest

from orienteer.scans import content, job
from orienteer.scans.content import contents, data_files
from orienteer.scans.discover import discover
from orienteer.scans.index import Index
from orienteer.scans.source import ScanSource, Selection
from tests.helpers.files import noise, write, write_dicom
from tests.helpers.stores import prepare_here, tissue


def test_changed_voxels_beside_a_header_count_as_change(tmp_path):
    scans, store = tmp_path / "scans", tmp_path / "store"
    write(scans / "a.mhd", tissue(), spacing=(1.0, 1.0, 1.0))
    raw = next(scans.glob("a.*raw"))
    first = prepare_here(scans, store)
    before = raw.read_bytes()
    write(scans / "b" / "a.mhd", tissue(1), spacing=(1.0, 1.0, 1.0))
    raw.write_bytes(next((scans / "b").glob("a.*raw")).read_bytes())
    assert raw.read_bytes() != before
    second = prepare_here(scans, store, selection=Selection(exclude=("b",)))
    assert (second.prepared, second.reused) == (1, 0)
    assert not set(first.keys) & set(second.keys)


def test_unchanged_files_are_not_read_again(folder, tmp_path, monkeypatch):
    prepare_here(folder, tmp_path / "store")
    discovery = discover(folder, progress=False)
    monkeypatch.setattr(content, "file_hash", None)
    monkeypatch.setattr(job, "prepare_scan", None)
    assert prepare_here(discovery, tmp_path / "store").reused == 3


def test_the_hash_depends_on_content_and_order_alone(tmp_path):
    write(tmp_path / "a.nii", noise())
    (tmp_path / "b.nii").write_bytes((tmp_path / "a.nii").read_bytes())
    write(tmp_path / "c.nii", noise(seed=1))
    slices = tuple(write_dicom(tmp_path / "series", noise()))
    sources = [ScanSource(name, "NIfTI", (tmp_path / name,)) for name in ("a.nii", "b.nii", "c.nii")]
    sources += [ScanSource("up", "DICOM", slices), ScanSource("down", "DICOM", slices[::-1])]
    with Index.for_writing(tmp_path / "store") as index:
        hashes = {source.name: content.hash for source, content in contents(sources, index)}
        assert list(hashes) == [source.name for source in sources]  # in the order given
    assert hashes["a.nii"] == hashes["b.nii"]
    assert len(set(hashes.values())) == 4


def test_a_file_that_cannot_be_opened_is_an_error_of_that_scan(tmp_path):
    write(tmp_path / "a.nii", noise())
    sources = [ScanSource(name, "NIfTI", (tmp_path / name,)) for name in ("missing.nii", "a.nii")]
    with Index.for_writing(tmp_path / "store") as index:
        (_, error), (_, whole) = contents(sources, index)
    assert isinstance(error, FileNotFoundError)
    assert not whole.changed()
    write(tmp_path / "a.nii", noise((8, 8, 8)))
    assert whole.changed()


@pytest.mark.parametrize(
    "line", ["ElementDataFile = a.raw", "ElementDataFile = LIST\na.raw\nb.raw", "data file: slice%03d.raw 1 2 1"]
)
def test_files_that_a_header_names_belong_to_the_scan(tmp_path, line):
    names = {"a.raw", "b.raw"} if "LIST" in line else {"slice001.raw", "slice002.raw"} if "%" in line else {"a.raw"}
    for name in (*names, "other.raw"):
        (tmp_path / name).touch()
    suffix = ".nhdr" if ":" in line else ".mhd"
    header = tmp_path / f"a{suffix}"
    header.write_text(f"NDims = 3\n{line}\n")
    assert {path.name for path in data_files(ScanSource("a", "MetaImage", (header,)))} == {header.name, *names}

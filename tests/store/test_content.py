"""Hashes of scan files: of content alone, of all files of a scan, remembered while files do not change."""

import os

import numpy as np
import pytest

from orienteer.errors import ScanError
from orienteer.scans.discover import discover
from orienteer.scans.source import ScanSource, Selection
from orienteer.store import content, job
from orienteer.store.content import contents, data_files
from orienteer.store.index import Index
from orienteer.store.store import Store
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
    monkeypatch.setattr(content, "SETTLED_NS", 0)
    prepare_here(folder, tmp_path / "store")
    discovery = discover(folder, progress=False)
    monkeypatch.setattr(content, "file_hash", None)
    monkeypatch.setattr(job, "prepare_scan", None)
    assert prepare_here(discovery, tmp_path / "store").reused == 3


@pytest.mark.parametrize("how", ["written over", "moved there"])
def test_another_scan_of_the_same_name_size_and_time_is_noticed(tmp_path, monkeypatch, how):
    """As a copying tool leaves it that keeps times."""
    monkeypatch.setattr(content, "SETTLED_NS", 0)
    path = tmp_path / "scans" / "a.nii"
    write(path, tissue(1), spacing=(1.0, 1.0, 1.0))
    status = path.stat()
    first = prepare_here(tmp_path / "scans", tmp_path / "store")
    other = path if how == "written over" else tmp_path / "other.nii"
    write(other, tissue(2), spacing=(1.0, 1.0, 1.0))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    second = prepare_here(tmp_path / "scans", tmp_path / "store")
    assert (second.prepared, second.reused) == (1, 0)
    with Store.open(tmp_path / "store") as store:
        old, new = (store.read(report.keys[0], (0, 0, 0), (20, 20, 20)) for report in (first, second))
    assert np.abs(old - new).mean() > 0.1


def test_a_file_that_was_changed_just_now_is_read_again(tmp_path):
    """A second change may come too soon to be seen in its times."""
    write(tmp_path / "a.nii", noise())
    source = ScanSource("a.nii", "NIfTI", (tmp_path / "a.nii",))
    with Index.for_writing(tmp_path / "store") as index:
        ((_, fresh),) = contents([source], index)
        state = content.file_state(tmp_path / "a.nii")
        assert index.content(tmp_path / "a.nii", state) is None
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(content, "SETTLED_NS", 0)
            ((_, settled),) = contents([source], index)
        assert index.content(tmp_path / "a.nii", state) is not None
    assert fresh == settled


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
    assert isinstance(error, ScanError)
    assert "missing.nii: wanted a file, got one that cannot be opened: No such file" in str(error)
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

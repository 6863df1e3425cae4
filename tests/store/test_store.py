"""The store: a view equals a slice of the whole, in every process and thread, and damage is named."""

import multiprocessing
import os
import pickle
import threading

import numpy as np
import pytest

from orienteer.errors import InputError, ScanError
from orienteer.scans.body import body_map
from orienteer.store import arrays
from orienteer.store import store as store_module
from orienteer.store.store import Store, array_path
from tests.helpers.stores import STORED_SETTINGS, add_scan

SHAPE = (70, 45, 133)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    return folder, add_scan(folder, "aa01")


@pytest.mark.parametrize(
    ("start", "size"),
    [((0, 0, 0), SHAPE), ((63, 15, 64), (2, 17, 64)), ((69, 44, 132), (1, 1, 1)), ((3, 7, 11), (48, 32, 96))],
)
def test_a_view_equals_a_slice_of_the_whole(written, start, size):
    folder, voxels = written
    with Store.open(folder) as store:
        view = store.read("aa01", start, size)
    box = tuple(slice(low, low + length) for low, length in zip(start, size, strict=True))
    assert view.dtype == np.float32
    assert view.flags.c_contiguous
    np.testing.assert_allclose(view, voxels[box] / 1000.0, atol=1e-7)


def test_random_views_equal_slices(written):
    folder, voxels = written
    rng = np.random.default_rng(1)
    with Store.open(folder) as store:
        for _ in range(50):
            size = rng.integers(1, np.array(SHAPE) + 1)
            start = rng.integers(0, np.array(SHAPE) - size + 1)
            view = store.read("aa01", tuple(start.tolist()), tuple(size.tolist()))
            box = tuple(slice(low, low + length) for low, length in zip(start, size, strict=True))
            np.testing.assert_allclose(view, voxels[box] / 1000.0, atol=1e-7)


def test_a_view_is_not_changed_by_the_next(written):
    with Store.open(written[0]) as store:
        first = store.read("aa01", (0, 0, 0), (9, 8, 7))
        kept = first.copy()
        store.read("aa01", (20, 20, 20), (9, 8, 7))
        np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize(
    ("start", "size", "axis"),
    [((-1, 0, 0), (2, 2, 2), 0), ((0, 40, 0), (4, 6, 4), 1), ((0, 0, 130), (4, 4, 4), 2), ((0, 0, 0), (4, 4, 0), 2)],
)
def test_a_box_that_leaves_the_scan_is_refused_not_cut(written, start, size, axis):
    with Store.open(written[0]) as store, pytest.raises(InputError, match=f"on axis {axis}"):
        store.read("aa01", start, size)


def test_entry_and_body_come_back(written):
    folder, voxels = written
    inside = np.ones(SHAPE, bool)
    inside[-1] = False
    wanted = body_map(voxels > 0, inside)
    with Store.open(folder) as store:
        scan, found = store.scan("aa01"), store.body("aa01")
        assert (scan.shape_vox, scan.spacing_mm, scan.origin_mm) == (SHAPE, (1.0, 2.0, 3.0), (-5.0, 0.0, 9.5))
        assert scan.nbytes == array_path(folder, "aa01").stat().st_size == store.nbytes(STORED_SETTINGS)
        assert list(store.entries(STORED_SETTINGS)) == [scan]
    assert found.cell_vox == wanted.cell_vox
    np.testing.assert_array_equal(found.body, wanted.body)
    np.testing.assert_array_equal(found.inside, wanted.inside)


def test_a_view_touches_only_its_own_chunks(tmp_path, monkeypatch):
    """Everything but the last chunk is destroyed: a box in it can still be read, so nothing else was looked at."""
    voxels = add_scan(tmp_path, "bb01", shape=(192, 64, 64))
    path = array_path(tmp_path, "bb01")
    content = bytearray(path.read_bytes())
    third = len(content) // 3
    content[third // 4 : 2 * third - third // 4] = b"\xff" * (2 * third - third // 4 - third // 4)
    path.write_bytes(content)
    monkeypatch.setattr(store_module, "is_verified", lambda _: True)  # the checksum would notice it before
    with Store.open(tmp_path) as store:
        view = store.read("bb01", (130, 3, 5), (60, 50, 40))
        np.testing.assert_allclose(view, voxels[130:190, 3:53, 5:45] / 1000.0, atol=1e-7)
        with pytest.raises(
            ScanError, match=r"bb01.nii: wanted a complete array in the store.*bb01.b2nd, which is damaged"
        ):
            store.read("bb01", (30, 3, 5), (60, 50, 40))


def test_every_flipped_bit_of_an_array_is_noticed_when_it_is_opened(tmp_path):
    add_scan(tmp_path, "aa01", (20, 20, 20))
    path = array_path(tmp_path, "aa01")
    whole = path.read_bytes()
    places = np.random.default_rng(0).integers(0, len(whole), 40)
    for place in places.tolist():
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        with (
            Store.open(tmp_path) as store,
            pytest.raises(ScanError, match=r"aa01\.nii: .*which is damaged .not the bytes.*prepare the scans again"),
        ):
            store.read("aa01", (0, 0, 0), (4, 4, 4))
    path.write_bytes(whole)
    with Store.open(tmp_path) as store:
        assert store.read("aa01", (0, 0, 0), (4, 4, 4)).shape == (4, 4, 4)


def test_an_array_is_read_in_full_once_by_a_process_and_those_that_it_starts(tmp_path, monkeypatch):
    add_scan(tmp_path, "aa01", (8, 8, 8))
    add_scan(tmp_path, "aa02", (8, 8, 8))
    read_in_full = []
    checksum = arrays.file_checksum
    monkeypatch.setattr(arrays, "file_checksum", lambda path: read_in_full.append(path.stem) or checksum(path))
    for _ in range(3):  # three readers, each of which closes one scan to open the other
        with Store.open(tmp_path, open_scans=1) as store:
            for key in ("aa01", "aa02", "aa01"):
                store.read(key, (0, 0, 0), (4, 4, 4))
    assert read_in_full == ["aa01", "aa02"]
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(_read_in_full, (tmp_path,)) == []


def _read_in_full(folder):
    seen = []
    arrays.file_checksum = lambda path: seen.append(path.stem) or 0
    with Store.open(folder) as store:
        store.read("aa01", (0, 0, 0), (4, 4, 4))
    return seen


def test_an_array_that_changes_after_it_was_checked_is_checked_again(tmp_path):
    add_scan(tmp_path, "aa01", (8, 8, 8))
    path = array_path(tmp_path, "aa01")
    with Store.open(tmp_path) as store:
        store.read("aa01", (0, 0, 0), (4, 4, 4))
    status, content = path.stat(), bytearray(path.read_bytes())
    content[-200] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with Store.open(tmp_path) as store, pytest.raises(ScanError, match="not the bytes that were written"):
        store.read("aa01", (0, 0, 0), (4, 4, 4))


def test_settings_do_not_meet(tmp_path):
    add_scan(tmp_path, "aa02", shape=(8, 8, 8))
    add_scan(tmp_path, "aa01", shape=(8, 8, 8))
    add_scan(tmp_path, "aa03", shape=(8, 8, 8), settings="other")
    with Store.open(tmp_path) as store:
        assert store.keys(STORED_SETTINGS) == ["aa01", "aa02"]
        assert store.keys("other") == ["aa03"]
        assert store.keys("never used") == []
        assert store.nbytes("never used") == 0


def test_an_open_reader_sees_what_is_added(tmp_path):
    add_scan(tmp_path, "aa01", shape=(8, 8, 8))
    with Store.open(tmp_path) as store:
        assert store.keys(STORED_SETTINGS) == ["aa01"]
        voxels = add_scan(tmp_path, "aa02", shape=(8, 8, 8), seed=5)
        assert store.keys(STORED_SETTINGS) == ["aa01", "aa02"]
        np.testing.assert_allclose(store.read("aa02", (0, 0, 0), (8, 8, 8)), voxels / 1000.0, atol=1e-7)


def test_only_a_few_scans_are_kept_open(tmp_path):
    arrays = {f"aa0{number}": add_scan(tmp_path, f"aa0{number}", (8, 8, 8), number) for number in range(6)}
    with Store.open(tmp_path, open_scans=2) as store:
        for key in [*arrays, *reversed(arrays)]:
            np.testing.assert_allclose(store.read(key, (0, 0, 0), (8, 8, 8)), arrays[key] / 1000.0, atol=1e-7)
            assert len(store._handles.files()) <= 2
        assert list(store._handles.files()) == ["aa01", "aa00"]


def test_a_pickled_store_reads_the_same(written):
    folder, voxels = written
    with Store.open(folder) as store:
        store.read("aa01", (0, 0, 0), (4, 4, 4))
        with pickle.loads(pickle.dumps(store)) as again:
            np.testing.assert_allclose(again.read("aa01", (0, 0, 0), (4, 4, 4)), voxels[:4, :4, :4] / 1000.0, atol=1e-7)


def _sum(store):
    return float(store.read("aa01", (3, 4, 5), (20, 20, 20)).sum()), store.keys(STORED_SETTINGS)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_a_store_in_use_works_in_other_processes(written, method):
    with Store.open(written[0]) as store:
        here = _sum(store)
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.apply(_sum, (store,)) == here
        assert _sum(store) == here


def test_a_store_in_use_works_in_other_threads(written):
    results = []
    with Store.open(written[0]) as store:
        here = _sum(store)
        threads = [threading.Thread(target=lambda: results.append((_sum(store), store.close())[0])) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [here] * 3


_ENTRY = (
    (
        '{"key": "x", "name": "x.nii", "modality": "CT", "shape_vox": [8, 8, 8], "spacing_mm": [1, 1, 1],'
        ' "origin_mm": [0, 0, 0], "content": "", "format": "NIfTI"}'
    )
    .replace("1, 1, 1", "1.0, 1.0, 1.0")
    .replace("0, 0, 0", "0.0, 0.0, 0.0")
)


def test_verify_names_what_is_wrong(tmp_path):
    for number in range(4):
        add_scan(tmp_path, f"aa0{number}", (16, 16, 16), number)
    with Store.open(tmp_path) as store:
        assert store.verify() == {}
        array_path(tmp_path, "aa01").unlink()
        short = array_path(tmp_path, "aa02")
        short.write_bytes(short.read_bytes()[:-7])
        changed = array_path(tmp_path, "aa03")
        content = bytearray(changed.read_bytes())
        content[len(content) // 2] ^= 1
        changed.write_bytes(content)
        wrong = store.verify(STORED_SETTINGS)
    assert list(wrong) == ["aa01", "aa02", "aa03"]
    assert "missing" in wrong["aa01"]
    assert "bytes where" in wrong["aa02"]
    assert "not the bytes" in wrong["aa03"]


def test_a_missing_array_says_what_to_do(tmp_path):
    add_scan(tmp_path, "aa01", (8, 8, 8))
    array_path(tmp_path, "aa01").unlink()
    with (
        Store.open(tmp_path) as store,
        pytest.raises(ScanError, match=r"aa01\.nii: .*no file .*prepare the scans"),
    ):
        store.read("aa01", (0, 0, 0), (4, 4, 4))


def test_an_array_cut_short_says_what_to_do(tmp_path):
    add_scan(tmp_path, "aa01", (32, 32, 32))
    path = array_path(tmp_path, "aa01")
    path.write_bytes(path.read_bytes()[:3000])
    with Store.open(tmp_path) as store, pytest.raises(ScanError, match=r"3000 bytes where .*prepare the scans again"):
        store.read("aa01", (0, 0, 0), (4, 4, 4))


def test_an_unknown_key_is_an_input_error(written):
    with Store.open(written[0]) as store, pytest.raises(InputError, match="scan zz99: wanted a key in"):
        store.scan("zz99")
    with Store.open(written[0]) as store, pytest.raises(InputError, match="scan zz99: wanted a key in"):
        store.read("zz99", (0, 0, 0), (1, 1, 1))


def test_a_folder_without_a_store_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"no index\.sqlite in it"):
        Store.open(tmp_path)
    with pytest.raises(InputError, match=r"no index\.sqlite in it"):
        Store.open(tmp_path / "nowhere")

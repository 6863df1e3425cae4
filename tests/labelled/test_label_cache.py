"""Cached label maps: round trip, samples of each class, and several processes at once."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from orienteer.errors import InputError, ScanError
from orienteer.labelled.label_cache import (
    SAMPLED_VOXELS,
    cache_labels,
    cached_labels_path,
    class_samples,
    class_voxels,
    is_cached,
    open_labels,
)


def blocks(seed: int = 0) -> np.ndarray:
    labels = np.zeros((20, 24, 16), np.uint8)
    labels[2:12, 3:15, 1:9] = 1
    labels[15:17, 18:20, 10:12] = 3
    return np.roll(labels, seed, axis=0)


def test_a_label_map_comes_back_with_its_classes(tmp_path: Path) -> None:
    labels, path = blocks(), tmp_path / "labels" / "ab" / "x.b2nd"
    cache_labels(path, labels, classes=4)
    assert np.array_equal(open_labels(path)[:], labels)
    assert np.array_equal(open_labels(path)[3:9, 2:4, 5:16], labels[3:9, 2:4, 5:16])
    assert class_voxels(path) == tuple(np.bincount(labels.reshape(-1), minlength=4))
    samples = class_samples(path)
    assert sorted(samples) == [1, 3]  # no background, and no class that is absent
    assert samples[1].shape == (SAMPLED_VOXELS, 3)
    assert len(np.unique(samples[1], axis=0)) == SAMPLED_VOXELS
    assert np.array_equal(samples[3], np.argwhere(labels == 3))
    assert all((labels[tuple(voxels.T)] == number).all() for number, voxels in samples.items())


def test_the_name_depends_on_scan_file_and_classes(tmp_path: Path) -> None:
    given = [("key1", "hash1", [0, 1]), ("key2", "hash1", [0, 1]), ("key1", "hash2", [0, 1]), ("key1", "hash1", [0, 2])]
    assert len({cached_labels_path(tmp_path, *origin) for origin in given}) == 4
    assert cached_labels_path(tmp_path, *given[0]).parent == tmp_path / "labels" / "ke"


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.b2nd"
    cache_labels(path, blocks(), classes=4)
    whole, silent = path.read_bytes(), 0
    for place in range(0, len(whole), max(1, len(whole) // 150)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        if is_cached(path):
            silent += 1
            assert np.array_equal(open_labels(path)[:], blocks())
            assert class_voxels(path) == tuple(np.bincount(blocks().reshape(-1), minlength=4))
    assert silent < 50  # in what the format fills up, or does not use
    path.write_bytes(whole[:-100])
    with pytest.raises(ScanError, match=r"x\.b2nd: wanted a complete array in the store"):
        open_labels(path)
    assert not is_cached(tmp_path / "none.b2nd")


def test_a_disk_that_is_full_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match="wanted room for labels.*free some disk space"):
        cache_labels(tmp_path / "file" / "x.b2nd", blocks(), classes=4)


WRITER = """
import sys
from pathlib import Path
from orienteer.labelled.label_cache import cache_labels
from tests.labelled.test_label_cache import blocks
for _ in range(40):
    cache_labels(Path(sys.argv[1]), blocks(), classes=4)
"""


def test_two_processes_that_write_the_same_label_map_do_not_disturb_a_reader(tmp_path: Path) -> None:
    path, labels = tmp_path / "labels" / "x.b2nd", blocks()
    cache_labels(path, labels, classes=4)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stderr=subprocess.PIPE) for _ in range(2)]
    reads = 0
    while any(writer.poll() is None for writer in writers):
        assert np.array_equal(open_labels(path)[:], labels)
        assert class_voxels(path)[3] == 8
        reads += 1
    assert [writer.communicate()[1] for writer in writers] == [b"", b""]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert reads > 40
    assert [file.name for file in path.parent.iterdir()] == ["x.b2nd"]


def test_the_labels_of_another_scan_are_not_taken_for_its_own(tmp_path: Path) -> None:
    first, second = (cached_labels_path(tmp_path, key, "hash", [0, 1]) for key in ("a" * 32, "b" * 32))
    cache_labels(first, np.zeros((4, 4, 4), np.uint8), 2)
    assert is_cached(first)
    second.parent.mkdir(parents=True)
    second.write_bytes(first.read_bytes())
    assert not is_cached(second)

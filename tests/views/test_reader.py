import pickle

import numpy as np
import pytest

from orienteer.errors import ScanError
from orienteer.views import reader
from orienteer.views.dataset import ValidationViews
from orienteer.views.policy import ViewPolicy
from orienteer.views.reader import centre_mm
from tests.helpers.fake_views import FakeScan, FakeStore, fake_store

POLICY = ViewPolicy(views=3, view_size=(8, 6, 10))


def test_centres_follow_the_convention_of_the_middle_of_a_voxel():
    scan = FakeScan("a", (30, 30, 30), (1.5, 2.0, 2.5), (-30.0, 12.5, 400.0))
    centres = centre_mm(scan, np.array([[0, 0, 0], [2, 1, 4]]), (1, 2, 5))
    assert centres.dtype == np.float64
    assert centres.tolist() == [[-30.0, 13.5, 405.0], [-27.0, 15.5, 415.0]]


def test_a_missing_entry_names_the_key():
    views = ValidationViews(fake_store(), ["gone"], POLICY)
    with pytest.raises(ScanError, match=r"scan gone: .*KeyError"):
        views[0]


def test_a_scan_too_small_is_named_as_such():
    views = ValidationViews(FakeStore({"a": FakeScan("tiny.mha", (16, 4, 16))}), ["a"], POLICY)
    with pytest.raises(ScanError, match=r"tiny\.mha: .*axis 1: 4 < 6 voxels") as caught:
        views[0]
    assert caught.value.step == "fit"


def test_memory_is_bounded_and_recent_scans_are_not_read_twice(monkeypatch):
    store = fake_store(scans=40)
    views = ValidationViews(store, sorted(store.scans), POLICY)
    one = reader._bytes(store.body("key000"))
    monkeypatch.setattr(reader, "_RECENT_BYTES", 10 * one)
    store.bodies_read.clear()
    for number in (*range(40), 39, 38, 0):
        views[number]
    assert store.bodies_read == [*sorted(store.scans), "key000"]
    for number in (*range(8), 0, 8, 9, 10, 0):  # scan 0 was used again, so scan 1 has to go before it
        views[number]
    assert store.bodies_read.count("key000") == 2
    assert 5 <= len(views._reader._recent) <= 12
    assert views._reader._recent_bytes == sum(reader._bytes(body) for _, body in views._reader._recent.values())
    assert views._reader._recent_bytes <= 10 * one
    assert len(pickle.loads(pickle.dumps(views))._reader._recent) == 0  # a new process begins with nothing

"""Boxes of labelled cases: the same from memory and from disk, in this process and in another."""

import pickle

import numpy as np
import pytest

from orienteer.labelled.case_reader import CaseReader
from orienteer.labelled.cases import LabelledCase, prepare_cases
from orienteer.labelled.datasets import read_dataset
from orienteer.labelled.label_cache import open_labels
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.store.store import Store
from tests.helpers.labelled import write_dataset


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[LabelledCase], Store]:
    folder = tmp_path_factory.mktemp("labelled")
    data = read_dataset(str(write_dataset(folder, cases=2)), None, None)
    preparation = Preparation((1.0, 1.0, 1.0), crop_to_body=False)
    cases = prepare_cases(data, folder / "store", preparation, Selection(modality="MR"), 0, shown=False).cases
    return list(cases.values()), Store.open(folder / "store")


@pytest.mark.parametrize("kept_bytes", [0, 40_000, 1 << 30], ids=["in parts", "one case kept", "all kept"])
def test_boxes_are_the_same_however_much_memory_there_is(
    prepared: tuple[list[LabelledCase], Store], kept_bytes: int
) -> None:
    cases, store = prepared
    reader = CaseReader(store, kept_bytes)
    for case in (*cases, *cases):
        image, labels = reader.read(case, (3, 4, 5), (6, 7, 8))
        assert np.array_equal(image, store.read(case.key, (3, 4, 5), (6, 7, 8)))
        assert np.array_equal(labels, open_labels(case.labels)[3:9, 4:11, 5:13])
        samples = reader.foreground(case)
        assert all((open_labels(case.labels)[:][tuple(voxels.T)] == number).all() for number, voxels in samples.items())


def test_a_pickled_reader_reads_the_same_and_leaves_its_memory_behind(
    prepared: tuple[list[LabelledCase], Store],
) -> None:
    (case, _), store = prepared
    reader = CaseReader(store)
    wanted = reader.read(case, (0, 0, 0), case.shape_vox)
    pickled = pickle.dumps(reader)
    assert len(pickled) < wanted[0].nbytes
    again = pickle.loads(pickled)
    for one, other in zip(again.read(case, (0, 0, 0), case.shape_vox), wanted, strict=True):
        assert np.array_equal(one, other)

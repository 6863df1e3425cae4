"""Jobs are small where they travel: no weights go along, and what loads them again computes the same."""

import pickle

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.features.embed_work import EmbedWork
from orienteer.features.pretrained import load
from orienteer.finetuning.classification.classify import ClassifyWork
from orienteer.finetuning.classification.model import load_classifier
from orienteer.finetuning.segmentation.model import load_segmentation
from orienteer.finetuning.segmentation.predict_work import PredictJob, PredictWork
from orienteer.store.index import FILE_NAME
from orienteer.store.store import Store
from tests.helpers.saved_models import classifier_folder as classifier_folder
from tests.helpers.saved_models import segmentation_folder as segmentation_folder
from tests.helpers.saved_models import write_scan


def travelled(work):
    sent = pickle.dumps(work)
    assert len(sent) < 5000
    return pickle.loads(sent)


@pytest.fixture
def rows(finished, store):
    with Store.open(store) as reader:
        return [reader.row(key) for key in reader.keys(load(finished.folder).preparation.fingerprint())[:2]]


def test_vectors(finished, store, rows):
    pretrained = load(finished.folder)
    work = EmbedWork(finished.folder, "cpu", pretrained.card["sha256"], store, 0.0, pretrained)
    here, there = work(rows[0]), travelled(work)(rows[0])
    assert np.array_equal(here.vectors, there.vectors)
    with pytest.raises(InputError, match="wanted the weights that the command began with"):
        EmbedWork(finished.folder, "cpu", "0" * 64, store, 0.0)(rows[0])


def test_classes_of_a_store_whose_index_is_not_read(classifier_folder, store, rows, tmp_path):
    (tmp_path / "arrays").symlink_to(store / "arrays")
    assert not (tmp_path / FILE_NAME).exists()
    work = ClassifyWork(classifier_folder, tmp_path, load_classifier(classifier_folder))
    assert [work(row) for row in rows] == [travelled(work)(row) for row in rows]


def test_label_maps(segmentation_folder, tmp_path):
    source = write_scan(tmp_path, "a.nii.gz")
    model = load_segmentation(segmentation_folder)
    work = PredictWork(segmentation_folder, model.sha256, model)
    here = work(PredictJob(source, tmp_path / "here.nii.gz"))
    there = travelled(work)(PredictJob(source, tmp_path / "there.nii.gz"))
    assert here == there
    assert (tmp_path / "here.nii.gz").read_bytes() == (tmp_path / "there.nii.gz").read_bytes()
    again = work(PredictJob(source, tmp_path / "here.nii.gz", ours=True, known=here.content))
    assert not again.written
    with pytest.raises(InputError, match="wanted the weights that the command began with"):
        PredictWork(segmentation_folder, "0" * 64)(PredictJob(source, tmp_path / "other.nii.gz"))

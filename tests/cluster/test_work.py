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
from orienteer.labelled.prepared import prepare_named
from orienteer.locating.locate_work import LocateJob, LocateWork, Weights, template_rows
from orienteer.locating.settings import LocateSettings
from orienteer.locating.templates import read_templates
from orienteer.scans.discover import discover
from orienteer.scans.source import Discovery, Selection
from orienteer.store.index import FILE_NAME
from orienteer.store.store import Store
from tests.helpers.saved_models import classifier_folder as classifier_folder
from tests.helpers.saved_models import segmentation_folder as segmentation_folder
from tests.helpers.saved_models import write_scan


def travelled(work, most=5000):
    sent = pickle.dumps(work)
    assert len(sent) < most
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
    classifier = load_classifier(classifier_folder)
    work = ClassifyWork(classifier_folder, classifier.sha256, tmp_path, classifier)
    assert [work(row) for row in rows] == [travelled(work)(row) for row in rows]
    with pytest.raises(InputError, match="wanted the weights that the command began with"):
        ClassifyWork(classifier_folder, "0" * 64, tmp_path)(rows[0])


def test_places(finished, torsos, store, rows, tmp_path):
    first, second = sorted(torsos.glob("*.nii.gz"))[:2]
    labels = str(torsos / "labels" / first.name)
    options = LocateSettings(template=(str(first),), labels=(labels,), accelerator="cpu", modality="CT")
    weights, shared = Weights.of(finished.folder, options), tmp_path / "store"
    selection = Selection(modality="CT")
    templates = template_rows(read_templates(options), weights.pretrained, shared, selection, 0, None)
    (source,) = discover(second, selection, progress=False).sources
    prepared = prepare_named(
        Discovery((source,), ()), shared, weights.pretrained.preparation, selection, workers=0, shown=False
    )
    with Store.open(shared) as reader:
        row = reader.row(prepared.keys[source.name])
    sha256 = weights.pretrained.card["sha256"]
    work = LocateWork(finished.folder, sha256, options, shared, templates, weights)
    work(LocateJob(source, row, tmp_path / "here"))
    travelled(work, most=200_000)(LocateJob(source, row, tmp_path / "there"))
    here, there = (
        {path.name: path.read_bytes() for path in (tmp_path / where).glob("*.csv")} for where in ("here", "there")
    )
    assert len(here) > 0
    assert here == there
    with pytest.raises(InputError, match="wanted the weights that the command began with"):
        LocateWork(finished.folder, "0" * 64, options, shared, templates)(LocateJob(source, row, tmp_path / "other"))


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

"""A scan probe on vectors that are known: classes that differ in brightness are found."""

import numpy as np
import pytest

from orienteer.labelled.labelled_scans import LabelledScans, prepare_labelled
from orienteer.probing.scans import ScanProbe
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.store.store import Store
from tests.helpers.files import write
from tests.helpers.ramps import RampEncoder


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, LabelledScans]:
    """Twelve CT scans, every second one brighter, three of each class for testing."""
    folder, rng = tmp_path_factory.mktemp("scans"), np.random.default_rng(0)
    rows = ["scan,label,split"]
    for number in range(12):
        values = (rng.normal(0, 100, (16, 16, 16)) + 200 * (number % 2)).astype(np.int16)
        write(folder / "scans" / f"{number}.nii", values, spacing=(1.0, 1.0, 1.0))
        rows.append(f"{number},{'bright' if number % 2 else 'dark'},{'test' if number >= 6 else 'train'}")
    (folder / "labels.csv").write_text("\n".join(rows))
    preparation, selection = Preparation((1.0, 1.0, 1.0), crop_to_body=False), Selection(modality="CT")
    labelled = prepare_labelled(
        folder / "labels.csv", folder / "scans", folder / "store", preparation, selection, workers=0, shown=False
    )
    return Store.open(folder / "store"), labelled


@pytest.mark.parametrize("kind", ["ridge", "logistic"])
def test_brightness_is_found_by_features_that_average_voxels(scans: tuple[Store, LabelledScans], kind: str) -> None:
    store, labelled = scans
    probe = ScanProbe(store, labelled, overlap=0.0, seed=0)
    metrics, scores, chosen = probe.scores(RampEncoder.frozen((16, 16, 16)), kind, "test")  # type: ignore[arg-type]
    assert (metrics["auc"], metrics["balanced_accuracy"]) == (1.0, 1.0)
    assert scores.shape == (6, 2)
    assert chosen.strength > 0


def test_too_few_scans_of_a_class_leave_the_hyperparameters_at_their_defaults(
    scans: tuple[Store, LabelledScans],
) -> None:
    store, labelled = scans
    few = LabelledScans(labelled.training[:4], labelled.test, labelled.classes, ())
    _, _, chosen = ScanProbe(store, few, overlap=0.0, seed=0).scores(RampEncoder.frozen((16, 16, 16)), "ridge", "test")
    assert (chosen.strength, chosen.balance) == (1e-2, 1.0)

"""The benchmark of space: its splits keep people apart, its values are those of the measurements, nothing is invented."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.space import measure
from benchmarks.space_data import SAME_PERSON, collection, heldout_people
from benchmarks.space_values import KEYS, means, space_values
from orienteer.report.measurement import ScanMeasurement

NAMES = [f"brain_{number}.nii.gz" for number in (1000, 1001, 1006, 1018, 1019, 1038, 1039, 1104)]


@pytest.fixture
def brains(tmp_path: Path) -> Path:
    folder = tmp_path / "brain_mr" / "imagesTr"
    folder.mkdir(parents=True)
    for name in NAMES:
        (folder / name).write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("seed", range(6))
def test_every_scan_is_on_one_side_and_so_is_every_person(brains: Path, seed: int) -> None:
    scans = collection("brain_mr", seed, brains, brains)
    assert scans is not None
    training, heldout = ({file.name for file in part} for part in (scans.training, scans.heldout))
    assert (training | heldout, training & heldout) == (set(NAMES), set())
    for later, first in SAME_PERSON.items():
        assert (later in training) == (first in training)


def test_seeds_hold_out_different_people() -> None:
    assert len({heldout_people(NAMES, 0.3, seed) for seed in range(6)}) > 1
    assert heldout_people(NAMES, 0.3, 1) == heldout_people(list(reversed(NAMES)), 0.3, 1)


def test_a_collection_that_is_not_there_is_not_measured(tmp_path: Path) -> None:
    assert measure("abdomen_ct", [0], {}, tmp_path) is None


def measured(error: float | None, trivial: float = 100.0, **metrics: float) -> ScanMeasurement:
    """A scan with errors of one length, or that of a model without gaps."""
    true = np.array([[trivial, 0.0, 0.0]])
    errors = np.array([] if error is None else [error])
    predicted = {} if error is None else {"gap": true + np.array([0.0, error, 0.0])}
    return ScanMeasurement("key", "name", metrics, true, predicted, errors, None, {})


def test_the_ratio_is_that_of_the_means_over_scans() -> None:
    values = space_values([measured(10.0, 100.0, cosine_rank=-0.5), measured(40.0, 150.0, cosine_rank=-0.7)])
    assert values["gap_over_trivial"] == pytest.approx(0.2)
    assert values["cosine_rank"] == pytest.approx(-0.6)


def test_error_bars_are_those_of_the_report() -> None:
    """Errors of Laplace distributions whose scales were predicted rightly are covered by the bars, and follow them."""
    rng, scans = np.random.default_rng(0), []
    for _ in range(9):
        scales = rng.uniform(2, 60, (200, 1)) * np.ones((200, 3)) * rng.uniform(0.3, 3)
        true = np.ones((200, 3))
        gaps, lengths = {"gap": true + rng.laplace(0, scales)}, np.ones(1)
        scans.append(ScanMeasurement("key", "name", {}, true, gaps, lengths, None, {}, scales_mm={"gap": scales}))
    values = space_values(scans)
    assert values["coverage90"] == pytest.approx(0.9, abs=0.03)
    assert values["error_bar_rank_places"] > 0.5
    assert values["error_bar_rank_scans"] > 0.7


def test_what_a_model_cannot_do_has_no_value() -> None:
    values = space_values([measured(None, 100.0)])
    assert values["gap_over_trivial"] is None
    assert values["cosine_rank"] is None
    assert set(means([values])) == set(KEYS)
    assert set(means([values]).values()) == {None}


def test_a_value_that_one_seed_lacks_has_no_mean() -> None:
    assert means([{"coverage90": 0.5}, {"coverage90": None}])["coverage90"] is None
    assert means([{"coverage90": 0.5}, {"coverage90": 0.7}])["coverage90"] == pytest.approx(np.mean([0.5, 0.7]))

"""Detecting a collapse: laws of its metrics, the warning, and a run that logs them."""

from pathlib import Path

import pytest
import torch

from orienteer.pretraining import validation
from orienteer.pretraining.collapse import LEAST_RANK, LEAST_SPREAD, Embeddings, collapse_warning
from orienteer.pretraining.pretrain import pretrain
from orienteer.runs.run import Run
from tests.helpers.run_files import lines
from tests.helpers.small_run import SMALL

SCANS = ["a", "b", "c"]


def metrics_of(vectors: torch.Tensor) -> dict[str, float]:
    """Metrics of ``(3 scans, views, channels)``, given as feature maps of eight cells."""
    embeddings = Embeddings(SCANS, vectors.shape[-1])
    maps = vectors[..., None, None, None].expand(*vectors.shape, 2, 2, 2)
    embeddings.add(maps[:1], ("a",))
    embeddings.add(maps[1:], ("b", "c"))
    return embeddings.metrics(embeddings.sums())


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_vectors_that_fill_their_space_have_its_rank() -> None:
    metrics = metrics_of(drawn(3, 400, 6))
    assert metrics["embedding_rank"] == pytest.approx(6, abs=0.1)
    assert metrics["embedding_spread"] == pytest.approx(1, abs=0.01)
    assert metrics["embedding_cosine"] == pytest.approx(0, abs=0.02)
    assert collapse_warning(metrics, views=1200) is None


def test_the_cosine_is_the_mean_over_pairs_of_different_scans() -> None:
    vectors = drawn(3, 4, 6) + 1
    units = torch.nn.functional.normalize(vectors.double(), dim=-1)
    pairs = [
        units[i, k] @ units[j, m] for i in range(3) for j in range(3) if i != j for k in range(4) for m in range(4)
    ]
    assert metrics_of(vectors)["embedding_cosine"] == pytest.approx(float(torch.stack(pairs).mean()), abs=1e-6)


def test_vectors_that_are_all_the_same_are_a_collapse() -> None:
    metrics = metrics_of(torch.ones(3, 8, 6) + 1e-3 * drawn(3, 8, 6))
    assert metrics["embedding_spread"] < LEAST_SPREAD
    assert metrics["embedding_cosine"] > 0.999
    assert "same vector for every held-out view" in str(collapse_warning(metrics, views=24))
    assert metrics_of(torch.ones(3, 8, 6))["embedding_rank"] == 1  # not the rank of rounding errors


def test_vectors_along_one_line_are_a_collapse() -> None:
    metrics = metrics_of(drawn(3, 8, 1) * drawn(6) + 0.01 * drawn(3, 8, 6))
    assert metrics["embedding_rank"] < LEAST_RANK
    assert "one line" in str(collapse_warning(metrics, views=24))
    assert collapse_warning(metrics, views=4) is None  # four views cannot show it


def test_vectors_of_zeros_are_all_the_same() -> None:
    metrics = metrics_of(torch.zeros(3, 8, 6))
    assert metrics["embedding_spread"] == 0
    assert "same vector" in str(collapse_warning(metrics, views=24))


def test_vectors_that_are_not_finite_are_left_to_the_loss() -> None:
    vectors = drawn(3, 8, 6)
    vectors[0, 0, 0] = torch.nan
    assert metrics_of(vectors) == {}
    assert collapse_warning({}, views=24) is None


def test_a_constant_prediction_is_a_collapse() -> None:
    healthy = {"embedding_rank": 6.0, "embedding_spread": 0.2}
    assert collapse_warning({**healthy, "prediction_spread_gap": 0.5}, views=24) is None
    assert "task gap predicts the same" in str(collapse_warning({**healthy, "prediction_spread_gap": 1e-6}, views=24))


def test_sums_of_two_processes_are_those_of_one() -> None:
    maps = drawn(3, 4, 6)[..., None, None, None]
    one, two, both = (Embeddings(SCANS, 6) for _ in range(3))
    one.add(maps[:2], ("a", "b"))
    two.add(maps[2:], ("c",))
    both.add(maps, ("a", "b", "c"))
    assert both.metrics(one.sums() + two.sums()) == pytest.approx(both.metrics(both.sums()))


def test_a_run_logs_them_at_every_validation(finished: Run) -> None:
    rows = lines(finished.folder, "heldout")
    assert all(row["embedding_rank"] > 1 and row["embedding_spread"] > 0 for row in rows)
    assert "embedding_cosine" not in rows[0]  # one scan is held out: there are no two to compare
    assert finished.summary["heldout"]["embedding_rank"] == rows[-1]["embedding_rank"]


def test_a_run_that_collapses_warns_once(
    torsos: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(
        validation, "collapse_warning", lambda metrics, views: collapse_warning({**metrics, "embedding_spread": 0.0}, 8)
    )
    settings = {**SMALL, "steps": 2, "validate_every": 1, "validation_fraction": 0.5, "pictures": False}
    run = pretrain(torsos, tmp_path / "run", store=str(store), **settings)
    printed = capsys.readouterr().err
    assert printed.count("collapse:") == 1
    assert "step 1: collapse:" in printed
    assert -1 <= run.summary["heldout"]["embedding_cosine"] <= 1

"""What a run knows of places: its heads give one row a place, the same after the cache, and nothing for an encoder alone."""

from pathlib import Path

import numpy as np
import pytest
import torch

from orienteer.features.pretrained import load
from orienteer.locating.field_cache import cached_field
from orienteer.locating.fields import scan_field
from orienteer.locating.heads import PlaceHeads, heads_of, place_heads
from orienteer.pretraining.example import example_run
from orienteer.runs.loaded import load_run
from orienteer.tasks.base import Features


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps of the method spatial."""
    folder, _ = example_run(tmp_path_factory.mktemp("run"))
    return folder


def test_every_place_of_a_scan_is_placed_and_embedded(run):
    loaded, pretrained = load_run(run, device="cpu"), load(run)
    heads = place_heads(loaded)
    assert isinstance(heads, PlaceHeads)
    with loaded.open_store() as store:
        key = next(iter(loaded.training))
        field = scan_field(pretrained, store, key, heads)
        alone = scan_field(pretrained, store, key)
        kept = [cached_field(pretrained, store, key, heads) for _ in range(2)]
    assert field.known is not None
    count = len(field.lattice.places_mm)
    assert field.known.places_mm.shape == field.known.scales_mm.shape == (count, 3)
    assert (field.known.scales_mm > 0).all()
    assert field.known.embedding.shape == (count, sum(field.known.channels))
    assert np.allclose(field.features, alone.features)  # the heads add to the features and change none of them
    assert alone.known is None
    for each in kept:
        assert each.known is not None
        assert each.known.channels == field.known.channels
        assert np.allclose(each.known.places_mm, field.known.places_mm)
        assert np.allclose(each.known.embedding, field.known.embedding, atol=1e-2)


def test_placed_cells_differ_as_the_predicted_gaps_do(run):
    loaded = load_run(run, device="cpu")
    levels = loaded.network.encoder(torch.randn(3, 1, *loaded.config.view_size))
    features = Features(tuple(level[None] for level in levels))
    placing = 0
    for task in loaded.network.tasks_by_name.values():
        placed = task.placed_cells(features)
        gaps = task.predicted_gaps(task(features))
        if placed is not None and gaps is not None:
            centres = placed.places.mean(dim=(3, 4, 5))
            assert torch.allclose(centres[:, None] - centres[:, :, None], gaps.gaps, atol=1e-4)
            placing += 1
    assert placing >= 1


def test_an_encoder_alone_has_no_heads(encoder_run, run, tmp_path):
    assert heads_of(encoder_run) is None
    assert heads_of(run) is not None
    assert heads_of(run).version == heads_of(run / "encoder.safetensors").version

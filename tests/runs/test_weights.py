"""encoder.safetensors: saved, loaded, started from; refused where it is damaged or of another network."""

import json
from pathlib import Path

import pytest
import torch

from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.runs.card import encoder_facts
from orienteer.runs.network import build_network
from orienteer.runs.weights import load_encoder, save_encoder, start_from
from tests.helpers.run_settings import run_config


def encoder(**changes: object) -> Encoder:
    return build_network(run_config(**changes)).encoder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    save_encoder(tmp_path, encoder(seed=7), encoder_facts(run_config(), "cb40"))
    return tmp_path


def assert_same_weights(one: Encoder, other: Encoder) -> None:
    assert one.state_dict().keys() == other.state_dict().keys()
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


@pytest.mark.parametrize("file", ["", "encoder.safetensors"])
def test_the_encoder_is_loaded_as_saved(file: str, run: Path) -> None:
    loaded, card = load_encoder(run / file)
    assert_same_weights(loaded, encoder(seed=7))
    assert not loaded.training
    assert card == json.loads((run / "encoder.json").read_text())


def test_a_run_starts_from_the_weights_of_another(run: Path) -> None:
    fresh = encoder(seed=8)
    start_from(fresh, run)
    assert_same_weights(fresh, encoder(seed=7))


def test_encoder_json_is_read_once(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads, real = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: reads.append(self.name) or real(self))
    load_encoder(run)
    assert reads == ["encoder.json", "encoder.safetensors"]


def test_changed_weights_are_refused(run: Path) -> None:
    content = bytearray((run / "encoder.safetensors").read_bytes())
    content[-1] ^= 1
    (run / "encoder.safetensors").write_bytes(bytes(content))
    for use in (load_encoder, lambda folder: start_from(encoder(), folder)):
        with pytest.raises(InputError, match="cut short or was changed"):
            use(run)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    broken = encoder()
    with torch.no_grad():
        next(broken.parameters()).view(-1)[0] = float("nan")
    save_encoder(tmp_path, broken, encoder_facts(run_config(), "cb40"))
    for use in (load_encoder, lambda folder: start_from(encoder(), folder)):
        with pytest.raises(InputError, match="wanted finite weights, got NaN or Inf in"):
            use(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"arguments": {"filters": [4, 8, 10**12], "stem_stride": 1}},
        {"arguments": {"filters": [4, 8, 800], "stem_stride": 1}},
        {"view_size": [2**20, 16, 16]},
    ],
    ids=str,
)
def test_sizes_of_a_card_are_compared_before_memory_is_asked_for(changes: dict[str, object], run: Path) -> None:
    card = json.loads((run / "encoder.json").read_text()) | changes
    (run / "encoder.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match="more than any size of the weights|of another shape|voxels"):
        load_encoder(run)


def test_the_weights_of_another_network_are_refused_and_nothing_is_loaded(run: Path) -> None:
    wider = encoder(encoder_arguments={"filters": [4, 8, 16], "stem_stride": 1})
    before = {name: value.clone() for name, value in wider.state_dict().items()}
    with pytest.raises(InputError, match=r"wanted the weights of encoder 'tiny' .*16.*got \d+ of another shape"):
        start_from(wider, run)
    assert all(torch.equal(value, before[name]) for name, value in wider.state_dict().items())

"""encoder.json: what it holds, and what is wrong with one that cannot be used."""

import json
from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.runs.card import encoder_facts, read_card
from orienteer.runs.card_checks import check_values
from orienteer.runs.network import build_network
from orienteer.runs.recipe import preparation_of
from orienteer.runs.weights import save_encoder
from tests.helpers.run_settings import run_config


@pytest.fixture
def run(tmp_path: Path) -> Path:
    config = run_config()
    save_encoder(tmp_path, build_network(config).encoder, encoder_facts(config, "cb40"))
    return tmp_path


def changed(folder: Path, **values: object) -> None:
    card = json.loads((folder / "encoder.json").read_text()) | values
    (folder / "encoder.json").write_text(json.dumps({key: value for key, value in card.items() if value is not None}))


def test_the_card_describes_the_preparation_of_the_run(run: Path) -> None:
    card = read_card(run)
    assert preparation_of(card) == run_config().preparation
    assert (card["unit_mm"], card["method"], card["data_fingerprint"]) == (50.0, "spatial", "cb40")
    assert card["view_size"] == [16, 16, 16]


def test_a_folder_without_a_card_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"wanted a run folder with encoder\.safetensors and encoder\.json"):
        read_card(tmp_path)


def test_a_missing_value_is_named(run: Path) -> None:
    changed(run, spacing_mm=None, axes=None)
    with pytest.raises(InputError, match="got no spacing_mm, axes"):
        read_card(run)


def test_a_card_of_a_later_version_is_refused(run: Path) -> None:
    changed(run, format=2)
    with pytest.raises(InputError, match="wanted format 1, got 2. Do this: install a newer version"):
        read_card(run)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("encoder", 3),
        ("arguments", ["filters"]),
        ("view_size", [16, 16]),
        ("view_size", [16, 16, 16.5]),
        ("view_size", [16, 16, True]),
        ("spacing_mm", [1.0, 1.0, 0.0]),
        ("spacing_mm", "1 1 1"),
        ("intensity", {"CT": {"window_hu": [-1000, 1000]}}),
        ("intensity", {"CT": {"window_hu": [-1000]}, "MR": {"percentiles_of_body": [0, 100]}}),
    ],
    ids=str,
)
def test_a_value_of_the_wrong_form_is_named(key: str, value: object) -> None:
    with pytest.raises(InputError, match=rf"{key} in encoder\.json: wanted"):
        check_values(Path("encoder.json"), {key: value})

"""MODEL_CARD.md: the recipe, the results and the licence of a run, for model hubs and for people."""

from pathlib import Path

import pytest
import yaml

from orienteer.runs.card import encoder_facts, read_card
from orienteer.runs.model_card import model_card, write_model_card
from orienteer.runs.network import build_network
from orienteer.runs.weights import save_encoder
from tests.helpers.run_settings import run_config

SUMMARY = {"heldout": {"gap_error_mm": 40.0, "gap_error_mm_trivial": 150.0}, "scans": {"read": 12, "too_small": 1}}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    config = run_config(ct_window_hu=[-160.0, 240.0])
    save_encoder(tmp_path, build_network(config).encoder, encoder_facts(config, "cb40"))
    return tmp_path


def test_it_is_written_from_the_card_and_the_summary(run: Path) -> None:
    write_model_card(run, SUMMARY)
    text = (run / "MODEL_CARD.md").read_text()
    for words in (
        "voxels of 2 x 2 x 3 mm",
        "CT: -160 to 240 HU",
        "MR: percentiles 0.5 to 99.5",
        "views of 16 x 16 x 16 voxels; the unit of length was 50 mm",
        "12 read, 1 too small",
        "gap error (mm)                      40.0       150.0",
        "data_fingerprint` cb40",
    ):
        assert words in text, words


@pytest.mark.parametrize(("licence", "tag"), [("CC-BY-4.0", "cc-by-4.0"), ("unknown: set it", "other")])
def test_model_hubs_read_the_licence(licence: str, tag: str, run: Path) -> None:
    text = model_card({**read_card(run), "licence": licence}, SUMMARY)
    head = yaml.safe_load(text.split("---")[1])
    assert (head["license"], head["library_name"]) == (tag, "orienteer")

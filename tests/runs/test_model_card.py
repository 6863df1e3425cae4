"""The card of a run for people: errors beside their baselines, and what a user of the weights must know."""

from orienteer.pretraining.pretrain import Run
from orienteer.runs.model_card import model_card, write_model_card
from orienteer.runs.weights import read_card
from tests.helpers.saved_runs import SaveRun


def test_the_model_card_shows_errors_beside_their_baselines(finished: Run) -> None:
    card = read_card(finished.folder)
    text = model_card(card, finished.summary)
    gap = finished.summary["heldout"]
    row = next(line for line in text.splitlines() if line.startswith("gap error (mm)"))
    assert row.split()[3:5] == [f"{gap['gap_error_mm']:.1f}", f"{gap['gap_error_mm_trivial']:.1f}"]
    for words in (
        card["sha256"],
        card["data_fingerprint"],
        card["licence"],
        "8 x 8 x 8 mm",
        "-1000 to 1000 HU",
        "tiny",
    ):
        assert words in text, words


def test_the_model_card_is_written_beside_the_weights(save_run: SaveRun) -> None:
    run = save_run("tiny", (16, 16, 16), filters=[4, 8, 8])
    write_model_card(run, {"heldout": {}, "scans": {"read": 3, "too_small": 1}})
    text = (run / "MODEL_CARD.md").read_text()
    assert text.startswith("---\nlibrary_name: orienteer\nlicense: cc-by-4.0\n")
    assert "3 read, 1 too small" in text

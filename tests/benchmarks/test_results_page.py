"""The text of the results page: tables in Markdown."""

from benchmarks.results_page import curves_picture, make_page
from tests.helpers.kept_tables import LINES, PAIRED, dice, error, kept


def test_the_short_table_holds_the_means_and_each_goal_what_was_tried(tmp_path):
    text = make_page(kept(tmp_path, LINES + PAIRED), (), {"1": "slower rates", "4": "nothing"})
    short, _, goals = text.partition("## Goals")
    assert "| method | fine-tuned, Dice | frozen probe, Dice | same place, mm | pretraining, processor s |" in short
    assert "| voco | 0.755 [0.745, 0.765] | 0.400 [0.390, 0.410] | 4.5 [4.0, 5.0] |  |" in short
    assert "Tried: slower rates" in goals.partition("2. Fine-tuning")[0]
    assert "Tried: nothing" in goals.partition("4. Stability")[2]


def test_a_page_without_comparisons_says_so():
    assert "No comparison is kept yet" in make_page([], ())


def test_a_difference_has_a_sign_and_zero_has_none_of_its_own(tmp_path):
    lines = [dice("default", "1", -0.0001, "scratch"), dice("default", "1", 0.5)]
    assert "| default | +0.000 [-0.010, +0.010] |" in make_page(kept(tmp_path, lines), ())


def test_only_dice_after_fine_tuning_is_drawn(tmp_path):
    (result,) = kept(tmp_path, [error("default", 2.0), dice("default", "1", 0.5, downstream="probe")])
    assert curves_picture(result) is None

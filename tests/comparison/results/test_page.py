"""The page of a comparison says what it should in every case."""

from dataclasses import replace
from pathlib import Path

import pytest

from orienteer.comparison.results.cost import Cost
from orienteer.comparison.results.measures import FinetuneSettings, _section
from orienteer.comparison.results.method_settings import MethodRow, MethodSettings
from orienteer.comparison.results.page import PageStory
from orienteer.comparison.results.summary import MEASURES, Line
from orienteer.comparison.results.verdicts import Verdict
from orienteer.draw.pages import render
from tests.browser.chromium import visit_page
from tests.helpers.html import Page

VERDICT = Verdict(
    measure=MEASURES[0],
    share="mean",
    seeds=3,
    cases=5,
    best=("a", "0.55"),
    second=("scratch", "0.46"),
    lead="+0.09, interval +0.06 to +0.13",
    scratch="+0.09, interval +0.06 to +0.13",
    level=(),
    grade="ahead",
)


@pytest.fixture(scope="module")
def story() -> PageStory:
    """A finished comparison of two methods with every kind of cell."""
    measured = {}
    for measure in MEASURES:
        names = ("a", "scratch")
        lines = [Line("d", measure.downstream, measure.metric, measure.unit, name, fraction, against, 0.5, 0.4, 0.6, 3, 5)
                 for name in names for fraction in ("0.1", "1") for against in ("", "scratch")]  # fmt: skip
        measured.setdefault(measure.downstream, []).append(_section(measure, lines, ("scratch",)))
    return PageStory(
        name="torsos <1>",
        scratch="scratch",
        methods=2,
        seeds=(0, 1, 2),
        evaluated="test",
        scored=5,
        same_steps=True,
        cells=8,
        finished=8,
        failed=(),
        selected=False,
        split_file=False,
        verdicts={"finetune": VERDICT},
        measured=measured,
        finetune=FinetuneSettings(("learning_rate",), "0.01", ("10 %", "100 %"), ()),
        levels=[("a", "0", "all", "all 3.0")],
        cost=Cost(("pretrain", "probe"), (("a", "10", "2", "0:12"),), ("cpu",), 8, "1:00", 1.5),
        parts=(("test", 5, ("x.nii", "y.nii"), 3),),
        settings=MethodSettings(
            methods=(MethodRow("a", "learns", "default", ("views: 4 → 6",)), MethodRow("scratch", None, "scratch", ())),
            common=(("pretraining", "steps", "2000", "9"),),
            differing=(("views", "6", ""),),
            shared=(("batch", "2"),),
        ),
        command="orienteer compare DATA",
        versions=("torch 2",),
        shown=(("fractions", "[0.1]"),),
        data_fingerprint="0123",
    )


def text_of(story: PageStory) -> str:
    return Page(render("orienteer.comparison.results", "compare.html.j2", story)).text


def test_a_finished_comparison(story: PageStory) -> None:
    text = text_of(story)
    for words in (
        "Pretraining methods compared on torsos <1>",
        "2 methods, 3 seeds, scored on the 5 cases of the test part.",
        "are the same for all, and so are the steps.",
        "An interval from 3 seeds contains little information",
        "Dice after fine-tuning: paired difference to “scratch”; above zero is better",
        "below zero is better, mm",
        "All were fine-tuned with learning_rate: 0.01.",
        "Level used",
        "used 1.5 Wh",
        "x.nii, y.nii and 3 more",
        "consecutive in the order of the file names. Every pretraining",
        "no pretraining",
        "a is ahead 0.55, next scratch with 0.46; better by +0.09, interval +0.06 to +0.13 (Dice after fine-tuning",
        "too few seeds to know how much these vary",
        "references are grey; right: the paired difference to scratch.",
        "a variant of “default”: views: 4 → 6",
        "pretraining steps 2000 9",
        "Settings that are not the same for all",
        "Intervals contain 95 % of the resamples",
    ):
        assert words in text, words
    assert "Not finished" not in text


def test_an_unfinished_comparison_with_one_seed(story: PageStory) -> None:
    text = text_of(
        replace(story, seeds=(0,), finished=3, failed=(("c1", "no room"),), same_steps=False, evaluated="validation")
    )
    for words in (
        "2 methods, 1 seed,",
        "; the steps differ, see Settings and Cost.",
        "Not finished: 3 of 8 cells are done.",
        "1 cells failed cell reason c1 no room",
        "An interval from 1 seed contains no variation between seeds",
        "the test part is for the final evaluation",
    ):
        assert words in text, words


def test_one_seed_gives_no_verdict_and_a_tie_no_winner(story: PageStory) -> None:
    words = (
        "one seed: no verdict So far a has the best mean, 0.55; next is scratch with 0.46 (Dice after fine-tuning, mean"
    )
    assert words in text_of(replace(story, verdicts={"finetune": replace(VERDICT, grade="none", seeds=1)}))
    perhaps = text_of(replace(story, verdicts={"finetune": replace(VERDICT, grade="perhaps", seeds=2)}))
    assert "a is perhaps ahead 0.55, next scratch with 0.46;" in perhaps
    level = replace(VERDICT, grade="level", level=("scratch",), lead="+0.01, interval -0.01 to +0.02")
    words = "no clear winner a has the best mean, 0.55, but cannot be distinguished from scratch (to scratch: +0.01, interval"
    assert words in text_of(replace(story, verdicts={"finetune": level}))
    alone = replace(VERDICT, grade="alone", second=None, lead="", scratch=None, share="0.1")
    words = "one method, no verdict a: 0.55 (Dice after fine-tuning, 10 % of the labels)."
    assert words in text_of(replace(story, verdicts={"finetune": alone}))


def test_selected_settings_are_listed(story: PageStory) -> None:
    used = FinetuneSettings(("learning_rate",), None, ("10 %",), (("a", "0.1"), ("scratch", "0.2")))
    text = text_of(replace(story, finetune=used, selected=True, evaluated="validation", split_file=True))
    assert "learning_rate: chosen for each method and fraction" in text
    assert "these results are slightly optimistic" in text
    assert "The parts are those of a split file. Every pretraining" in text


def test_without_results_only_the_facts_remain(story: PageStory) -> None:
    cost = Cost((), (), (), 0, "0:00", None)
    text = text_of(replace(story, measured={}, verdicts={}, finished=0, cost=cost, levels=[]))
    assert "Fine-tuning with few labels" not in text
    assert "The energy is not known" in text


def test_it_can_be_read_by_everybody_on_any_screen(story: PageStory, tmp_path: Path) -> None:
    page = tmp_path / "compare.html"
    page.write_text(render("orienteer.comparison.results", "compare.html.j2", story))
    visit_page(page)

"""The first page of a report in words: a graded answer to each question, what was learned, and what to do next.

These words are here and not in the template, since the terminal shows them too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import binom

from orienteer.draw.pages import millimetres
from orienteer.report.compared import ROUGH, Grade, Span
from orienteer.report.findings import Findings, ObservedScan, averaged
from orienteer.report.header_check import HeaderCheck
from orienteer.report.headline import Headline
from orienteer.report.limits import ENOUGH_SOUND, PER_REMARK
from orienteer.report.trust import set_radii_mm

Tone = Literal["good", "doubt", "bad", "none"]

NOT_MEASURED = (
    "What this run learned has no metric on whole scans: its learning curves show it, and a probe or fine-tuning."
)
"""Said of a run without numbers, such as one that restores hidden parts."""

SURPRISING = 0.05
"""Flags that chance alone explains less often than this are called more than chance."""

GOOD_COVERAGE = (0.85, 0.95)
"""Error bars for 90 % that cover this share of the errors are called about right."""

FOLLOWS = 0.3
"""From this rank correlation on, error bars are said to be wider where errors are larger."""

_SHORT: dict[Grade | None, tuple[str, Tone]] = {
    "clear": ("yes, clearly", "good"),
    "better": ("yes, roughly", "good"),
    "hardly": ("hardly", "doubt"),
    "open": ("not certain", "doubt"),
    "worse": ("no", "bad"),
    None: ("not known", "none"),
}


@dataclass(frozen=True)
class Answer:
    """The answer to one question.

    Attributes:
        question: of a reader.
        short: the answer in graded words.
        words: what it rests on, and how sure it is.
        tone: for the colour of its mark.
    """

    question: str
    short: str
    words: str
    tone: Tone


def answers(findings: Findings, numbers: Sequence[Headline]) -> tuple[Answer, ...]:
    """Returns the answers of the first page.

    Args:
        findings: what was measured.
        numbers: the numbers of the first page.
    """
    return (*(_answer(number) for number in numbers), *_bars(findings), *_headers(findings))


def learned(findings: Findings, numbers: Sequence[Headline]) -> str:
    """Returns what was learned, in a sentence or two.

    Args:
        findings: what was measured.
        numbers: the numbers of the first page.
    """
    if not numbers:
        return "Nothing could be measured." if not findings.scans else NOT_MEASURED
    certain = [each for each in numbers if each.compared.grade in ("clear", "better")]
    likely = [each for each in numbers if each not in certain and not _unlearned(each)]
    missing = [each for each in numbers if each not in certain and each not in likely]
    words = []
    if certain:
        words.append(f"Learned: {_learned(certain)}.")
    if likely:
        words.append(f"Perhaps learned, the scans are too few to be sure: {_learned(likely)}.")
    if missing:
        titles = ", ".join(each.subject.title.lower() for each in missing)
        words.append(f"Not better than its baseline: {titles}.")
    return " ".join(words)


def _learned(numbers: Sequence[Headline]) -> str:
    return "; ".join(f"{each.subject.learned} {_value(each)} ({_beside(each)})" for each in numbers)


def next_step(findings: Findings, numbers: Sequence[Headline], run: str = "RUN") -> str:
    """Returns what to do next, in one sentence, commands between backquotes.

    Args:
        findings: what was measured.
        numbers: the numbers of the first page.
        run: the run folder as it is written in commands.
    """
    suspicious = [scan for scan in findings.scans if not scan.sound]
    if not findings.scans:
        return "Next: look at the reasons why no scan could be used."
    if numbers and all(_unlearned(number) for number in numbers):
        return "Next: train longer (`--steps`); `orienteer plan SCANS` says whether the views suit the scans."
    if findings.new and suspicious:
        names = ", ".join(scan.measurement.name for scan in suspicious[:3])
        more = f" and {len(suspicious) - 3} more" if len(suspicious) > 3 else ""
        return f"Next: look at the scans whose header or anatomy is unusual: {names}{more}."
    tune = f"train on labels with `orienteer finetune {run} --data DATA --out OUT`."
    if findings.predicts_gaps:
        return f"Next: click in a scan yourself with `orienteer explore {run} --scan FILE`, or {tune}"
    return f"Next: {tune}"


def _unlearned(number: Headline) -> bool:
    compared = number.compared
    return compared.grade not in ("clear", "better") and (compared.ratio is None or compared.ratio > ROUGH)


def _answer(number: Headline) -> Answer:
    compared = number.compared
    short, tone = _SHORT[compared.grade]
    words = f"{_value(number)} ({_range(compared.model, compared.unit)}); {_beside(number)}."
    if compared.strongest is not None:
        words += f" Better on {compared.wins:g} of {compared.scans} scans."
        if compared.grade == "open" and compared.scans < 6:
            words += " So few scans cannot decide it."
    return Answer(number.subject.question, short, words, tone)


def _value(number: Headline) -> str:
    return in_unit(number.compared.model.median, number.compared.unit)


def _beside(number: Headline) -> str:
    baseline = number.compared.baseline
    if baseline is None:
        return "no baseline"
    return f"{number.baseline_words}: {in_unit(baseline.median, number.compared.unit)}"


def _range(span: Span, unit: str) -> str:
    if span.count == 1:
        return "one scan"
    return f"median of {span.count} scans, {in_unit(span.least, unit)} to {in_unit(span.most, unit)}"


def in_unit(value: float, unit: str) -> str:
    """Returns a number with its unit: whole mm and percent, two decimals without a unit.

    Example:
        >>> in_unit(21.4, "mm"), in_unit(88.6, "%"), in_unit(-0.714, "")
        ('21 mm', '89 %', '-0.71')
    """
    if unit == "mm":
        return f"{millimetres(value)} mm"
    return f"{value:.0f} %" if unit == "%" else f"{value:.2f}"


def _bars(findings: Findings) -> list[Answer]:
    """Returns whether the error bars can be trusted; nothing for a run without gaps."""
    question = "Can its error bars be trusted?"
    if not findings.predicts_gaps:
        return []
    covered = [bar.best.coverage for bar in findings.bars.values() if bar.best.coverage is not None]
    if not covered:
        why = "This run has no error bars." if not findings.bars else "That needs two held-out scans or more."
        return [Answer(question, "not known", why, "none")]
    least, most = min(covered), max(covered)
    scans = max(bar.scans for bar in findings.bars.values())
    share = (
        f"{100 * least:.0f}" if round(100 * least) == round(100 * most) else f"{100 * least:.0f} to {100 * most:.0f}"
    )
    words = f"They should cover 90 % of the errors, and cover {share} % on {scans} held-out scans."
    ranks = [bar.best.rank_gaps for bar in findings.bars.values() if bar.best.rank_gaps is not None]
    follows = bool(ranks) and min(ranks) >= FOLLOWS
    if ranks:
        wider = "are wider where errors are larger" if follows else "are hardly wider where errors are larger"
        words += f" They {wider} (rank correlation {min(ranks):+.2f}, at worst)."
    typical_mm, baseline_mm = _typical_bar(findings)
    if typical_mm is not None:
        words += f" On these scans they are {in_unit(typical_mm, 'mm')} long (median)"
        if typical_mm >= baseline_mm:
            words += f", longer than the {in_unit(baseline_mm, 'mm')} by which always predicting zero is wrong."
            return [Answer(question, "too long to be of use", words, "bad")]
        words += "."
    if least < GOOD_COVERAGE[0]:
        return [Answer(question, "too narrow", words, "bad" if least < 0.75 else "doubt")]
    if most > GOOD_COVERAGE[1]:
        return [Answer(question, "too wide", words, "doubt")]
    return [Answer(question, "yes" if follows else "on average", words, "good" if follows else "doubt")]


def _typical_bar(findings: Findings) -> tuple[float | None, float]:
    """Returns the median over scans of the mean error bar, and that of the error of predicting zero."""
    scans = [scan.measurement for scan in averaged(findings.scans)]
    radii = [radii for scan in scans if (radii := set_radii_mm(scan, findings.bars)) is not None]
    trivial = [scan.trivial_mm for scan in scans if scan.trivial_mm is not None]
    return (float(np.median([each.mean() for each in radii])) if radii else None), float(np.median(trivial))


def _headers(findings: Findings) -> list[Answer]:
    """Returns whether the headers fit the anatomy, with the number of false alarms to expect."""
    question = "Do the headers fit the anatomy?"
    check = findings.header_check
    judged = [scan for scan in findings.scans if scan.verdict is not None]
    if not findings.scans:
        return []
    if check is None or not judged:
        why = "The run predicts no gaps and has no header reader, or has fewer than three held-out scans."
        return [Answer(question, "not checked", why, "none")]
    if not check.distinguishable:
        why = "No fault can be distinguished reliably from a sound header by this model."
        return [Answer(question, "cannot be determined", why, "none")]
    known = [scan for scan in judged if scan.recognised]
    unknown = len(judged) - len(known)
    flagged = [scan for scan in known if scan.flagged]
    words = f"{_flag_words(flagged, len(known))} {_expected(check, len(known))} " if known else ""
    if unknown:
        which = "It is" if len(judged) == 1 else f"{unknown} {'is' if unknown == 1 else 'are'}"
        whose = "the header" if unknown == 1 else "their headers"
        words += f"{which} not recognised, perhaps another anatomy than the run's, so that {whose} cannot be judged."
    clear = any(scan.certainty == "clearly" for scan in flagged)
    return [Answer(question, *_header_grade(len(flagged), unknown, len(judged), clear, words.strip()))]


def _header_grade(flagged: int, unknown: int, judged: int, clear: bool, words: str) -> tuple[str, str, Tone]:
    if unknown > judged / 2:
        return "cannot be judged", words, "doubt"
    if not flagged:
        return "nothing suspicious", words, "good"
    if flagged > judged / 2 and judged >= 4:
        words += " That so many are wrong is less likely than that the model does not fit these scans: check one by eye first."
        return "unlikely that all are wrong", words, "doubt"
    chance = float(binom.sf(flagged - 1, judged, PER_REMARK))
    if chance >= SURPRISING and not clear:
        return f"{flagged} to look at, perhaps flagged by chance", words, "doubt"
    return (f"{flagged} of {judged} probably not" if judged > 1 else "probably not"), words, "bad"


def _flag_words(flagged: Sequence[ObservedScan], judged: int) -> str:
    if not flagged:
        return f"None of {judged} looks wrong." if judged > 1 else "It does not look wrong."
    counts = [(word, sum(scan.certainty == word for scan in flagged)) for word in ("clearly", "probably", "possibly")]
    grades = ", ".join(f"{count} {word}" for word, count in counts if count)
    return f"{len(flagged)} of {judged} {'looks' if len(flagged) == 1 else 'look'} wrong ({grades})."


def _expected(check: HeaderCheck, judged: int) -> str:
    expected = judged * PER_REMARK
    count = f"about {expected:.1f}" if expected >= 0.1 else "fewer than 0.1"
    words = f"Were all {judged} sound, {count} would be flagged by mistake."
    if judged == 1:
        words = f"One sound scan in {1 / PER_REMARK:.0f} is flagged by mistake."
    if not check.calibrated:
        words += (
            f" That is not guaranteed: {len(check.scores)} held-out scans set the threshold, {ENOUGH_SOUND} are needed."
        )
    return words

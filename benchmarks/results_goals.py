"""How far the goals were reached, computed from the tables of the comparisons."""

from collections.abc import Callable, Mapping, Sequence

from scipy.stats import beta

from benchmarks.results_tables import Result
from orienteer.comparison.plan.measurements import BASELINES
from orienteer.comparison.results.summary import ALL_FRACTIONS, Line, fraction_words
from orienteer.runs.weights import SCRATCH

OURS = ("default", "spatial")
OTHERS = ("reconstruction", "models-genesis", "voco", "simclr", "rotation-jigsaw")
"""Published methods of others."""

FEW_LABELS = 0.05
NEVER_BELOW, GAIN, LEAD, HALF = -0.01, 0.03, 0.01, 0.5
COVERAGE = 0.95


def goals(
    results: Sequence[Result], stability: Sequence[Mapping[str, str]], tried: Mapping[str, str] | None = None
) -> str:
    """Returns the goals, each with its measured values, and what was tried to reach it where that was recorded."""
    asked = (
        (f"Fine-tuning: never below the scratch twin (no interval of the paired difference reaches below "
         f"{NEVER_BELOW} Dice) and gains {GAIN} Dice and more at 1 to 5 % of the labels.", _against_scratch),
        (f"Fine-tuning against every method of others at equal compute: best or within the interval at every fraction, and "
         f"best by {LEAD} and more on the mean of fractions.", _against_others),
        ("Frozen features: best of all in the probe and in finding the same place, with at most half of the error of the best "
         "other method and of the baseline.", _frozen),
    )  # fmt: skip
    results = [result for result in results if any(line.method in OTHERS for line in result.lines)]  # no ablations
    paragraphs = []
    for number, (text, measure) in enumerate(asked, start=1):
        measured = [
            f"- *{result.name}*, `{ours}`: {words}"
            for result in results
            for ours in OURS
            if (words := measure(result, ours))
        ]
        paragraphs += [
            f"{number}. {text}\n",
            *(f"    {line}" for line in measured or ["- not measured"]),
            *_tried(tried, number),
            "",
        ]
    last = f"{len(asked) + 1}. Stability: no diverged and no collapsed run in 20 seeds of 300 steps.\n"
    measured = [f"    - {line}" for line in _stability(stability)]
    return "\n".join([*paragraphs, last, *measured, *_tried(tried, len(asked) + 1), ""])


def _tried(tried: Mapping[str, str] | None, number: int) -> list[str]:
    text = (tried or {}).get(str(number))
    return [f"    - Tried: {text}"] if text else []


def _against_scratch(result: Result, ours: str) -> str:
    lines = [line for line in _dice(result, "finetune") if (line.method, line.against) == (ours, SCRATCH)]
    each = [line for line in lines if line.fraction != ALL_FRACTIONS]
    if not each:
        return ""
    few = [line for line in each if float(line.fraction) <= FEW_LABELS]
    safe = all(line.low >= NEVER_BELOW for line in each)
    gained = bool(few) and all(line.mean >= GAIN for line in few)
    differences = "; ".join(f"{_at(line)} {_signed(line)}" for line in lines)
    return f"{differences}. Never below: {_yes(safe)}; gain with few labels: {_yes(gained) if few else 'not measured'}."


def _against_others(result: Result, ours: str) -> str:
    """The table holds the differences of others to ours, where they were asked for; their sign is reversed here."""
    lines = [line for line in _dice(result, "finetune") if line.method in OTHERS and line.against == ours]
    if not lines:
        return _means_alone(result, ours)
    each = [line for line in lines if line.fraction != ALL_FRACTIONS]
    whole = [line for line in lines if line.fraction == ALL_FRACTIONS] or each
    within = all(line.low <= 0 for line in each)
    worst = max(whole, key=lambda line: line.mean)
    differences = "; ".join(
        f"{line.method} {-line.mean:+z.3f} [{-line.high:+z.3f}, {-line.low:+z.3f}]"
        for line in sorted(whole, key=lambda line: -line.mean)
    )
    behind = [f"{line.method} at {_at(line)}" for line in each if line.low > 0]
    why = "" if within else f" (behind {', '.join(behind)})"
    return (
        f"paired difference to each on the mean of fractions: {differences}. Best or within the interval at every fraction: "
        f"{_yes(within)}{why}; best by {LEAD}: {_yes(-worst.mean >= LEAD)}."
    )


def _means_alone(result: Result, ours: str) -> str:
    lines = [line for line in _dice(result, "finetune") if not line.against and line.fraction == ALL_FRACTIONS]
    our_line = next((line for line in lines if line.method == ours), None)
    best = _best(lines, OTHERS, max)
    if our_line is None or best is None:
        return ""
    more = our_line.mean - best.mean
    return (
        f"{more:+.3f} on the mean of fractions to the best other, {best.method}; the table holds no paired difference between "
        f"them. Best by {LEAD}: {_yes(more >= LEAD)}."
    )


def _frozen(result: Result, ours: str) -> str:
    return " ".join(filter(None, (_probe(result, ours), _same_place(result, ours))))


def _probe(result: Result, ours: str) -> str:
    lines = [line for line in _dice(result, "probe") if not line.against]
    lines = [line for line in lines if line.fraction in (ALL_FRACTIONS, "")] or lines
    our_line = next((line for line in lines if line.method == ours), None)
    if our_line is None:
        return ""
    best, baseline = _best(lines, OTHERS, max), _best(lines, BASELINES["probe"], max)
    other = "no method of others measured" if best is None else f"best other {best.method} {_plain(best, 3)}"
    trivial = "" if baseline is None else f", {baseline.method} {_plain(baseline, 3)}"
    ahead = all(our_line.low > line.high for line in (best, baseline) if line is not None)
    return f"probe {_plain(our_line, 3)}, {other}{trivial}. Intervals apart, above both: {_yes(ahead)}."


def _same_place(result: Result, ours: str) -> str:
    lines = [line for line in result.lines if (line.downstream, line.against) == ("retrieval", "")]
    our_line = next((line for line in lines if line.method == ours), None)
    if our_line is None:
        return ""
    compared = [line for names in (OTHERS, BASELINES["retrieval"]) if (line := _best(lines, names, min)) is not None]
    shares = [f"{our_line.mean / line.mean:.2f} of {line.method} ({_plain(line, 2)})" for line in compared]
    half = all(our_line.mean <= HALF * line.mean for line in compared)
    return f"Same place {_plain(our_line, 2)} mm, which is {' and '.join(shares)}. At most half of both: {_yes(half)}."


def _stability(rows: Sequence[Mapping[str, str]]) -> list[str]:
    if not rows:
        return ["not measured"]
    lines = []
    for method, steps in dict.fromkeys((row["method"], row["steps"]) for row in rows):
        runs = [row for row in rows if (row["method"], row["steps"]) == (method, steps)]
        bad = [row["seed"] for row in runs if "yes" in (row["diverged"], row["collapsed"])]
        low, high = share_interval(len(bad), len(runs))
        diverged, collapsed = (sum(row[key] == "yes" for row in runs) for key in ("diverged", "collapsed"))
        ranks = sorted(float(row["effective_rank"]) for row in runs if row["effective_rank"])
        rank = f"; effective rank of held-out view vectors {ranks[0]:.1f} to {ranks[-1]:.1f}" if ranks else ""
        lines.append(
            f"{method}, {len(runs)} seeds of {steps} steps: {diverged} diverged, {collapsed} collapsed; the share of bad runs "
            f"is {len(bad) / len(runs):.0%} [{low:.0%}, {high:.0%}]{rank}. Reached: {_yes(not bad and len(runs) >= 20)}."
        )
    return lines


def share_interval(count: int, of: int) -> tuple[float, float]:
    """Returns the 95 % interval of a share (Clopper and Pearson, Biometrika 1934).

    Example:
        >>> [round(end, 3) for end in share_interval(0, 20)]
        [0.0, 0.168]
    """
    tail = (1 - COVERAGE) / 2
    low = 0.0 if count == 0 else float(beta.ppf(tail, count, of - count + 1))
    high = 1.0 if count == of else float(beta.ppf(1 - tail, count + 1, of - count))
    return low, high


def _dice(result: Result, downstream: str) -> list[Line]:
    return [line for line in result.lines if (line.downstream, line.metric) == (downstream, "dice_mean")]


def _best(lines: Sequence[Line], names: Sequence[str], choose: Callable[..., Line]) -> Line | None:
    """Returns the line of these methods that ``max`` or ``min`` chooses by the mean; None where there is none."""
    candidates = [line for line in lines if line.method in names]
    return choose(candidates, key=lambda line: line.mean) if candidates else None


def _at(line: Line) -> str:
    return "mean" if line.fraction == ALL_FRACTIONS else fraction_words(float(line.fraction))


def _signed(line: Line) -> str:
    return f"{line.mean:+z.3f} [{line.low:+z.3f}, {line.high:+z.3f}]"


def _plain(line: Line, digits: int) -> str:
    return f"{line.mean:.{digits}f} [{line.low:.{digits}f}, {line.high:.{digits}f}]"


def _yes(holds: bool) -> str:
    return "**yes**" if holds else "no"

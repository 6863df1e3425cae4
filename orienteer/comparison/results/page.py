"""compare.html: the comparison on one self-contained page: curves, tables, paired differences, cost, split, settings."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orienteer.comparison.config import CompareConfig
from orienteer.comparison.plan.cell import PRETRAIN, RESUMED, Entry
from orienteer.comparison.plan.contenders import Contender
from orienteer.comparison.plan.measurements import BASELINES
from orienteer.comparison.plan.parts import Parts
from orienteer.comparison.results.summary import ALL_FRACTIONS, MEASURES, Line, Measure, fraction_words
from orienteer.comparison.work.records import Records
from orienteer.draw.figures import new_figure, to_png
from orienteer.draw.intervals import Interval, curves_over_share, dots_with_intervals
from orienteer.draw.markup import Part, Picture, figure, heading, notice, page, paragraph, table
from orienteer.files import write_text
from orienteer.methods import METHODS
from orienteer.progress import clock
from orienteer.runs.weights import SCRATCH
from orienteer.scoring.bootstrap import COVERAGE

PAGE_FILE = "compare.html"

WHAT_THEY_ARE = {
    "finetune": (
        "The encoder's weights go into the segmentation network that it was made for, and the whole network is trained on a "
        "share of the labelled cases of the pretraining part. All methods get the same cases and the same batches; what "
        "a method did not pretrain begins with the same new weights, and the output layer is fitted to what the network "
        "already tells, unless set otherwise. Dice and the 95 % Hausdorff distance are taken on the scored part, in each"
        " scan's own voxels."
    ),
    "probe": (
        "The encoder is frozen. A simple model on the features of all its levels tells the class of every voxel. Beside it "
        "stands a map that ignores the image: the most frequent label at each place."
    ),
    "retrieval": (
        "No label is used to find anything: labels only name the landmarks, the middle and the extreme points along the axes "
        "of the body of every class that the scan's border does not cut. The feature at a landmark of one scan is looked "
        "for among a lattice of places of another scan, by cosine; the error is the distance to that scan's own landmark. "
        "Which level of the encoder is used, or all, was chosen for each method by the error on the validation part. Rivals: "
        "the same place counted from each scan's own middle, and the intensities of a patch."
    ),
    "sides": (
        "One frozen vector of a view, the mean of the last level, and a linear read-out: does the view lie left or right of "
        "the scan's middle, towards the head or the feet? Chance is 50 %. The rival reads the view's histogram."
    ),
}


@dataclass(frozen=True)
class Story:
    """What the page tells of."""

    config: CompareConfig
    name: str
    parts: Parts
    contenders: Sequence[Contender]
    entries: Sequence[Entry]
    records: Records
    lines: Sequence[Line]
    failed: Mapping[str, str]
    command: str
    data_fingerprint: str


def write_page(folder: Path, story: Story) -> Path:
    """Writes compare.html and returns it."""
    write_text(folder / PAGE_FILE, make_page(story))
    return folder / PAGE_FILE


def make_page(story: Story) -> str:
    """Returns the page."""
    parts = []
    for kind in story.config.downstream:
        measures = [measure for measure in MEASURES if measure.downstream == kind]
        if any(line.downstream == kind for line in story.lines):
            parts.append(Part(kind, _TITLES[kind], _downstream(story, kind, measures)))
    parts += [
        Part("cost", "What it cost", _cost(story)),
        Part("split", "Who was trained on what", _split(story)),
        Part("settings", "Settings", _settings(story)),
        Part("again", "How to do it again", _again(story)),
    ]
    foot = f"Intervals hold {COVERAGE:.0%} of resamples over seeds and cases."
    return page(f"Pretraining methods compared on {story.name}", _lead(story), parts, foot)


_TITLES = {
    "finetune": "Fine-tuning with few labels",
    "probe": "Frozen probe",
    "retrieval": "The same place in another scan",
    "sides": "Left from right, head from foot",
}


_STEP_BACK = (SCRATCH, *(baseline for names in BASELINES.values() for baseline in names))
"""What methods are measured by: the twin, and what needs no network."""


def _lead(story: Story) -> str:
    seeds, part = len(story.config.seeds), story.config.evaluate
    text = (
        f"{len(story.contenders)} methods, {seeds} {'seed' if seeds == 1 else 'seeds'}, scored on the "
        f"{len(story.parts.part(part))} cases of the {part} part. Scans, network, size of views and labels are the same "
        f"for all{_steps_too(story)}. “{SCRATCH}” is the twin: the same network with the same seed, not pretrained."
    )
    said = [paragraph(text, "lead")]
    done = {entry.cell.hash for entry in story.entries if story.records.get(entry.cell.hash) is not None}
    every = {entry.cell.hash for entry in story.entries}
    if len(done) < len(every):
        said.append(notice(f"Not finished: {len(done)} of {len(every)} cells are done. The same command goes on."))
    if story.failed:
        rows = [(key, why.splitlines()[0]) for key, why in story.failed.items()]
        said.append(table(f"{len(rows)} cells failed", ("cell", "why"), rows, words=(1,)))
    if part == "validation":
        said.append(paragraph("The validation part also guides choices; the test part is for a last look."))
    if seeds < 5:
        said.append(
            paragraph(
                f"An interval from {seeds} {'seed says' if seeds == 1 else 'seeds says little'} "
                f"{'nothing ' if seeds == 1 else ''}about how much results vary from seed to seed; read it as a lower bound."
            )
        )
    return "\n".join(said)


def _steps_too(story: Story) -> str:
    """Returns what the lead says of pretraining steps, which methods of one's own may set."""
    steps = {contender.config.steps for contender in story.contenders if contender.trained}
    return ", and so are the steps" if len(steps) < 2 else "; the steps differ, see Settings and What it cost"


def _downstream(story: Story, kind: str, measures: Sequence[Measure]) -> str:
    said = [paragraph(WHAT_THEY_ARE[kind])]
    for measure in measures:
        lines = [line for line in story.lines if (line.downstream, line.metric) == (kind, measure.metric)]
        if not lines:
            continue
        said.append(heading(3, measure.words))
        own = [line for line in lines if not line.against]
        said += [figure(_picture(measure, own)), _figures(measure, own, f"{measure.words}: mean and interval")]
        for other in story.config.against:
            differences = [line for line in lines if line.against == other]
            if differences:
                sign = "above" if measure.better == "more" else "below"
                title = f"{measure.words}: paired difference to “{other}”; {sign} zero is better"
                said.append(_figures(measure, differences, title, signed=True))
    if kind == "finetune":
        said.append(_rates(story))
    if kind == "retrieval":
        said.append(_levels(story))
    return "\n".join(said)


def _picture(measure: Measure, lines: Sequence[Line]) -> Picture:
    unit = f", {measure.unit}" if measure.unit else ""
    curves: dict[str, dict[float, Interval]] = defaultdict(dict)
    for line in lines:
        if line.fraction not in ("", ALL_FRACTIONS):
            curves[line.method][float(line.fraction)] = (line.mean, line.low, line.high)
    if curves:
        drawn = new_figure(1000, 520)
        curves_over_share(drawn.subplots(), curves, f"{measure.words}{unit}", _STEP_BACK)
        text = f"{measure.words} over the share of the labels, on a log axis; bars are intervals, grey are twin and rivals."
    else:
        drawn = new_figure(1000, 130 + 42 * len(lines))
        rows = [(line.method, (line.mean, line.low, line.high)) for line in lines]
        line_at = 0.5 if measure.metric.endswith("_accuracy") else None
        dots_with_intervals(drawn.subplots(), rows, f"{measure.words}{unit}", line_at, _STEP_BACK)
        text = f"{measure.words}; bars are intervals, grey are the rivals and the twin."
    best = (max if measure.better == "more" else min)(lines, key=lambda line: line.mean)
    return Picture(measure.words, text, f"{text} The best figure is {best.mean:.3f}, of {best.method}.", to_png(drawn))


def _figures(measure: Measure, lines: Sequence[Line], title: str, signed: bool = False) -> str:
    fractions = list(dict.fromkeys(line.fraction for line in lines))
    fractions.sort(key=lambda fraction: (fraction == ALL_FRACTIONS, fraction and _number(fraction)))
    by_place = {(line.method, line.fraction): line for line in lines}
    head = [fraction if fraction in ("", ALL_FRACTIONS) else fraction_words(float(fraction)) for fraction in fractions]
    digits, unit = (2, f", {measure.unit}") if measure.unit else (3, "")
    rows = []
    for method in dict.fromkeys(line.method for line in lines):
        cells = []
        for fraction in fractions:
            line = by_place.get((method, fraction))
            form = f"{'+' if signed else ''}z.{digits}f"
            cells.append("" if line is None else f"{line.mean:{form}} ({line.low:{form}} to {line.high:{form}})")
        rows.append((method, *cells))
    return table(f"{title}{unit}", ("method", *(name or "no label is used" for name in head)), rows)


def _number(fraction: str) -> float:
    return 2.0 if fraction == ALL_FRACTIONS else float(fraction)


def _rates(story: Story) -> str:
    """Returns what each fine-tuning used, with what was selected."""
    used: dict[str, dict[str, str]] = defaultdict(dict)
    keys = list(dict.fromkeys(("learning_rate", "layer_decay", "schedule", *story.config.select)))
    for entry in story.entries:
        if entry.cell.kind == "finetune" and not entry.candidate and entry.cell.fraction is not None:
            words = ", ".join(str(entry.cell.settings[key]) for key in keys)
            used[entry.name][f"{entry.cell.fraction:g}"] = words
    fractions = [f"{fraction:g}" for fraction in sorted(story.config.fractions)]
    rows = [(name, *(by.get(fraction, "") for fraction in fractions)) for name, by in used.items()]
    if len({value for by in used.values() for value in by.values()}) == 1:
        value = next(value for by in used.values() for value in by.values())
        return paragraph(f"All were fine-tuned with {', '.join(keys)}: {value}.")
    how = (
        "chosen for each method and fraction by the mean Dice of the validation part over all seeds"
        if story.config.select
        else "as set"
    )
    html = table(f"{', '.join(keys)}: {how}", ("method", *(fraction_words(float(f)) for f in fractions)), rows)
    if story.config.select and story.config.evaluate == "validation":
        html += notice(
            "The settings were chosen on the very cases that are scored here: these figures are a little too good."
        )
    return html


def _levels(story: Story) -> str:
    rows = []
    for entry in story.entries:
        result = story.records.get(entry.cell.hash)
        if entry.cell.kind == "retrieval" and result is not None and "level" in result["facts"]:
            errors = ", ".join(f"{name} {error:.1f}" for name, error in result["facts"]["validation_error_mm"].items())
            rows.append((entry.name, str(entry.cell.seed), result["facts"]["level"], errors))
    head = ("method", "seed", "level", "errors on validation cases, mm")
    return table("Which level was used", head, rows, words=(2, 3)) if rows else ""


def _cost(story: Story) -> str:
    seconds: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for entry in story.entries:
        result = story.records.get(entry.cell.hash)
        if result is not None and not entry.candidate and not result["facts"].get(RESUMED):
            seconds[entry.name][entry.cell.kind].append(result["cpu_seconds"])
    kinds = [PRETRAIN, *story.config.downstream]
    rows = []
    for name, by in seconds.items():
        cells = [f"{sum(by[kind]) / len(by[kind]):.0f}" if by[kind] else "" for kind in kinds]
        rows.append((name, *cells, clock(sum(sum(values) for values in by.values()))))
    results = [story.records.get(key) for key in {entry.cell.hash for entry in story.entries}]
    done = [result for result in results if result is not None]
    known = [result["energy_j"] for result in done if result["energy_j"] is not None]
    energy = "The energy is not known: the machine does not tell it, or several cells ran at a time."
    if done and len(known) == len(done):
        energy = f"The whole machine used {sum(known) / 3600:.1f} Wh for them."
    devices = sorted({str(result["device"]) for result in done})
    text = (
        f"Processor seconds of one cell, all cores together, with loading, prediction and scoring; on {' and '.join(devices)}. "
        f"All {len(done)} cells together took {clock(sum(result['cpu_seconds'] for result in done))} of processor time"
        f" (cells that two methods share are counted once). A pretraining that was stopped and went on is left out of the "
        f"means: only its last part was measured. {energy}"
    )
    return paragraph(text) + table("Cost of a cell, s; and of all cells", ("method", *kinds, "all"), rows)


def _split(story: Story) -> str:
    rows = [(part, str(len(names)), _some(names)) for part, names in asdict(story.parts).items()]
    if story.config.split:
        how = "The parts are those of a split file."
    else:
        how = "The parts are consecutive in the order of the file names."
    text = (
        f"{how} Every pretraining saw the scans of the pretraining part and nothing else; the hash of each scan's files was "
        "compared with what each run says that it saw, and no scan lies in two parts under two names. Labels for fine-tuning "
        f"and probe are drawn from the pretraining part, the same for all methods. Fingerprint of the data: "
        f"{story.data_fingerprint}."
    )
    return paragraph(text) + table("Cases", ("part", "cases", "which"), rows, words=(2,))


def _some(names: Sequence[str], most: int = 300) -> str:
    short = [Path(name).name for name in names]
    return ", ".join(short[:most]) + (f" and {len(short) - most} more" if len(short) > most else "")


def _settings(story: Story) -> str:
    configs = {contender.name: _shown(contender) for contender in story.contenders}
    keys = list(dict.fromkeys(key for config in configs.values() for key in config))
    differ = [key for key in keys if len({str(config.get(key, "")) for config in configs.values()}) > 1]
    rows = [(name, *(str(config.get(key, "")) for key in differ)) for name, config in configs.items()]
    about = [(contender.name, METHODS[contender.method].about if contender.trained else "no pretraining")
             for contender in story.contenders]  # fmt: skip
    same = [(key, str(next(iter(configs.values())).get(key, ""))) for key in keys if key not in differ]
    said = [table("Methods", ("method", "what it learns"), about, words=(1,))]
    if differ:
        words = tuple(range(1, len(differ) + 1))
        said.append(table("Settings that differ", ("method", *differ), rows, words=words))
    said.append(table("Settings that all share", ("setting", "value"), same, words=(1,)))
    return "\n".join(said)


def _shown(contender: Contender) -> dict[str, Any]:
    plain = {key: value for key, value in contender.deciding().items() if key not in ("method", "tasks")}
    if contender.trained:
        tasks = contender.deciding()["tasks"]
        plain["tasks"] = ", ".join(f"{name} x {use['weight']:g}" for name, use in tasks.items())
    return {**plain, **{f"fine-tuning: {key}": value for key, value in contender.finetune.items()}}


def _again(story: Story) -> str:
    results = [story.records.get(entry.cell.hash) for entry in story.entries]
    versions = sorted(
        {f"{name} {number}" for result in results if result for name, number in result["versions"].items()}
    )
    settings = story.config.to_dict()
    rows = [
        (key, str(value)) for key, value in settings.items() if key not in ("data", "images", "labels", "out", "store")
    ]
    return "\n".join(
        [
            paragraph(story.command),
            paragraph(f"Versions: {', '.join(versions)}. Seeds: {', '.join(map(str, story.config.seeds))}."),
            table("Settings of the comparison", ("setting", "value"), rows, words=(1,)),
        ]
    )

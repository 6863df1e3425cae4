"""compare.html: the comparison on one self-contained page; its words are in templates/compare.html.j2."""

from dataclasses import asdict, dataclass
from pathlib import Path

from orienteer.comparison.results.cost import Cost, cost_of
from orienteer.comparison.results.measures import (
    FinetuneSettings,
    MeasureSection,
    finetune_settings,
    measure_sections,
    retrieval_levels,
)
from orienteer.comparison.results.method_settings import MethodSettings, method_settings
from orienteer.comparison.results.story import Story
from orienteer.comparison.results.table import tidy_rows
from orienteer.comparison.results.verdicts import Verdict, verdicts
from orienteer.draw.pages import render
from orienteer.files import write_text
from orienteer.runs.weights import SCRATCH
from orienteer.scoring.bootstrap import COVERAGE

PAGE_FILE = "compare.html"

NOT_SHOWN = ("data", "images", "labels", "out", "store")
"""Settings that name paths of the user's machine."""

MOST_CASES = 300
"""Names of cases that are listed for each part."""


@dataclass(frozen=True)
class PageStory:
    """Everything that the page shows, as numbers and names.

    Attributes:
        name: of the data set.
        scratch: name of the network without pretraining.
        methods: number of methods.
        seeds: the seeds.
        evaluated: the part that is scored.
        scored: number of its cases.
        same_steps: whether all pretrainings have the same number of steps.
        cells: number of cells.
        finished: number of finished cells.
        failed: cells that failed, in words, with the first line of the reason.
        selected: whether settings of fine-tuning were selected.
        split_file: whether the parts come from a file.
        verdicts: who is ahead, by kind of cell.
        measured: the measures by kind of cell.
        finetune: settings of the fine-tunings.
        levels: levels of the encoder that the retrievals used.
        cost: what the cells cost.
        parts: name, number of cases, names of the first cases, and number of further cases of each part.
        settings: settings of the methods.
        command: the command that repeats the comparison.
        versions: versions of packages.
        shown: settings of the comparison.
        data_fingerprint: hash of the data.
        coverage: of the intervals.
    """

    name: str
    scratch: str
    methods: int
    seeds: tuple[int, ...]
    evaluated: str
    scored: int
    same_steps: bool
    cells: int
    finished: int
    failed: tuple[tuple[str, str], ...]
    selected: bool
    split_file: bool
    verdicts: dict[str, Verdict]
    measured: dict[str, list[MeasureSection]]
    finetune: FinetuneSettings
    levels: list[tuple[str, str, str, str]]
    cost: Cost
    parts: tuple[tuple[str, int, tuple[str, ...], int], ...]
    settings: MethodSettings
    command: str
    versions: tuple[str, ...]
    shown: tuple[tuple[str, str], ...]
    data_fingerprint: str
    coverage: float = COVERAGE


def write_page(folder: Path, story: Story) -> Path:
    """Writes compare.html and returns its path."""
    write_text(folder / PAGE_FILE, make_page(story))
    return folder / PAGE_FILE


def make_page(story: Story) -> str:
    """Returns the page."""
    return render("orienteer.comparison.results", "compare.html.j2", page_story(story))


def page_story(story: Story) -> PageStory:
    """Returns everything that the page shows."""
    config = story.config
    results = {entry.cell.hash: story.records.get(entry.cell.hash) for entry in story.entries}
    done = [result for result in results.values() if result is not None]
    steps = {contender.config.steps for contender in story.contenders if contender.trained}
    cells = {entry.cell.hash: entry.cell.words for entry in reversed(story.entries)}
    rows = tidy_rows(story.name, story.entries, story.records)
    measured = {str(kind): sections for kind in config.downstream if (sections := measure_sections(story, kind))}
    return PageStory(
        name=story.name,
        scratch=SCRATCH,
        methods=len(story.contenders),
        seeds=tuple(config.seeds),
        evaluated=config.evaluate,
        scored=len(story.parts.part(config.evaluate)),
        same_steps=len(steps) < 2,
        cells=len(results),
        finished=len(done),
        failed=tuple((cells[key], reason.splitlines()[0]) for key, reason in story.failed.items()),
        selected=bool(config.select),
        split_file=bool(config.split),
        verdicts={kind: verdict for kind, verdict in verdicts(rows).items() if kind in measured},
        measured=measured,
        finetune=finetune_settings(story),
        levels=retrieval_levels(story),
        cost=cost_of(story),
        parts=tuple(_part(name, cases) for name, cases in asdict(story.parts).items()),
        settings=method_settings(story.contenders, config),
        command=story.command,
        versions=tuple(sorted({f"{name} {number}" for result in done for name, number in result["versions"].items()})),
        shown=tuple((key, str(value)) for key, value in config.to_dict().items() if key not in NOT_SHOWN),
        data_fingerprint=story.data_fingerprint,
    )


def _part(name: str, cases: tuple[str, ...]) -> tuple[str, int, tuple[str, ...], int]:
    shown = tuple(Path(case).name for case in cases[:MOST_CASES])
    return name, len(cases), shown, len(cases) - len(shown)

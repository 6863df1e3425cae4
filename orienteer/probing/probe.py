"""What frozen features know: a simple model on top of them, beside the same network untrained and a trivial floor."""

import csv
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from orienteer.draw.figures import new_figure
from orienteer.draw.plots import bars_against
from orienteer.errors import InputError
from orienteer.features.embed import default_store
from orienteer.features.whole_scan import FrozenEncoder, frozen_encoder
from orienteer.files import write_bytes, write_json
from orienteer.labelled.cases import prepare_cases
from orienteer.labelled.datasets import read_dataset
from orienteer.labelled.labelled_scans import prepare_labelled, some
from orienteer.labelled.overlap import overlap_warning, seen_before
from orienteer.labelled.prepared import failures_text
from orienteer.labelled.split import split_cases
from orienteer.probing.scans import ScanProbe
from orienteer.probing.voxels import VoxelProbe, scores_by_class
from orienteer.scans.source import Selection
from orienteer.scans.store import Store
from orienteer.scoring.classification_results import SCORES, majority_scores, predictions_csv, scores_picture
from orienteer.settings import make_settings
from orienteer.types import TripleMm

FEATURES, RANDOM = "frozen features", "random weights"
"""What the model is fitted on: the run's features, and those of the same network with fresh weights."""


@dataclass(frozen=True)
class ProbeSettings:
    """How frozen features are probed."""

    scans: str | None = None
    """Classification: the folder of scans. By default the one that the CSV lies in."""
    kind: Literal["ridge", "logistic", "knn"] = "ridge"
    """The model: ridge regression, logistic regression, or nearest neighbours by cosine."""
    folds: int = 5
    """Cases are dealt by file name into this many parts; one of them is the test set."""
    fold: int = 0
    """Which part is the test set, 0 to folds - 1; with split, which entry of the file."""
    split: str | None = None
    """Segmentation: a file like nnU-Net's splits_final.json that names training and test (val) cases. Takes the place of
    folds."""
    train_cases: int | None = None
    """Use only so many training cases. Smaller numbers are parts of larger ones, for one seed."""
    test_cases: int | None = None
    """Score only so many test cases."""
    voxels: int = 1000
    """Segmentation: voxels that are fitted per training case, half of them from the foreground."""
    test_voxels: int = 50_000
    """Segmentation: a test case with more voxels than this is scored on a regular lattice of them."""
    overlap: float = 0.25
    """Share of a view that the next one covers again. More is smoother and slower."""
    spacing_mm: TripleMm | None = None
    """Voxel size in mm. By default that of pretraining."""
    modality: Literal["auto", "CT", "MR"] = "auto"
    """The intensity rule. auto: dataset.json or the files say it, and otherwise the values, scan by scan."""
    seed: int = 0
    """Decides the random network, the sampled voxels, and which cases are used where only some are."""
    pictures: bool = True
    """Draw the figures as bars."""
    store: str | None = None
    """Folder for prepared scans. By default `store` beside the run folder, as in pretraining."""
    workers: int | None = None
    """Processes that prepare scans. By default one per core."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to compute."""


@dataclass(frozen=True)
class Probe:
    """A finished probe: its folder, and what summary.json in it says."""

    folder: Path
    summary: dict[str, Any]


def probe(
    run: str | Path | None = None, data: str | Path | None = None, out: str | Path | None = None, **settings: Any
) -> Probe:
    """Fits a simple model on frozen features of labelled scans and scores it, beside random weights and a trivial floor.

    A dataset.json asks for a segmentation, voxel by voxel, scored by Dice on held-out cases; a CSV of scan and label for
    a classification of whole scans, scored by AUC and balanced accuracy.

    Args:
        run: run folder, or its encoder.safetensors.
        data: dataset.json (or its folder), or a CSV.
        out: folder to make. By default ``probe-NAME-KIND`` in the run folder.
        **settings: any field of `ProbeSettings`, as on the command line.

    Raises:
        InputError: data, weights or settings that cannot be used.
    """
    begun = time.monotonic()
    if run is None or data is None:
        do = "orienteer probe RUN --data dataset.json"
        raise InputError("run" if run is None else "data", wanted="a path", got="none", do=do)
    options, path = make_settings(ProbeSettings, settings), Path(data)
    _check(options)
    if options.split is not None and path.suffix.lower() == ".csv":
        do = "write train and test into the CSV's column `split`"
        raise InputError("split", wanted="none, for a classification", got=options.split, do=do)
    folder = Path(out) if out is not None else _default_out(Path(run), path, options.kind)
    if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
        got = f"{folder}, which holds something"
        raise InputError("out", wanted="a new or empty folder", got=got, do="choose another --out")
    frozen = frozen_encoder(run, options.spacing_mm, options.accelerator)
    found = (_probe_scans if path.suffix.lower() == ".csv" else _probe_voxels)(frozen, run, path, options)
    summary = {**found.summary, "seconds": round(time.monotonic() - begun, 1)}
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "results.csv", found.rows)
    if options.pictures:
        write_bytes(folder / "probe.png", found.picture)
    settings_used = {"run": str(run), "data": str(data), **asdict(options)}
    write_json(folder / "settings.json", settings_used)
    write_json(folder / "summary.json", summary)
    print(f"\n{_table(found.bars)}\n\nfigures and picture are in {folder}", flush=True)
    if found.warning:
        print(found.warning, flush=True)
    return Probe(folder, summary)


@dataclass(frozen=True)
class _Found:
    """What a probe gave: the summary, figures by name for each rival, a PNG, results.csv, a warning or nothing."""

    summary: dict[str, Any]
    bars: dict[str, dict[str, float]]
    picture: bytes
    rows: bytes
    warning: str


def _probe_voxels(frozen: FrozenEncoder, run: str | Path, path: Path, options: ProbeSettings) -> _Found:
    data = read_dataset(str(path), None, None)
    store = options.store or default_store(run)
    modality = data.modality if options.modality == "auto" else options.modality
    preparation = frozen.preparation_of_whole_scans()
    prepared = prepare_cases(
        data, store, preparation, Selection(modality=modality), options.workers, options.spacing_mm is not None
    )
    if prepared.failures:
        print(failures_text(prepared.failures), flush=True)
    training, test = _split(list(prepared.cases), options, [failure.name for failure in prepared.failures])
    seen, warning = _seen(run, {name: prepared.cases[name].content for name in test})
    voxels = VoxelProbe(
        Store.open(store),
        [prepared.cases[name] for name in training],
        [prepared.cases[name] for name in test],
        len(prepared.classes),
        options.voxels,
        options.test_voxels,
        options.overlap,
        options.seed,
    )
    scores, choice = voxels.dice(frozen, options.kind, FEATURES)
    by_rival = {FEATURES: scores, RANDOM: voxels.dice(frozen.random_twin(options.seed), options.kind, RANDOM)[0]}
    by_rival["majority map"] = voxels.floor()
    figures = {rival: scores_by_class(found, prepared.classes) for rival, found in by_rival.items()}
    summary = {
        "task": "segmentation",
        "kind": options.kind,
        "cases": {"train": len(training), "test": len(test), "failed": len(prepared.failures)},
        "test": figures[FEATURES],
        "random_weights": figures[RANDOM],
        "majority_map": figures["majority map"],
        "chosen": asdict(choice),
        "test_scans_seen_in_pretraining": seen,
    }
    bars = {rival: _flat_dice(found) for rival, found in figures.items()}
    return _Found(
        summary,
        bars,
        _picture(bars, f"{options.kind} on held-out cases"),
        _rows(test, by_rival, prepared.classes),
        warning,
    )


def _probe_scans(frozen: FrozenEncoder, run: str | Path, path: Path, options: ProbeSettings) -> _Found:
    store = options.store or default_store(run)
    found = prepare_labelled(
        path,
        options.scans,
        store,
        frozen.preparation,
        Selection(modality=options.modality),
        options.folds,
        options.fold,
        workers=options.workers,
        train_cases=options.train_cases,
        test_cases=options.test_cases,
        seed=options.seed,
    )
    reader = Store.open(store)
    seen, warning = _seen(run, {scan.name: reader.scan(scan.key).content for scan in found.test})
    scans = ScanProbe(reader, found, options.overlap, options.seed)
    figures, scores, choice = scans.scores(frozen, options.kind, FEATURES)
    by_rival = {FEATURES: figures, RANDOM: scans.scores(frozen.random_twin(options.seed), options.kind, RANDOM)[0]}
    by_rival["most frequent class"] = majority_scores(found, options.seed)
    summary = {
        "task": "classification",
        "kind": options.kind,
        "classes": list(found.classes),
        "cases": {"train": len(found.training), "test": len(found.test), "failed": len(found.failures)},
        "test": figures,
        "random_weights": by_rival[RANDOM],
        "majority_class": by_rival["most frequent class"],
        "chosen": asdict(choice),
        "test_scans_seen_in_pretraining": seen,
    }
    bars = {
        rival: {words: values[name] for name, words in SCORES.items() if values[name] is not None}
        for rival, values in by_rival.items()
    }
    picture = scores_picture(by_rival, f"{options.kind} on held-out scans")
    return _Found(summary, bars, picture, predictions_csv(found, scores), warning)


def _check(options: ProbeSettings) -> None:
    for name in ("folds", "voxels", "test_voxels"):
        value = getattr(options, name)
        if value < (2 if name == "folds" else 1):
            raise InputError(name, wanted="a larger number", got=str(value), do="use the default")
    if options.split is None and not 0 <= options.fold < options.folds:
        wanted = f"0 to folds - 1 = {options.folds - 1}"
        raise InputError("fold", wanted=wanted, got=str(options.fold), do="mend the setting")


def _split(names: list[str], options: ProbeSettings, aside: list[str]) -> tuple[list[str], list[str]]:
    training, test = split_cases(names, options.folds, options.fold, split=options.split, aside=aside)
    return some(training, options.train_cases, options.seed), some(test, options.test_cases, options.seed)


def _seen(run: str | Path, contents: Mapping[str, str]) -> tuple[int | None, str]:
    seen = seen_before(str(run), contents)
    return (None if seen is None else len(seen)), overlap_warning(str(run), contents, seen)


def _default_out(run: Path, data: Path, kind: str) -> Path:
    folder = run if run.is_dir() else run.parent
    name = data.parent.name if data.name == "dataset.json" else data.stem
    return folder / f"probe-{name or 'data'}-{kind}"


def _flat_dice(figures: Mapping[str, Any]) -> dict[str, float]:
    rows = {"mean": figures["dice_mean"], **figures["dice"]}
    return {name: value for name, value in rows.items() if value is not None}


def _table(bars: Mapping[str, Mapping[str, float]]) -> str:
    names = list(dict.fromkeys(name for figures in bars.values() for name in figures))
    width = max(20, *(len(rival) + 2 for rival in bars))
    lines = [" " * width + "".join(f"{name.replace('_', ' ')[:20]:>22}" for name in names)]
    for rival, figures in bars.items():
        lines.append(f"{rival:<{width}}" + "".join(f"{_cell(figures.get(name)):>22}" for name in names))
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _picture(bars: Mapping[str, Mapping[str, float]], title: str) -> bytes:
    rivals = {rival: figures for rival, figures in bars.items() if rival != FEATURES}
    figure = new_figure(300 + 150 * len(bars[FEATURES]), 420)
    axes = figure.subplots()
    bars_against(axes, bars[FEATURES], rivals, "Dice")
    axes.set_ylim(0, 1.12)
    figure.suptitle(title, fontsize=10)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _rows(cases: Sequence[str], scores: Mapping[str, Sequence[np.ndarray]], classes: Mapping[int, str]) -> bytes:
    """Returns results.csv of a segmentation: one row per test case, empty where a class cannot be scored."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["case", *(f"dice {name}, {rival}" for rival in scores for name in list(classes.values())[1:])])
    for place, case in enumerate(cases):
        values = [value for found in scores.values() for value in found[place]]
        writer.writerow([case, *("" if np.isnan(value) else f"{value:.4f}" for value in values)])
    return text.getvalue().encode()

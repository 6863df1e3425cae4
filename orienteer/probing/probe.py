"""A probe: how well a simple model on frozen features does, beside the same network untrained and a baseline."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Unpack

from orienteer.errors import InputError
from orienteer.features.embed import default_store
from orienteer.features.pretrained import Pretrained, load
from orienteer.files import is_leftover, write_bytes, write_csv, write_json
from orienteer.labelled.cases import PreparedCases, prepare_cases
from orienteer.labelled.datasets import read_dataset
from orienteer.labelled.failures import failures_text
from orienteer.labelled.labelled_scans import prepare_labelled
from orienteer.labelled.overlap import overlap_warning, seen_before
from orienteer.labelled.split import limit_cases, split_cases
from orienteer.probing.keywords import ProbeKeywords
from orienteer.probing.outcome import FEATURES, RANDOM, ProbeOutcome, bars_table, dice_bars, dice_picture, dice_table
from orienteer.probing.scans import ScanProbe
from orienteer.probing.voxels import VoxelProbe
from orienteer.progress import say
from orienteer.runs.hub import is_address, pinned
from orienteer.scans.source import ScanSource, Selection
from orienteer.scoring.classification_results import SCORES, majority_scores, predictions_table, scores_picture
from orienteer.scoring.segmentation_results import dice_by_class
from orienteer.settings import make_settings, require
from orienteer.store.store import Store
from orienteer.types import TripleMm

SETTINGS_FILE, SUMMARY_FILE = "settings.json", "summary.json"


@dataclass(frozen=True)
class ProbeSettings:
    """How frozen features are probed."""

    scans: str | None = None
    """Classification: the folder of scans. By default the folder of the CSV."""
    kind: Literal["ridge", "logistic", "knn"] = "ridge"
    """The model: ridge regression, logistic regression, or nearest neighbours by cosine."""
    folds: int = 5
    """Cases are dealt by file name into this many parts; one of them is the test set."""
    fold: int = 0
    """Which part is the test set, 0 to folds - 1; with split, which entry of the file."""
    split: str | None = None
    """Segmentation: a file like nnU-Net's splits_final.json that names training and test (val) cases, instead of folds."""
    group_by: str | None = None
    """Which cases are of one patient: a regular expression over their names, whose first group (or whole match) is the
    patient. Cases of one patient are never both trained on and tested. By default `patient` or `group` of the data set, or
    BIDS' sub-... in the path; none: every case is a patient of its own."""
    train_cases: int | None = None
    """Use only so many training cases. With the same seed, a smaller number is a part of a larger one."""
    test_cases: int | None = None
    """Score only so many test cases."""
    voxels: int = 1000
    """Segmentation: voxels per training case that the model is fitted on, half of them from the foreground."""
    test_voxels: int = 50_000
    """Segmentation: a test case with more voxels than this is scored on a regular lattice of its voxels."""
    overlap: float = 0.25
    """Least share of a view that the next one covers again. More is smoother and slower."""
    spacing_mm: TripleMm | None = None
    """Voxel size in mm. By default that of pretraining."""
    modality: Literal["auto", "CT", "MR"] = "auto"
    """The intensity rule. auto: from dataset.json or the files, and otherwise from the values, scan by scan."""
    seed: int = 0
    """Draws the random network, the sampled voxels, and the cases where only a part is used."""
    pictures: bool = True
    """Draw the scores as bars."""
    store: str | None = None
    """Folder for prepared scans. By default `store` beside the run folder, as in pretraining."""
    workers: int | None = None
    """Processes that prepare scans. By default one per core."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to compute."""


@dataclass(frozen=True)
class Probe:
    """A finished probe: its folder, and the contents of its summary.json."""

    folder: Path
    summary: dict[str, Any]


def probe(
    run: str | Path | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
    **settings: Unpack[ProbeKeywords],
) -> Probe:
    """Fits a simple model on frozen features of labelled scans and scores it, beside random weights and a baseline.

    With a dataset.json it is a segmentation, voxel by voxel, scored by Dice on held-out cases; with a CSV of scan and label a
    classification of whole scans, scored by AUC and balanced accuracy.

    Args:
        run: run folder, or its encoder.safetensors; or hf://user/name.
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
    options, path, classifies = make_settings(ProbeSettings, settings), Path(data), Path(data).suffix.lower() == ".csv"
    _check(options, classifies)
    if out is None and is_address(run):
        raise InputError("out", wanted="a folder to make", got="none", do="name one with --out")
    run = pinned(str(run)) or run
    folder = Path(out) if out is not None else _default_out(Path(run), path, options.kind)
    _check_folder(folder)
    encoder = load(run, options.accelerator, options.spacing_mm)
    outcome = (_probe_scans if classifies else _probe_voxels)(encoder, run, path, options)
    summary = {**outcome.summary, "seconds": round(time.monotonic() - begun, 1)}
    write_json(folder / SETTINGS_FILE, {"run": str(run), "data": str(data), **asdict(options)})
    write_csv(folder / "results.csv", *outcome.rows)
    if options.pictures:
        write_bytes(folder / "probe.png", outcome.picture)
    write_json(folder / SUMMARY_FILE, summary)  # last: a folder without it is of a probe that was stopped
    print(f"\n{bars_table(outcome.bars)}\n\nscores and picture are in {folder}", flush=True)
    if outcome.warning:
        print(outcome.warning, flush=True)
    return Probe(folder, summary)


def _check_folder(folder: Path) -> None:
    """Stops where the output folder holds something other than what a probe left that was stopped while it wrote.

    Raises:
        InputError: it does.
    """
    files = [path.name for path in folder.iterdir() if not is_leftover(path)] if folder.is_dir() else []
    stopped = SETTINGS_FILE in files and set(files) <= {SETTINGS_FILE, "results.csv", "probe.png"}
    if (files and not stopped) or (folder.exists() and not folder.is_dir()):
        got = f"{folder}, which holds something"
        raise InputError("out", wanted="a new or empty folder", got=got, do="choose another --out")


def _probe_voxels(encoder: Pretrained, run: str | Path, path: Path, options: ProbeSettings) -> ProbeOutcome:
    encoder, store = encoder.uncropped(), options.store or default_store(run)
    data = read_dataset(str(path), None, None)
    selection = Selection(modality=data.modality if options.modality == "auto" else options.modality)
    given_spacing = options.spacing_mm is not None
    prepared = prepare_cases(data, store, encoder.preparation, selection, options.workers, given_spacing)
    if prepared.failures:
        say(failures_text(prepared.failures))
    training, test = _split(prepared, options)
    test_cases = {name: prepared.cases[name] for name in test}
    sources = {name: case.case.source for name, case in test_cases.items()}
    seen, warning = _overlap(run, {name: case.content for name, case in test_cases.items()}, sources)
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
    trained, chosen = voxels.dice(voxels.features(encoder, FEATURES), options.kind)
    untrained, _ = voxels.dice(voxels.features(encoder.random_twin(options.seed), RANDOM), options.kind)
    dice = {FEATURES: trained, RANDOM: untrained, "majority map": voxels.baseline()}
    means = {model: dice_by_class(scores, prepared.classes) for model, scores in dice.items()}
    summary = {
        "task": "segmentation",
        "kind": options.kind,
        "cases": {"train": len(training), "test": len(test), "failed": len(prepared.failures)},
        "test": means[FEATURES],
        "random_weights": means[RANDOM],
        "majority_map": means["majority map"],
        "chosen": asdict(chosen),
        "test_scans_seen_in_pretraining": seen,
    }
    bars = {model: dice_bars(scores) for model, scores in means.items()}
    picture = dice_picture(bars, f"{options.kind} on held-out cases")
    return ProbeOutcome(summary, bars, picture, dice_table(test, dice, prepared.classes), warning)


def _probe_scans(encoder: Pretrained, run: str | Path, path: Path, options: ProbeSettings) -> ProbeOutcome:
    store = options.store or default_store(run)
    labelled = prepare_labelled(
        path,
        options.scans,
        store,
        encoder.preparation,
        Selection(modality=options.modality),
        options.folds,
        options.fold,
        workers=options.workers,
        train_cases=options.train_cases,
        test_cases=options.test_cases,
        seed=options.seed,
        group_by=options.group_by,
    )
    reader = Store.open(store)
    sources = {scan.name: scan.source for scan in labelled.test}
    seen, warning = _overlap(run, {scan.name: reader.scan(scan.key).content for scan in labelled.test}, sources)
    scans = ScanProbe(reader, labelled, options.overlap, options.seed)
    trained, probabilities, chosen = scans.scores(encoder, options.kind, FEATURES)
    untrained, _, _ = scans.scores(encoder.random_twin(options.seed), options.kind, RANDOM)
    scores = {FEATURES: trained, RANDOM: untrained, "most frequent class": majority_scores(labelled, options.seed)}
    summary = {
        "task": "classification",
        "kind": options.kind,
        "classes": list(labelled.classes),
        "cases": {"train": len(labelled.training), "test": len(labelled.test), "failed": len(labelled.failures)},
        "test": scores[FEATURES],
        "random_weights": scores[RANDOM],
        "majority_class": scores["most frequent class"],
        "chosen": asdict(chosen),
        "test_scans_seen_in_pretraining": seen,
    }
    bars = {
        model: {words: values[name] for name, words in SCORES.items() if values[name] is not None}
        for model, values in scores.items()
    }
    picture = scores_picture(scores, f"{options.kind} on held-out scans")
    return ProbeOutcome(summary, bars, picture, predictions_table(labelled, probabilities), warning)


def _check(options: ProbeSettings, classifies: bool) -> None:
    for name, least in (("folds", 2), ("voxels", 1), ("test_voxels", 1)):
        require(getattr(options, name) >= least, name, f"{least} or more", getattr(options, name))
    in_folds = options.split is not None or 0 <= options.fold < options.folds
    require(in_folds, "fold", f"0 to folds - 1 = {options.folds - 1}", options.fold)
    do = "write train and test into the column `split` of the CSV"
    require(options.split is None or not classifies, "split", "none, for a classification", options.split, do)


def _split(prepared: PreparedCases, options: ProbeSettings) -> tuple[list[str], list[str]]:
    groups = prepared.groups(options.group_by)
    aside = [failure.name for failure in prepared.failures]
    names = list(prepared.cases)
    training, test = split_cases(names, options.folds, options.fold, split=options.split, aside=aside, groups=groups)
    return limit_cases(training, options.train_cases, options.seed), limit_cases(test, options.test_cases, options.seed)


def _overlap(run: str | Path, contents: Mapping[str, str], sources: Mapping[str, ScanSource]) -> tuple[int | None, str]:
    """Returns how many of the test scans the pretraining saw, None where it cannot be determined, and a warning."""
    seen = seen_before(str(run), contents)
    return (None if seen is None else len(seen)), overlap_warning(str(run), contents, seen, sources)


def _default_out(run: Path, data: Path, kind: str) -> Path:
    folder = run if run.is_dir() else run.parent
    name = data.parent.name if data.name == "dataset.json" else data.stem
    return folder / f"probe-{name or 'data'}-{kind}"

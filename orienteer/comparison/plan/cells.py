"""A comparison as a list of cells, those that others need first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from orienteer.comparison.plan.cell import (
    PRETRAIN,
    Baseline,
    Cell,
    Entry,
    Finetuning,
    Measurement,
    Pretraining,
)
from orienteer.comparison.plan.contenders import Contender
from orienteer.comparison.plan.measurements import BASELINES
from orienteer.comparison.plan.prints import Prints
from orienteer.comparison.plan.reserved import FINETUNE_IDLE
from orienteer.comparison.plan.study import Study
from orienteer.finetuning.config import FinetuneConfig
from orienteer.runs.run_config import RunConfig
from orienteer.scans.preparation import Preparation
from orienteer.settings import plain


def plan_cells(study: Study, dice_of: Callable[[str], float | None]) -> list[Entry]:
    """Returns all cells that are known so far, those that others need first.

    Args:
        dice_of: mean Dice of a finished fine-tuning by its hash; None where it has not finished. A fine-tuning with
            selected settings is known once all its candidates have finished.
    """
    runs = {
        (contender.name, seed): _pretraining(contender, seed, study.prints)
        for contender in study.contenders
        for seed in study.config.seeds
    }
    entries = [Entry(name, cell) for (name, _), cell in runs.items()]
    for seed in study.config.seeds:
        for kind in study.measurements:
            for name in BASELINES[kind]:
                entries += _baseline_cells(study, kind, seed, baseline_of(name, study.untrained.config))
            for contender in study.contenders:
                entries += _frozen_cells(study, kind, seed, contender.name, runs[contender.name, seed].hash)
    if "finetune" in study.config.downstream:
        for contender in study.contenders:
            of_method = {seed: runs[contender.name, seed].hash for seed in study.config.seeds}
            for fraction in study.config.fractions:
                entries += _finetunings(study, contender, of_method, fraction, dice_of)
    return entries


def baseline_of(name: str, network: RunConfig) -> Baseline:
    """Returns a baseline that sees scans as the networks see them.

    Args:
        network: settings of a pretraining, complete.
    """
    return Baseline(name, replace(network.part(Preparation), crop_to_body=False), network.view_size)


def _pretraining(contender: Contender, seed: int, prints: Prints) -> Cell:
    settings = contender.deciding()
    if contender.trained:
        settings["scans"] = prints.scans["pretraining"]
    work = Pretraining(replace(contender.config, seed=seed), contender.trained)
    return Cell(PRETRAIN, seed, None, settings, work, method=contender.name)


def _frozen_cells(study: Study, kind: str, seed: int, name: str, run: str) -> list[Entry]:
    """Returns the cells that measure the frozen features of a pretraining."""
    settings = _measurement_settings(study, kind)
    return [
        Entry(name, Cell(kind, seed, fraction, settings, _measurement(study, kind, run, fraction), run, name))
        for fraction in _fractions(study, kind)
    ]


def _baseline_cells(study: Study, kind: str, seed: int, baseline: Baseline) -> list[Entry]:
    """Returns the cells that measure a baseline."""
    preparation = baseline.preparation
    settings = {
        **_measurement_settings(study, kind),
        "rival": baseline.name,  # the key in the hashes and results of comparisons made before
        "spacing_mm": plain(preparation.spacing_mm),
        "view_size": plain(baseline.view_size),
        "ct_window_hu": plain(preparation.ct_window_hu),
        "mr_percentiles": plain(preparation.mr_percentiles),
    }
    name = baseline.name
    return [
        Entry(name, Cell(kind, seed, fraction, settings, _measurement(study, kind, baseline, fraction), method=name))
        for fraction in _fractions(study, kind)
    ]


def _fractions(study: Study, kind: str) -> Sequence[float | None]:
    return study.config.fractions if kind == "probe" else (None,)


def _measurement(study: Study, kind: str, source: str | Baseline, fraction: float | None) -> Measurement:
    return Measurement(source, study.measurements[kind], study.config.evaluate, 1.0 if fraction is None else fraction)


def _measurement_settings(study: Study, kind: str) -> dict[str, Any]:
    """Returns what decides the result of a measurement on frozen features, besides the network."""
    labelled, part = study.prints.labelled, study.config.evaluate
    settings = {
        **vars(study.measurements[kind]),
        "pool": labelled["pretraining"],
        "scored": labelled[part],
        "part": part,
    }
    return {**settings, "choose": labelled["validation"]} if kind == "retrieval" else settings


def _finetunings(
    study: Study,
    contender: Contender,
    runs: Mapping[int, str],
    fraction: float,
    dice_of: Callable[[str], float | None],
) -> list[Entry]:
    """Returns the fine-tunings of a method with one share of the labels, all seeds; first the candidates, if any."""

    def cells(choice: FinetuneConfig, part: str) -> list[Cell]:
        return [_finetuning(study, contender, choice, part, fraction, seed, run) for seed, run in runs.items()]

    if not study.config.select:
        return [Entry(contender.name, cell) for cell in cells(contender.choices[0], study.config.evaluate)]
    candidates = [cells(choice, "validation") for choice in contender.choices]
    entries = [Entry(contender.name, cell, candidate=True) for row in candidates for cell in row]
    scores = [_all_scores(row, dice_of) for row in candidates]
    means = [sum(row) / len(row) for row in scores if row]
    if len(means) < len(candidates):
        return entries
    best = contender.choices[means.index(max(means))]
    return entries + [Entry(contender.name, cell) for cell in cells(best, study.config.evaluate)]


def _all_scores(cells: Sequence[Cell], dice_of: Callable[[str], float | None]) -> list[float]:
    """Returns the scores of all cells; none of them where one has not finished."""
    scores = [score for cell in cells if (score := dice_of(cell.hash)) is not None]
    return scores if len(scores) == len(cells) else []


def _finetuning(
    study: Study, contender: Contender, choice: FinetuneConfig, part: str, fraction: float, seed: int, run: str
) -> Cell:
    labelled = study.prints.labelled
    settings = {key: value for key, value in choice.to_dict().items() if key not in FINETUNE_IDLE}
    settings |= {"pool": labelled["pretraining"], "scored": labelled[part], "part": part}
    config = replace(choice, fraction=fraction, seed=seed)
    work = Finetuning(run, config, not contender.trained, part)
    return Cell("finetune", seed, fraction, settings, work, run, contender.name)

"""What training starts with: a new run on a folder of scans, a run that is resumed, or a run that this process joins."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orienteer.methods import listed_tasks, resolve_method
from orienteer.pretraining.resolve import Resolved, resolve_config
from orienteer.pretraining.usable import split, usable_scans
from orienteer.progress import say
from orienteer.runs.checkpoints import read_checkpoint
from orienteer.runs.config import PretrainConfig
from orienteer.runs.folder import check_unchanged, write_config
from orienteer.runs.network import Network, build_network
from orienteer.runs.records import write_counts, write_failures
from orienteer.runs.run_config import MAY_CHANGE, RunConfig, read_config
from orienteer.runs.split import write_split
from orienteer.runs.weights import start_from
from orienteer.scans.source import Discovery, Selection, reasons
from orienteer.store.prepare_folder import prepare_folder
from orienteer.store.prepare_report import PrepareReport
from orienteer.store.store import Store


@dataclass(frozen=True)
class Start:
    """What training starts with. The run folder holds its config.yaml and split.json, the store its scans.

    Attributes:
        folder: the run folder.
        config: the settings.
        network: encoder and tasks with their initial weights.
        checkpoint: content of last.ckpt where the run is resumed from it; it replaces the initial weights.
    """

    folder: Path
    config: RunConfig
    network: Network
    checkpoint: dict[str, Any] | None

    @property
    def step(self) -> int:
        """Optimiser steps that are already done."""
        return self.checkpoint["global_step"] if self.checkpoint else 0


def last_checkpoint(folder: Path) -> Path:
    """Returns the path of a run's last.ckpt."""
    return folder / "checkpoints" / "last.ckpt"


def new_run(folder: Path, settings: PretrainConfig) -> Start:
    """Resolves the settings, prepares and splits the scans, and writes what the run consists of into its folder.

    Raises:
        InputError: settings, scans or weights that cannot be used.
    """
    made = resolve_config(settings)
    config = replace(made.config, store=made.config.store_folder(folder))
    start = _start(folder, config, made.network, resume=False)
    _print_choices(made)
    _prepare(folder, config, made.discovery)
    write_config(folder, config.to_dict())  # last: a folder with a config.yaml is a run that can be resumed
    return start


def resumed_run(folder: Path, settings: PretrainConfig, given: Mapping[str, Any]) -> Start:
    """Returns the start of a run that is resumed, with its own settings.

    Args:
        folder: the run folder.
        settings: the settings of this call.
        given: those that the user named. Only settings that do not affect the result may differ from the run's.

    Raises:
        InputError: other settings than the run's, or a damaged run folder.
    """
    before = read_config(folder)
    check_unchanged(before, _listed(settings, before), given, MAY_CHANGE)
    config = replace(before, **{name: getattr(settings, name) for name in MAY_CHANGE if name in given})
    return _start(folder, config, build_network(config), resume=True)


def joined_run(folder: Path, resume: bool) -> Start:
    """Returns the start of a run that the first process of this launch has prepared."""
    config = read_config(folder)
    return _start(folder, config, build_network(config), resume)


def _listed(settings: PretrainConfig, before: RunConfig) -> PretrainConfig:
    """Returns settings with all tasks of the run's method listed, as those of the run are, so that both can be compared."""
    if settings.only_tasks or not before.only_tasks:
        return settings
    tasks = listed_tasks(resolve_method(before.method, settings.tasks))
    return replace(settings, tasks=tasks, only_tasks=True)


def _start(folder: Path, config: RunConfig, network: Network, resume: bool) -> Start:
    last = last_checkpoint(folder)
    checkpoint = read_checkpoint(last) if resume and last.is_file() else None
    if checkpoint is None and config.weights is not None:
        start_from(network.encoder, config.weights)
    return Start(folder, config, network, checkpoint)


def _print_choices(made: Resolved) -> None:
    for name, choice in made.scans.choices.items():
        say(f"{name} = {choice.value}: {choice.why}")
    for reason, count in reasons(made.discovery.with_others()).items():
        say(f"left out {count} {'file' if count == 1 else 'files'}: {reason}")


def _prepare(folder: Path, config: RunConfig, discovery: Discovery) -> None:
    """Prepares the scans and writes which of them are trained on, held out or not used."""
    report = prepare_folder(
        discovery,
        config.store_folder(folder),
        selection=config.part(Selection),
        preparation=config.preparation,
        workers=config.prepare_workers,
    )
    say(report)
    with Store.open(config.store_folder(folder)) as store:
        scans = {key: store.scan(key) for key in report.keys}
        usable = usable_scans(store, report.keys, config)
    names = {key: scan.name for key, scan in scans.items()}
    modalities = Counter(scan.modality for scan in scans.values())
    say("modalities: " + ", ".join(f"{count} {name}" for name, count in sorted(modalities.items())))
    for key, reason in usable.too_small.items():
        say(f"set aside {names[key]}: {reason}")
    training, validation = split(usable.keys, config.validation_fraction, config.seed)
    contents = {key: scan.content for key, scan in scans.items()}
    write_split(folder, {key: names[key] for key in training}, {key: names[key] for key in validation}, contents)
    write_failures(folder, report.failures, {names[key]: reason for key, reason in usable.too_small.items()})
    write_counts(folder, _counts(report, len(usable.too_small), len(discovery.left_out)))


def _counts(report: PrepareReport, too_small: int, left_out: int) -> dict[str, int]:
    return {
        "read": report.prepared + report.reused,
        "failed": len(report.failures),
        "too_small": too_small,
        "duplicates": len(report.duplicates),
        "left_out": left_out,
        "with_warnings": len({oddity.name for oddity in report.warnings}),
    }

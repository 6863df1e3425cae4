"""What training starts with: a new run on a folder of scans, a run that is resumed, or a run that this process joins."""

import os
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from orienteer.encoders.adoption import Adopted
from orienteer.encoders.states import check_before_building
from orienteer.errors import InputError
from orienteer.methods import listed_tasks, resolve_method
from orienteer.pretraining.audited import rules_line
from orienteer.pretraining.continuing import Continued, changes, check_same_run, in_words, read_continued
from orienteer.pretraining.resolve import Resolved, resolve_config
from orienteer.pretraining.usable import ENOUGH_HELDOUT, FEW_HELDOUT, say_patients, split, usable_scans
from orienteer.progress import say
from orienteer.runs.began import (
    Began,
    origins_of_run,
    origins_of_weights,
    read_began,
    scans_seen_before,
    write_began,
)
from orienteer.runs.checkpoints import PretrainingState, check_run, read_checkpoint
from orienteer.runs.config import PretrainConfig
from orienteer.runs.folder import check_unchanged, last_checkpoint, write_config
from orienteer.runs.hub import pinned
from orienteer.runs.loaded import network_state
from orienteer.runs.network import Network, build_network, network_numbers
from orienteer.runs.records import count_patients, run_fingerprint, write_counts, write_failures
from orienteer.runs.run_config import MAY_CHANGE, PLACES, RunConfig, read_config
from orienteer.runs.split import check_prepared, read_split, write_split
from orienteer.runs.weights import start_from
from orienteer.scans.discover import discover
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
        adopted: what became of the tensors of a file of others that the initial weights come from.
        continued: what a run that is continued hands over.
    """

    folder: Path
    config: RunConfig
    network: Network
    checkpoint: dict[str, Any] | None
    adopted: Adopted | None = None
    continued: Continued | None = None

    @property
    def step(self) -> int:
        """Optimiser steps that are already done."""
        return self.checkpoint["global_step"] if self.checkpoint else 0

    @property
    def steps_before(self) -> int:
        """Steps before the first one, as far as the learning rate is concerned: those of a run whose schedule goes on."""
        if self.config.continue_from is None or self.config.continue_schedule == "new":
            return 0
        return self.continued.step if self.continued is not None else read_began(self.folder).steps


def new_run(folder: Path, settings: PretrainConfig) -> Start:
    """Resolves the settings, prepares and splits the scans, and writes what the run consists of into its folder.

    Raises:
        InputError: settings, scans or weights that cannot be used.
    """
    made = resolve_config(
        replace(settings, weights=pinned(settings.weights), continue_from=pinned(settings.continue_from))
    )
    config = replace(made.config, store=made.config.store or str(folder.resolve().parent / "store"))
    start = _start(folder, config, made.network, None)
    _print_choices(made)
    if start.adopted is not None:
        say(start.adopted)
    scans = _prepare(folder, config, made.discovery)
    write_began(folder, _began(start, scans))
    write_config(folder, config.to_dict())  # last: a folder with a config.yaml is a run that can be resumed
    return start


def resumed_run(folder: Path, settings: PretrainConfig, given: Mapping[str, Any]) -> Start:
    """Returns the start of a run that is resumed, with its own settings.

    Args:
        folder: the run folder.
        settings: the settings of this call.
        given: those that the user named. Only settings that do not affect the result may differ from the run's: among
            them the places of scans and store, which may have been moved.

    Raises:
        InputError: other settings or scans than the run's, or a damaged run folder.
    """
    before = read_config(folder)
    check_unchanged(before, _listed(settings, before), given, MAY_CHANGE)
    config = replace(before, **{name: getattr(settings, name) for name in MAY_CHANGE if name in given})
    config = replace(config, store=config.store if "store" in given else config.store_folder(folder))
    start = _begun(folder, config, resume=True)
    if config.scans != before.scans or _lacks_scans(folder, config):
        _prepare_again(folder, config)
    places = {name: getattr(config, name) for name in PLACES}
    if replace(before, **places) != before:
        write_config(folder, replace(before, **places).to_dict())
    return start


def joined_run(folder: Path, resume: bool) -> Start:
    """Returns the start of a run that the first process of this launch has prepared."""
    return _begun(folder, read_config(folder), resume)


def _began(start: Start, scans: Collection[str]) -> Began:
    """Returns what a new run begins with, and says what a run that it continues hands over.

    Args:
        start: of the run.
        scans: hash of the content of each of its scans.
    """
    config, continued = start.config, start.continued
    if continued is not None:
        seen = {scan.content for scan in scans_seen_before(config)}
        words = in_words(continued, config, len({*scans} & seen) if seen else None, len(scans))
        say(words)
        report = {"words": words.splitlines(), "settings": changes(continued, config)}
        return Began(
            origins_of_run(str(config.continue_from), continued.step), continued.step, continued.sha256, report
        )
    if config.weights is None:
        return Began()
    return Began(
        origins_of_weights(config.weights, start.adopted),
        report=start.adopted.facts() if start.adopted is not None else {},
    )


def _listed(settings: PretrainConfig, before: RunConfig) -> PretrainConfig:
    """Returns settings with all tasks of the run's method listed, as those of the run are, so that both can be compared."""
    if settings.only_tasks or not before.only_tasks:
        return settings
    tasks = listed_tasks(resolve_method(before.method, settings.tasks))
    return replace(settings, tasks=tasks, only_tasks=True)


def _begun(folder: Path, config: RunConfig, resume: bool) -> Start:
    """Returns the start of a run whose config.yaml is written; its checkpoint is read before its network is built."""
    last = last_checkpoint(folder)
    begun = resume and os.path.lexists(last)
    checkpoint = read_checkpoint(last, form=PretrainingState) if begun else None
    if resume and checkpoint is None:
        say(f"no {last} yet: training starts at the first step")
    if checkpoint is not None:
        build, state = partial(build_network, config), network_state(checkpoint["state_dict"])
        what, do = (
            f"{last}, of encoder {checkpoint.get('encoder')}",
            "restore config.yaml and the checkpoint of this run",
        )
        check_before_building(build, network_numbers(config), state, what, do)
        training, heldout = read_split(folder)
        check_run(checkpoint, last, run_fingerprint([*training, *heldout], config.seed, config.steps), do)
    elif config.continue_from is not None:
        check_same_run(config, read_began(folder))
    return _start(folder, config, build_network(config), checkpoint)


def _start(folder: Path, config: RunConfig, network: Network, checkpoint: dict[str, Any] | None) -> Start:
    adopted = continued = None
    if checkpoint is None and config.weights is not None:
        adopted = start_from(network.encoder, config.weights)
    if checkpoint is None and config.continue_from is not None:
        continued = read_continued(config, network)
        continued.fill(network)
    return Start(folder, config, network, checkpoint, adopted, continued)


def _lacks_scans(folder: Path, config: RunConfig) -> bool:
    """Returns whether the store lacks scans of the run, or holds damaged ones, which can be prepared again."""
    if config.scans is None or not os.path.exists(config.scans):
        return False  # training says what is missing
    training, heldout = read_split(folder)
    try:
        with Store.open(str(config.store)) as store:
            check_prepared(store, {**training, **heldout}.items(), config.preparation)
    except InputError as error:
        say(f"{error} The scans are prepared again.")
        return True
    return False


def _prepare_again(folder: Path, config: RunConfig) -> None:
    """Prepares the scans of a run that was moved or whose store is damaged; what is there already is not prepared again.

    Raises:
        InputError: a scan of the run is not among them, by its content.
    """
    training, heldout = read_split(folder)
    names = {**training, **heldout}
    selection = config.part(Selection)
    found = discover(str(config.scans), selection)
    report = prepare_folder(found, str(config.store), selection, config.preparation, config.prepare_workers)
    missing = sorted(name for key, name in names.items() if key not in report.keys)
    if missing:
        same_name = ", where another scan has its name" if missing[0] in report.names else ""
        raise InputError(
            "scans",
            wanted=f"the {len(names)} scans that the run began with, whatever their names",
            got=f"{config.scans}, which lacks {len(missing)}, first {missing[0]}{same_name}",
            do="name the folder that they are in, or start a new run in another --out",
        )


def _print_choices(made: Resolved) -> None:
    for name, choice in made.scans.choices.items():
        say(f"{name} = {choice.value}: {choice.why}")
    for reason, count in reasons(made.discovery.with_others()).items():
        say(f"left out {count} {'file' if count == 1 else 'files'}: {reason}")


def _prepare(folder: Path, config: RunConfig, discovery: Discovery) -> set[str]:
    """Prepares the scans and writes which of them are trained on, held out or not used.

    Returns:
        The hashes of their content.
    """
    seen = scans_seen_before(config)
    report = prepare_folder(
        discovery,
        str(config.store),
        selection=config.part(Selection),
        preparation=config.preparation,
        workers=config.prepare_workers,
    )
    say(report)
    if config.audit_rules:
        say(rules_line(discovery, report, config.part(Selection), config.prepare_workers))
    with Store.open(str(config.store)) as store:
        scans = {key: store.scan(key) for key in report.keys}
        usable = usable_scans(store, report.keys, config)
    names = {key: scan.name for key, scan in scans.items()}
    modalities = Counter(scan.modality for scan in scans.values())
    say("modalities: " + ", ".join(f"{count} {name}" for name, count in sorted(modalities.items())))
    for key, reason in usable.too_small.items():
        say(f"set aside {names[key]}: {reason}")
    patients = say_patients(usable.keys, report, config.group_by)
    contents = {key: scan.content for key, scan in scans.items()}
    learned = {scan.content for scan in seen if scan.trained}
    trained = [key for key in usable.keys if contents[key] in learned]
    training, validation = split(usable.keys, config.validation_fraction, config.seed, patients, trained)
    say(_heldout_in_words(len(training), len(validation)))
    known = len({*validation} & {*trained})
    if known:
        say(f"WARNING: the weights were trained on {known} of the held-out scans before: their errors are too small")
    parts = [{key: names[key] for key in part} for part in (training, validation)]
    write_split(folder, parts[0], parts[1], contents, patients, seen)
    write_failures(folder, report.failures, {names[key]: reason for key, reason in usable.too_small.items()})
    counts = _counts(report, len(usable.too_small), len(discovery.left_out))
    counts |= {"heldout_seen_before": known} if known else {}
    write_counts(folder, counts | count_patients(usable.keys, patients))
    return {contents[key] for key in usable.keys}


def _heldout_in_words(training: int, heldout: int) -> str:
    """Returns how many scans are held out, and what that is good for."""
    words = f"{training} scans to train on, {heldout} held out"
    if heldout < FEW_HELDOUT:
        return f"{words}: with fewer than {FEW_HELDOUT}, no limits of usual errors can be set"
    if heldout < ENOUGH_HELDOUT:
        return f"{words}: limits of usual errors are wide with fewer than {ENOUGH_HELDOUT}"
    return words


def _counts(report: PrepareReport, too_small: int, left_out: int) -> dict[str, int]:
    return {
        "read": report.prepared + report.reused,
        "failed": len(report.failures),
        "too_small": too_small,
        "duplicates": len(report.duplicates),
        "left_out": left_out,
        "with_warnings": len({oddity.name for oddity in report.warnings}),
    }

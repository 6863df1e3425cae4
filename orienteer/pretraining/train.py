"""Training from a start to a finished run: the loop with its callbacks, then the results."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from orienteer.errors import InputError, TrainingStopped
from orienteer.headers.reader import write_reader
from orienteer.interrupts import stop_requests
from orienteer.pretraining.calibration import error_bars, has_error_bars, heldout_views
from orienteer.pretraining.data import RunScans, ViewData, baseline_batches, heldout_loader, open_scans, shown_views
from orienteer.pretraining.evaluation import fit_baselines
from orienteer.pretraining.gallery import SCANS, Gallery
from orienteer.pretraining.header_reading import run_reader
from orienteer.pretraining.launch import rank
from orienteer.pretraining.memory import peak_memory_mb
from orienteer.pretraining.module import Pretraining
from orienteer.pretraining.pace import Pace
from orienteer.pretraining.reporter import Reporter
from orienteer.pretraining.saving import Interrupted, SaveLast
from orienteer.pretraining.shown import ShownPredictions
from orienteer.pretraining.start import Start
from orienteer.pretraining.trainer import build_trainer
from orienteer.pretraining.validation import Probe, Validation
from orienteer.progress import say
from orienteer.runs.began import read_began
from orienteer.runs.card import encoder_facts
from orienteer.runs.checkpoints import check_fits
from orienteer.runs.error_bars_file import lost_error_bars, write_error_bars
from orienteer.runs.folder import last_checkpoint
from orienteer.runs.model_card import MODEL_CARD_FILE, write_model_card
from orienteer.runs.network import Network, task_weights
from orienteer.runs.plateau import plateau
from orienteer.runs.records import fingerprint, read_counts, run_fingerprint, write_environment
from orienteer.runs.run import Run
from orienteer.runs.split import read_patients
from orienteer.runs.summary import SUMMARY_FILE, make_summary, read_summary, summary_table, write_summary
from orienteer.runs.trackers import open_trackers
from orienteer.runs.weights import read_weights, save_encoder


def train(start: Start) -> Run:
    """Trains, validates, writes the encoder and the summary, and returns the finished run.

    Raises:
        InputError: scans or a checkpoint that do not belong to the run, or devices that this machine does not have.
        TrainingStopped: a loss that is not finite; the last good checkpoint is kept.
        KeyboardInterrupt: Ctrl-C; the last step is saved.
    """
    folder, config = start.folder, start.config
    if start.step >= config.steps and (summary := finished_summary(folder)) is not None:
        _calibrate_again(start)
        say(f"the run in {folder} is already finished: {start.step} of {config.steps} steps")
        return Run(folder, summary)
    began = time.monotonic()
    scans = open_scans(folder, config)
    contents = fingerprint(scans.store.scan(key).content for key in scans.names)
    facts = encoder_facts(config, contents, read_began(folder).origins)
    module = module_of(start, scans)
    data = ViewData(scans.store, scans.training, config, start.step)
    pace = Pace(lambda: data.waited_s, config.batch * config.views)
    reporter = Reporter(folder, pace, config.log_every, start.step, shown=True)
    validation = _validation(start, scans, facts, reporter, pace)
    with stop_requests() as stop_requested:
        saver = SaveLast(folder, config.validate_every, pace, stop_requested)
        trainer = build_trainer(config, [pace, reporter, validation, saver])
        if trainer.is_global_zero:
            device = str(trainer.strategy.root_device)
            write_environment(folder, config.seed, facts["data_fingerprint"], device)
            reporter.track(open_trackers(config.logger, folder, config.to_dict()))
        _fit(trainer, module, data, reporter, start)
    hint = plateau([step for step, _ in validation.losses], [loss for _, loss in validation.losses])
    cost = {**pace.speed(), "peak_memory_mb": peak_memory_mb(torch.device("cpu"))}
    seconds = time.monotonic() - began
    summary = make_summary(validation.metrics, hint, read_counts(folder), trainer.global_step, cost, seconds)
    if trainer.is_global_zero:
        save_encoder(folder, module.best_network.encoder, facts)
        _calibrate(start, scans, module.best_network)
        _read_headers(start, scans)
        write_model_card(folder, summary)
        write_summary(folder, summary)  # last: a run with a summary has all else
        words = f"{hint.words}\n" if hint is not None else ""
        holds = "the encoder, metrics and pictures" if config.pictures else "the encoder and metrics"
        say(f"\n{summary_table(summary)}\n\n{words}{holds} are in {folder}")
    return Run(folder, summary)


def _calibrate(start: Start, scans: RunScans, network: Network) -> None:
    """Writes error_bars.json, if a task predicts the scale of its errors and scans were held out."""
    if scans.heldout:
        views = heldout_views(scans.store, scans.heldout, start.config)
        bars = error_bars(network, views, start.config.unit_mm)
        if bars:
            run = run_fingerprint(scans.names, start.config.seed, start.config.steps)
            write_error_bars(start.folder, bars, run)


def _calibrate_again(start: Start) -> None:
    """Writes the error bars of a finished run again where they are gone or damaged; without its scans it says so."""
    if not has_error_bars(start.network) or not lost_error_bars(start.folder):
        return
    try:
        scans = open_scans(start.folder, start.config)
        module = module_of(start, scans)
        assert start.checkpoint is not None, "a finished run has a checkpoint"
        module.load_state_dict(start.checkpoint["state_dict"])
        _calibrate(start, scans, module.best_network)
    except InputError as error:
        say(f"{error} The error bars are not written again.")


def _read_headers(start: Start, scans: RunScans) -> None:
    """Writes the header reader, unless the run is to have none."""
    reader = run_reader(scans, start.config, read_patients(start.folder))
    if reader is not None:
        write_reader(start.folder, reader)


def finished_summary(folder: Path) -> dict[str, Any] | None:
    """Returns the summary of a run whose files are all there and whole; None where some have to be written again.

    A model card that was edited stays; one that is gone is written again.
    """
    if not (folder / SUMMARY_FILE).is_file():
        return None
    try:
        summary = read_summary(folder)
        read_weights(folder)
        if not (folder / MODEL_CARD_FILE).is_file():
            write_model_card(folder, summary)
    except InputError as error:
        say(f"{error} It is written again from the last checkpoint.")
        return None
    return summary


def module_of(start: Start, scans: RunScans) -> Pretraining:
    """Returns what is trained: the network of a start, with its baselines fitted, or one that fits its checkpoint.

    Raises:
        InputError: the checkpoint is that of another network.
    """
    network, config = start.network, start.config
    if start.checkpoint is None:  # before the module copies the network, buffers included, for moving averages
        fit_baselines(network, baseline_batches(scans.store, scans.training, config))
    module = Pretraining(network, task_weights(config), config, scans.names)
    module.steps_before = start.steps_before
    if start.continued is not None:
        start.continued.fill_averages(module)
        if module.averaged is not None:  # the baselines in it are those of the scans before
            fit_baselines(module.best_network, baseline_batches(scans.store, scans.training, config))
    if start.checkpoint is not None:
        check_fits(start.checkpoint, module, last_checkpoint(start.folder))
    return module


def _validation(start: Start, scans: RunScans, facts: Mapping[str, Any], reporter: Reporter, pace: Pace) -> Validation:
    folder, config = start.folder, start.config
    views = shown_views(scans.store, scans.heldout, config, SCANS) if rank() == 0 else []
    return Validation(
        folder,
        scans.heldout,
        lambda rank, world: heldout_loader(scans.store, scans.heldout, config, rank, world),
        config.validate_every,
        reporter,
        pace,
        gallery=Gallery(folder, views, reporter.picture) if config.pictures else None,
        on_best=lambda trained: save_encoder(folder, trained.best_network.encoder, facts),
        probe=_probe(start) if config.probe is not None and rank() == 0 else None,
        shown=ShownPredictions(folder, views, scans.names, config.unit_mm),
    )


def _probe(start: Start) -> Probe:
    from orienteer.probing.online import OnlineProbe  # here, because scikit-learn takes a second to load

    return OnlineProbe(start.config, start.config.store_folder(start.folder))


def _fit(trainer: pl.Trainer, module: Pretraining, data: ViewData, reporter: Reporter, start: Start) -> None:
    resume, failed = f"Resume with: orienteer pretrain --resume --out {start.folder}", True
    try:
        trainer.fit(module, data, ckpt_path=last_checkpoint(start.folder) if start.checkpoint else None)
        failed = False
    except Interrupted:
        say(f"stopped after step {trainer.global_step} of {trainer.max_steps}. {resume}")
        raise KeyboardInterrupt from None
    except TrainingStopped as error:
        raise TrainingStopped(f"{error} {resume}") from None
    finally:
        reporter.close(failed)

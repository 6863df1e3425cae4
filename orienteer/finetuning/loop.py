"""The fine-tuning loop: steps with progress, regular checkpoints, Ctrl-C, and a stop at a loss that is not finite."""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any, NotRequired, TypedDict, TypeVar

import torch
from torch import Tensor, nn

from orienteer.encoders.states import load_state
from orienteer.errors import TrainingStopped
from orienteer.files import read_json
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.schedules import Schedule
from orienteer.interrupts import stop_requests
from orienteer.progress import Progress, say
from orienteer.runs.atomic_checkpoints import AtomicCheckpoints
from orienteer.runs.checkpoints import read_checkpoint
from orienteer.runs.folder import SPLIT_FILE, last_checkpoint
from orienteer.runs.metrics_log import METRICS_FILE, append_line, cut_lines
from orienteer.runs.records import run_fingerprint
from orienteer.runs.trackers import Trackers, tracking
from orienteer.settings import require

BatchT = TypeVar("BatchT")


@dataclass(frozen=True)
class Trained:
    """The outcome of a training.

    Attributes:
        steps: optimiser steps taken.
        seconds: time of the steps of this call, including waiting for data.
        data_wait_share: share of it that was spent waiting for data.
    """

    steps: int
    seconds: float
    data_wait_share: float


class _State(TypedDict):
    run: NotRequired[str]
    step: int
    network: dict[str, Tensor]
    optimiser: dict[str, Any]


def train(
    folder: Path,
    config: FinetuneConfig,
    network: nn.Module,
    schedule: Schedule,
    batches: Callable[[range], Iterator[BatchT]],
    step_loss: Callable[[int, BatchT], Tensor],
    describe: Callable[[BatchT], str],
) -> Trained:
    """Trains a network to the last step, from the last checkpoint if ``config.resume`` is set.

    Args:
        folder: where metrics.jsonl and checkpoints/last.ckpt are written.
        config: number of steps, clipping, how often to log and save.
        network: what is trained, on its device.
        schedule: its optimiser and learning rates.
        batches: returns the batches of a range of steps.
        step_loss: returns the loss of a step's batch.
        describe: names the scans of a batch, for messages.

    Raises:
        TrainingStopped: a loss that is not finite; the last checkpoint, from before it, is kept.
        KeyboardInterrupt: Ctrl-C; the last step is saved.
    """
    file = last_checkpoint(folder)
    run = _run_of(folder, config)
    begun = _resume(file, network, schedule, run) if resumes(folder, config) else 0
    cut_lines(folder / METRICS_FILE, after_step=begun)
    began_at, waited = time.perf_counter(), 0.0
    network.train()
    progress = Progress("fine-tuning", config.steps, unit="steps", start=begun, delay_s=0.0)
    tracked = tracking(config.logger, folder, config.to_dict())
    with stop_requests() as stop_requested, progress, tracked as trackers:
        source = batches(range(begun, config.steps))
        for step in range(begun, config.steps):
            before = time.perf_counter()
            batch = next(source)
            waited += time.perf_counter() - before
            loss = take_step(config, network, schedule, step, partial(step_loss, step, batch)).item()
            if not isfinite(loss):
                raise _not_finite(folder, step, loss, describe(batch))
            progress.advance(1, {"loss": loss})
            last, stopping = step + 1 == config.steps, stop_requested()
            if step % config.log_every == 0 or last:
                _log(folder, step + 1, loss, schedule, trackers)
            if stopping or last or (step + 1) % config.save_every == 0:
                _save(file, network, schedule, step + 1, run)
            if stopping and not last:
                resume = f"Resume with: orienteer finetune --resume --out {folder}"
                say(f"stopped after step {step + 1} of {config.steps}. {resume}")
                raise KeyboardInterrupt
    seconds = time.perf_counter() - began_at
    return Trained(config.steps, seconds, waited / seconds if begun < config.steps else 0.0)


def resumes(folder: Path, config: FinetuneConfig) -> bool:
    """Returns whether training continues from a checkpoint."""
    return config.resume and os.path.lexists(last_checkpoint(folder))  # a link to nothing is refused when it is read


def take_step(
    config: FinetuneConfig, network: nn.Module, schedule: Schedule, step: int, loss_of: Callable[[], Tensor]
) -> Tensor:
    """Takes one optimiser step and returns its loss; leaves the weights unchanged where the loss is not finite.

    Args:
        step: counted from 0.
        loss_of: returns the loss of the step's batch.
    """
    schedule.before_step(step)
    loss = loss_of()
    schedule.optimiser.zero_grad(set_to_none=True)
    if not torch.isfinite(loss):
        return loss.detach()
    loss.backward()
    if config.clip_norm:
        torch.nn.utils.clip_grad_norm_((p for p in network.parameters() if p.requires_grad), config.clip_norm)
    schedule.optimiser.step()
    return loss.detach()


def _run_of(folder: Path, config: FinetuneConfig) -> str:
    """Returns a hash that tells the checkpoints of a fine-tuning from those of another of the same network."""
    split = folder / SPLIT_FILE
    cases = read_json(split) if split.is_file() else {}
    return run_fingerprint([json.dumps(cases, sort_keys=True)], config.seed, config.steps)


def _resume(file: Path, network: nn.Module, schedule: Schedule, run: str) -> int:
    """Loads a checkpoint and returns how many steps it is from."""
    saved = read_checkpoint(file, form=_State)
    wanted = "a checkpoint of the network that config.yaml names"
    do = "restore the checkpoint of this folder, or start again in another --out"
    load_state(network, saved["network"], str(file), wanted, do)
    wanted = "a checkpoint of this fine-tuning: of its cases, its seed and its steps"
    require(saved.get("run", run) == run, str(file), wanted, "one of another", do)  # older ones do not say
    schedule.optimiser.load_state_dict(saved["optimiser"])
    return int(saved["step"])


def _save(file: Path, network: nn.Module, schedule: Schedule, step: int, run: str) -> None:
    # A weight that is not finite would stop the next step; the earlier checkpoint stays the last good one.
    if all(bool(torch.isfinite(weight).all()) for weight in network.parameters()):
        state: dict[str, Any] = {"step": step, "network": network.state_dict(), "run": run}
        AtomicCheckpoints().save_checkpoint({**state, "optimiser": schedule.optimiser.state_dict()}, file)


def _log(folder: Path, step: int, loss: float, schedule: Schedule, trackers: Trackers) -> None:
    rate = max(group["lr"] for group in schedule.optimiser.param_groups)
    metrics = {"loss": loss, "learning_rate": rate}
    append_line(folder / METRICS_FILE, step, "train", metrics)
    trackers.log("train", step, metrics)


def _not_finite(folder: Path, step: int, loss: float, scans: str) -> TrainingStopped:
    return TrainingStopped(
        f"the loss of step {step + 1} is {loss}, on {scans}. The last checkpoint, from before this step, is kept. "
        "Do this: look at these scans, or lower learning_rate. "
        f"Resume with: orienteer finetune --resume --out {folder}"
    )

"""The fine-tuning loop: progress, a checkpoint now and then and on Ctrl-C, an end where a loss is not finite."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from orienteer.errors import InputError, TrainingStopped
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.schedules import Schedule
from orienteer.progress import Progress, say
from orienteer.runs.checkpoints import AtomicCheckpoints, read_checkpoint
from orienteer.runs.metrics_log import cut_lines

BatchT = TypeVar("BatchT")


@dataclass(frozen=True)
class Trained:
    """How a training went.

    Attributes:
        steps: optimiser steps that are done.
        seconds: time of the steps of this call, with waiting for data.
        data_wait_share: share of it that was spent waiting for data.
    """

    steps: int
    seconds: float
    data_wait_share: float


def train(
    folder: Path,
    config: FinetuneConfig,
    network: nn.Module,
    schedule: Schedule,
    batches: Callable[[range], Iterator[BatchT]],
    step_loss: Callable[[int, BatchT], Tensor],
    describe: Callable[[BatchT], str],
    shown: bool = True,
) -> Trained:
    """Trains a network to the last step, from the last checkpoint where ``config.resume`` says so.

    Args:
        folder: where metrics.jsonl and checkpoints/last.ckpt are written.
        network: what is trained, on its device.
        batches: gives the batches of a range of steps.
        step_loss: gives the loss of a step's batch.
        describe: names the scans of a batch, for messages.

    Raises:
        TrainingStopped: a loss that is not finite; the last checkpoint, from before it, is kept.
        KeyboardInterrupt: Ctrl-C; the last step is saved.
    """
    file = _checkpoint(folder)
    begun = _resume(file, network, schedule) if saved(folder, config) else 0
    cut_lines(folder / "metrics.jsonl", after_step=begun)
    watch, waited = time.perf_counter(), 0.0
    network.train()
    progress = Progress("fine-tuning", config.steps, unit="steps", start=begun, shown=shown, delay_s=0.0)
    with _asked_to_stop() as asked, progress:
        source = batches(range(begun, config.steps))
        for step in range(begun, config.steps):
            before = time.perf_counter()
            batch = next(source)
            waited += time.perf_counter() - before
            loss = take_step(config, network, schedule, step, partial(step_loss, step, batch))
            value = loss.item()
            if not torch.isfinite(loss):
                raise TrainingStopped(
                    f"the loss of step {step + 1} is {value}, on {describe(batch)}. The last checkpoint, "
                    "from before this step, is kept. Do this: look at these scans, or lower learning_rate. "
                    f"Go on with: orienteer finetune --resume --out {folder}"
                )
            progress.advance(1, {"loss": value})
            if step % config.log_every == 0 or step + 1 == config.steps:
                _log(folder, step + 1, value, schedule)
            if asked() or (step + 1) % config.save_every == 0 or step + 1 == config.steps:
                _save(file, network, schedule, step + 1)
            if asked() and step + 1 < config.steps:
                say(
                    f"stopped after step {step + 1} of {config.steps}. Go on with: "
                    f"orienteer finetune --resume --out {folder}"
                )
                raise KeyboardInterrupt
    seconds = time.perf_counter() - watch
    return Trained(config.steps, seconds, waited / seconds if begun < config.steps else 0.0)


def saved(folder: Path, config: FinetuneConfig) -> bool:
    """Whether training goes on from a checkpoint."""
    return config.resume and _checkpoint(folder).is_file()


def take_step(
    config: FinetuneConfig, network: nn.Module, schedule: Schedule, step: int, loss_of: Callable[[], Tensor]
) -> Tensor:
    """Takes one optimiser step and returns its loss; leaves the weights alone where the loss is not finite.

    Args:
        step: counted from 0.
        loss_of: gives the loss of the step's batch.
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


def _checkpoint(folder: Path) -> Path:
    return folder / "checkpoints" / "last.ckpt"


def _resume(file: Path, network: nn.Module, schedule: Schedule) -> int:
    saved = read_checkpoint(file)
    own = network.state_dict()
    wrong = [name for name in own if name not in saved["network"] or saved["network"][name].shape != own[name].shape]
    if wrong:
        raise InputError(
            str(file),
            wanted="a checkpoint of the network that config.yaml names",
            got=f"one in which {len(wrong)} tensors do not fit, first {wrong[0]}",
            do="put back the folder's own checkpoint, or start again in another --out",
        )
    network.load_state_dict(saved["network"])
    schedule.optimiser.load_state_dict(saved["optimiser"])
    return int(saved["step"])


def _save(file: Path, network: nn.Module, schedule: Schedule, step: int) -> None:
    # A weight that is not finite would stop the next step; the checkpoint from before stays the last good one.
    if all(bool(torch.isfinite(weight).all()) for weight in network.parameters()):
        state: dict[str, Any] = {"step": step, "network": network.state_dict()}
        AtomicCheckpoints().save_checkpoint({**state, "optimiser": schedule.optimiser.state_dict()}, file)


def _log(folder: Path, step: int, loss: float, schedule: Schedule) -> None:
    rate = max(group["lr"] for group in schedule.optimiser.param_groups)
    with open(folder / "metrics.jsonl", "a") as file:
        file.write(json.dumps({"step": step, "part": "train", "loss": loss, "learning_rate": rate}) + "\n")


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether Ctrl-C or SIGTERM came; a second Ctrl-C stops at once."""
    asked: list[int] = []

    def ask(number: int, frame: object) -> None:
        if asked and number == signal.SIGINT:
            os._exit(130)
        asked.append(number)
        say("\nstopping after this step; Ctrl-C once more stops at once, without saving")

    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)

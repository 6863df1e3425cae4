"""Reading checkpoints without running code from the file, and checking that they are whole and fit."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import nn

from orienteer.encoders.states import check_finite, compare_state
from orienteer.errors import InputError
from orienteer.forms import misfit
from orienteer.runs.seal import DamagedFile, check_seal
from orienteer.settings import require


class PretrainingState(TypedDict):
    """What a checkpoint of a pretraining holds, beside what the training library resumes from."""

    state_dict: dict[str, torch.Tensor]
    global_step: int


_DO = "rename the other file in checkpoints/ to last.ckpt and resume, or start again in a new folder"


def read_checkpoint(path: str | Path, map_location: Any = "cpu", form: Any = dict[str, Any]) -> dict[str, Any]:
    """Returns the content of a checkpoint file, tensors on ``map_location``.

    Args:
        path: the file.
        map_location: device of the tensors.
        form: a type hint of what it must hold, checked at any depth.

    Raises:
        InputError: the file is missing, is not what was written, holds anything but plain values and tensors, or is a
            checkpoint of another command.
    """
    if not Path(path).is_file():
        raise InputError(
            str(path), wanted="a checkpoint", got="no such file", do="check that the run folder is complete"
        )
    try:
        with Path(path).open("rb") as file:
            check_seal(Path(path), file, _DO)
            checkpoint: dict[str, Any] = torch.load(file, map_location=map_location, weights_only=True)
    except DamagedFile:
        raise
    except (RuntimeError, EOFError, OSError, LookupError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise InputError(
            str(path),
            wanted="a whole checkpoint",
            got=f"a file that is cut short or damaged ({type(error).__name__})",
            do=_DO,
        ) from error
    if problem := misfit(checkpoint, form):
        what = f"{problem.where} in {path}" if problem.where else str(path)
        raise InputError(what, wanted=problem.wanted, got=problem.got, do=_DO)
    return checkpoint


def check_run(checkpoint: Mapping[str, Any], path: Path, run: str, do: str) -> None:
    """Checks that a checkpoint is one of a run; those of older versions do not say.

    Args:
        checkpoint: its content.
        path: the file.
        run: what tells the run from others, see `run_fingerprint`.
        do: what to do where it is not.

    Raises:
        InputError: it is one of another run.
    """
    wanted = "a checkpoint of this run: of its scans, its seed and its steps"
    require(checkpoint.get("run", run) == run, str(path), wanted, "one of another run", do)


def check_fits(checkpoint: dict[str, Any], module: nn.Module, path: Path) -> None:
    """Checks that a checkpoint belongs to the network that is to be trained.

    Raises:
        InputError: the checkpoint's encoder, and the first tensors that do not fit.
    """
    report = compare_state(checkpoint["state_dict"], module)
    if not report.fits:
        encoder = checkpoint.get("encoder", {})
        raise InputError(
            str(path),
            wanted="a checkpoint of the network that config.yaml names",
            got=f"one of encoder '{encoder.get('family')}' {encoder.get('arguments')}: {report}",
            do="restore the checkpoint of this run, or start a new run in another --out with --weights",
        )
    check_finite({name: checkpoint["state_dict"][name] for name, _ in module.named_parameters()}, str(path))

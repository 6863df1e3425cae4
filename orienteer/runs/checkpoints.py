"""Checkpoints that are either whole or not there, read without running anybody's code."""

import pickle
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import nn

from orienteer.errors import InputError
from orienteer.files import replacing


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint under a temporary name, flushes it to the disk and renames it; reads with ``weights_only``."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Writes ``checkpoint`` to ``path``; a kill or a full disk leaves the older file untouched."""
        try:
            with replacing(path) as temporary, temporary.open("wb") as file:
                torch.save(checkpoint, file)
        except OSError as error:
            raise InputError(
                str(path),
                wanted="room for a checkpoint",
                got=error.strerror or str(error),
                do="free some disk space and go on with --resume",
            ) from error

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Returns the checkpoint.

        Raises:
            InputError: no such file, a file that is cut short, or one that holds more than plain values and tensors.
        """
        return read_checkpoint(path, map_location or "cpu")


def read_checkpoint(path: str | Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Returns what a checkpoint file holds, tensors on ``map_location``.

    Raises:
        InputError: the file is missing, cut short, or holds more than plain values and tensors.
    """
    if not Path(path).is_file():
        raise InputError(
            str(path), wanted="a checkpoint", got="no such file", do="look into checkpoints/ of the run folder"
        )
    try:
        return torch.load(path, map_location=map_location, weights_only=True)
    except (RuntimeError, EOFError, OSError, KeyError, pickle.UnpicklingError) as error:
        raise InputError(
            str(path),
            wanted="a whole checkpoint",
            got=f"a file that is cut short or damaged ({type(error).__name__})",
            do="resume from the other file in checkpoints/ by renaming it last.ckpt, or start again in a new folder",
        ) from error


def check_fits(checkpoint: dict[str, Any], module: nn.Module, path: Path) -> None:
    """Stops where a checkpoint belongs to another network.

    Raises:
        InputError: naming the checkpoint's encoder and the first tensors that do not fit.
    """
    saved, own = checkpoint["state_dict"], module.state_dict()
    other = [name for name in own if name not in saved or saved[name].shape != own[name].shape]
    other += [name for name in saved if name not in own]
    if other:
        came = checkpoint.get("encoder", {})
        raise InputError(
            str(path),
            wanted="a checkpoint of the network that config.yaml names",
            got=f"one of encoder '{came.get('family')}' {came.get('arguments')}; "
            f"{len(other)} tensors do not fit, first {other[0]}",
            do="put back the run's own checkpoint, or start a new run in another --out with --weights",
        )

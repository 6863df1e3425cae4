"""Which device to compute on: one choice for all commands."""

from typing import Literal

import torch

from orienteer.errors import InputError

Accelerator = Literal["auto", "cpu", "gpu"]


def choose_device(
    accelerator: Literal["auto", "cpu", "gpu", "cuda"] = "auto", setting: str = "accelerator"
) -> torch.device:
    """Returns the device: a GPU where torch can use one, unless the CPU is asked for.

    Args:
        accelerator: ``auto``, ``cpu``, or ``gpu`` (``cuda`` means the same).
        setting: name of the option, for the message.

    Raises:
        InputError: a GPU is asked for and torch can use none.

    Example:
        >>> choose_device("cpu")
        device(type='cpu')
    """
    there = torch.cuda.is_available()
    if accelerator in ("gpu", "cuda") and not there:
        raise InputError(setting, wanted="a GPU that torch can use", got="none", do=f"use --{setting} cpu")
    return torch.device("cuda" if there and accelerator != "cpu" else "cpu")

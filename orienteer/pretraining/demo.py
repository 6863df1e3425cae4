"""The command `demo`: pretraining on synthetic torso scans, in the same way as on any folder of scans."""

from pathlib import Path
from typing import Unpack

from orienteer.phantoms.torso import write_phantoms
from orienteer.pretraining.pretrain import pretrain
from orienteer.progress import say
from orienteer.runs.folder import CONFIG_FILE
from orienteer.runs.keywords import DemoKeywords
from orienteer.runs.run import Run

DEMO_SUBJECTS, DEMO_STEPS = 120, 500

DEMO_LEARNING_RATE = 3e-3
"""Larger than the default, for a small network and a short run: gap errors on held-out torsos were 20 mm, with 0.001 24 mm."""


def demo(
    out: str | Path = "runs/demo",
    subjects: int = DEMO_SUBJECTS,
    steps: int = DEMO_STEPS,
    seed: int = 0,
    learning_rate: float = DEMO_LEARNING_RATE,
    **settings: Unpack[DemoKeywords],
) -> Run:
    """Writes synthetic torso CTs, pretrains a small encoder on them and returns the run.

    Args:
        out: run folder to create. The scans go next to it, into ``OUT_scans``. An earlier demo in it is resumed.
        subjects: number of synthetic scans.
        steps: optimiser steps.
        seed: random seed of the scans and of the training.
        learning_rate: peak learning rate.
        **settings: any further field of `PretrainConfig`.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     small = {"batch": 2, "workers": 0, "prepare_workers": 0, "pictures": False}
        ...     run = demo(f"{folder}/demo", subjects=3, steps=2, **small)
        >>> run.summary["steps"]
        2
    """
    folder = Path(out)
    if (folder / CONFIG_FILE).is_file():
        say(f"{folder} already holds a run: resuming it. Remove the folder to start the demo again.")
        return pretrain(out=folder, resume=True)
    images = folder.with_name(f"{folder.name}_scans")
    say(f"writing {subjects} synthetic torso CTs to {images}")
    write_phantoms(images, count=subjects, seed=seed)
    settings.setdefault("encoder", "tiny")
    return pretrain(images, folder, steps=steps, seed=seed, learning_rate=learning_rate, **settings)

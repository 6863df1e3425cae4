"""The command `demo`: pretraining on synthetic torso scans, as on any folder of scans, and a report that opens at its end."""

import os
import sys
import webbrowser
from pathlib import Path
from typing import Unpack

from orienteer.phantoms.torso import write_phantoms
from orienteer.pretraining.launch import rank
from orienteer.pretraining.pretrain import pretrain
from orienteer.progress import say
from orienteer.report.observe import observe
from orienteer.runs.folder import CONFIG_FILE
from orienteer.runs.keywords import DemoKeywords
from orienteer.runs.run import Run

DEMO_SUBJECTS, DEMO_STEPS = 120, 500

DEMO_VALIDATIONS = 6
"""As many as are needed to judge whether more steps would help; a run has ten by default."""

DEMO_SETS, DEMO_DRAWN = 8, 5
"""View sets of each scan in the report, and scans with pictures: half of what `observe` shows by default."""

DEMO_LEARNING_RATE = 3e-3
"""Larger than the default, for a small network and a short run: gap errors on held-out torsos were 20 mm, with 0.001 24 mm."""


def demo(
    out: str | Path = "runs/demo",
    subjects: int = DEMO_SUBJECTS,
    steps: int = DEMO_STEPS,
    seed: int = 0,
    learning_rate: float = DEMO_LEARNING_RATE,
    report: bool = True,
    **settings: Unpack[DemoKeywords],
) -> Run:
    """Writes synthetic torso CTs, pretrains a small encoder on them, writes a report and returns the run.

    At its end it says what was learned and what to do next. The report opens where there are a terminal and a display.

    Args:
        out: run folder to create. The scans go next to it, into ``OUT_scans``. An earlier demo in it is resumed.
        subjects: number of synthetic scans.
        steps: optimiser steps.
        seed: random seed of the scans and of the training.
        learning_rate: peak learning rate.
        report: write report.html of the scans that were held out, and open it.
        **settings: any further field of `PretrainConfig`. By default the encoder is ``tiny``, and there are
            six validations.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     small = {"batch": 2, "workers": 0, "prepare_workers": 0, "pictures": False}
        ...     run = demo(f"{folder}/demo", subjects=3, steps=2, report=False, **small)
        >>> run.summary["steps"]
        2
    """
    folder = Path(out)
    if (folder / CONFIG_FILE).is_file():
        say(f"{folder} already holds a run: resuming it. Remove the folder to start the demo again.")
        return _reported(pretrain(out=folder, resume=True), report)
    images = folder.with_name(f"{folder.name}_scans")
    say(f"writing {subjects} synthetic torso CTs to {images}")
    write_phantoms(images, count=subjects, seed=seed)
    settings.setdefault("encoder", "tiny")
    settings.setdefault("validate_every", -(-steps // DEMO_VALIDATIONS))
    run = pretrain(images, folder, steps=steps, seed=seed, learning_rate=learning_rate, **settings)
    return _reported(run, report)


def can_open() -> bool:
    """Returns whether a page would appear before a person: a terminal, and a display to show it on."""
    if not sys.stdout.isatty():
        return False
    on_unix = sys.platform not in ("darwin", "win32")
    return not on_unix or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _reported(run: Run, report: bool) -> Run:
    """Writes the report of a finished run, and opens it where that can be seen."""
    if report and rank() == 0:
        written = observe(run.folder, sets=DEMO_SETS, drawn=DEMO_DRAWN, demonstration=False).report
        if can_open():
            webbrowser.open(written.resolve().as_uri())
    return run

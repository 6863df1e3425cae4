"""Pictures at validations: those of every task, on the same view sets of a few held-out scans each time."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from orienteer.draw.figures import to_png
from orienteer.files import write_bytes
from orienteer.runs.network import Network
from orienteer.views.batch import ViewBatch

SCANS = 3
"""Held-out scans that are drawn."""

MOST_SHARE = 0.02
"""Fraction of the time since training began that drawing may take; pictures beyond it are left out."""


class Gallery:
    """Draws pictures into ``pictures/`` while drawing takes only a small fraction of the time.

    The first scan is always drawn at the first and the last validation; everything else only while drawing has taken less
    than ``MOST_SHARE`` of the time. Runs of minutes leave some pictures out, longer ones none.

    Args:
        folder: the run folder.
        views: one view set of each scan to draw.
        show: is called with the name, PNG and step of each picture.
    """

    def __init__(self, folder: Path, views: Sequence[ViewBatch], show: Callable[[str, bytes, int], None]) -> None:
        self._folder, self._views, self._show = folder / "pictures", views[:SCANS], show
        self._began, self.seconds = time.monotonic(), 0.0

    @torch.no_grad()
    def draw(self, network: Network, device: torch.device, step: int, must: bool) -> None:
        """Draws the picture of every task of a network in eval mode.

        Files are called ``step_000100_TASK.png`` for the first scan, ``step_000100_TASK_scan_2.png`` for the second.

        Args:
            network: in eval mode.
            device: device of the network.
            step: optimiser steps so far.
            must: draw the first scan in any case.
        """
        for number, views in enumerate(self._views):
            if self._affordable() or (must and number == 0):
                self._draw(network, views.to(device), step, "" if number == 0 else f"_scan_{number + 1}")

    def _affordable(self) -> bool:
        return self.seconds <= MOST_SHARE * (time.monotonic() - self._began)

    def _draw(self, network: Network, views: ViewBatch, step: int, scan: str) -> None:
        began = time.monotonic()
        for name, answer in network.answers(views).items():
            png = to_png(answer.task.picture(views, answer.prediction, answer.targets))
            write_bytes(self._folder / f"step_{step:06d}_{name}{scan}.png", png)
            self._show(f"{name}{scan}", png, step)
        self.seconds += time.monotonic() - began

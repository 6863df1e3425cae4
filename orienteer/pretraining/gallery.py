"""What the tasks show at validations: the same view sets of a few held-out scans every time, so that they compare."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from orienteer.draw.figures import to_png
from orienteer.runs.network import Network
from orienteer.views.batch import ViewBatch

SCANS = 3
"""Held-out scans that are drawn."""

MOST_SHARE = 0.02
"""Share of the time since training began that drawing may take; what would take more is left out."""


class Gallery:
    """Draws pictures into ``pictures/`` and hands them on, as long as that costs next to nothing.

    The first scan is always drawn where it must be (at the first and the last validation); everything else only while
    drawing has taken less than ``MOST_SHARE`` of the time. In runs of minutes some pictures are left out, in longer ones
    none.

    Args:
        folder: the run folder.
        views: one view set of each scan to draw.
        show: gets each picture's name, PNG and step.
    """

    def __init__(self, folder: Path, views: Sequence[ViewBatch], show: Callable[[str, bytes, int], None]) -> None:
        self._folder, self._views, self._show = folder / "pictures", views[:SCANS], show
        self._begun, self.seconds = time.monotonic(), 0.0

    @torch.no_grad()
    def draw(self, network: Network, device: torch.device, step: int, must: bool) -> None:
        """Draws what every task of a network in eval mode shows.

        Files are called ``step_000100_TASK.png`` for the first scan, ``step_000100_TASK_scan_2.png`` for the second.
        """
        self._folder.mkdir(exist_ok=True)
        for number, views in enumerate(self._views):
            if self._affordable() or (must and number == 0):
                self._draw(network, views.to(device), step, "" if number == 0 else f"_scan_{number + 1}")

    def _affordable(self) -> bool:
        return self.seconds <= MOST_SHARE * (time.monotonic() - self._begun)

    def _draw(self, network: Network, views: ViewBatch, step: int, scan: str) -> None:
        begun = time.monotonic()
        for name, answer in network.answers(views).items():
            png = to_png(answer.task.picture(views, answer.prediction, answer.targets))
            (self._folder / f"step_{step:06d}_{name}{scan}.png").write_bytes(png)
            self._show(f"{name}{scan}", png, step)
        self.seconds += time.monotonic() - begun

"""What the network predicts on the same few held-out view sets at each validation, as numbers for `orienteer watch`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from orienteer.draw.bands import binned
from orienteer.runs.network import Answer, Network
from orienteer.runs.validations import Falloff, ShownFalloff, ShownScan, write_shown
from orienteer.tasks.graded import rank_correlation
from orienteer.views.batch import ViewBatch


class ShownPredictions:
    """Writes what a network predicts on held-out view sets into the folder ``validations`` of a run.

    Args:
        folder: the run folder.
        views: one view set of each scan.
        names: names of the scans by key.
        unit_mm: length that corresponds to 1 in predictions, mm.
    """

    def __init__(self, folder: Path, views: Sequence[ViewBatch], names: Mapping[str, str], unit_mm: float) -> None:
        self._folder, self._views, self._names, self._unit_mm = folder, tuple(views), names, unit_mm

    @torch.no_grad()
    def write(self, network: Network, device: torch.device, step: int) -> None:
        """Writes the file of one validation.

        Args:
            network: in eval mode.
            device: device of the network.
            step: optimiser steps so far.
        """
        if not self._views:
            return
        answered = [(views, network.answers(views.to(device))) for views in self._views]
        view_mm = [size * edge for size, edge in zip(self._views[0].size_vox, self._views[0].spacing_mm, strict=True)]
        scans = [self._scan(views, answers) for views, answers in answered]
        write_shown(
            self._folder,
            {"step": step, "view_mm": view_mm, "scans": scans, "falloff": _falloffs(answered, device)},
        )

    def _scan(self, views: ViewBatch, answers: Mapping[str, Answer]) -> ShownScan:
        predicted = {name: answer.task.predicted_gaps(answer.prediction) for name, answer in answers.items()}
        gaps = {name: each.gaps[0] * self._unit_mm for name, each in predicted.items() if each is not None}
        gaps = {name: each for name, each in gaps.items() if torch.isfinite(each).all()}
        return {
            "name": self._names[views.scans[0]],
            "centres_mm": _rounded(views.centres_mm[0], 1),
            "gaps_mm": {name: _rounded(each, 1) for name, each in gaps.items()},
        }


def _falloffs(
    answered: Sequence[tuple[ViewBatch, Mapping[str, Answer]]], device: torch.device
) -> dict[str, ShownFalloff]:
    """Returns the curves of every task whose embedding compares places, over the view sets of all scans."""
    curves: dict[str, ShownFalloff] = {}
    for name in answered[0][1]:
        pairs = [
            answers[name].task.similar_pairs(views.to(device), answers[name].prediction, answers[name].targets)
            for views, answers in answered
        ]
        kept = [each for each in pairs if each is not None]
        if kept and all(torch.isfinite(cosines).all() for pair in kept for cosines, _ in pair):
            model, raw = ([each[which] for each in kept] for which in (0, 1))
            curves[name] = {"model": _falloff(model), "raw": _falloff(raw)}
    return curves


def _falloff(pairs: Sequence[tuple[Tensor, Tensor]]) -> Falloff:
    """Returns median and quartiles of the cosine in bins of distance, and the mean rank correlation over the scans."""
    cosines, lengths_mm = (
        torch.cat([pair[which].flatten() for pair in pairs]).cpu().double().numpy() for which in (0, 1)
    )
    band = binned(lengths_mm, cosines)
    ranks = torch.cat([rank_correlation(*pair) for pair in pairs])
    numbers: dict[str, Any] = {"mm": band.middle, "low": band.low, "median": band.median, "high": band.high}
    rounded = {name: [round(float(value), 3) for value in values] for name, values in numbers.items()}
    return {**rounded, "rank": round(ranks.mean().item(), 3)}  # type: ignore[typeddict-item]


def _rounded(values: Float[Tensor, "*any"], digits: int) -> Any:
    """Returns nested lists of numbers, rounded as decimal text: a float32 has digits that mean nothing."""
    numbers = values.detach().cpu().double()
    return torch.round(numbers, decimals=digits).tolist()

"""A model that makes no errors, on scans whose voxels encode their position in the body.

The value of a voxel encodes its three coordinates. The mean over a view is then the code of the view's centre, whatever the
header states about the voxels, so that the results of `header_check` must be exact.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from orienteer.encoders.base import Encoder
from orienteer.geometry.pairs import gap_matrix
from orienteer.report.faults import Fault, apply_fault
from orienteer.report.whole_scan import WholeScan
from orienteer.runs.loaded import LoadedRun
from orienteer.runs.network import Network
from orienteer.runs.run_config import make_run_config
from orienteer.scans.body import body_map
from orienteer.scans.source import Scan
from orienteer.tasks.base import Features, PredictedGaps, Task, ViewShape
from orienteer.views.batch import ViewBatch

SIZE = (40, 44, 56)
BASE = 64
"""Larger than any coordinate, so that the code can be decoded."""

SPACING_MM = (2.0, 2.0, 2.0)
VIEW = (8, 8, 8)


@dataclass(frozen=True)
class OracleTargets:
    gaps_mm: Tensor


@dataclass(frozen=True)
class OraclePrediction:
    gaps: Tensor


class OracleEncoder(Encoder):
    """Returns each view's mean voxel in float64; its "feature map" is one cell."""

    def forward(self, images):
        return (images.double().mean(dim=(-3, -2, -1), keepdim=True),)


class OracleTask(Task[OracleTargets, OraclePrediction]):
    """Decodes the position of each view; with ``bend``, gaps get an error that grows with their square."""

    name = "oracle"
    spatial = False
    Config = OracleTargets

    def __init__(self, bend: float = 0.0) -> None:
        super().__init__(None, (), ViewShape(VIEW, SPACING_MM, views=4, unit_mm=1.0))
        self.bend = bend

    def targets(self, views: ViewBatch) -> OracleTargets:
        return OracleTargets(gap_matrix(views.centres_mm))

    def forward(self, features: Features) -> OraclePrediction:
        number = (features.levels[-1].flatten(2).squeeze(-1) + 1) / 2 * BASE**3  # batch views
        place = torch.stack(decode(number), dim=-1) * SPACING_MM[0]
        gaps = gap_matrix(place)
        return OraclePrediction((gaps + self.bend * gaps.square() / 100).float())

    def predicted_gaps(self, prediction):
        return PredictedGaps(prediction.gaps)

    def metrics(self, prediction, targets):
        return {"oracle_error_mm": (prediction.gaps - targets.gaps_mm).norm(dim=-1).mean()}

    def baselines(self, views, targets):
        return {"trivial": {"oracle_error_mm": targets.gaps_mm.norm(dim=-1).mean()}}

    def picture(self, views, prediction, targets):
        from orienteer.draw.figures import new_figure

        figure = new_figure(200, 100)
        figure.text(0.1, 0.5, "oracle")
        return figure


def encode(voxel: np.ndarray) -> np.ndarray:
    """The code of voxel coordinates, in [-1, 1]; linear, so that it commutes with means and interpolation."""
    return (voxel @ np.array([BASE**2, BASE, 1.0]) / BASE**3 * 2 - 1).astype(np.float32)


def decode(number: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The coordinates of a code; those of even views lie half a voxel between whole ones.

    Every coordinate is at least 0.5 and a multiple of 0.5 for views of an even size.
    """
    halves = (number * 2).round().long()
    # Along each axis the coordinate is a whole number plus a half: remove the halves first.
    whole = (halves - (BASE**2 + BASE + 1)) // 2
    first, rest = whole // BASE**2, whole % BASE**2
    return first + 0.5, rest // BASE + 0.5, rest % BASE + 0.5


def coded_scan(rng: np.random.Generator, name: str = "coded") -> WholeScan:
    """A scan that is all body, cut out of a larger one at a random position."""
    grid = np.stack(np.meshgrid(*(np.arange(size) for size in SIZE), indexing="ij"), axis=-1)
    low = rng.integers(0, 4, 3)
    voxels = encode(grid + low)
    origin = tuple(float(value) for value in rng.normal(0, 50, 3))
    return WholeScan(name, name, voxels, body_map(np.ones(SIZE, bool)), SPACING_MM, origin, "CT")


def with_fault(scan: WholeScan, fault: Fault) -> WholeScan:
    """The prepared scan whose header has a fault (mirrored or swapped: nothing is resampled)."""
    assert fault.spacing_factor == 1
    plain = Scan("", scan.voxels, scan.spacing_mm, scan.origin_mm, np.eye(3), "CT", "")
    voxels = apply_fault(plain, fault).voxels
    return replace(scan, voxels=voxels, body=body_map(np.ones(voxels.shape, bool)))


def oracle_run(bend: float = 0.0) -> LoadedRun:
    """A loaded run whose network is the oracle."""
    config = make_run_config({"view_size": VIEW, "views": 4, "spacing_mm": SPACING_MM, "unit_mm": 1.0})
    network = Network(OracleEncoder(), {"oracle": OracleTask(bend)})
    return LoadedRun(Path("oracle"), config, network.eval(), {}, {}, 0, torch.device("cpu"))

"""Volumes of descriptors, read at any place with their slope: what the smooth part of a map is fitted by."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from orienteer.types import Triple

Points = Float64[np.ndarray, "points 3"]


class Read(NamedTuple):
    """Values read at places.

    Attributes:
        values: interpolated linearly.
        slopes: change per mm along each axis of the body.
        inside: which places lie within the volume.
    """

    values: Float32[np.ndarray, "points channels"]
    slopes: Float32[np.ndarray, "points 3 channels"]
    inside: Bool[np.ndarray, " points"]


CORNERS = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
"""The eight cells around a place, from the first of them."""


@dataclass(frozen=True)
class Volume:
    """Values on a regular grid of the body frame.

    Attributes:
        rows: one row per cell, in array order: a place is read from eight rows and not from eight times its channels.
        shape: cells per axis.
        origin_mm: centre of the first cell.
        step_mm: distance of neighbouring cells along each axis.
    """

    rows: Float32[np.ndarray, "cells channels"]
    shape: Triple
    origin_mm: Float64[np.ndarray, "3"]
    step_mm: Float64[np.ndarray, "3"]

    def read(self, points_mm: Points) -> Read:
        """Returns values and slopes at places; beyond the border, those of the border."""
        at = (points_mm - self.origin_mm) / self.step_mm
        last = np.array(self.shape) - 1
        inside = ((at > -0.5) & (at < last + 0.5)).all(1)
        at = np.clip(at, 0, last)
        first = np.minimum(at.astype(np.int64), np.maximum(last - 1, 0))
        share = (at - first).astype(np.float32)
        read = _corner_weights(share, self.step_mm.astype(np.float32)) @ self._corner_rows(first)  # points 4 channels
        return Read(read[:, 0], read[:, 1:], inside)

    def values(self, points_mm: Points) -> Float32[np.ndarray, "points channels"]:
        """Returns the values alone."""
        return self.read(points_mm).values

    def _corner_rows(self, first: Int64[np.ndarray, "points 3"]) -> Float32[np.ndarray, "points 8 channels"]:
        """Returns the values of the eight cells around each place."""
        step = np.minimum(1, np.array(self.shape) - 1)  # a volume of one cell along an axis has no neighbour there
        cells = first[:, None] + CORNERS * step  # points 8 3
        numbers = (cells[..., 0] * self.shape[1] + cells[..., 1]) * self.shape[2] + cells[..., 2]
        rows: Float32[np.ndarray, "points 8 channels"] = self.rows[numbers]
        return rows


def volume_of(
    values: Float32[np.ndarray, "channels size0 size1 size2"],
    origin_mm: Float64[np.ndarray, "3"],
    step_mm: Float64[np.ndarray, "3"],
) -> Volume:
    """Returns the volume of an array whose first axis is the channels."""
    shape0, shape1, shape2 = values.shape[1:]
    rows = np.ascontiguousarray(values.reshape(len(values), -1).T, dtype=np.float32)
    return Volume(rows, (shape0, shape1, shape2), np.asarray(origin_mm, float), np.asarray(step_mm, float))


def _corner_weights(
    share: Float32[np.ndarray, "points 3"], step_mm: Float32[np.ndarray, "3"]
) -> Float32[np.ndarray, "points 4 8"]:
    """Returns the weights of the eight cells around each place: for the value, and for its slope along each axis."""
    along = np.where(CORNERS, share[:, None], 1 - share[:, None])  # points 8 3
    signs = np.where(CORNERS, 1, -1) / step_mm
    weights = np.empty((len(share), 4, 8), np.float32)
    weights[:, 0] = along.prod(-1)
    for axis in range(3):
        first, second = (along[..., other] for other in range(3) if other != axis)
        weights[:, 1 + axis] = first * second * signs[:, axis]
    return weights

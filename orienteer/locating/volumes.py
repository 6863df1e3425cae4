"""Volumes of descriptors, read at any place with their slope: what the smooth part of a map is fitted by."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64

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
        share = (at - first).astype(np.float32)  # points 3
        step = np.minimum(1, last)  # a volume of one cell along an axis has no neighbour there
        values = np.zeros((len(at), self.rows.shape[1]), np.float32)
        slopes = np.zeros((len(at), 3, self.rows.shape[1]), np.float32)
        for corner in np.ndindex(2, 2, 2):
            cell = first + np.array(corner) * step
            rows = self.rows[(cell[:, 0] * self.shape[1] + cell[:, 1]) * self.shape[2] + cell[:, 2]]
            along = [share[:, axis] if corner[axis] else 1 - share[:, axis] for axis in range(3)]
            values += rows * (along[0] * along[1] * along[2])[:, None]
            for axis in range(3):
                sign = 1.0 if corner[axis] else -1.0
                others = [along[other] for other in range(3) if other != axis]
                slopes[:, axis] += (
                    rows * (sign / self.step_mm[axis] * others[0] * others[1]).astype(np.float32)[:, None]
                )
        return Read(values, slopes, inside)

    def values(self, points_mm: Points) -> Float32[np.ndarray, "points channels"]:
        """Returns the values alone."""
        return self.read(points_mm).values


def volume_of(
    values: Float32[np.ndarray, "channels size0 size1 size2"],
    origin_mm: Float64[np.ndarray, "3"],
    step_mm: Float64[np.ndarray, "3"],
) -> Volume:
    """Returns the volume of an array whose first axis is the channels."""
    shape0, shape1, shape2 = values.shape[1:]
    rows = np.ascontiguousarray(values.reshape(len(values), -1).T, dtype=np.float32)
    return Volume(rows, (shape0, shape1, shape2), np.asarray(origin_mm, float), np.asarray(step_mm, float))

"""Voxels of a labelled case: drawn at random to fit on, or on a regular lattice to score."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from orienteer.labelled.label_cache import LabelMap


class Sample(NamedTuple):
    """Voxels of a case.

    Attributes:
        points: the voxels.
        classes: class number of each.
        weights: voxels of the case that each stands for.
    """

    points: Int64[np.ndarray, "points 3"]
    classes: Int64[np.ndarray, " points"]
    weights: Float64[np.ndarray, " points"]


def sample_voxels(rng: np.random.Generator, labels: LabelMap, classes: int, count: int) -> Sample:
    """Returns voxels drawn with replacement, their classes, and the voxels of the case that each stands for.

    Half are drawn anywhere; half from the foreground classes of the case in equal parts, so that small classes are included.
    The weights correct for that: they sum, in expectation, to the voxels of the case.

    Args:
        rng: draws.
        labels: class numbers of the case.
        classes: how many there are, background among them.
        count: how many voxels to draw, about.
    """
    sizes = np.bincount(labels.reshape(-1), minlength=classes)
    present = [label for label in range(1, classes) if sizes[label] > 0]
    anywhere = count // 2 if present else count
    flat = [rng.integers(0, labels.size, anywhere)]
    for label in present:
        flat.append(rng.choice(np.flatnonzero(labels == label), max(1, (count - anywhere) // len(present))))
    drawn = np.concatenate(flat)
    classes_drawn = labels.reshape(-1)[drawn].astype(np.int64)
    expected = np.full(classes, anywhere / labels.size)  # draws of one voxel of each class
    for label, of_class in zip(present, flat[1:], strict=True):
        expected[label] += len(of_class) / sizes[label]
    points = np.stack(np.unravel_index(drawn, labels.shape), axis=1)
    return Sample(points, classes_drawn, 1 / expected[classes_drawn])


def lattice(shape_vox: tuple[int, ...], most: int, least_step: int = 1) -> Int64[np.ndarray, "points 3"]:
    """Returns every voxel of a regular lattice; of a lattice coarser along its finest axis until it has few enough.

    Args:
        shape_vox: of the scan.
        most: voxels at most.
        least_step: least distance between them along each axis, voxels.

    Example:
        >>> len(lattice((4, 4, 6), most=1000)), len(lattice((4, 4, 6), most=50)), len(lattice((4, 4, 6), most=25))
        (96, 48, 24)
    """
    steps = [least_step] * 3
    counts = [-(-length // least_step) for length in shape_vox]
    while np.prod(counts) > most:
        finest = int(np.argmax(counts))
        steps[finest] += 1
        counts[finest] = -(-shape_vox[finest] // steps[finest])
    starts = [((length - 1) % step) // 2 for length, step in zip(shape_vox, steps, strict=True)]
    ranges = [np.arange(first, length, step) for first, length, step in zip(starts, shape_vox, steps, strict=True)]
    return np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)

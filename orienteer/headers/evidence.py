"""What the header reader sees in a scan, and what it would see if the scan's header had a fault.

The soundness and the voxel size of a scan are asked for with each of the 48 orientations undone. For a scan with a wrong
orientation the answers are the same, at other places of the list: such faults need not be made to know how they look. A wrong
voxel size is made, by cutting the cubes accordingly.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from orienteer.geometry.orientations import ORIENTATIONS, Orientation, orientation_products
from orienteer.headers.cubes import CoarseScan, CubePolicy, cut_cubes
from orienteer.headers.network import HeaderNetwork
from orienteer.headers.training import draw_centre_mm
from orienteer.types import TripleMm

LOOKS = 6
"""Times that a scan is looked at, from other centres."""

WRONG_FACTORS = (0.5, 0.6, 1.67, 2.0)
"""Errors of the voxel size that are tried: a factor of two, and that of slices 5 mm apart taken for 3 mm."""

WRONG_SIZES: tuple[TripleMm, ...] = (
    *((factor, factor, factor) for factor in WRONG_FACTORS),
    *((factor, 1.0, 1.0) for factor in WRONG_FACTORS),
    *((1.0, factor, 1.0) for factor in WRONG_FACTORS),
    *((1.0, 1.0, factor) for factor in WRONG_FACTORS),
)
"""Stated over true voxel size along each axis: wrong on all axes, or on one."""

RIGHT_SIZE: TripleMm = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class HeaderLook:
    """What is seen in a scan as it is stated, means over the looks.

    Attributes:
        logs: log-probability that each orientation, undone, makes it sound, as numbered in `ORIENTATIONS`.
        sizes: log of stated over true voxel size along the axes of the body, with each orientation undone.
    """

    logs: Float[np.ndarray, "48"]
    sizes: Float[np.ndarray, "48 3"]

    def turned(self, orientation: Orientation) -> "HeaderLook":
        """Returns what would be seen if the header made ``orientation`` of the axes as they are stated now."""
        order = orientation_products()[ORIENTATIONS.index(orientation.inverse)]
        return HeaderLook(self.logs[order], self.sizes[order])


@dataclass(frozen=True)
class HeaderEvidence:
    """What is seen in a scan as it is, and with each wrong voxel size, which is needed to set limits.

    Attributes:
        logs: see `HeaderLook`; first as the scan is, then with each of ``WRONG_SIZES``, if that was looked at.
        sizes: the same.
    """

    logs: Float[np.ndarray, "stated 48"]
    sizes: Float[np.ndarray, "stated 48 3"]

    @property
    def as_stated(self) -> HeaderLook:
        """What is seen in the scan as it is."""
        return HeaderLook(self.logs[0], self.sizes[0])

    def if_faulty(self, orientation: Orientation, factors: TripleMm) -> HeaderLook:
        """Returns what would be seen if the scan's header had a fault.

        Args:
            orientation: what the header makes of the axes.
            factors: stated over true voxel size: 1, or one of ``WRONG_SIZES``.
        """
        row = 0 if factors == RIGHT_SIZE else 1 + WRONG_SIZES.index(factors)
        return HeaderLook(self.logs[row], self.sizes[row]).turned(orientation)


@torch.no_grad()
def header_evidence(
    networks: Sequence[HeaderNetwork], policy: CubePolicy, scan: CoarseScan, key: str, wrong_sizes: bool = True
) -> HeaderEvidence:
    """Returns what networks see in a scan, the mean over them.

    Args:
        networks: none of them was trained on the scan.
        policy: how they see it.
        scan: the scan.
        key: decides from where it is looked at.
        wrong_sizes: look at it with each wrong voxel size too.
    """
    digest = hashlib.sha256(f"{key}/header".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:16], "little"))
    centres = [draw_centre_mm(rng, scan) for _ in range(LOOKS)]
    stated = (RIGHT_SIZE, *(WRONG_SIZES if wrong_sizes else ()))
    cubes = np.stack([cut_cubes(scan, policy, np.array(factors), at_mm) for factors in stated for at_mm in centres])
    images = torch.from_numpy(cubes)
    seen = [network.with_each_undone(images.to(network.device)) for network in networks]

    def mean(answers: Sequence[Tensor]) -> Float[np.ndarray, "stated 48 *numbers"]:
        """Returns the mean over the networks and over the looks."""
        every = torch.stack([each.double() for each in answers]).mean(0)
        return np.asarray(every.unflatten(0, (len(stated), LOOKS)).mean(1).cpu())

    return HeaderEvidence(mean([each.logs for each in seen]), mean([each.log_factors for each in seen]))

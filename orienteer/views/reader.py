"""Reading one set of views out of a store: drawn with a given generator, with the centres in mm."""

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from orienteer.errors import ScanError
from orienteer.types import Triple, TripleMm
from orienteer.views.augment import ViewSet
from orienteer.views.body import Body, ViewSpace
from orienteer.views.distort import Distorted
from orienteer.views.layout import draw_layout
from orienteer.views.policy import ViewPolicy
from orienteer.views.warp import Warp, draw_warp
from orienteer.views.warped_scan import Lattice, WarpedScan, warped_scan


@runtime_checkable
class PreparedScan(Protocol):
    """What a dataset needs to know about a scan: `orienteer.store.store.StoredScan` is one."""

    @property
    def name(self) -> str:
        """The scan's name in messages."""

    @property
    def shape_vox(self) -> Triple:
        """Size in voxels."""

    @property
    def spacing_mm(self) -> TripleMm:
        """Voxel size in mm."""

    @property
    def origin_mm(self) -> TripleMm:
        """Position of the centre of voxel 0 in mm in the body frame."""


@runtime_checkable
class ScanReader(Protocol):
    """What a dataset needs of a store. It must survive pickling and forking: each process opens its own files."""

    def scan(self, key: str) -> PreparedScan:
        """Returns a scan's entry."""

    def body(self, key: str) -> Body:
        """Returns the scan's blocks."""

    def read(self, key: str, start_vox: Triple, size_vox: Triple) -> np.ndarray:
        """Returns a box of normalised voxels, float32."""


@dataclass(frozen=True)
class ViewSample:
    """One set of views of one scan.

    Attributes:
        images: the views, ``(views, 1, size0, size1, size2)``.
        centres_mm: their centres in mm in the body frame, ``(views, 3)``, float32.
        scan: the key of the scan.
        spacing_mm: voxel size in mm.
        number: number of the sample in its dataset.
        distorted: what was hidden or rearranged in ``images``; None where nothing was.
        warp: the map from the body that the views show to the scan; None where it is the scan as it is.
    """

    images: ViewSet
    centres_mm: Float[Tensor, "views 3"]
    scan: str
    spacing_mm: TripleMm
    number: int
    distorted: Distorted | None = None
    warp: Warp | None = None


def centre_mm(
    scan: PreparedScan, start_vox: Int[np.ndarray, "*boxes 3"], size_vox: Triple
) -> Float64[np.ndarray, "*boxes 3"]:
    """Returns the centres of boxes in mm in the body frame.

    Args:
        scan: gives spacing and origin.
        start_vox: first voxels of one box or of many.
        size_vox: size of every box.

    Example:
        >>> from types import SimpleNamespace
        >>> scan = SimpleNamespace(name="a", shape_vox=(9, 9, 9), spacing_mm=(2.0, 1.0, 1.0), origin_mm=(-10.0, 0, 5))
        >>> centre_mm(scan, np.array([1, 0, 0]), (3, 1, 4)).tolist()
        [-6.0, 0.0, 6.5]
    """
    centre_vox = start_vox + (np.array(size_vox, np.float64) - 1) / 2
    centres: np.ndarray = np.array(scan.origin_mm) + centre_vox * np.array(scan.spacing_mm)
    return centres


UNWARPED = 0.25
"""Share of the view sets that show the scan as it is where others show it warped: these views keep the sharpness of their
voxels."""

WEAKER = (1.0, 0.5, 0.25)
"""Shares of the strength that are tried until a warped scan holds a set of views. A turned slab holds none."""

_RECENT_BYTES = 32 * 2**20
"""Bytes of block maps that a process keeps; memory must not grow with the number of scans."""


class ViewReader:
    """Draws and reads view sets; keeps the entries of the most recently used scans, up to a number of bytes.

    Args:
        store: where the scans are; opened anew in each worker process.
        policy: how views are drawn; its ``view_size`` must be set.
        warp: strength of the warps of scans, 0 (none) to 1.
    """

    def __init__(self, store: ScanReader, policy: ViewPolicy, warp: float = 0.0) -> None:
        self.store, self.policy, self.size_vox, self.warp = store, policy, policy.size_vox, warp
        self._recent: OrderedDict[str, tuple[PreparedScan, Body]] = OrderedDict()
        self._recent_bytes = 0

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_recent": OrderedDict(), "_recent_bytes": 0}

    def draw(self, key: str, rng: np.random.Generator, number: int) -> ViewSample:
        """Returns a set of views of one scan; a function of the generator alone.

        Raises:
            ScanError: a scan that cannot be read, or that holds no such set; the message names the scan.
        """
        name = f"scan {key}"
        try:
            scan, body = self._entry(key)
            name = scan.name
            return self._drawn(key, scan, body, rng, number)
        except ScanError:
            raise
        except Exception as error:
            got = f"{type(error).__name__}: {error}"
            do = "prepare the scan again, or leave it out with --exclude"
            raise ScanError(name, step="read", wanted="views from the store", got=got, do=do) from error

    def _drawn(self, key: str, scan: PreparedScan, body: Body, rng: np.random.Generator, number: int) -> ViewSample:
        read_box = partial(self.store.read, key)
        if self.warp and rng.random() >= UNWARPED:
            warped, starts = self._warped(scan, body, rng)
            if warped is not None:
                images = [warped.read(read_box, _triple(start), self.size_vox) for start in starts]
                return self._sample(images, centre_mm(warped, starts, self.size_vox), key, number, warped)
        starts = draw_layout(rng, ViewSpace(scan.shape_vox, body, scan.spacing_mm, scan.name), self.policy)
        images = [read_box(_triple(start), self.size_vox) for start in starts]
        return self._sample(images, centre_mm(scan, starts, self.size_vox), key, number, scan)

    def _warped(self, scan: PreparedScan, body: Body, rng: np.random.Generator) -> tuple[WarpedScan | None, np.ndarray]:
        """Returns a warped scan and the first voxels of a set of views in it; None where no warp leaves room for one."""
        for share in WEAKER:
            warp = draw_warp(rng, share * self.warp, scan.shape_vox, scan.spacing_mm, scan.origin_mm)
            warped = warped_scan(Lattice(scan.name, scan.shape_vox, scan.spacing_mm, scan.origin_mm), body, warp)
            with suppress(ScanError):
                return warped, draw_layout(
                    rng,
                    ViewSpace(warped.shape_vox, warped, scan.spacing_mm, scan.name, warped.fits),
                    self.policy,
                    thorough=False,
                )
        return None, np.empty((0, 3), np.int64)

    def _sample(
        self,
        images: Sequence[np.ndarray],
        centres_mm: Float64[np.ndarray, "views 3"],
        key: str,
        number: int,
        scan: PreparedScan,
    ) -> ViewSample:
        views = torch.from_numpy(np.stack(images))[:, None]  # (views, 1, size0, size1, size2)
        centres = torch.from_numpy(centres_mm.astype(np.float32))
        warp = scan.warp if isinstance(scan, WarpedScan) else None
        return ViewSample(views, centres, key, scan.spacing_mm, number, warp=warp)

    def _entry(self, key: str) -> tuple[PreparedScan, Body]:
        if key in self._recent:
            self._recent.move_to_end(key)
            return self._recent[key]
        scan, body = self.store.scan(key), self.store.body(key)
        self._recent[key] = scan, body
        self._recent_bytes += _bytes(body)
        while self._recent_bytes > _RECENT_BYTES and len(self._recent) > 1:
            _, (_, oldest) = self._recent.popitem(last=False)
            self._recent_bytes -= _bytes(oldest)
        return scan, body


def _bytes(body: Body) -> int:
    return body.body.nbytes + body.inside.nbytes + 1024  # and a little for the entry itself


def _triple(start: Int[np.ndarray, "3"]) -> Triple:
    i, j, k = (int(value) for value in start)
    return i, j, k

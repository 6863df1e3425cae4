"""View sets as torch datasets: which scan, which views, which augmentation, each a function of seed and number alone.

Training sample n is the same whatever the number of workers, processes or restarts, and global step t is made of the
samples ``t * batch .. (t + 1) * batch - 1``. That makes resuming and distributed training exact. Validation depends on the
scans only.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch.utils.data import Dataset

from orienteer.settings import require
from orienteer.views.augment import Augmentation, apply, draw_parameters
from orienteer.views.distort import NOTHING, Distortion, distort
from orienteer.views.policy import ViewPolicy
from orienteer.views.reader import ScanReader, ViewReader, ViewSample


class TrainingViews(Dataset[ViewSample]):
    """Draws sample n from ``(seed, n)``: every epoch visits each scan once, in an order of its own.

    Args:
        store: where the scans are; opened anew in each worker process.
        keys: the scans to draw from. Their order matters: pass them sorted.
        policy: how views are drawn; its ``view_size`` must be set.
        augmentation: how the intensities of each view are changed.
        seed: a sample depends on this and its number alone.
        total_samples: length of the whole training, steps times batch.
        distortion: what is hidden or rearranged in views after augmentation.
        warp: strength of the warps of the scans that views are drawn from, 0 (none) to 1; see `orienteer.views.warp`.

    Raises:
        ScanError: when a sample cannot be read or drawn; the message names the scan. (From a worker process torch
            raises it as a RuntimeError with the same text.)
    """

    def __init__(
        self,
        store: ScanReader,
        keys: Sequence[str],
        policy: ViewPolicy,
        augmentation: Augmentation,
        seed: int,
        total_samples: int,
        distortion: Distortion = NOTHING,
        warp: float = 0.0,
    ) -> None:
        _check_keys(keys)
        require(0 <= warp <= 1, "warp", "a strength from 0 to 1", warp, "use 1 for the usual warps, 0 for none")
        require(seed >= 0, "seed", "a whole number of 0 or more", seed, "use --seed 0")
        self.keys = tuple(keys)
        self.policy, self.augmentation, self.seed, self.total_samples = policy, augmentation, seed, total_samples
        self.distortion = distortion
        self._reader = ViewReader(store, policy, warp)
        self._orders: OrderedDict[int, np.ndarray] = OrderedDict()

    def __len__(self) -> int:
        return self.total_samples

    def __getitem__(self, number: int) -> ViewSample:
        if not 0 <= number < self.total_samples:
            raise IndexError(f"sample {number} of {self.total_samples}")
        rng = np.random.default_rng([self.seed, _VIEWS_STREAM, number])
        sample = self._reader.draw(self.scan_of(number), rng, number)
        parameters = draw_parameters(rng, self.policy.views, self.augmentation)
        sample = replace(sample, images=apply(sample.images, parameters))
        return _distorted(rng, sample, self.distortion)

    def scan_of(self, number: int) -> str:
        """Returns the key of the scan that sample ``number`` is cut from."""
        epoch, place = divmod(number, len(self.keys))
        if epoch not in self._orders:
            order = np.random.default_rng([self.seed, _ORDER_STREAM, epoch]).permutation(len(self.keys))
            self._orders[epoch] = order
            while len(self._orders) > 2:  # a batch may span two epochs
                self._orders.popitem(last=False)
        return self.keys[int(self._orders[epoch][place])]


class ValidationViews(Dataset[ViewSample]):
    """Draws set s of a scan from the scan's key and s: the same views at every validation, never augmented.

    Args:
        store: where the scans are.
        keys: the scans to draw from; sample n is set ``n % sets_per_scan`` of scan ``n // sets_per_scan``.
        policy: how views are drawn; its ``view_size`` must be set.
        sets_per_scan: how many sets are drawn from each scan.
        distortion: what is hidden or rearranged in views.
    """

    def __init__(
        self,
        store: ScanReader,
        keys: Sequence[str],
        policy: ViewPolicy,
        sets_per_scan: int = 1,
        distortion: Distortion = NOTHING,
    ) -> None:
        _check_keys(keys)
        require(sets_per_scan >= 1, "sets_per_scan", "at least 1", sets_per_scan, "use 1")
        self.keys, self.policy, self.sets_per_scan = tuple(keys), policy, sets_per_scan
        self.distortion = distortion
        self._reader = ViewReader(store, policy)

    def __len__(self) -> int:
        return len(self.keys) * self.sets_per_scan

    def __getitem__(self, number: int) -> ViewSample:
        if not 0 <= number < len(self):
            raise IndexError(f"sample {number} of {len(self)}")
        scan, view_set = divmod(number, self.sets_per_scan)
        digest = hashlib.sha256(f"{self.keys[scan]}/{view_set}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:16], "little"))
        return _distorted(rng, self._reader.draw(self.keys[scan], rng, number), self.distortion)


_ORDER_STREAM, _VIEWS_STREAM = 1, 2
"""Keep the random numbers for the order of scans and for the views apart."""


def _distorted(rng: np.random.Generator, sample: ViewSample, distortion: Distortion) -> ViewSample:
    if not distortion.active:
        return sample
    images, distorted = distort(rng, sample.images, distortion)
    return replace(sample, images=images, distorted=distorted)


def _check_keys(keys: Sequence[str]) -> None:
    require(len(keys) > 0, "scans", "at least one prepared scan", "none", "prepare scans that hold a view")

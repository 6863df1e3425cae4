"""View sets as torch datasets: which scan, which views, which augmentation, each a function of (seed, number) alone.

Training sample n is the same whatever the number of workers, processes or restarts, and global step t is made of the
samples ``t * batch .. (t + 1) * batch - 1``. That makes resuming and distributing exact. Validation depends on the
scans only.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from orienteer.errors import InputError, ScanError
from orienteer.types import Triple, TripleMm
from orienteer.views.augment import Augmentation, ViewSet, apply, draw_parameters
from orienteer.views.batch import ViewBatch
from orienteer.views.distort import NOTHING, Distorted, Distortion, distort
from orienteer.views.layout import draw_layout
from orienteer.views.sample import Body, ViewPolicy


@runtime_checkable
class PreparedScan(Protocol):
    """What a dataset asks of a scan: `orienteer.scans.store.StoredScan` is one."""

    @property
    def name(self) -> str:
        """How a person knows the scan."""

    @property
    def shape_vox(self) -> Triple:
        """Size in voxels."""

    @property
    def spacing_mm(self) -> TripleMm:
        """Voxel size in mm."""

    @property
    def origin_mm(self) -> TripleMm:
        """Place of the middle of voxel 0 in mm in the body frame."""


@runtime_checkable
class ScanReader(Protocol):
    """What a dataset asks of a store. It must survive pickling and forking: each process opens its own files."""

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
        number: which sample of its dataset this is.
        distorted: what was hidden or rearranged in ``images``; None where nothing was.
    """

    images: ViewSet
    centres_mm: Float[Tensor, "views 3"]
    scan: str
    spacing_mm: TripleMm
    number: int
    distorted: Distorted | None = None


def centre_mm(
    scan: PreparedScan, start_vox: Int[np.ndarray, "*some 3"], size_vox: Triple
) -> Float64[np.ndarray, "*some 3"]:
    """Returns the centres of boxes in mm in the body frame.

    Args:
        scan: where its voxels lie.
        start_vox: first voxels of one box or of many.
        size_vox: size of every box.

    Example:
        >>> from types import SimpleNamespace
        >>> scan = SimpleNamespace(name="a", shape_vox=(9, 9, 9), spacing_mm=(2.0, 1.0, 1.0), origin_mm=(-10.0, 0, 5))
        >>> centre_mm(scan, np.array([1, 0, 0]), (3, 1, 4)).tolist()
        [-6.0, 0.0, 6.5]
    """
    middle = start_vox + (np.array(size_vox, np.float64) - 1) / 2
    return np.array(scan.origin_mm) + middle * np.array(scan.spacing_mm)


class TrainingViews(Dataset[ViewSample]):
    """Draws sample n from ``(seed, n)``: every epoch visits each scan once, in an order of its own.

    Args:
        store: where the scans are; opened anew in each worker process.
        keys: the scans to draw from. Their order matters: pass them sorted.
        policy: how views are drawn; its ``view_size`` must be set.
        augmentation: how views are changed, each on its own.
        seed: with the sample's number, all that a sample depends on.
        total_samples: length of the whole training, steps times batch.
        distortion: what is hidden or rearranged in views after that.

    Raises:
        ScanError: when a sample is asked for that cannot be read or drawn; names the scan. (From a worker process torch
            hands it on as a RuntimeError with the same text.)
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
    ) -> None:
        _check_keys(keys)
        if seed < 0:
            raise InputError("seed", wanted="a whole number of 0 or more", got=str(seed), do="use --seed 0")
        self.keys = tuple(keys)
        self.policy, self.augmentation, self.seed, self.total_samples = policy, augmentation, seed, total_samples
        self.distortion = distortion
        self._reader = _Reader(store, policy)
        self._orders: OrderedDict[int, np.ndarray] = OrderedDict()

    def __len__(self) -> int:
        return self.total_samples

    def __getitem__(self, number: int) -> ViewSample:
        if not 0 <= number < self.total_samples:
            raise IndexError(f"sample {number} of {self.total_samples}")
        rng = np.random.default_rng([self.seed, _VIEWS_STREAM, number])
        sample = self._reader.draw(self.scan_of(number), rng, number)
        parameters = draw_parameters(rng, self.policy.views, self.augmentation)
        return _distorted(rng, replace(sample, images=apply(sample.images, parameters)), self.distortion)

    def scan_of(self, number: int) -> str:
        """Returns the key of the scan that sample ``number`` is cut from."""
        epoch, place = divmod(number, len(self.keys))
        if epoch not in self._orders:
            order = np.random.default_rng([self.seed, _ORDER_STREAM, epoch]).permutation(len(self.keys))
            self._orders[epoch] = order
            while len(self._orders) > 2:  # a batch may span two epochs
                self._orders.popitem(last=False)
        return self.keys[self._orders[epoch][place]]


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
        if sets_per_scan < 1:
            raise InputError("sets_per_scan", wanted="at least 1", got=str(sets_per_scan), do="use 1")
        self.keys, self.policy, self.sets_per_scan = tuple(keys), policy, sets_per_scan
        self.distortion = distortion
        self._reader = _Reader(store, policy)

    def __len__(self) -> int:
        return len(self.keys) * self.sets_per_scan

    def __getitem__(self, number: int) -> ViewSample:
        if not 0 <= number < len(self):
            raise IndexError(f"sample {number} of {len(self)}")
        scan, view_set = divmod(number, self.sets_per_scan)
        digest = hashlib.sha256(f"{self.keys[scan]}/{view_set}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:16], "little"))
        return _distorted(rng, self._reader.draw(self.keys[scan], rng, number), self.distortion)


class GlobalBatches(Sampler[list[int]]):
    """Says which samples make up each step: step t is the samples ``t * batch .. (t + 1) * batch - 1``.

    A step's samples are cut into ``micro_batches`` runs, one after the other, and each run into one share per process.

    Args:
        steps: number of the step after the last.
        batch: samples in a step, over all processes and micro-batches.
        start_step: first step, when resuming.
        micro_batches: number of forward and backward passes before the optimiser moves.
        rank: which process this is.
        world: number of processes.

    Example:
        >>> list(GlobalBatches(steps=2, batch=4, micro_batches=2))
        [[0, 1], [2, 3], [4, 5], [6, 7]]
        >>> list(GlobalBatches(steps=2, batch=4, start_step=1, rank=1, world=2))
        [[6, 7]]
    """

    def __init__(
        self, steps: int, batch: int, start_step: int = 0, micro_batches: int = 1, rank: int = 0, world: int = 1
    ) -> None:
        for name, value in (("batch", batch), ("micro_batches", micro_batches), ("world", world)):
            if value < 1:
                raise InputError(name, wanted="at least 1", got=str(value), do="use 1 or more")
        shares = micro_batches * world
        if batch % shares:
            wanted = f"a multiple of {shares} ({world} processes times {micro_batches} accumulated)"
            do = f"use batch {shares * -(-batch // shares)}"
            raise InputError("batch", wanted=wanted, got=str(batch), do=do)
        if not 0 <= rank < world:
            raise InputError(
                "rank", wanted=f"0 to {world - 1}", got=str(rank), do="check how the processes were started"
            )
        if not 0 <= start_step <= steps:
            raise InputError("steps", wanted=f"at least the {start_step} done", got=str(steps), do="raise steps")
        self.steps, self.batch, self.start_step = steps, batch, start_step
        self.micro_batches, self.rank, self.world = micro_batches, rank, world
        self.share = batch // shares

    def __len__(self) -> int:
        return (self.steps - self.start_step) * self.micro_batches

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self.start_step, self.steps):
            for micro in range(self.micro_batches):
                first = step * self.batch + (micro * self.world + self.rank) * self.share
                yield list(range(first, first + self.share))


def collate(samples: Sequence[ViewSample], batch: int | None = None) -> ViewBatch:
    """Returns the samples as one batch.

    Args:
        samples: view sets of one size and spacing.
        batch: samples in a global step; the batch's ``draw`` is then the number of that step, on every process and in
            every micro-batch. Nothing: ``draw`` is 0, as for validation, where no order of scans may matter.
            ``functools.partial(collate, batch=8)`` is what a data loader needs.
    """
    shapes = {(tuple(sample.images.shape), sample.spacing_mm) for sample in samples}
    if len(shapes) != 1:
        got = f"{sorted(shapes)} from scans {[sample.scan for sample in samples]}"
        raise InputError(
            "scans", wanted="views of one shape and spacing", got=got, do="prepare all scans with one setting"
        )
    draws = {0 if batch is None else sample.number // batch for sample in samples}
    if len(draws) != 1:
        raise InputError("batch", wanted="samples of one step", got=f"steps {sorted(draws)}", do="use GlobalBatches")
    done = [sample.distorted for sample in samples if sample.distorted is not None]
    return ViewBatch(
        images=torch.stack([sample.images for sample in samples]),
        centres_mm=torch.stack([sample.centres_mm for sample in samples]),
        scans=tuple(sample.scan for sample in samples),
        spacing_mm=samples[0].spacing_mm,
        draw=draws.pop(),
        distorted=Distorted.stacked(done) if done else None,
    )


_ORDER_STREAM, _VIEWS_STREAM = 1, 2
"""Keep the random numbers for the order of scans apart from those for the views."""

_RECENT_BYTES = 32 * 2**20
"""How much of the scans' block maps a process keeps; memory must not grow with the number of scans."""


def _distorted(rng: np.random.Generator, sample: ViewSample, distortion: Distortion) -> ViewSample:
    if not distortion.active:
        return sample
    seen, done = distort(rng, sample.images, distortion)
    return replace(sample, images=seen, distorted=done)


def _check_keys(keys: Sequence[str]) -> None:
    if not keys:
        raise InputError("scans", wanted="at least one prepared scan", got="none", do="prepare scans that hold a view")


class _Reader:
    """Draws and reads view sets; keeps the entries of the scans used last, up to a number of bytes."""

    def __init__(self, store: ScanReader, policy: ViewPolicy) -> None:
        if policy.view_size is None:
            raise InputError("view_size", wanted="a size in voxels", got="none", do="plan it first, or set it")
        self.store, self.policy, self.size_vox = store, policy, policy.view_size
        self._recent: OrderedDict[str, tuple[PreparedScan, Body]] = OrderedDict()
        self._recent_bytes = 0

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_recent": OrderedDict(), "_recent_bytes": 0}

    def draw(self, key: str, rng: np.random.Generator, number: int) -> ViewSample:
        name = f"scan {key}"
        try:
            scan, body = self._entry(key)
            name = scan.name
            starts = draw_layout(rng, scan.shape_vox, body, self.policy, scan.spacing_mm, name)
            images = np.stack([self.store.read(key, _triple(start), self.size_vox) for start in starts])
        except ScanError:
            raise
        except Exception as error:
            got = f"{type(error).__name__}: {error}"
            do = "prepare the scan again, or leave it out with --exclude"
            raise ScanError(name, step="read", wanted="views from the store", got=got, do=do) from error
        centres = centre_mm(scan, starts, self.size_vox).astype(np.float32)
        return ViewSample(
            torch.from_numpy(images)[:, None], torch.from_numpy(centres), key, scan.spacing_mm, number
        )  # images: (views, 1, size0, size1, size2)

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


def _triple(start: np.ndarray) -> Triple:
    i, j, k = (int(value) for value in start)
    return i, j, k

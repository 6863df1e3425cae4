"""A picture for every finding in which a person can see it: slices through the place, of the scan and of those it is about."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from orienteer.cluster.connect import Cluster
from orienteer.cluster.make_executor import make_executor
from orienteer.draw.figures import new_figure, plain_label, to_png
from orienteer.draw.slices import three_slices
from orienteer.errors import ScanError
from orienteer.executor import Jobs
from orienteer.progress import Progress
from orienteer.scans.apart import preparing_bounds
from orienteer.scans.read import read_scan
from orienteer.scans.source import ScanSource, Selection, folder_of
from orienteer.screening.findings import COLLECTION, Finding
from orienteer.types import TripleMm

MOST_PICTURES = 120
"""Findings that get a picture, the worst first: a page of more takes long to load."""

MOST_ROWS = 4
"""Scans in one picture: the one that the finding is about and others."""

MOST_EDGE = 256
"""Voxels along an axis that are drawn; larger scans are thinned out."""

UNSEEN = ("unreadable", "label_missing", "spacing_contradiction", "header_note", "not_comparable", "units")
"""Kinds that no picture shows."""


@dataclass(frozen=True)
class PictureJob:
    """Slices to draw.

    Attributes:
        number: of the finding.
        sources: the scan that it is about, then others.
        at: where in the first scan to cut, as a share along each axis.
    """

    number: int
    sources: tuple[ScanSource, ...]
    at: tuple[float, float, float]


@dataclass(frozen=True)
class DrawSlices:
    """Draws slices of scans. In a worker process it is called once a picture."""

    selection: Selection

    def __call__(self, job: PictureJob) -> bytes | None:
        """Returns a PNG file; None where the first scan cannot be read."""
        read = [each for source in job.sources if (each := self._read(source)) is not None]
        if not read or read[0][0] != job.sources[0].name:
            return None
        figure = new_figure(720, 260 * len(read))
        parts = np.ravel(np.array(figure.subfigures(len(read), 1), dtype=object))
        for row, (part, (name, voxels, spacing_mm)) in enumerate(zip(parts, read, strict=True)):
            part.suptitle(plain_label(name), fontsize=8)
            at = job.at if row == 0 else (0.5, 0.5, 0.5)
            place = [min(size - 1, round(share * (size - 1))) for share, size in zip(at, voxels.shape, strict=True)]
            low, high = np.quantile(voxels, (0.01, 0.995))
            limits = (float(low), float(high)) if high > low else None
            three_slices(part, voxels, (place[0], place[1], place[2]), spacing_mm, limits=limits)
        return to_png(figure)

    def _read(self, source: ScanSource) -> tuple[str, np.ndarray, TripleMm] | None:
        try:
            scan = read_scan(source, self.selection)
        except ScanError:
            return None
        steps = [max(1, -(-size // MOST_EDGE)) for size in scan.voxels.shape]
        voxels = scan.voxels[:: steps[0], :: steps[1], :: steps[2]]
        across, deep, high = (step * length for step, length in zip(steps, scan.spacing_mm, strict=True))
        return source.name, voxels, (across, deep, high)


def draw_findings(
    findings: Sequence[Finding],
    sources: Mapping[str, ScanSource],
    selection: Selection,
    workers: int | None,
    cluster: Cluster | None = None,
) -> dict[int, bytes]:
    """Returns pictures by the number of the finding.

    Args:
        findings: worst first.
        sources: the scans by name.
        selection: how they are read.
        workers: processes; by default one per core.
        cluster: whose workers draw; by default this machine does.
    """
    jobs = _jobs(findings, sources)
    pictures: dict[int, bytes] = {}

    def record(job: PictureJob, future: "Future[bytes | None]") -> None:
        png = future.result() if future.exception() is None else None
        if png is not None:
            pictures[job.number] = png
        bar.advance()

    seen = [folder_of(list(sources.values()))] if jobs else []
    executor: Jobs[PictureJob, bytes | None] = make_executor(
        cluster, DrawSlices(selection), workers, len(jobs), threads=1, seen=seen
    )
    bar = Progress("drawing", len(jobs), unit="pictures")
    with bar, executor:
        for job in jobs:
            executor.submit(job, bounds=preparing_bounds(0))
            for finished in executor.finished():
                record(*finished)
        for finished in executor.finished(everything=True):
            record(*finished)
    return pictures


def _jobs(findings: Sequence[Finding], sources: Mapping[str, ScanSource]) -> list[PictureJob]:
    jobs = []
    for number, finding in enumerate(findings):
        if finding.kind in UNSEEN or (finding.scan not in sources and finding.scan != COLLECTION):
            continue
        names = [name for name in (finding.scan, *finding.others) if name in sources][:MOST_ROWS]
        if names:
            jobs.append(PictureJob(number, tuple(sources[name] for name in names), finding.at))
    return jobs[:MOST_PICTURES]

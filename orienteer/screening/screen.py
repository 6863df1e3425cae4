"""Screens a folder: one look at every scan in worker processes, then all rules. Memory does not grow with the size of scans."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from orienteer.cluster.connect import Cluster
from orienteer.cluster.make_executor import make_executor
from orienteer.executor import Jobs
from orienteer.labelled.datasets import ending_of
from orienteer.progress import Progress
from orienteer.scans.apart import preparing_bounds
from orienteer.scans.discover import discover
from orienteer.scans.kinds import SUFFIXES
from orienteer.scans.source import Discovery, LeftOut, ScanSource, Selection, folder_of
from orienteer.screening.collection import Collection, collection_of
from orienteer.screening.dataset_rules import dataset_findings
from orienteer.screening.everywhere import said_once, too_few
from orienteer.screening.facts import Look, Looked, Refusal, ScanFacts
from orienteer.screening.findings import Finding, worst_first
from orienteer.screening.rules import judge
from orienteer.screening.small_copies import SmallCopies

LABELS, BROKEN = "looks like a label map", ("cannot be read", "an empty file", "cannot be opened", "named .dcm")
"""Beginnings of reasons to leave a file out that are findings; the others are no scans, or were left out on purpose."""


@dataclass(frozen=True)
class Screening:
    """What files alone say about a collection.

    Attributes:
        sources: the scans.
        facts: what one look at each gave, in the same order.
        findings: worst first.
        collection: what is usual in it.
        discovery: what the folder holds.
    """

    sources: tuple[ScanSource, ...]
    facts: tuple[ScanFacts, ...]
    findings: tuple[Finding, ...]
    collection: Collection
    discovery: Discovery

    @property
    def readable(self) -> tuple[ScanSource, ...]:
        """The scans that can be read and are images."""
        pairs = zip(self.sources, self.facts, strict=True)
        return tuple(source for source, facts in pairs if facts.refusal is None and not facts.labels)


def screen(
    scans: str | Path,
    selection: Selection | None = None,
    workers: int | None = None,
    progress: bool = True,
    copies: SmallCopies | None = None,
    known: Mapping[str, ScanFacts] | None = None,
    discovery: Discovery | None = None,
    cluster: Cluster | None = None,
) -> Screening:
    """Returns what rules say about the scans of a folder. Each scan is read once; nothing is written but small copies.

    Args:
        scans: the folder, or one file.
        selection: which scans, which frame, which modality.
        workers: processes; by default one per core. 0 works in this process.
        progress: whether to show progress with the time left.
        copies: where the small copies go by which scans are compared with each other; None makes none.
        known: facts of scans that were looked at before, by name.
        discovery: the scans of the folder where it was searched already.
        cluster: whose workers read the scans; by default this machine does.

    Raises:
        InputError: no such folder, or no scan in it.

    Example:
        >>> import tempfile
        >>> from orienteer.phantoms.torso import write_phantoms
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_phantoms(folder, count=2, shape_vox=(32, 32, 48), spacing_mm=8.0, progress=False)
        ...     screening = screen(folder, workers=0, progress=False)
        >>> [finding.kind for finding in screening.findings]
        ['not_comparable']
    """
    selection = selection or Selection()
    discovery = discovery or discover(scans, selection, progress)
    root = Path(scans)
    facts = tuple(look_at(discovery.sources, selection, workers, progress, copies, known, cluster))
    doubtful = tuple(look_at(_like_labels(root, discovery), selection, workers, progress, cluster=cluster))
    of_data_set, declared = dataset_findings(root, discovery) if root.is_dir() else ([], None)
    collection = collection_of(facts, declared)
    findings = [finding for each in facts for finding in judge(each, collection)]
    findings = (
        said_once(findings, facts)
        + [found for each in doubtful for found in judge(each, collection)]
        + of_data_set
        + left_out_findings(discovery.left_out)
        + too_few(facts)
    )
    return Screening(discovery.sources, facts, worst_first(findings), collection, discovery)


def look_at(
    sources: Sequence[ScanSource],
    selection: Selection,
    workers: int | None = None,
    progress: bool = True,
    copies: SmallCopies | None = None,
    known: Mapping[str, ScanFacts] | None = None,
    cluster: Cluster | None = None,
) -> Iterator[ScanFacts]:
    """Yields the facts of each scan, in the order given; see `screen` for the arguments."""
    done: dict[str, ScanFacts] = dict(known or {})
    new = [source for source in sources if source.name not in done]

    def record(finished: "Iterable[tuple[ScanSource, Future[Looked]]]") -> None:
        for source, future in finished:
            looked = _outcome(source, future)
            done[source.name] = looked.facts
            if copies is not None and looked.small is not None:
                copies.add(source.name, looked.small)
            bar.advance()

    if new:
        bar = Progress("looking at scans", len(new), unit="scans", shown=progress)
        look, seen = Look(selection, copies is not None), [folder_of(new)]
        executor: Jobs[ScanSource, Looked] = make_executor(cluster, look, workers, len(new), threads=1, seen=seen)
        with bar, executor:
            for source in new:
                executor.submit(source, bounds=preparing_bounds(sum(_size(file) for file in source.files)))
                record(executor.finished())
            record(executor.finished(everything=True))
    for source in sources:
        yield done[source.name]


def left_out_findings(left_out: Iterable[LeftOut]) -> list[Finding]:
    """Returns what is wrong about files that the search for scans left out."""
    findings = []
    for item in left_out:
        if item.reason.startswith(BROKEN):
            findings.append(Finding(item.name, "unreadable", "error", item.reason, do="copy or export it again"))
    return findings


def _like_labels(root: Path, discovery: Discovery) -> list[ScanSource]:
    """Returns the files that the search left out since they look like label maps: some are scans with a window baked in."""
    names = [item.name for item in discovery.left_out if item.reason.startswith(LABELS)]
    kinds = {name: SUFFIXES.get(ending_of(name).lower()) for name in names}
    return [ScanSource(name, kind, (root / name,)) for name, kind in kinds.items() if kind is not None]


def _outcome(source: ScanSource, future: "Future[Looked]") -> Looked:
    error = future.exception()
    if error is None:
        return future.result()
    if not isinstance(error, Exception):
        raise error
    refusal = Refusal("read", "a scan that can be read", str(error), "leave it out with --exclude, or copy it again")
    return Looked(ScanFacts(source.name, source.format, refusal))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0

"""Headers of scans, read in a process of their own: a damaged one can crash or stall the native readers."""

from collections.abc import Iterable, Iterator

from orienteer.errors import ScanError
from orienteer.scans.apart import Reading, apart, each_apart
from orienteer.scans.read import header
from orienteer.scans.source import ScanHeader, ScanSource, Selection


def scan_header(source: ScanSource, selection: Selection | None = None) -> ScanHeader:
    """Returns size, spacing and extent of a scan from its header alone; see `header`.

    Raises:
        ScanError: the header shows that the scan cannot be used, or reading it ended the process.
    """
    return apart(source.name, source.files, header, source, selection)


def scan_headers(
    sources: Iterable[ScanSource], selection: Selection | None = None
) -> Iterator[tuple[ScanSource, ScanHeader | ScanError]]:
    """Yields every scan with its header, or with the error of reading it, in the order given."""
    sources = list(sources)
    readings = [Reading(source.name, source.files, (source, selection)) for source in sources]
    for source, outcome in zip(sources, each_apart(header, readings), strict=True):
        if isinstance(outcome, ScanHeader | ScanError):
            yield source, outcome
        else:
            do = "check that it is there and that you may read it"
            yield (
                source,
                ScanError(source.name, step="read", wanted="a file that can be opened", got=str(outcome), do=do),
            )

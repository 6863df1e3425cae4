"""One part of a folder of scans, for sites that start the parts by themselves: ``3/16`` is the third of sixteen."""

import re
from dataclasses import replace

from orienteer.errors import InputError
from orienteer.scans.source import Discovery


def shard_of(discovery: Discovery, shard: str | None) -> Discovery:
    """Returns every n-th scan, in the order of the names: all parts together are the folder, each scan in one of them.

    Args:
        discovery: the folder. Its scans are sorted by name.
        shard: ``K/N``, the K-th of N parts; None for all scans.

    Raises:
        InputError: no such part, or one without a scan.

    Example:
        >>> from pathlib import Path
        >>> from orienteer.scans.source import ScanSource
        >>> folder = Discovery(tuple(ScanSource(name, "NIfTI", (Path(name),)) for name in "abcde"), ())
        >>> [source.name for source in shard_of(folder, "2/3").sources]
        ['b', 'e']
    """
    if shard is None:
        return discovery
    number, parts = _parsed(shard)
    if parts > len(discovery.sources):
        got = f"{shard} of {len(discovery.sources)} scans"
        raise InputError("shard", wanted="at most one part per scan", got=got, do="use fewer parts")
    return replace(discovery, sources=discovery.sources[number - 1 :: parts])


def _parsed(shard: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", shard)
    number, parts = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= number <= parts:
        raise InputError("shard", wanted="K/N, K from 1 to N", got=shard, do="use --shard 1/16 to --shard 16/16")
    return number, parts

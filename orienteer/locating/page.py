"""The page of locate: template and scan side by side, the worst first. Its words are in templates/locate.html.j2."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orienteer.draw.pages import render
from orienteer.files import write_text
from orienteer.locating.answers import FOUND, NOT_SURE, OUTSIDE, FoundPlace, Located, LocatedScan
from orienteer.locating.finding import KnownTemplate
from orienteer.locating.pictures import draw_place
from orienteer.store.store import Store

MOST_SCANS, MOST_PLACES = 30, 3
"""Scans with pictures, and places of each: those with the largest error bars. All are in the tables."""

MOST_ROWS = 40
"""Places of a scan listed on the page; places.csv has them all."""


@dataclass(frozen=True)
class ScanStory:
    """One scan on the page.

    Attributes:
        scan: its places.
        rows: name, verdict, error bar and position of the first places, the worst first.
        left: how many are not listed.
        pictures: name of a place and its picture.
    """

    scan: LocatedScan
    rows: list[list[str]]
    left: int
    pictures: list[tuple[FoundPlace, bytes]]


@dataclass(frozen=True)
class Story:
    """Everything that the page shows.

    Attributes:
        located: what was found.
        templates: names of the templates.
        scans: the worst first.
        found: number of places with this verdict, and so on.
    """

    located: Located
    templates: tuple[str, ...]
    scans: tuple[ScanStory, ...]
    found: int
    outside: int
    not_sure: int


def write_page(
    path: Path, located: Located, known: Sequence[KnownTemplate], store: Path, keys: Mapping[str, str]
) -> None:
    """Writes the page.

    Args:
        path: the file.
        located: what was found.
        known: the templates.
        store: folder with the prepared scans.
        keys: of the scans in it, by name.
    """
    with Store.open(store) as reader:
        write_text(path, render("orienteer.locating", "locate.html.j2", make_story(located, known, reader, keys)))


def make_story(located: Located, known: Sequence[KnownTemplate], store: Store, keys: Mapping[str, str]) -> Story:
    """Returns everything that the page shows."""
    ranked = sorted(located.scans, key=lambda scan: scan.worst)
    stories = [
        _scan_story(scan, known, store, keys[scan.name], drawn=number < MOST_SCANS)
        for number, scan in enumerate(ranked)
    ]
    verdicts = [place.verdict for scan in located.scans for place in scan.places]
    return Story(
        located=located,
        templates=tuple(each.template.source.name for each in known),
        scans=tuple(stories),
        found=verdicts.count(FOUND),
        outside=verdicts.count(OUTSIDE),
        not_sure=verdicts.count(NOT_SURE),
    )


def _scan_story(scan: LocatedScan, known: Sequence[KnownTemplate], store: Store, key: str, drawn: bool) -> ScanStory:
    order = {NOT_SURE: 0, FOUND: 1, OUTSIDE: 2}
    places = sorted(scan.places, key=lambda place: (order[place.verdict], -place.error_bar_mm))
    shown = [place for place in places if place.verdict != OUTSIDE][:MOST_PLACES] if drawn else []
    return ScanStory(
        scan=scan,
        rows=[_row(place) for place in places[:MOST_ROWS]],
        left=max(0, len(places) - MOST_ROWS),
        pictures=[(place, draw_place(place, known, store, key)) for place in shown],
    )


def _row(place: FoundPlace) -> list[str]:
    right, front, head = place.point_mm
    return [
        place.name,
        place.verdict,
        f"{place.error_bar_mm:.0f}",
        f"{right:.1f}",
        f"{front:.1f}",
        f"{head:.1f}",
        "" if place.spread_mm is None else f"{place.spread_mm:.0f}",
    ]

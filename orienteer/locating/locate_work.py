"""The places of one scan as a job, for this process or a worker elsewhere."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orienteer.cluster.connect import Cluster
from orienteer.dicom.source_series import read_series
from orienteer.features.pretrained import Pretrained, load
from orienteer.labelled.grids import Geometry, source_geometry
from orienteer.labelled.prepared import prepare_named
from orienteer.locating.answers import LocatedScan
from orienteer.locating.cutting import write_crops
from orienteer.locating.field_cache import cached_field
from orienteer.locating.finding import KnownTemplate, find_places
from orienteer.locating.heads import PlaceHeads, heads_of
from orienteer.locating.settings import LocateSettings
from orienteer.locating.templates import Template
from orienteer.locating.transforms import write_transform
from orienteer.locating.writing import write_dicom_report, write_scan
from orienteer.runs.weights import check_same_weights
from orienteer.scans.apart import apart
from orienteer.scans.source import Discovery, ScanSource, Selection
from orienteer.store.given_rows import GivenRows
from orienteer.store.store import Row, Store


@dataclass(frozen=True)
class LocateJob:
    """A scan to find places in.

    Attributes:
        row: of the scan in the store.
        folder: for its results.
    """

    source: ScanSource
    row: Row
    folder: Path


@dataclass(frozen=True)
class Weights:
    """What a run knows.

    Attributes:
        heads: of the run, if there are any.
    """

    pretrained: Pretrained
    heads: PlaceHeads | None

    @classmethod
    def of(cls, run: Path, options: LocateSettings) -> "Weights":
        """Returns the weights of a run."""
        return cls(load(run, options.accelerator), heads_of(run, options.accelerator))


@dataclass
class LocateWork:
    """Finds the marked places in scans. Another process loads weights and templates when it gets its first scan.

    Attributes:
        run: run folder, or its encoder.safetensors.
        sha256: of the weights.
        options: of the command.
        store: folder of the prepared scans.
        templates: with their rows in the store.
        weights: loaded already.
        known: the templates with their fields.
    """

    run: Path
    sha256: str
    options: LocateSettings
    store: Path
    templates: tuple[tuple[Template, Row], ...]
    weights: Weights | None = None
    known: tuple[KnownTemplate, ...] = ()

    def __call__(self, job: LocateJob) -> tuple[LocatedScan, Geometry]:
        """Returns the places of a scan and where its voxels lie; writes the files of its folder.

        Raises:
            ScanError: the scan cannot be used.
            InputError: the weights are not those of the command.
        """
        weights, known = self.load()
        source, options = job.source, self.options
        grid = apart(source.name, source.files, source_geometry, source)
        series = apart(source.name, source.files, read_series, source) if options.to_dicom_sr else None
        key = job.row[0].key
        with GivenRows(self.store, {key: job.row}) as store:
            field = cached_field(weights.pretrained, store, key, weights.heads)
        begun = time.perf_counter()
        answer = find_places(known, field, grid)
        seconds = time.perf_counter() - begun
        scan = LocatedScan(source.name, answer.places, answer.boxes, answer.maps, answer.warnings, seconds, job.folder)
        write_scan(scan, grid)
        if series is not None:
            write_dicom_report(scan, series, self.sha256)
        selection = Selection(frame=options.frame, modality=options.modality)
        write_crops(scan, source, selection, options.crop, options.margin)
        if options.transform:
            for number, each in enumerate(scan.maps, start=1):
                ending = "" if len(scan.maps) == 1 else f"_{number}"
                write_transform(job.folder / f"template{ending}_to_scan.h5", each)
        return scan, grid

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "weights": None, "known": ()}

    def load(self) -> tuple[Weights, tuple[KnownTemplate, ...]]:
        """Returns the weights and the templates with their fields, loaded when this is first called."""
        if self.weights is None:
            weights = Weights.of(self.run, self.options)
            check_same_weights(self.run, weights.pretrained.card["sha256"], self.sha256)
            self.weights = weights
        if not self.known:
            rows = {row[0].key: row for _, row in self.templates}
            pretrained, heads = self.weights.pretrained, self.weights.heads
            with GivenRows(self.store, rows) as store:
                self.known = tuple(
                    KnownTemplate(template, row[0].key, cached_field(pretrained, store, row[0].key, heads))
                    for template, row in self.templates
                )
        return self.weights, self.known


def template_rows(
    templates: Sequence[Template],
    pretrained: Pretrained,
    store: Path,
    selection: Selection,
    workers: int | None,
    cluster: Cluster | None,
) -> tuple[tuple[Template, Row], ...]:
    """Prepares the templates and returns each with its row in the store."""
    rows = []
    chosen = replace(selection, include=(), exclude=())
    for template in templates:
        discovery = Discovery((template.source,), ())
        prepared = prepare_named(discovery, store, pretrained.preparation, chosen, workers, False, cluster)
        (key,) = prepared.keys.values()
        with Store.open(store) as reader:
            rows.append((template, reader.row(key)))
    return tuple(rows)

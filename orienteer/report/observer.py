"""Applies a run to scans one by one, and compares each with the run's own scans."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from orienteer.errors import ScanError
from orienteer.progress import Progress
from orienteer.report.findings import ObservedScan, larger_than_usual, percentiles_among, worth_drawing
from orienteer.report.header_check import HeaderCheck, Verdict, calibrate
from orienteer.report.judging import judge_header
from orienteer.report.measure import measure_scan
from orienteer.report.measurement import ScanMeasurement
from orienteer.report.new_scans import NewScans
from orienteer.report.own_scans import own_headers
from orienteer.report.pictures import draw_scan
from orienteer.report.trust import bars_of
from orienteer.report.whole_scan import WholeScan, read_whole
from orienteer.runs.error_bars_file import read_error_bars
from orienteer.runs.loaded import LoadedRun
from orienteer.store.store import Store


class Observer:
    """Measures scans with a run and judges them by measurements of the run's own scans.

    Args:
        loaded: the run.
        own: measurements of the run's own scans.
        modalities: the modalities that the run was trained on; empty if they are not known.
        sets: view sets per scan.
    """

    def __init__(
        self, loaded: LoadedRun, own: Sequence[ScanMeasurement], modalities: frozenset[str], sets: int
    ) -> None:
        self.loaded, self.own, self.modalities, self.sets = loaded, tuple(own), modalities, sets
        self.sound = (*self.own, *own_headers(loaded, [scan.key for scan in self.own]))
        self.header_check = calibrate(self.sound)
        self.bars = bars_of([scan for scan in self.own if scan.key in loaded.validation])
        self.bars = self.bars or read_error_bars(loaded.folder)
        self._measured = {scan.key: scan for scan in own}

    def observe_new(self, new: NewScans, drawn: int) -> tuple[tuple[ObservedScan, ...], dict[str, str]]:
        """Returns the observed new scans, and the reasons why others could not be used."""
        if not new.keys:
            return (), dict(new.left_out)
        with Store.open(new.store) as store:
            observed, left_out = self.observe(store, new.keys, drawn, new.notes)
        return observed, {**new.left_out, **left_out}

    def observe(
        self, store: Store, keys: Sequence[str], drawn: int, notes: Mapping[str, tuple[str, ...]] | None = None
    ) -> tuple[tuple[ObservedScan, ...], dict[str, str]]:
        """Returns the observed scans of a store, the worst ``drawn`` of them with pictures, and what failed.

        Args:
            store: has the scans, prepared with the run's own settings.
            keys: which scans.
            drawn: number of scans that get pictures.
            notes: what a reader must know about single scans.
        """
        observed: list[ObservedScan] = []
        left_out: dict[str, str] = {}
        with Progress("observing", len(keys), unit="scans") as progress:
            for key in keys:
                try:
                    observed.append(self._observe_one(store, key, (notes or {}).get(key, ())))
                except ScanError as error:  # it holds a view, but no set of views at the run's distances
                    left_out[store.scan(key).name] = f"{error.step}: wanted {error.wanted}, got {error.got}"
                progress.advance()
        return self._drawn(store, observed, drawn), left_out

    def _drawn(self, store: Store, observed: Sequence[ObservedScan], most: int) -> tuple[ObservedScan, ...]:
        """Returns the scans, those with pictures that are worth drawing."""
        chosen = {scan.measurement.key for scan in worth_drawing(observed, most)}
        scans = []
        with Progress("drawing", len(chosen), unit="scans") as progress:
            for scan in observed:
                measurement = scan.measurement
                if measurement.key in chosen:
                    whole = read_whole(store, measurement.key)
                    pictures = draw_scan(self.loaded, whole, measurement, self.bars)
                    scan = replace(scan, pictures=tuple(pictures))
                    progress.advance()
                scans.append(scan)
        return tuple(scans)

    def _observe_one(self, store: Store, key: str, notes: tuple[str, ...]) -> ObservedScan:
        scan = read_whole(store, key)
        measurement = self._measured.get(key) or self._measure(scan)
        measurement, verdict = self._judged(scan, measurement)
        return ObservedScan(
            measurement=measurement,
            verdict=verdict,
            notes=(*self._notes(key, scan.modality), *notes),
            percentiles=percentiles_among(measurement, self.own),
            large=larger_than_usual(measurement, self.own),
        )

    def _measure(self, scan: WholeScan) -> ScanMeasurement:
        """Returns what is measured on a scan by which no limits are set: its header is read as it is."""
        reader = self.loaded.reader
        seen = None
        if reader is not None:
            seen = reader.read(scan.key, scan.voxels, scan.spacing_mm, wrong_sizes=False)
        return measure_scan(self.loaded, scan, self.sets, header=seen)

    def _judged(self, scan: WholeScan, measured: ScanMeasurement) -> tuple[ScanMeasurement, Verdict | None]:
        check = self._check_without(scan.key)
        if check is None or not (measured.fits or measured.header is not None):
            return measured, None
        return judge_header(self.loaded, check, scan, measured, self.modalities)

    def _check_without(self, key: str) -> HeaderCheck | None:
        """Returns the check of headers, calibrated without the scan that it will judge."""
        if key not in {scan.key for scan in self.sound}:
            return self.header_check
        return calibrate([scan for scan in self.sound if scan.key != key])

    def _notes(self, key: str, modality: str) -> tuple[str, ...]:
        notes = []
        if self.modalities and modality not in self.modalities:
            trained = " and ".join(sorted(self.modalities))
            notes.append(f"{modality}, but the run was trained on {trained}: its metrics mean little")
        if key in self.loaded.training:
            notes.append("the run was trained on this scan")
        return tuple(notes)

"""The workbench that all cells of a comparison share: folders, cases, their parts, prepared once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from orienteer.cluster.connect import Cluster
from orienteer.comparison.config import CompareConfig
from orienteer.comparison.plan.contenders import Contender
from orienteer.comparison.plan.links import PATIENT, link_scans
from orienteer.comparison.plan.parts import PARTS, Parts, check_part, deal, read_parts
from orienteer.labelled.cases import LabelledCase, PreparedCases, prepare_cases
from orienteer.labelled.datasets import LabelledData, read_dataset
from orienteer.labelled.failures import failures_text
from orienteer.labelled.split import draw_cases
from orienteer.progress import say
from orienteer.scans.discover import discover
from orienteer.scans.patient_ids import dicom_patients, new_secret
from orienteer.scans.patients import NONE, Evidence, find_patients
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.store.outcomes import Failure
from orienteer.store.prepare_folder import prepare_folder
from orienteer.store.store import Store


@dataclass(frozen=True)
class Bench:
    """What every process of a comparison is given.

    Attributes:
        out: folder of the comparison.
        store: prepared scans.
        links: folder with the scans to pretrain on and nothing else.
        linked: name of the case by the place of its link in this folder.
        data: all cases.
        parts: cases to pretrain on, to validate on and to test on.
        group_by: how a pretraining finds the patients of these scans.
        prepared: cases by the fingerprint of their preparation; extended when a cell needs another one.
    """

    out: Path
    store: Path
    links: Path
    data: LabelledData
    parts: Parts
    linked: Mapping[str, str] = field(default_factory=dict)
    group_by: str = NONE
    prepared: dict[str, PreparedCases] = field(default_factory=dict)

    @property
    def selection(self) -> Selection:
        """How files are read."""
        return Selection(modality=self.data.modality)

    def cases(self, preparation: Preparation) -> PreparedCases:
        """Returns all cases, prepared whole: labels may lie where the body's outline is uncertain."""
        assert not preparation.crop_to_body
        key = preparation.fingerprint()
        if key not in self.prepared:
            self.prepared[key] = prepare_cases(
                self.data,
                self.store,
                preparation,
                self.selection,
                workers=0,
                given_spacing=True,
                shown=False,
                copies=True,
            )
        return self.prepared[key]

    def part(self, preparation: Preparation, name: str) -> list[LabelledCase]:
        """Returns the cases of a part: ``pretraining``, ``validation`` or ``test``."""
        cases = self.cases(preparation).cases
        return [cases[name] for name in sorted(self.parts.part(name))]

    def labelled(self, preparation: Preparation, fraction: float, seed: int) -> list[LabelledCase]:
        """Returns the cases whose labels are used: the same for every method."""
        cases = self.cases(preparation).cases
        return [cases[name] for name in draw_cases(self.parts.pretraining, fraction, seed)]

    def open_store(self) -> Store:
        """Returns a reader of the store."""
        return Store.open(self.store)


def set_up(config: CompareConfig, folder: Path) -> Bench:
    """Reads the data set, deals its cases into parts and links the scans to pretrain on; nothing is prepared yet.

    Args:
        folder: of the comparison.

    Raises:
        InputError: no usable data set, or a part that is needed has no case.
    """
    data = read_dataset(config.data, config.images, config.labels)
    names = [case.name for case in data.cases]
    named = {case.name: case.group for case in data.cases if case.group is not None}
    by_source = dicom_patients([case.source for case in data.cases], new_secret())
    hashes = {case.name: by_source[case.source.name] for case in data.cases if case.source.name in by_source}
    groups = find_patients(names, Evidence(named, config.group_by, hashes=hashes))
    parts = read_parts(config.split, names, groups) if config.split else deal(names, config.cases, groups)
    check_part(parts, config.evaluate)
    if config.select or "retrieval" in config.downstream:
        check_part(parts, "validation")
    links, known = folder / "scans", {name: groups[name] for name in parts.pretraining if name in groups}
    linked = link_scans([case for case in data.cases if case.name in parts.pretraining], links, known)
    store, group_by = Path(config.store or folder / "store"), PATIENT if known else NONE
    return Bench(folder, store, links, data, parts, linked, group_by)


def prepare_all(
    bench: Bench, contenders: Sequence[Contender], workers: int | None = None, cluster: Cluster | None = None
) -> tuple[Bench, PreparedCases]:
    """Prepares all cases once, for all processes; cases that cannot be used are reported and removed from their parts.

    Args:
        workers: processes that prepare scans. By default one per core.
        cluster: whose workers prepare the scans; by default this machine does.
    """
    every: list[PreparedCases] = []
    failures: dict[str, Failure] = {}
    lost: dict[str, Failure] = {}
    selection = contenders[0].config.part(Selection)
    for preparation in dict.fromkeys(contender.config.part(Preparation) for contender in contenders):
        whole = replace(preparation, crop_to_body=False)
        prepared = prepare_cases(
            bench.data,
            bench.store,
            whole,
            bench.selection,
            workers,
            given_spacing=True,
            copies=True,
            cluster=cluster,
        )
        bench.prepared[whole.fingerprint()] = prepared
        every.append(prepared)
        failures |= {failure.name: failure for failure in prepared.failures}
        lost |= _not_pretrained_on(bench, selection, preparation, workers, cluster)
    if failures or lost:
        say(failures_text(tuple((lost | failures).values())))
    usable = set.intersection(*(set(prepared.cases) for prepared in every)) - set(lost)
    parts = [tuple(name for name in bench.parts.part(part) if name in usable) for part in PARTS]
    return replace(bench, parts=Parts(*parts)), every[0]


def _not_pretrained_on(
    bench: Bench, selection: Selection, preparation: Preparation, workers: int | None, cluster: Cluster | None
) -> dict[str, Failure]:
    """Prepares the scans to pretrain on; returns why cases are not among them, by name, so that no part counts them."""
    discovery = discover(bench.links)
    report = prepare_folder(discovery, bench.store, selection, preparation, workers, cluster=cluster)
    failures = [*report.failures, *(Failure(item.name, "discover", item.reason, "") for item in discovery.left_out)]
    places = {item.name: item for item in failures}
    lost: dict[str, Failure] = {}
    for place, case in bench.linked.items():
        failure = next((places[name] for name in places if Path(name).is_relative_to(place)), None)
        if failure is not None:
            do = failure.do or "check the scan, or leave it out of the data set"
            lost[case] = Failure(case, failure.step, failure.reason, do)
    return lost

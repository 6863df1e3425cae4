"""The anatomy of a collection read by networks that are trained on it: each scan is judged by one that never saw it."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from orienteer.auditing.anatomy import Anatomy, findings_of, judge_among_themselves, not_outstanding, rows_of
from orienteer.cluster.connect import Cluster
from orienteer.headers.cubes import CubePolicy, coarse_scan
from orienteer.headers.reader import MOST_SCANS, PARTS, train_reader
from orienteer.headers.training import HeaderTraining
from orienteer.progress import tracked
from orienteer.report.measurement import ScanMeasurement
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Discovery, ScanSource, Selection
from orienteer.screening.screen import Screening
from orienteer.store.prepare_folder import prepare_folder
from orienteer.store.store import Store

LEAST_SCANS = 8
"""With fewer scans a network learns nothing that holds for others, and nothing is known of what sound scans look like to it."""

VOXELS = 96
"""Voxels along the longest edge of a usual scan: the networks see whole scans coarsely."""


def judge_cross_fitted(
    screening: Screening,
    groups: Sequence[Sequence[str]],
    selection: Selection,
    steps: int,
    workers: int | None,
    seed: int = 0,
    within: Path | None = None,
    cluster: Cluster | None = None,
) -> Anatomy:
    """Returns what networks that never saw a scan read off its anatomy.

    The scans are divided into three parts, those of one group in one part, and each part is judged by a network that was
    trained on the other two.

    Args:
        screening: the scans, and what files alone say of them. Scans with an error are left out.
        groups: scans of one person or image.
        selection: how they are read.
        steps: of each training.
        workers: processes that prepare scans.
        seed: of the trainings.
        within: where the prepared scans go, in a folder that is removed; by default the system's temporary folder.
        cluster: whose workers prepare them; by default this machine does.
    """
    usable = without_errors(screening)
    if len(usable) < LEAST_SCANS:
        few = f"{len(usable)} scans are too few to train networks that judge headers"
        return Anatomy(notes=(f"{few}: headers were not compared with anatomy. --run takes a run that is there.",))
    with tempfile.TemporaryDirectory(dir=within, prefix="orienteer-") as temporary:
        preparation = Preparation(spacing_mm=(spacing_mm(screening, usable),) * 3)
        discovery, store = Discovery(tuple(usable.values()), ()), Path(temporary)
        report = prepare_folder(discovery, store, selection, preparation, workers, cluster=cluster)
        with Store.open(store) as reader:
            measured = _measured(reader, report.names, groups, HeaderTraining(steps=steps), seed)
    verdicts = judge_among_themselves(measured)
    judged = f"Headers of {len(verdicts)} scans were judged by {PARTS} networks of {steps} steps"
    note = f"{judged}, each scan by one that never saw it; limits come from the other scans. "
    note += "A fault that most scans share cannot be found so."
    usual = not_outstanding(verdicts, measured)
    return Anatomy(findings_of(verdicts, within=usual), rows_of(verdicts), (note,))


def without_errors(screening: Screening) -> dict[str, ScanSource]:
    """Returns the scans that can be read and are images, without those that rules found an error in."""
    wrong = {each.scan for each in screening.findings if each.level == "error"}
    return {source.name: source for source in screening.readable if source.name not in wrong}


def spacing_mm(screening: Screening, usable: Mapping[str, ScanSource]) -> float:
    """Returns the voxel size at which the longest edge of a usual scan has so many voxels as the networks can use."""
    longest = [max(each.extent_mm) for each in screening.facts if each.name in usable and each.extent_mm is not None]
    return round(float(np.median(longest)) / VOXELS, 2)


def _measured(
    store: Store, names: Mapping[str, str], groups: Sequence[Sequence[str]], length: HeaderTraining, seed: int
) -> list[ScanMeasurement]:
    """Returns what a network that was not trained on it sees in each scan, under the name of the scan."""
    keys = sorted(set(names.values()))
    trained_on = keys[:: -(-len(keys) // MOST_SCANS)]
    shapes = [np.array(store.scan(key).shape_vox) * np.array(store.scan(key).spacing_mm) for key in keys]
    policy = CubePolicy.for_extents(np.array(shapes))
    coarse = {}
    for key in tracked(trained_on, "reading whole scans", "scans"):
        entry = store.scan(key)
        coarse[key] = coarse_scan(store.read(key, (0, 0, 0), entry.shape_vox), entry.spacing_mm, policy)
    of_key = {names[name]: number for number, members in enumerate(groups) for name in members if name in names}
    reader = train_reader(coarse, {}, policy, length, seed, of_key)
    measured = list[ScanMeasurement]()
    for key in tracked(keys, "reading headers", "scans"):
        entry = store.scan(key)
        seen = reader.own.get(key) or reader.read(key, store.read(key, (0, 0, 0), entry.shape_vox), entry.spacing_mm)
        shown = [name for name, its in names.items() if its == key]
        measured += [replace(ScanMeasurement.of_header(name, seen), name=name) for name in shown]
    return measured

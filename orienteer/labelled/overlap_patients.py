"""Test scans of patients of whom the pretraining saw other scans: by their DICOM headers, and by labels in their names.

Nothing that identifies a patient is kept for this. Headers of test scans are hashed with the secret of the pretraining's store,
and compared with the hashes in it; the labels are in the names of scans, which a run lists in its split.json.
"""

from collections.abc import Mapping

from orienteer.labelled.overlap_contents import (
    DAMAGED,
    pretraining_contents,
    pretraining_store,
    run_folder,
    run_settings,
)
from orienteer.runs.split import read_earlier, read_split
from orienteer.scans.patient_ids import dicom_patients
from orienteer.scans.patients import Evidence, groups_of
from orienteer.scans.source import ScanSource


def patients_seen(
    start: str | None, test: Mapping[str, str], sources: Mapping[str, ScanSource] | None = None
) -> list[str]:
    """Returns the names of test scans of whose patients the pretraining saw other scans, and not these.

    This is known for DICOM scans, if the store of the pretraining is there: by its hashes, or by the headers of the scans.

    Args:
        start: where the weights came from.
        test: content hash by name of the test scans.
        sources: their files by name. Without them only scans that lie in the store of the pretraining too are known.
    """
    contents = pretraining_contents(start)
    if not contents:
        return []
    others = {name: content for name, content in test.items() if content not in contents}
    try:
        with pretraining_store(start) as store:
            patients = {store.patient(content) for content in contents} - {None, ""}
            hashes = {name: store.patient(content) for name, content in others.items()}
            unknown = {name: (sources or {}).get(name) for name, value in hashes.items() if value is None}
            by_source = (
                dicom_patients([source for source in unknown.values() if source], store.secret()) if patients else {}
            )
            hashes |= {name: by_source.get(source.name) for name, source in unknown.items() if source}
            return sorted(name for name, value in hashes.items() if value in patients)
    except DAMAGED:
        return []


def same_labels(
    start: str | None, test: Mapping[str, str], sources: Mapping[str, ScanSource] | None = None
) -> dict[str, str]:
    """Returns the label that a test scan shares with a scan of the pretraining, and not the scan: BIDS' ``sub-...``.

    In one data set they are of one patient; two data sets may both have a ``sub-01``. A run with ``group_by`` compares what
    its pattern finds instead.

    Args:
        start: where the weights came from.
        test: content hash by name of the test scans.
        sources: their files by name; the path of a scan names a patient where the name of a case does not.
    """
    contents = pretraining_contents(start)
    if not contents:
        return {}
    try:
        evidence = Evidence(pattern=run_settings(start).get("group_by"))
        folder = run_folder(start)
        trained = {name for part in read_split(folder) for name in part.values()}
        trained |= {scan.name for scan in read_earlier(folder)}
        seen = set(groups_of(trained, evidence).values())
        labels = groups_of([name for name, content in test.items() if content not in contents], evidence)
        for name in test.keys() - labels.keys():
            source = (sources or {}).get(name)
            if source is not None and test[name] not in contents:
                path = {source.name: name}
                labels |= {path[place]: label for place, label in groups_of(path, evidence).items()}
    except DAMAGED:
        return {}
    return {name: labels[name] for name in sorted(labels) if labels[name] in seen}

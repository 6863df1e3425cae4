"""What comparing the scans of a collection with each other shows: copies, people, odd ones out, extents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orienteer.cluster.connect import Cluster
from orienteer.scans.patient_ids import dicom_patients, new_secret
from orienteer.scans.patients import Evidence, groups_of
from orienteer.screening.extents import Extent, extents_of
from orienteer.screening.findings import Finding
from orienteer.screening.groups import copy_findings, grouped
from orienteer.screening.outliers import descriptions, outlier_findings
from orienteer.screening.pairs import compare_scans
from orienteer.screening.screen import Screening
from orienteer.screening.small_copies import SmallCopies


@dataclass(frozen=True)
class Seen:
    """What comparing scans shows.

    Attributes:
        findings: copies, people, odd ones out.
        groups: scans of one image or person.
        extents: which part of a common frame each scan covers.
        notes: how they were compared, in sentences.
    """

    findings: Sequence[Finding] = ()
    groups: Sequence[tuple[str, ...]] = ()
    extents: Mapping[str, Extent] = field(default_factory=dict)
    notes: Sequence[str] = ()


def look_across(
    screening: Screening,
    copies: SmallCopies,
    workers: int | None,
    progress: bool = True,
    cluster: Cluster | None = None,
) -> Seen:
    """Compares the scans of a collection with each other; with fewer than two there is nothing to compare.

    Args:
        screening: what each scan says alone.
        copies: the small copies that were made of them.
        workers: processes.
        progress: whether to show progress.
        cluster: whose workers compare; by default this machine does.
    """
    if len(copies) < 2:
        return Seen(
            notes=("With fewer than two scans that can be read, only the rules about single scans were applied.",)
        )
    compared = compare_scans(copies, workers, progress, cluster)
    alike = compared.alike()
    names = [source.name for source in screening.sources]
    persons = groups_of(names, Evidence(hashes=dicom_patients(screening.sources, new_secret())))
    wrong = {each.scan for each in screening.findings if each.level == "error"}  # what makes them odd is known
    findings = copy_findings(alike, persons)
    findings += [each for each in outlier_findings(*descriptions(copies)) if each.scan not in wrong]
    notes = (
        f"{len(compared.shifts)} pairs of scans were compared by their detail at a coarse step, and {len(compared.likeness)} "
        "of them registered. Scans of one image or person correlate in their detail; those of different people do not.",
        "The common frame follows from the shifts at which scans agree best; it is right to about a centimetre.",
    )
    return Seen(findings, grouped(list(alike)), extents_of(copies, compared.shifts), notes)

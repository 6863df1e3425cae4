"""Structured report of places in a scan (PS3.16 TID 1500): points in space, each with its error bar and verdict.

Coordinates are SCOORD3D in the frame of reference of the series, mm towards left, back and head.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from orienteer.dicom.codes import coded_class, our_code
from orienteer.dicom.equipment import MAKER, identified, save, short_text
from orienteer.dicom.source_series import SourceSeries
from orienteer.types import TripleMm

SERIES_NUMBER = 8002

ERROR_BAR = our_code("error-bar", "Distance within which the place lies with 90 % probability")
VERDICT = our_code("verdict", "Whether the place can be relied on")


@dataclass(frozen=True)
class ReportedPlace:
    """A place as a report states it.

    Attributes:
        name: what it is.
        point_mm: in the body frame: mm towards right, front and head.
        error_bar_mm: the distance within which it lies with a probability of 90 %.
        verdict: in words.
    """

    name: str
    point_mm: TripleMm
    error_bar_mm: float
    verdict: str


def write_report(path: Path, places: Sequence[ReportedPlace], series: SourceSeries, sha256: str) -> None:
    """Writes places as a DICOM Comprehensive 3D SR, whole or not at all.

    Patient and study are those of the series, as the standard requires.

    Args:
        path: the file.
        places: at least one.
        series: of the scan.
        sha256: of the weights, which identify the algorithm.

    Raises:
        InputError: it cannot be written, for example because the disk is full.
    """
    import highdicom

    groups = [_group(number, place, series, sha256) for number, place in enumerate(places, 1)]
    report = highdicom.sr.MeasurementReport(
        observation_context=_observer(sha256),
        procedure_reported=_procedure(str(series.headers[0].get("Modality", ""))),
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names of the source that its own writer wrote in an old form
        document = highdicom.sr.Comprehensive3DSR(
            evidence=list(series.headers),
            content=report,
            series_instance_uid=highdicom.UID(),
            series_number=SERIES_NUMBER,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer=MAKER,
            is_complete=True,
            is_final=False,
            is_verified=False,
            series_description=f"{MAKER}: places",
        )
    save(path, document)


def _group(number: int, place: ReportedPlace, series: SourceSeries, sha256: str) -> Any:
    from highdicom import sr

    right, front, head = place.point_mm
    point = np.array([[-right, -front, head]])
    coded = coded_class(place.name, number)
    identifier = sr.TrackingIdentifier(uid=_new_uid(), identifier=short_text(place.name, f"place {number}"))
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=identifier,
        referenced_region=sr.ImageRegion3D(sr.GraphicTypeValues3D.POINT, point, series.frame_of_reference),
        finding_type=coded.kind,
        algorithm_id=sr.AlgorithmIdentification(f"{MAKER} model {identified(sha256)}", version("orienteer")),
        measurements=[sr.Measurement(ERROR_BAR, round(place.error_bar_mm, 2), codes.UCUM.Millimeter)],
        qualitative_evaluations=[sr.QualitativeEvaluation(VERDICT, _verdict(place.verdict))],
        geometric_purpose=codes.DCM.RepresentativePoint,
    )


def _verdict(words: str) -> Code:
    return our_code(words.replace(" ", "-")[:16], words)


def _observer(sha256: str) -> Any:
    """Returns who observed: a device, the network with these weights."""
    from highdicom import sr

    device = sr.DeviceObserverIdentifyingAttributes(
        uid=_new_uid(), name=MAKER, manufacturer_name=MAKER, model_name=MAKER, serial_number=identified(sha256)
    )
    context = sr.ObserverContext(observer_type=codes.DCM.Device, observer_identifying_attributes=device)
    return sr.ObservationContext(observer_device_context=context)


def _procedure(modality: str) -> Code:
    """Returns what kind of scan the report is about."""
    concepts: dict[str, Code] = {"CT": codes.LN.CTUnspecifiedBodyRegion, "MR": codes.LN.MRIUnspecifiedBodyRegion}
    other: Code = codes.SCT.ImagingProcedure
    return concepts.get(modality, other)


def _new_uid() -> Any:
    import highdicom

    return highdicom.UID()

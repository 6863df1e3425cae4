"""DICOM Segmentation (PS3.3 C.8.20) of a scan's label map: one segment for each class, on the very slices of the series."""

import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from orienteer.dicom.codes import coded_class
from orienteer.dicom.equipment import MAKER, identified, save, short_text
from orienteer.dicom.source_series import SourceSeries
from orienteer.errors import InputError

SERIES_NUMBER = 8001
"""Far above the numbers that scanners give to series."""


def write_segmentation(
    path: Path,
    class_numbers: UInt8[np.ndarray, "slices rows columns"],
    classes: Mapping[int, str],
    series: SourceSeries,
    sha256: str,
) -> None:
    """Writes a label map as a DICOM Segmentation, whole or not at all.

    Segment k is class k; its label value in the data set stands in its description. Frames without a voxel of a segment are
    not stored, unless there is nothing else. Patient and study are those of the series, as the standard requires.

    Args:
        path: the file.
        class_numbers: 0 is background, in the scan's file order.
        classes: name by label value, background first.
        series: of the scan.
        sha256: of the weights, which identify the algorithm.

    Raises:
        InputError: labels on other voxels, or a file that cannot be written, for example because the disk is full.
    """
    import highdicom

    if class_numbers.shape != series.shape:
        wanted, got = (" x ".join(map(str, shape)) for shape in (series.shape, class_numbers.shape))
        do = "leave the series as it is while it is predicted, and run the command again"
        raise InputError(str(path), wanted=f"labels on the {wanted} voxels of the series", got=f"{got} of them", do=do)
    segments = [_segment(number, *item, sha256) for number, item in enumerate(list(classes.items())[1:], 1)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names of the source that its own writer wrote in an old form
        segmentation = highdicom.seg.Segmentation(
            source_images=list(series.headers),
            pixel_array=np.ascontiguousarray(series.in_file_order(class_numbers)),
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=segments,
            series_instance_uid=highdicom.UID(),
            series_number=SERIES_NUMBER,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer=MAKER,
            manufacturer_model_name=MAKER,
            software_versions=version("orienteer"),
            device_serial_number=identified(sha256),
            omit_empty_frames=bool(class_numbers.any()),  # a file of no frames at all is not allowed
            content_label="SEGMENTATION",
            content_description="label map of a fine-tuned network",
            series_description=f"{MAKER}: label map",
        )
    save(path, segmentation)


def _segment(number: int, value: int, name: str, sha256: str) -> Any:
    """Returns the description of one segment."""
    import highdicom

    coded = coded_class(name, value)
    described = highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=short_text(name, f"label {value}"),
        segmented_property_category=coded.category,
        segmented_property_type=coded.kind,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=f"{MAKER} model {identified(sha256)}",
            family=_artificial_intelligence(),
            version=version("orienteer"),
        ),
        tracking_uid=highdicom.UID(),
        tracking_id=short_text(f"{number}: {name}", str(number)),
    )
    described.SegmentDescription = f"label value {value}"
    if coded.side is not None:
        side = highdicom.sr.CodedConcept(coded.side.value, coded.side.scheme_designator, coded.side.meaning)
        described.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [side]
    return described


def _artificial_intelligence() -> Any:
    from pydicom.sr.codedict import codes

    return codes.DCM.ArtificialIntelligence

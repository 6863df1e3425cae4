"""Places as a structured report (TID 1500) lie where they were found, in the coordinates of the series."""

import highdicom
import numpy as np
import pydicom
import pytest

from orienteer.dicom.report import VERDICT, ReportedPlace, write_report
from orienteer.dicom.source_series import read_series
from tests.dicom.conftest import ORIENTATIONS, ORIGIN, SPACING, write_series
from tests.helpers.files import PATIENT, only_scan

SHA = "0123456789abcdef" * 4
VOXELS = {"liver": (1, 2, 3), "mark 2": (6, 0, 4)}


@pytest.fixture(params=ORIENTATIONS)
def reported(request, tmp_path):
    """A report of two voxels (columns, rows, slices), and the direction of its series."""
    direction = ORIENTATIONS[request.param]
    write_series(tmp_path / "s", direction, modality="MR")
    places = []
    for name, voxel in VOXELS.items():
        left, back, head = np.array(ORIGIN) + direction @ (np.array(voxel) * SPACING)
        places.append(ReportedPlace(name, (-left, -back, head), 3.456, "not sure"))
    write_report(tmp_path / "a.sr.dcm", places, read_series(only_scan(tmp_path / "s")), SHA)
    return tmp_path / "a.sr.dcm", direction


def items(data: pydicom.Dataset, kind: str):
    """All items of a value type in a tree of content."""
    for item in data.get("ContentSequence", ()):
        if item.ValueType == kind:
            yield item
        yield from items(item, kind)


def test_points_in_space_are_those_of_the_voxels(reported):
    path, direction = reported
    data = pydicom.dcmread(path)
    assert data.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert data.SOPClassUID == pydicom.uid.Comprehensive3DSRStorage
    points = list(items(data, "SCOORD3D"))
    assert [point.GraphicType for point in points] == ["POINT", "POINT"]
    assert {point.ReferencedFrameOfReferenceUID for point in points} == {"1.2.3.9"}
    for point, voxel in zip(points, VOXELS.values(), strict=True):
        step = direction.T @ (np.array(point.GraphicData) - ORIGIN) / SPACING  # back from mm to columns, rows, slices
        np.testing.assert_allclose(step, voxel, atol=1e-3)


def test_highdicom_reads_names_error_bars_and_verdicts(reported):
    report = highdicom.sr.srread(reported[0])
    groups = report.content.get_planar_roi_measurement_groups()
    assert [group.tracking_identifier for group in groups] == list(VOXELS)
    for group in groups:
        (measured,) = group.get_measurements()
        assert (measured.value, measured.unit.value) == (3.46, "mm")
        assert [item.value.meaning for item in group.get_qualitative_evaluations(VERDICT)] == ["not sure"]
    assert groups[0].finding_type.meaning == "Liver"


def test_it_says_which_slices_it_is_about_and_what_made_it(reported):
    data = pydicom.dcmread(reported[0])
    series = data.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == "1.2.3.4"
    assert len(series.ReferencedSOPSequence) == 5
    texts = {item.TextValue for item in items(data, "TEXT")}
    assert {"orienteer", "orienteer model 0123456789ab", "0123456789ab"} <= texts
    assert (data.PatientName, data.StudyInstanceUID) == (PATIENT, "1.2.3")
    assert (data.CompletionFlag, data.VerificationFlag) == ("COMPLETE", "UNVERIFIED")

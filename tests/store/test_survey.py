"""The survey of a folder: spacing, view size and unit that suit its scans, and which scans are too small for a view."""

import math

import numpy as np
import pytest

from orienteer.errors import InputError
from orienteer.scans.source import ScanHeader
from orienteer.store.survey import LEAST_SHARE_OF_EXTENT, VIEW_SHARE_OF_EXTENT, headers_table, survey_scans

LIMITS = {"divisor": (16, 16, 16), "least_view_vox": 32, "most_view_vox": 96}


def scan(shape, spacing, name="a", modality="CT"):
    extent = tuple(size * step for size, step in zip(shape, spacing, strict=True))
    return ScanHeader(name, "NIfTI", shape, spacing, extent, modality)


def test_the_spacing_is_the_median_edge_unless_views_would_show_too_little():
    fine = survey_scans([scan((180, 180, 180), (1.0, 1.0, 1.0))] * 2 + [scan((180,) * 3, (4.0,) * 3)], **LIMITS)
    assert fine.spacing_mm == (1.0, 1.0, 1.0)
    assert "median voxel edge" in fine.choices["spacing_mm"].why
    coarse = survey_scans([scan((1000, 1000, 1000), (0.5, 0.5, 0.5))], **LIMITS)
    assert coarse.spacing_mm[0] == pytest.approx(LEAST_SHARE_OF_EXTENT * 500 / 96, rel=0.04)
    assert "coarser than the median voxel of 0.5 mm" in coarse.choices["spacing_mm"].why


@pytest.mark.parametrize("shape", [(100, 100, 100), (300, 90, 60), (40, 500, 500)])
@pytest.mark.parametrize("divisor", [(16, 16, 16), (8, 16, 32)])
def test_views_are_multiples_of_the_divisor_within_all_limits(shape, divisor):
    survey = survey_scans([scan(shape, (2.0, 2.0, 2.0))], divisor=divisor, least_view_vox=32, most_view_vox=96)
    for size, extent, step in zip(survey.view_size, shape, divisor, strict=True):
        assert size % step == 0
        assert 32 <= size <= 96
        assert size <= max(32, VIEW_SHARE_OF_EXTENT * extent)


def test_the_unit_is_near_the_usual_gap_between_two_views():
    """The formula against drawing starts: the root mean square distance, rounded to 1, 2 or 5 times a power of ten."""
    survey = survey_scans([scan((200, 150, 300), (2.0, 2.0, 2.0))], **LIMITS)
    room = np.array((400.0, 300.0, 600.0)) - np.array(survey.view_size) * 2.0
    starts = np.random.default_rng(0).uniform(0, room, (2, 20_000, 3))
    gap = math.sqrt(((starts[0] - starts[1]) ** 2).sum(axis=1).mean())
    steps = [step * 10.0**power for power in range(4) for step in (1, 2, 5)]
    assert survey.unit_mm == min(steps, key=lambda step: abs(math.log(step / gap)))


def test_what_is_given_is_kept():
    survey = survey_scans(
        [scan((100, 100, 100), (2.0, 2.0, 2.0))],
        **LIMITS,
        spacing_mm=(1.0, 2.0, 3.0),
        view_size=(48, 32, 16),
        unit_mm=70.0,
    )
    assert (survey.spacing_mm, survey.view_size, survey.unit_mm) == ((1.0, 2.0, 3.0), (48, 32, 16), 70.0)
    assert {choice.why for choice in survey.choices.values()} == {"as given"}


def test_scans_that_are_smaller_than_a_view_are_named():
    scans = [scan((100, 100, 100), (2.0,) * 3, "large"), scan((100, 20, 100), (2.0,) * 3, "flat")]
    survey = survey_scans(scans, **LIMITS, spacing_mm=(2.0,) * 3, view_size=(32, 32, 32))
    assert survey.too_small == {"flat": "100 x 20 x 100 voxels at 2 mm, a view needs 32 x 32 x 32"}


def test_no_scan_and_impossible_spacings_are_refused():
    with pytest.raises(InputError, match="wanted at least one readable scan"):
        survey_scans([], **LIMITS)
    with pytest.raises(InputError, match="spacing_mm: wanted three lengths above 0 mm"):
        survey_scans([scan((9, 9, 9), (1.0,) * 3)], **LIMITS, spacing_mm=(1.0, 0.0, 1.0))


def test_the_table_counts_formats_and_gives_least_median_and_most():
    text = headers_table([scan((10, 20, 30), (1.0, 1.0, 2.0)), scan((30, 20, 10), (1.0, 1.0, 4.0), modality=None)])
    assert "NIfTI      CT             1" in text
    assert "NIfTI      by voxels      1" in text
    (shapes,) = [line for line in text.splitlines() if line.startswith("shape (voxels)")]
    assert [part.split() for part in shapes.split("  ") if " x " in part] == [
        ["10", "x", "20", "x", "10"],
        ["20", "x", "20", "x", "20"],
        ["30", "x", "20", "x", "30"],
    ]

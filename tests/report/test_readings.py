"""Readings of a header."""

import numpy as np

from orienteer.report.faults import FAULTS, SOUND, Fault
from orienteer.report.measure import measure_scan, with_readings
from orienteer.report.readings import FIRST_SETS, fit_of
from orienteer.report.undo_fault import undo_fault
from tests.helpers.oracle import with_fault


def test_a_reading_under_which_no_view_fits_is_left_out(oracle, coded):
    small = undo_fault(undo_fault(coded, Fault(spacing_factor=2.0)), Fault(spacing_factor=2.0))  # 10 x 11 x 14 voxels
    fits = measure_scan(oracle, small, sets=1, readings=(Fault(spacing_factor=2.0), Fault(mirrored=(0,)))).fits
    assert set(fits) == {SOUND, Fault(mirrored=(0,))}


def test_a_fit_holds_mean_squares_per_axis():
    true, guess = np.array([[3.0, 0, 0], [1.0, 0, 4.0]]), np.array([[3.0, 2.0, 0], [1.0, 0, 0]])
    fit = fit_of(true, {"a": guess})
    assert fit.missed["a"].tolist() == [0.0, 2.0, 8.0]
    assert fit.stated["a"].tolist() == [5.0, 0.0, 8.0]


def test_impossible_readings_are_dropped_after_the_first_sets(oracle, coded):
    """Of a sound scan, a perfect model keeps none; the gaps of all sets then count for the header as it is only."""
    few = measure_scan(oracle, coded, sets=FIRST_SETS, readings=FAULTS[:1]).fits
    many = measure_scan(oracle, coded, sets=FIRST_SETS + 2, readings=FAULTS[:1]).fits
    np.testing.assert_array_equal(many[FAULTS[0]].stated["oracle"], few[FAULTS[0]].stated["oracle"])
    assert set(many) == {SOUND, FAULTS[0]}


def test_a_reading_can_be_added_to_a_measurement(oracle, coded):
    """With a faulty copy and the fault undone, the misfit of a perfect model falls to nothing."""
    fault = Fault(mirrored=(0,))
    faulty = with_fault(coded, fault)
    plain = measure_scan(oracle, faulty, sets=FIRST_SETS + 2, readings=())
    assert set(plain.fits) == {SOUND}
    more = with_readings(oracle, faulty, plain, (fault,))
    both = measure_scan(oracle, faulty, sets=FIRST_SETS + 2, readings=(fault,))
    for reading in (SOUND, fault):
        np.testing.assert_allclose(more.fits[reading].missed["oracle"], both.fits[reading].missed["oracle"], atol=1e-6)
    assert more.fits[fault].missed["oracle"].max() < 1.0 < more.fits[SOUND].missed["oracle"].max()
    assert with_readings(oracle, faulty, more, (fault,)) is more

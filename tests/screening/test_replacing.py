"""Of two findings that may each follow from the other one stays, and units are seen in mixed folders."""

from dataclasses import replace

import numpy as np
import pytest

from orienteer.phantoms.torso import phantom
from orienteer.scans.source import Scan
from orienteer.screening.collection import collection_of
from orienteer.screening.facts import ScanFacts, facts_of
from orienteer.screening.rules import judge
from orienteer.screening.slice_facts import SliceFacts
from orienteer.screening.thresholds import THRESHOLDS


@pytest.fixture(scope="module")
def sound() -> ScanFacts:
    made = phantom(1, (24, 24, 40), 10.0)
    return facts_of(
        Scan("a", made.voxels.astype(np.float32), made.spacing_mm, made.origin_mm, np.eye(3), "CT", "NIfTI")
    )


def with_slices(facts: ScanFacts, disorder: float, ripple: float) -> ScanFacts:
    assert isinstance(facts.slices, SliceFacts)
    slices = replace(
        facts.slices, disorder=disorder * THRESHOLDS.disorder, ripple=ripple * THRESHOLDS.ripple, ripple_slices=2.5
    )
    return replace(facts, slices=slices, across=slices)


@pytest.mark.parametrize(
    ("disorder", "ripple", "kind"), [(5.0, 1.5, "slices_out_of_order"), (1.2, 2.5, "interpolated")]
)
def test_of_disorder_and_ripple_the_surer_one_stays(
    sound: ScanFacts, disorder: float, ripple: float, kind: str
) -> None:
    kinds = {each.kind for each in judge(with_slices(sound, disorder, ripple), collection_of([sound]))}
    assert kinds & {"slices_out_of_order", "interpolated"} == {kind}


def test_slices_of_air_and_a_table_may_be_equal(sound: ScanFacts) -> None:
    made = phantom(1, (24, 24, 40), 10.0)
    voxels = made.voxels.astype(np.float32)
    voxels[:, :, 37:] = voxels.min()
    voxels[2:4, 2, 37:] = 60.0  # an edge of the table
    facts = facts_of(Scan("a", voxels, made.spacing_mm, made.origin_mm, np.eye(3), "CT", "NIfTI"))
    assert facts.slices is not None
    assert facts.slices.repeated == 0
    voxels[:, :, 37:] = voxels[:, :, 20:21]
    again = facts_of(Scan("a", voxels, made.spacing_mm, made.origin_mm, np.eye(3), "CT", "NIfTI"))
    assert again.slices is not None
    assert again.slices.repeated == 2


def test_another_unit_is_seen_in_a_mixed_folder(sound: ScanFacts) -> None:
    """Trunks and slabs of a tenth of the height: the spread alone would hide a factor of ten."""
    trunks = [replace(sound, name=f"trunk {k}", body_mm=(360.0 + k, 250.0, 450.0)) for k in range(8)]
    slabs = [replace(sound, name=f"slab {k}", body_mm=(380.0 + k, 260.0, 90.0)) for k in range(6)]
    in_cm = replace(sound, name="in cm", body_mm=(36.0, 25.0, 45.0))
    usual = collection_of([*trunks, *slabs, in_cm])
    (units,) = [each for each in judge(in_cm, usual) if each.level == "error"]
    assert units.kind == "units"
    assert float(units.evidence["factor"]) == pytest.approx(0.1)
    assert units.correction is not None
    assert units.correction.spacing_factor == (10.0, 10.0, 10.0)
    assert not any(each.kind == "units" for scan in (*trunks, *slabs) for each in judge(scan, usual))

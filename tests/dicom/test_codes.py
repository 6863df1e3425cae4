"""Names of classes in the terms of the standard."""

import pytest
from pydicom.sr.codedict import codes

from orienteer.dicom.codes import OUR_SCHEME, coded_class, our_code
from orienteer.dicom.equipment import LONGEST_NAME


@pytest.mark.parametrize("name", ["liver", "Liver", " LIVER "])
def test_a_structure_of_the_standard_has_its_snomed_code(name):
    coded = coded_class(name, 1)
    assert (coded.kind.value, coded.kind.scheme_designator, coded.side) == ("10200004", "SCT", None)
    assert coded.category == codes.SCT.AnatomicalStructure


@pytest.mark.parametrize("name", ["kidney_left", "left kidney", "Kidney Left"])
def test_a_side_in_a_name_becomes_a_modifier(name):
    coded = coded_class(name, 1)
    assert (coded.kind, coded.side) == (codes.SCT.Kidney, codes.SCT.Left)


def test_a_structure_whose_name_holds_its_side_keeps_its_own_code():
    coded = coded_class("left ventricle", 1)
    assert "ventricle" in coded.kind.meaning.lower()


@pytest.mark.parametrize("name", ["class 2", "left right kidney", "Läsion", "", "x" * 200, "a\\b\n"])
def test_what_the_standard_does_not_know_is_not_called_anatomy(name):
    coded = coded_class(name, 2)
    assert (coded.kind.value, coded.kind.scheme_designator, coded.side) == ("label-2", OUR_SCHEME, None)
    assert coded.category == codes.SCT.SpatialAndRelationalConcept
    assert 0 < len(coded.kind.meaning) <= LONGEST_NAME
    assert "\\" not in coded.kind.meaning


def test_a_code_without_a_meaning_has_its_value_for_one():
    assert our_code("label-1", "").meaning == "label-1"

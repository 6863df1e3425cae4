"""Patients of DICOM scans: equal hashes for one patient, none for placeholders, and never the identifier itself."""

import numpy as np
import pytest

from orienteer.scans.discover import discover
from orienteer.scans.patient_ids import NOBODY, dicom_patients, new_secret, patient_hash
from tests.helpers.files import noise, write, write_dicom

SECRET = bytes(range(32))


def hash_of(folder, **tags):
    return patient_hash(write_dicom(folder, noise((4, 4, 2)), **tags)[0], SECRET)


def test_one_patient_has_one_hash_and_another_has_another(tmp_path):
    write_dicom(tmp_path / "a/ct", noise((4, 4, 2)), series="1.2", PatientID="MR-4711")
    write_dicom(tmp_path / "b/mr", noise((4, 4, 2), seed=1), series="1.3", PatientID="MR-4711 ", modality="MR")
    write_dicom(tmp_path / "c", noise((4, 4, 2), seed=2), series="1.4", PatientID="MR-4712")
    write(tmp_path / "d.nii.gz", noise())
    sources = discover(tmp_path, progress=False).sources
    hashes = dicom_patients(sources, SECRET)
    assert sorted(hashes) == ["a/ct", "b/mr", "c"]
    assert hashes["a/ct"] == hashes["b/mr"] != hashes["c"]
    assert dicom_patients(sources, new_secret())["c"] != hashes["c"], "it cannot be made without the secret"


def test_the_same_identifier_of_two_issuers_is_of_two_patients(tmp_path):
    first, second = (hash_of(tmp_path / name, PatientID="7", IssuerOfPatientID=name) for name in ("North", "South"))
    assert first != second
    assert first == hash_of(tmp_path / "again", PatientID="7", IssuerOfPatientID="North")


@pytest.mark.parametrize(
    "patient", ["", "ANON", "anonymous_0", "Anonymized", "0000", "xxx", "N/A", "NoName", "de-identified", "_"]
)
def test_placeholders_of_anonymising_tools_are_nobody(tmp_path, patient):
    assert hash_of(tmp_path, PatientID=patient) == ""


@pytest.mark.parametrize("patient", ["ANON-0017", "P1", "sub-01", "000X7", "TCGA-AA", "None-3", "0010"])
def test_pseudonyms_are_patients(patient):
    assert NOBODY.fullmatch(patient) is None


def test_a_file_that_cannot_be_read_has_no_patient(tmp_path):
    (tmp_path / "broken").write_bytes(b"DICM" * 50)
    assert patient_hash(tmp_path / "broken", SECRET) == ""
    assert patient_hash(tmp_path / "missing", SECRET) == ""
    assert np.unique([len(hash_of(tmp_path / name, PatientID=name)) for name in ("P1", "P2")]).tolist() == [32]

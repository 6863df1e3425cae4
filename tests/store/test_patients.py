"""The store keeps the patients of DICOM scans as hashes with a secret of its own."""

import sqlite3

import pytest

from orienteer.store.index import FILE_NAME, Index
from orienteer.store.read_only import ReadOnlyIndex
from tests.helpers.files import write_dicom
from tests.helpers.stores import SETTINGS, prepare_here, tissue

IDS = {"a": "Miller-4711", "b": "Miller-4711", "c": "Smith-0815"}


@pytest.fixture
def studies(tmp_path):
    """Three series, two of them of one patient."""
    for number, (name, patient) in enumerate(IDS.items()):
        write_dicom(
            tmp_path / "scans" / name,
            tissue(number),
            spacing=(1.0, 1.0, 1.0),
            series=f"1.2.{number}",
            modality="MR",
            PatientID=patient,
        )
    return tmp_path / "scans"


def test_a_report_tells_which_scans_are_of_one_patient_and_the_store_remembers(studies, tmp_path, monkeypatch):
    first = prepare_here(studies, tmp_path / "store")
    assert first.patients["a"] == first.patients["b"] != first.patients["c"]
    monkeypatch.setattr("orienteer.store.prepare_folder.dicom_patients", lambda sources, secret: {"read": str(sources)})
    assert prepare_here(studies, tmp_path / "store").patients == first.patients
    assert prepare_here(studies, tmp_path / "other").patients == {}, "headers were read above, and not here"


def test_two_stores_have_two_secrets(studies, tmp_path):
    patients = [prepare_here(studies, tmp_path / store).patients for store in ("one", "two")]
    assert not set(patients[0].values()) & set(patients[1].values())


def test_no_identifier_is_in_the_store_or_the_report(studies, tmp_path, capfd):
    report = prepare_here(studies, tmp_path / "store")
    written = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    shown = f"{report}{report!r}{capfd.readouterr()}".encode()
    for patient in IDS.values():
        assert patient.encode() not in written + shown
    assert not any(value.encode() in shown for value in report.patients.values())


def test_a_store_of_an_older_version_gets_patients_when_scans_are_prepared_again(studies, tmp_path):
    first = prepare_here(studies, tmp_path / "store")
    connection = sqlite3.connect(tmp_path / "store" / FILE_NAME)
    connection.executescript("DROP TABLE patients; DROP TABLE secret;")
    connection.close()
    with Index.for_reading(tmp_path / "store") as index:
        assert index.keys(SETTINGS.fingerprint()) == list(first.keys)
        assert index.patient("any") is None
        assert len(ReadOnlyIndex(index).secret()) == 32
    again = prepare_here(studies, tmp_path / "store")
    assert (again.prepared, again.reused) == (0, 3)
    assert again.patients["a"] == again.patients["b"] != again.patients["c"]

"""Which DICOM scans are of one patient: the identifier in their headers as a keyed hash, never as it is."""

import hashlib
import re
import secrets
import warnings
from collections.abc import Sequence
from pathlib import Path

import pydicom

from orienteer.scans.apart import Reading, each_apart
from orienteer.scans.source import DICOM, ScanSource

SECRET_BYTES = 32
"""Length of the key of a hash. Without it nobody can tell whose a hash is by hashing all identifiers."""

NOBODY = re.compile(
    r"[\W_0]*|x+|[\W_]*(anon(ymous|ymi[sz]ed|ymi[sz]ation)?|(de|un)[-_ ]?identified|removed|unknown|none|n/?a|null|patient|"
    r"(no|patient)[-_ ]?(name|id))[\W_0]*",
    re.IGNORECASE,
)
"""Identifiers that anonymising tools write for everybody: scans that share one are not therefore of one patient."""


def new_secret() -> bytes:
    """Returns a new key for the hashes of patients."""
    return secrets.token_bytes(SECRET_BYTES)


def dicom_patients(sources: Sequence[ScanSource], secret: bytes) -> dict[str, str]:
    """Returns the hash of the patient of each DICOM scan whose header names one, by the scan's name.

    Headers are read in another process, which hands over the hashes alone.

    Args:
        sources: scans of any format.
        secret: the key: two hashes can be compared only if they were made with the same.
    """
    series = [source for source in sources if source.format == DICOM]
    readings = [Reading(item.name, item.files[:1], (item.files[0], secret)) for item in series]
    found = zip(series, each_apart(patient_hash, readings), strict=True)
    return {item.name: outcome for item, outcome in found if isinstance(outcome, str) and outcome}


def patient_hash(path: Path, secret: bytes) -> str:
    """Returns the hash of PatientID and IssuerOfPatientID of a DICOM file; an empty text if it names no patient."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tags = ["PatientID", "IssuerOfPatientID"]
            data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags, force=True)
            patient, issuer = (str(data.get(tag) or "").strip() for tag in tags)
        except Exception:  # what is wrong with the file is said where it is read as a scan
            return ""
    if NOBODY.fullmatch(patient):
        return ""
    text = f"{issuer}\0{patient}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, key=secret, digest_size=16).hexdigest()

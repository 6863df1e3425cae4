"""Names of files and folders that could be names of persons: said before they are shown where others see them."""

import re
from collections.abc import Iterable

from orienteer.progress import say

MOST_SHOWN = 3
"""How many of such names a warning shows."""

_OF_THE_FIELD = (
    "abdomen abdominal adult anatomy angio anon anonymous arterial artery atlas atrium axial baseline bladder body bone brain",
    "breast cardiac case cases cerebellum challenge chest child clinic cohort colon contrast control controls coronal cropped",
    "data dataset delayed derivatives dicom diffusion dixon export exported fat fetal fixed flair full gland head healthy",
    "heart hepatic hip hippocampus hospital image images kidney knee label labels left liver localizer low lower lumbar lung",
    "lungs mask masks moving native neck nifti original orig pancreas part patient patients pelvis phantom phase post prostate",
    "pre public raw registered release resampled rest right sagittal sample scan scanner scans segmentation series session set",
    "shoulder site skull spine spleen stack stomach studies study subject subjects synthetic task test tests testing thorax",
    "torso train training trial tumor tumour upper uterus validation vein venous ventricle version vessel visit volume volumes",
    "water weighted whole with without",
)

NO_NAMES = frozenset(" ".join(_OF_THE_FIELD).split())
"""Words that names of files are made of. Two capitalised words of a name that are none of them could be a person's."""

_WORD = re.compile(r"[^\W\d_]+")
_PERSON = re.compile(r"[^\W\d_]{2,}")


def could_be_person(part: str) -> bool:
    """Returns whether a folder or file is named by two capitalised words that are no words of the field.

    This finds ``Mueller_Anna_1965`` and not ``amueller``, and it takes ``New_York_2019`` for a person: it is a reason to look,
    and its silence is no promise.

    Example:
        >>> [could_be_person(part) for part in ("Anna_Mueller", "MUELLER^ANNA 1965", "Heart_Left_CT", "imagesTr", "sub-Anna")]
        [True, True, False, False, False]
    """
    words = [word for word in _WORD.findall(part) if _PERSON.fullmatch(word)]
    names = [word for word in words if word[0].isupper() and (word[1:].islower() or (word.isupper() and len(word) > 3))]
    return sum(word.lower() not in NO_NAMES for word in names) >= 2


def person_names(names: Iterable[str]) -> list[str]:
    """Returns the folders and files in the names of scans that could be named after a person, sorted.

    Example:
        >>> person_names(["Anna_Mueller/ct.nii.gz", "Anna_Mueller/mr.nii.gz", "case_003.nii.gz"])
        ['Anna_Mueller']
    """
    return sorted({part for name in names for part in name.split("/") if could_be_person(part.split(".")[0])})


def warn_of_persons(names: Iterable[str], shown_in: str, do: str) -> None:
    """Says once which names of scans could be those of persons, before they are shown.

    Args:
        names: of scans.
        shown_in: the files that show them, for the message.
        do: what to do about it.
    """
    found = person_names(names)
    if found:
        more = f" and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
        which = ", ".join(repr(name) for name in found[:MOST_SHOWN])
        say(f"WARNING: {shown_in} the names of scans, and {which}{more} could be names of persons. If so: {do}")

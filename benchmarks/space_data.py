"""The collections that `benchmarks.space` measures: which scans are trained on, and which are never.

Synthetic ones are made; real ones lie in a folder that is named with ``--folder`` or by the variable
``ORIENTEER_DATA``, or in ``shared/data`` beside this checkout, in the layout of the Medical Segmentation Decathlon. Scans of
one person lie on one side.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orienteer.files import write_text
from orienteer.phantoms.torso import write_phantoms

FOLDER_VARIABLE = "ORIENTEER_DATA"
SHARED = Path(__file__).parents[2] / "shared" / "data"

SYNTHETIC = ("demo", "hard-phantoms")
REAL = ("abdomen_ct", "brain_mr")

PHANTOMS, PHANTOM_SEED = 160, 40_000
"""As many as the demo makes, and 40 that are held out."""

HELDOUT_SHARE = 0.3
"""Of the people of a real collection."""

FEWEST_HELDOUT = 8
"""People, where there are twice as many: with fewer scans no rank correlation over scans is given."""

SAME_PERSON: Mapping[str, str] = {
    "brain_1038.nii.gz": "brain_1018.nii.gz",
    "brain_1039.nii.gz": "brain_1019.nii.gz",
}
"""Scans of a person who was scanned before, and the first scan."""


@dataclass(frozen=True)
class Collection:
    """The scans of one collection.

    Attributes:
        training: files to pretrain on.
        heldout: files of other people, never trained on.
    """

    training: tuple[Path, ...]
    heldout: tuple[Path, ...]


def collection(data: str, seed: int, work: Path, folder: Path | None = None) -> Collection | None:
    """Returns the scans of a collection, divided by the seed; None where a real one is not there.

    Args:
        data: one of ``SYNTHETIC`` or ``REAL``.
        seed: decides which people are held out.
        work: where synthetic scans are written, once.
        folder: where real collections lie; by default as the module says.
    """
    if data in SYNTHETIC:
        scans = work / data
        if not scans.is_dir():
            write_phantoms(scans, PHANTOMS, PHANTOM_SEED, labels=False, hard=data == "hard-phantoms")
        share = 0.25
    else:
        scans = real_folder(folder) / data / "imagesTr"
        share = HELDOUT_SHARE
    files = sorted(scans.glob("*.nii.gz"))
    if not files:
        return None
    heldout = heldout_people([file.name for file in files], share, seed)
    person = {file: SAME_PERSON.get(file.name, file.name) for file in files}
    return Collection(
        tuple(file for file in files if person[file] not in heldout),
        tuple(file for file in files if person[file] in heldout),
    )


def heldout_people(names: Sequence[str], share: float, seed: int) -> frozenset[str]:
    """Returns which people are held out, each named by the first of its scans.

    Example:
        >>> names = ["brain_1018.nii.gz", "brain_1038.nii.gz", "a.nii.gz", "b.nii.gz"]
        >>> sorted(heldout_people(names, share=0.99, seed=0))
        ['a.nii.gz', 'b.nii.gz', 'brain_1018.nii.gz']
    """
    people = {SAME_PERSON.get(name, name) for name in names}
    ranked = sorted(people, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    return frozenset(ranked[: max(min(FEWEST_HELDOUT, len(ranked) // 2), round(share * len(ranked)))])


def link_scans(files: Sequence[Path], folder: Path) -> Path:
    """Returns a folder that holds these scans as links, and nothing else if it is new."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        if not (folder / file.name).is_symlink():
            (folder / file.name).symlink_to(file.resolve())
    return folder


def write_lists(scans: Collection, folder: Path) -> None:
    """Writes which scans were trained on and which were not, one name a line."""
    for name, files in (("training.txt", scans.training), ("heldout.txt", scans.heldout)):
        write_text(folder / name, "".join(f"{file.name}\n" for file in files))


def real_folder(folder: Path | None) -> Path:
    return folder or Path(os.environ.get(FOLDER_VARIABLE) or SHARED)

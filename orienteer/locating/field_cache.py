"""Fields of scans, kept in the store beside the scans: each is computed once for an encoder.

The name of a file is made from all that its content depends on: the scan's key (content and preparation), the weights, and
the version of what is computed. It is written whole or not at all, so that several processes may share a store.
"""

import hashlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from orienteer.errors import InputError
from orienteer.features.pretrained import Pretrained
from orienteer.files import write_bytes
from orienteer.locating.fields import PLACES, Box, Lattice, ScanField, scan_field
from orienteer.locating.heads import KnownPlaces, PlaceHeads
from orienteer.locating.volumes import Volume
from orienteer.progress import say
from orienteer.store.arrays import checksum
from orienteer.store.store import Store

FORMAT = 2
"""Goes up when the same scan and encoder give another field."""


def cached_field(
    pretrained: Pretrained,
    store: Store,
    key: str,
    heads: PlaceHeads | None = None,
    compute: Callable[..., ScanField] = scan_field,
) -> ScanField:
    """Returns the field of a scan from the store; computes it, and keeps it, where it is not there or damaged.

    Args:
        pretrained: the encoder.
        store: holds the scan.
        key: of the scan.
        heads: of the encoder's run, if there are any.
        compute: what makes a field.
    """
    weights = str(pretrained.card["sha256"]) + (heads.version if heads else "")
    path = field_path(store.folder, key, weights)
    if path.is_file():
        try:
            return unpacked(path.read_bytes())
        except (OSError, ValueError, KeyError) as error:
            say(f"warning: {path} is damaged ({type(error).__name__}) and is made again")
    content = packed(compute(pretrained, store, key, heads))
    try:
        write_bytes(path, content)
    except InputError as error:  # the answer does not depend on it
        say(f"warning: the features of {store.scan(key).name} are not kept: {error}")
    return unpacked(content)  # rounded as it is when it is read again


def field_path(store: Path, key: str, weights: str) -> Path:
    """Returns where the field of a scan is kept.

    Args:
        store: folder of the store.
        key: of the scan.
        weights: hash of the weights.
    """
    origin = hashlib.blake2b(f"{FORMAT}|{PLACES}|{weights}".encode(), digest_size=8).hexdigest()
    return store / "fields" / key[:2] / f"{key}-{origin}.npz"


def packed(field: ScanField) -> bytes:
    """Returns a field as bytes with their checksum in front. Features are kept in half precision, which moves no match."""
    arrays: dict[str, Any] = {
        "features": field.features.astype(np.float16),
        "channels": np.array(field.channels),
        "shape": np.array(field.lattice.shape),
        "lattice_mm": np.stack([field.lattice.origin_mm, field.lattice.step_mm]),
        "body": np.packbits(field.lattice.body),
        "box_mm": np.stack(field.box),
        "modality": np.array(field.modality),
        "greys": np.array(len(field.greys)),
    }
    for number, grey in enumerate(field.greys):
        arrays[f"grey{number}"] = grey.rows.astype(np.float16)
        arrays[f"grey{number}_shape"] = np.array(grey.shape)
        arrays[f"grey{number}_mm"] = np.stack([grey.origin_mm, grey.step_mm])
    if field.known is not None:
        arrays["known_channels"] = np.array(field.known.channels, int)
        arrays["known_embedding"] = field.known.embedding.astype(np.float16)
        arrays["known_places_mm"], arrays["known_scales_mm"] = field.known.places_mm, field.known.scales_mm
    file = io.BytesIO()
    np.savez(file, **arrays)
    content = file.getvalue()
    return checksum(content).to_bytes(8, "big") + content


def unpacked(content: bytes) -> ScanField:
    """Returns the field that `packed` made.

    Raises:
        ValueError: the bytes are not what was written.
    """
    if len(content) < 9 or checksum(content[8:]) != int.from_bytes(content[:8], "big"):
        raise ValueError("another checksum")
    with np.load(io.BytesIO(content[8:]), allow_pickle=False) as arrays:
        shape = _triple(arrays["shape"])
        body = np.unpackbits(arrays["body"])[: int(np.prod(shape))].astype(bool)
        greys = [
            Volume(
                arrays[f"grey{number}"].astype(np.float32),
                _triple(arrays[f"grey{number}_shape"]),
                *arrays[f"grey{number}_mm"],
            )
            for number in range(int(arrays["greys"]))
        ]
        return ScanField(
            lattice=Lattice(shape, arrays["lattice_mm"][0], arrays["lattice_mm"][1], body),
            features=arrays["features"].astype(np.float32),
            channels=tuple(arrays["channels"].tolist()),
            greys=tuple(greys),
            box=Box(*arrays["box_mm"]),
            modality=str(arrays["modality"]),
            known=_known(arrays) if "known_channels" in arrays else None,
        )


def _known(arrays: Mapping[str, np.ndarray]) -> KnownPlaces:
    return KnownPlaces(
        arrays["known_places_mm"],
        arrays["known_scales_mm"],
        arrays["known_embedding"].astype(np.float32),
        tuple(arrays["known_channels"].tolist()),
    )


def _triple(values: np.ndarray) -> tuple[int, int, int]:
    size0, size1, size2 = (int(value) for value in values)
    return size0, size1, size2

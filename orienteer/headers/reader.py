"""HeaderReader: the trained networks of a run, what they see in the run's own scans, and its two files.

Where scans are few, several networks are trained, each without a part of the scans, so that every scan is seen by one that was
not trained on it. New scans are seen by all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from safetensors import SafetensorError
from safetensors.torch import load, save

from orienteer.errors import InputError
from orienteer.files import read_json, write_bytes, write_json
from orienteer.geometry.orientations import ORIENTATIONS
from orienteer.headers.cubes import CoarseScan, CubePolicy, coarse_scan
from orienteer.headers.evidence import WRONG_SIZES, HeaderEvidence, header_evidence
from orienteer.headers.network import HeaderNetwork
from orienteer.headers.training import HeaderTraining, train_header_network
from orienteer.progress import Progress
from orienteer.settings import make_settings
from orienteer.types import TripleMm

READER_FILE, WEIGHTS_FILE = "header_reader.json", "header_reader.safetensors"

ENOUGH = 19
"""With so many scans that no network needs, one network is trained on the others."""

PARTS = 3
"""Networks that are trained where there are fewer."""

MOST_SCANS = 400
"""Scans that are trained on at most; more would hardly change a network of this size."""

MOST_JUDGED = 60
"""Scans at most that are looked at, to set thresholds."""

_DO = "delete header_reader.json to do without the check of orientations, or restore both files"


@dataclass(frozen=True)
class HeaderReader:
    """The networks of a run that read headers.

    Attributes:
        policy: how they see scans.
        networks: the networks.
        parts: for each network, keys of the scans of the run that it was not trained on although it could have been.
        own: what is seen in these scans, each by the network that was not trained on it, by key.
    """

    policy: CubePolicy
    networks: tuple[HeaderNetwork, ...]
    parts: tuple[frozenset[str], ...]
    own: Mapping[str, HeaderEvidence]

    def networks_for(self, key: str) -> tuple[HeaderNetwork, ...]:
        """Returns the networks that see a scan: for one of the run, those that were not trained on it, if there are any."""
        apart = tuple(network for network, part in zip(self.networks, self.parts, strict=True) if key in part)
        return apart or self.networks

    def read(
        self,
        key: str,
        voxels: Float32[np.ndarray, "size0 size1 size2"],
        spacing_mm: TripleMm,
        wrong_sizes: bool = True,
    ) -> HeaderEvidence:
        """Returns what is seen in a prepared scan.

        Args:
            key: its key in a store.
            voxels: normalised to [-1, 1].
            spacing_mm: its voxel size.
            wrong_sizes: look at it with each wrong voxel size too, which is needed to set limits by it.
        """
        scan = coarse_scan(voxels, spacing_mm, self.policy)
        return header_evidence(self.networks_for(key), self.policy, scan, key, wrong_sizes)


def train_reader(
    training: Mapping[str, CoarseScan],
    heldout: Mapping[str, CoarseScan],
    policy: CubePolicy,
    length: HeaderTraining,
    seed: int,
    groups: Mapping[str, int] | None = None,
) -> HeaderReader:
    """Returns a trained reader.

    With 19 held-out scans or more, one network is trained on the others. With fewer, all scans are divided into three
    parts, and each part is judged by a network that was trained on the other two.

    Args:
        training: scans that the run was trained on, by key; at least one.
        heldout: those that it was not.
        policy: how scans are seen.
        length: of the training of each network.
        seed: decides everything.
        groups: patient by key, where it is known; the scans of one are in one part.
    """
    parts = parts_of(list(training), list(heldout), groups or {})
    scans = {**training, **heldout}
    networks, own = [], dict[str, HeaderEvidence]()
    with Progress("learning to read headers", len(parts) * length.steps, unit="steps") as progress:
        for number, part in enumerate(parts):
            others = [scan for key, scan in scans.items() if key not in part][:MOST_SCANS]
            network = train_header_network(others, policy, length, seed + number, progress.advance)
            networks.append(network)
            own |= {key: header_evidence([network], policy, scans[key], key) for key in part}
    return HeaderReader(policy, tuple(networks), tuple(parts), own)


def parts_of(training: Sequence[str], heldout: Sequence[str], groups: Mapping[str, int]) -> list[frozenset[str]]:
    """Returns the parts of the scans that a network each does without.

    Example:
        >>> [sorted(part) for part in parts_of(["a", "b", "c"], ["d"], {"a": 1, "b": 1})]
        [['a', 'b'], ['c'], ['d']]
        >>> len(parts_of(["a"], [str(number) for number in range(19)], {}))
        1
    """
    if len(heldout) >= ENOUGH and training:
        return [frozenset(heldout[:MOST_JUDGED])]
    people: dict[object, list[str]] = {}
    for key in (*training, *heldout):
        people.setdefault(groups.get(key, key), []).append(key)
    dealt = [[key for person in list(people.values())[first::PARTS] for key in person] for first in range(PARTS)]
    return [frozenset(part) for part in dealt if part and len(part) < len(training) + len(heldout)]


def write_reader(folder: Path, reader: HeaderReader) -> None:
    """Writes header_reader.safetensors and header_reader.json into a run folder."""
    tensors = {
        f"{number}.{name}": tensor.contiguous().cpu()
        for number, network in enumerate(reader.networks)
        for name, tensor in network.state_dict().items()
    }
    for key, seen in reader.own.items():
        tensors |= {f"logs.{key}": torch.from_numpy(seen.logs), f"sizes.{key}": torch.from_numpy(seen.sizes)}
    write_bytes(folder / WEIGHTS_FILE, save(tensors))
    write_json(
        folder / READER_FILE,
        {"cubes": asdict(reader.policy), "parts": [sorted(part) for part in reader.parts]},
    )


def read_reader(folder: Path) -> HeaderReader | None:
    """Returns the reader of a run; None for a run that has none.

    Raises:
        InputError: its files are damaged, or one is missing.
    """
    if not (folder / READER_FILE).is_file():
        return None
    content = read_json(folder / READER_FILE, dict[str, Any], wanted="the header reader of a run", do=_DO)
    try:
        tensors = load((folder / WEIGHTS_FILE).read_bytes())
        policy = make_settings(CubePolicy, content["cubes"])
        parts = tuple(frozenset(map(str, part)) for part in content["parts"])
        networks = tuple(_network(tensors, number, policy) for number in range(len(parts)))
        own = {key: _evidence(tensors, key) for part in parts for key in part}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        wanted = f"the networks that {READER_FILE} lists"
        raise InputError(str(folder / WEIGHTS_FILE), wanted=wanted, got=str(error)[:200], do=_DO) from error
    return HeaderReader(policy, networks, parts, own)


def _network(tensors: Mapping[str, torch.Tensor], number: int, policy: CubePolicy) -> HeaderNetwork:
    prefix = f"{number}."
    state = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    network = HeaderNetwork(policy.levels, policy.edge_vox)
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


def _evidence(tensors: Mapping[str, torch.Tensor], key: str) -> HeaderEvidence:
    logs, sizes = tensors[f"logs.{key}"].numpy(), tensors[f"sizes.{key}"].numpy()
    shapes = ((1 + len(WRONG_SIZES), len(ORIENTATIONS)), (1 + len(WRONG_SIZES), len(ORIENTATIONS), 3))
    if (logs.shape, sizes.shape) != shapes or not (np.isfinite(logs).all() and np.isfinite(sizes).all()):
        raise ValueError(f"what was seen in {key} has shape {logs.shape} and {sizes.shape}, or is not finite")
    return HeaderEvidence(logs, sizes)

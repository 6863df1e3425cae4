"""Features of explored scans, kept in the store for each scan and each state of the network."""

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from orienteer.explorer.kept import Kept
from orienteer.explorer.scan import OpenScan
from orienteer.explorer.scan_features import ScanFeatures
from orienteer.runs.loaded import LoadedRun

_TENSORS = ("embedding", "parts")


def kept_features(kept: Kept, scan: OpenScan, loaded: LoadedRun) -> ScanFeatures | None:
    """Returns the features of a scan as they were computed with the same weights; None if they were not kept."""
    whole = kept.read(scan.key, _name(loaded))
    if whole is None:
        return None
    arrays, about = whole
    stride0, stride1, stride2 = about["stride"]
    values: dict[str, Any] = {name: torch.from_numpy(arrays[name]).to(loaded.device) for name in _TENSORS}
    return ScanFeatures(**values, covered=arrays["covered"], stride=(stride0, stride1, stride2), source=about["source"])


def keep_features(kept: Kept, scan: OpenScan, loaded: LoadedRun, features: ScanFeatures) -> None:
    """Keeps the features of a scan for the next start."""
    arrays: dict[str, np.ndarray] = {name: getattr(features, name).float().cpu().numpy() for name in _TENSORS}
    arrays |= {"covered": features.covered}
    kept.write(scan.key, _name(loaded), arrays, {"stride": list(features.stride), "source": features.source})


def _name(loaded: LoadedRun) -> str:
    return f"features_{weights_hash(loaded)}"


def weights_hash(loaded: LoadedRun) -> str:
    """Returns a hash of all weights of a run, with those of its tasks."""
    return _hash(loaded.network)


@lru_cache(maxsize=4)
def _hash(network: torch.nn.Module) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()

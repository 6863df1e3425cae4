"""Peak memory of this process, or of a GPU."""

import resource
import sys

import torch


def peak_memory_mb(device: torch.device) -> float:
    """Returns the peak memory so far in MB: that of this process for the CPU, that of the device for a GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)

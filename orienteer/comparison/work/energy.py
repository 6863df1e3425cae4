"""Energy that the machine has used, where it tells: processors through Linux's powercap, NVIDIA GPUs through NVML."""

from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


def joules(powercap: Path = POWERCAP) -> float | None:
    """Returns what the counters of all processors and GPUs add up to; None where there is no counter that can be read.

    Only differences mean something. They are of the whole machine, whoever used it.
    """
    counters = [*_processors(powercap), *_gpus()]
    return sum(counters) if counters else None


def used(before: float | None, after: float | None) -> float | None:
    """Returns the energy between two readings; None where nobody knows, as after a counter has begun anew.

    Example:
        >>> used(100.0, 250.5), used(100.0, 20.0), used(None, 3.0)
        (150.5, None, None)
    """
    if before is None or after is None or after < before:
        return None
    return round(after - before, 1)


def _processors(powercap: Path) -> list[float]:
    found = []
    for package in sorted(powercap.glob("*-rapl:[0-9]*")):
        if package.name.count(":") > 1:
            continue  # a part of a processor that is counted already
        try:
            found.append(int((package / "energy_uj").read_text()) / 1e6)
        except (OSError, ValueError):
            return []  # some machines show it to administrators alone; half of it would mislead
    return found


def _gpus() -> list[float]:
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
        return [pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3 for handle in handles]
    except pynvml.NVMLError:
        return []

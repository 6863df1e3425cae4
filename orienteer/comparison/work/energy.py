"""Energy that the machine has used, where it can be read: processors by Linux's powercap, NVIDIA GPUs by NVML."""

from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


def joules(powercap: Path = POWERCAP) -> float | None:
    """Returns the sum of the energy counters of all processors and GPUs; None where no counter can be read.

    Only differences are meaningful. They include all work of the whole machine.
    """
    counters = [*_processors(powercap), *_gpus()]
    return sum(counters) if counters else None


def used(before: float | None, after: float | None) -> float | None:
    """Returns the energy between two readings; None where it is unknown, as after a counter has restarted.

    Example:
        >>> used(100.0, 250.5), used(100.0, 20.0), used(None, 3.0)
        (150.5, None, None)
    """
    if before is None or after is None or after < before:
        return None
    return round(after - before, 1)


def _processors(powercap: Path) -> list[float]:
    counters = []
    for package in sorted(powercap.glob("*-rapl:[0-9]*")):
        if package.name.count(":") > 1:
            continue  # a part of a processor that is already counted
        try:
            counters.append(int((package / "energy_uj").read_text()) / 1e6)
        except (OSError, ValueError):
            return []  # some machines allow only administrators to read it; a part of the sum would mislead
    return counters


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

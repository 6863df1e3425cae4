"""The command `plan`: what `pretrain` would do with a folder of scans, and what it would cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from orienteer.methods import resolve_method
from orienteer.pretraining.continuing import with_continued
from orienteer.pretraining.dry_run import Cost, count_step, measure_step
from orienteer.pretraining.footprint import Footprint
from orienteer.pretraining.resolve import on_gpu, resolve_config
from orienteer.progress import clock
from orienteer.runs.config import make_config
from orienteer.runs.keywords import PretrainKeywords
from orienteer.runs.run_config import RunConfig
from orienteer.scans.patient_ids import dicom_patients, new_secret
from orienteer.scans.patients import Evidence, groups_of, in_words
from orienteer.scans.source import Discovery, ScanHeader, ScanSource
from orienteer.store.survey import Chosen, Survey, headers_table

MOST_LISTED = 10
"""Scans of each kind that are listed by name."""


@dataclass(frozen=True)
class Plan:
    """What a run on a folder would be.

    Attributes:
        config: the settings of the run.
        scans: the choices about scans and views, each with its reason.
        discovery: what the folder holds.
        headers: the scans' sizes.
        unreadable: the reason by name for scans whose header cannot be used.
        patients: how many patients the scans are of, in words.
        window: the HU of CT that become -1 and 1, with the reason.
        cost: time and memory of a step, measured in a dry run on random views; None without a dry run, and where the run
            wants a GPU that is not here.
        needs: memory and operations of a step on one GPU, counted; None without a dry run, or where it was measured.
    """

    config: RunConfig
    scans: Survey
    discovery: Discovery
    headers: tuple[ScanHeader, ...]
    unreadable: dict[str, str]
    patients: str
    window: Chosen[tuple[float, float]]
    cost: Cost | None = None
    needs: Footprint | None = None

    @property
    def seconds_per_step(self) -> float | None:
        """Duration of an optimiser step; None without a dry run."""
        return None if self.cost is None else self.cost.seconds_per_step

    @property
    def peak_memory_mb(self) -> float | None:
        """Peak memory of the dry run, of the process on a CPU, of the device on a GPU; None without a dry run."""
        return None if self.cost is None else self.cost.peak_memory_mb

    def __str__(self) -> str:
        costs = [] if self.cost is None else _cost_lines(self.config, self.cost)
        costs += [] if self.needs is None else _gpu_lines(self.config, self.needs)
        return "\n".join([headers_table(self.headers), "", *_unused_lines(self), "", *_setting_lines(self), *costs])


def plan(scans: str | Path | None = None, dry_run: bool = True, **settings: Unpack[PretrainKeywords]) -> Plan:
    """Returns what `pretrain` would do with a folder, each choice with its reason, and what it would cost. Writes nothing.

    Args:
        scans: folder of scans.
        dry_run: measure time and memory in a few steps on random views, and count what a GPU would need.
        **settings: any field of `PretrainConfig`; given values are kept, the others are chosen.

    Raises:
        InputError: no readable scan, or an invalid setting.

    Example:
        >>> import tempfile
        >>> from orienteer.phantoms.torso import write_phantoms
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_phantoms(folder, count=2, seed=0, progress=False)
        ...     made = plan(folder, dry_run=False, encoder="tiny")
        >>> made.config.spacing_mm, made.config.view_size
        ((5.0, 5.0, 5.0), (32, 32, 32))
    """
    given = {**settings, **({} if scans is None else {"scans": str(scans)})}
    made = resolve_config(make_config(with_continued(given)))
    cost = measure_step(made.config, made.network) if dry_run and not _lacks_gpu(made.config) else None
    patients = _patients([*made.discovery.sources], made.config.group_by)
    return Plan(
        config=made.config,
        scans=made.scans,
        discovery=made.discovery,
        headers=made.headers,
        unreadable=made.unreadable,
        patients=patients,
        window=made.window,
        cost=cost,
        needs=count_step(made.config) if dry_run and not on_gpu(made.config) else None,
    )


def _lacks_gpu(config: RunConfig) -> bool:
    return config.accelerator == "gpu" and not on_gpu(config)


def _patients(sources: Sequence[ScanSource], group_by: str | None) -> str:
    names, hashes = [source.name for source in sources], dicom_patients(sources, new_secret())
    return in_words(names, groups_of(names, Evidence(pattern=group_by, hashes=hashes)), group_by)


def _unused_lines(made: Plan) -> list[str]:
    lines = []
    warnings = {header.name: "; ".join(header.warnings) for header in made.headers if header.warnings}
    for title, reasons in (
        ("left out", {item.name: item.reason for item in made.discovery.left_out}),
        ("unreadable", made.unreadable),
        ("used with a warning", warnings),
        ("too small for a view", made.scans.too_small),
    ):
        lines.append(f"{title}: {len(reasons)}")
        lines += [f"  {name}: {reason}" for name, reason in list(reasons.items())[:MOST_LISTED]]
        lines += [f"  ... and {len(reasons) - MOST_LISTED} more"] if len(reasons) > MOST_LISTED else []
    others = ", ".join(f"{count} {end}" for end, count in made.discovery.others.items())
    return [*lines, f"not a scan: {others}"] if others else lines


def _setting_lines(made: Plan) -> list[str]:
    config, scans = made.config, made.scans
    size_mm = " x ".join(f"{edge * step:.0f}" for edge, step in zip(scans.view_size, scans.spacing_mm, strict=True))
    return [
        f"{'patients':<12} {made.patients}",
        *(_line(name, choice.value, choice.why) for name, choice in scans.choices.items()),
        _line("a view", f"{size_mm} mm", f"{config.views} views per scan, {config.batch} scans per step"),
        _line("method", config.method, resolve_method(config.method).about),
        _line("warp", config.warp, "strength of the random warps of scans that training views are drawn from"),
        _line("encoder", config.encoder, _where(config)),
        _line("CT", made.window.value, f"HU window, mapped to -1 .. 1; {made.window.why}"),
        _line("MR", config.mr_percentiles, "percentiles of the body's voxels, per scan, mapped to -1 .. 1"),
        _line("store", f"{scans.store_bytes / 2**20:.0f} MB", "at most; cropping to the body makes it smaller"),
    ]


def _where(config: RunConfig) -> str:
    if _lacks_gpu(config):
        return "on a GPU, which this machine does not have: nothing is timed"
    return "on a GPU" if on_gpu(config) else "on the CPU"


def _cost_lines(config: RunConfig, cost: Cost) -> list[str]:
    seconds = cost.seconds_per_step
    time = f"{config.steps} steps of {seconds:.2f} s, measured on random views; loading and validation not included"
    where = "on the GPU" if on_gpu(config) else "of the process"
    return [
        _line("time", clock(seconds * config.steps), time),
        _line("memory", f"{cost.peak_memory_mb:.0f} MB", where),
    ]


def _gpu_lines(config: RunConfig, needs: Footprint) -> list[str]:
    weights, maps = needs.weight_bytes / 2**20, needs.peak_bytes / 2**20
    parts = f"of all tensors: {weights:.0f} MB of weights and optimiser, {maps:.0f} MB of feature maps and gradients"
    work = needs.flops * config.accumulate * config.devices * config.nodes
    run = f"a step, {work * config.steps / 1e15:.3g} PFLOP the run: divided by what a GPU sustains, the time on it"
    return [
        _line("GPU memory", f"{weights + maps:.0f} MB", f"{parts}; counted, not measured: leave a third more"),
        _line("work", f"{work / 1e12:.3g} TFLOP", run),
    ]


def _line(name: str, value: object, why: str) -> str:
    return f"{name:<12} {value!s:<22} {why}"

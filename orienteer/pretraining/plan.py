"""What would be done with a folder of scans, and what it would cost, before anything is done."""

import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from orienteer.encoders import can_decode, view_divisor
from orienteer.errors import InputError, ScanError
from orienteer.methods import Method, resolve_method
from orienteer.pretraining.data import distortion
from orienteer.pretraining.module import Pretraining, named_losses, total_loss
from orienteer.progress import Progress, clock
from orienteer.runs.config import PretrainConfig, make_config
from orienteer.runs.network import build_network, task_weights
from orienteer.scans.discover import discover
from orienteer.scans.read import header
from orienteer.scans.source import Discovery, ScanHeader, Selection
from orienteer.scans.survey import VIEW_SHARE_OF_EXTENT, Survey, headers_table, survey_scans
from orienteer.views.batch import ViewBatch
from orienteer.views.distort import Distorted, distort
from orienteer.views.layout import check_views

MOST_VIEW_VOX = {"tiny": 32, "cpu": 48, "gpu": 96}
"""The longest edge of a view that is chosen by itself: for the encoder for CPUs, for others on a CPU, and on a GPU."""

LEAST_VIEW_VOX = 16
"""The shortest edge of a view that is chosen by itself."""

DRY_STEPS = 3


@dataclass(frozen=True)
class Plan:
    """What a run on a folder would be.

    Attributes:
        config: every setting, resolved.
        scans: the choices about scans and views, each with its reason.
        discovery: what the folder holds.
        headers: the scans' sizes.
        unreadable: names of scans whose header cannot be used, with the reason.
        seconds_per_step: measured in a short dry run on made-up views; None where it was not asked for.
        peak_memory_mb: most memory in that dry run, of the process on a CPU, of the device on a GPU.
    """

    config: PretrainConfig
    scans: Survey
    discovery: Discovery
    headers: tuple[ScanHeader, ...]
    unreadable: dict[str, str]
    seconds_per_step: float | None = None
    peak_memory_mb: float | None = None

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def plan(scans: str | None = None, dry_run: bool = True, **settings: object) -> Plan:
    """Returns what `pretrain` would do with a folder, each choice with its reason, and what it would cost. Writes nothing.

    Args:
        scans: folder of scans.
        dry_run: measure the time and memory of a few steps on made-up views.
        **settings: any field of `PretrainConfig`; what is given is kept, the rest is chosen.

    Raises:
        InputError: no readable scan, or a setting that cannot be.

    Example:
        >>> import tempfile
        >>> from orienteer.phantoms.torso import write_phantoms
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_phantoms(folder, count=2, seed=0, progress=False)
        ...     made = plan(folder, dry_run=False, encoder="tiny")
        >>> made.config.spacing_mm, made.config.view_size
        ((5.0, 5.0, 5.0), (32, 32, 32))
    """
    made = plan_config(make_config({**settings, "scans": str(scans) if scans is not None else None}))
    return _measured(made) if dry_run else made


def plan_config(config: PretrainConfig, shown: bool = True) -> Plan:
    """Returns the plan of a config whose open settings are chosen from the folder's scans."""
    if config.scans is None:
        raise InputError(
            "scans", wanted="a folder of scans", got="none", do="name it: orienteer pretrain SCANS --out RUN"
        )
    method = resolve_method(config.method, config.tasks)
    config = replace(config, **_method_choices(config, method))
    discovery = discover(str(config.scans), config.part(Selection))
    headers, unreadable = _headers(discovery, config, shown)
    config = _for_small_scans(config, headers)
    divisor = view_divisor(config.encoder, **config.encoder_arguments)
    scans = survey_scans(
        headers,
        divisor=divisor,
        least_view_vox=max(LEAST_VIEW_VOX, *(2 * edge for edge in divisor)),
        most_view_vox=_most_view_vox(config),
        spacing_mm=config.spacing_mm,
        view_size=config.view_size,
        unit_mm=config.unit_mm,
    )
    config = replace(config, spacing_mm=scans.spacing_mm, view_size=scans.view_size, unit_mm=scans.unit_mm)
    build_network(replace(config, weights=None))  # a view size or task that cannot be stops here, before any work
    return Plan(config, scans, discovery, headers, unreadable)


def has_gpu(config: PretrainConfig) -> bool:
    """Returns whether the run would train on a GPU."""
    return config.accelerator != "cpu" and torch.cuda.is_available()


def _method_choices(config: PretrainConfig, method: Method) -> dict[str, Any]:
    own = method.encoder if has_gpu(config) else "tiny"
    views = method.views if config.views is None else config.views
    layout = method.layout if config.layout is None else config.layout
    check_views(views, layout)
    encoder = own if config.encoder == "auto" else config.encoder
    decoder = {"decoder": True} if method.decoder and can_decode(encoder) else {}
    return {
        "encoder": encoder,
        "encoder_arguments": {**decoder, **config.encoder_arguments},
        "views": views,
        "layout": layout,
        "distortion": asdict(method.distortion.changed(config.distortion)),
        "teacher": method.teacher if config.teacher is None else config.teacher,
        "validate_every": max(1, config.steps // 10) if config.validate_every is None else config.validate_every,
    }


def _for_small_scans(config: PretrainConfig, headers: Sequence[ScanHeader]) -> PretrainConfig:
    """Returns a config in which the encoder for CPUs keeps full resolution at first where scans have few voxels."""
    if config.encoder != "tiny" or "stem_stride" in config.encoder_arguments or config.view_size is not None:
        return config
    coarse = view_divisor(config.encoder, **config.encoder_arguments)
    smallest = np.quantile([header.shape_vox for header in headers], 0.25, axis=0)
    if (VIEW_SHARE_OF_EXTENT * smallest >= 2 * np.array(coarse)).all():
        return config
    return replace(config, encoder_arguments={**config.encoder_arguments, "stem_stride": 1})


def _most_view_vox(config: PretrainConfig) -> int:
    if config.encoder in MOST_VIEW_VOX:
        return MOST_VIEW_VOX[config.encoder]
    return MOST_VIEW_VOX["gpu" if has_gpu(config) else "cpu"]


def _headers(
    discovery: Discovery, config: PretrainConfig, shown: bool
) -> tuple[tuple[ScanHeader, ...], dict[str, str]]:
    headers, unreadable = [], {}
    with Progress("reading headers", len(discovery.sources), unit="scans", shown=shown) as progress:
        for source in discovery.sources:
            try:
                headers.append(header(source, config.part(Selection)))
            except ScanError as error:
                unreadable[source.name] = str(error)
            progress.advance()
    if not headers:
        first = next(iter(unreadable.values()), "nothing was found")
        raise InputError(
            str(config.scans),
            wanted="at least one readable scan",
            got=f"none; the first: {first}",
            do="look at the messages of the scans",
        )
    return tuple(headers), unreadable


def _measured(made: Plan) -> Plan:
    config = made.config
    device = torch.device("cuda" if has_gpu(config) else "cpu")
    module = Pretraining(build_network(replace(config, weights=None)), task_weights(config), config).to(device)
    views = _made_up_views(config).to(device)
    optimiser = torch.optim.AdamW(module.network.parameters())
    begun = 0.0
    for step in range(DRY_STEPS + 1):
        if step == 1:  # the first step pays for warming up
            begun = time.perf_counter()
        losses = named_losses(module.network.answers(views, module.teacher))
        optimiser.zero_grad()
        total_loss(module.weights, losses).backward()
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
    seconds = (time.perf_counter() - begun) / DRY_STEPS * config.accumulate
    return replace(made, seconds_per_step=seconds, peak_memory_mb=peak_memory_mb(device))


def _made_up_views(config: PretrainConfig) -> ViewBatch:
    generator = torch.Generator().manual_seed(0)
    sets = config.batch // (config.accumulate * config.devices * config.nodes)
    assert config.view_size is not None
    assert config.spacing_mm is not None
    assert config.unit_mm is not None
    assert config.views is not None
    images = torch.rand(sets, config.views, 1, *config.view_size, generator=generator) * 2 - 1
    centres = torch.rand(sets, config.views, 3, generator=generator) * config.unit_mm
    views = ViewBatch(images, centres, tuple("made up" for _ in range(sets)), config.spacing_mm)
    if not distortion(config).active:
        return views
    seen, done = zip(*(distort(np.random.default_rng(0), each, distortion(config)) for each in images), strict=True)
    return replace(views, images=torch.stack(seen), distorted=Distorted.stacked(done))


def peak_memory_mb(device: torch.device) -> float:
    """Returns the most memory so far in MB: of this process for the CPU, of the device for a GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _lines(made: Plan) -> Sequence[str]:
    config, scans = made.config, made.scans
    lines = [headers_table(made.headers), ""]
    for title, rows in (
        ("left out", {item.name: item.reason for item in made.discovery.left_out}),
        ("cannot be used", made.unreadable),
        ("too small for a view", scans.too_small),
    ):
        lines += [f"{title}: {len(rows)}"] + [f"  {name}: {reason}" for name, reason in list(rows.items())[:10]]
        lines += [f"  ... and {len(rows) - 10} more"] if len(rows) > 10 else []
    lines.append("")
    for name, choice in scans.choices.items():
        lines.append(f"{name:<12} {choice.value!s:<22} {choice.why}")
    size_mm = " x ".join(f"{edge * step:.0f}" for edge, step in zip(scans.view_size, scans.spacing_mm, strict=True))
    lines += [
        f"{'a view':<12} {size_mm + ' mm':<22} {config.views} views per scan, {config.batch} scans per step",
        f"{'method':<12} {config.method:<22} {resolve_method(config.method, config.tasks).about}",
        f"{'encoder':<12} {config.encoder:<22} {'on a GPU' if has_gpu(config) else 'on the CPU'}",
        f"{'CT':<12} {config.ct_window_hu!s:<22} HU window, mapped to -1 .. 1",
        f"{'MR':<12} {config.mr_percentiles!s:<22} percentiles of the body's voxels, per scan, mapped to -1 .. 1",
        f"{'store':<12} {f'about {scans.store_bytes / 2**20:.0f} MB':<22} at most; the crop to the body makes it smaller",
    ]
    if made.seconds_per_step is not None and made.peak_memory_mb is not None:
        lines += [
            f"{'time':<12} {clock(made.seconds_per_step * config.steps):<22} for {config.steps} steps at "
            f"{made.seconds_per_step:.2f} s, measured on made-up views; reading and validating come on top",
            f"{'memory':<12} {f'{made.peak_memory_mb:.0f} MB':<22} {'on the GPU' if has_gpu(config) else 'of the process'}",
        ]
    return lines

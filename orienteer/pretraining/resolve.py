"""From the settings of a user to those of a run: what was left open is chosen for the scans, the method and the machine."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from orienteer.devices import choose_device
from orienteer.encoders import can_decode, view_divisor
from orienteer.errors import InputError, ScanError
from orienteer.methods import Method, listed_tasks, resolve_method
from orienteer.pretraining.audited import without_audited
from orienteer.progress import tracked
from orienteer.runs.config import PretrainConfig, Training
from orienteer.runs.network import Network, build_network
from orienteer.runs.run_config import RunConfig
from orienteer.runs.weights import encoder_of
from orienteer.scans.discover import discover
from orienteer.scans.headers import scan_headers
from orienteer.scans.patients import check_matches
from orienteer.scans.source import Discovery, ScanHeader, Selection
from orienteer.store.survey import VIEW_SHARE_OF_EXTENT, Chosen, Survey, survey_scans
from orienteer.store.window import window_of_scans
from orienteer.types import Triple
from orienteer.views.layout import check_views

MOST_VIEW_VOX = {"tiny": 32, "cpu": 48, "gpu": 96}
"""The longest edge of a view that is chosen automatically: for the encoder ``tiny``, for others on a CPU, and on a GPU."""

LEARNING_RATE = {"tiny": 3e-3}
"""The learning rate that is chosen automatically, by encoder. On 12 abdominal CT the gaps of `tiny` err by 0.37 of trivial
after 300 steps at 3e-3 where they err by 0.47 at 1e-3 (benchmarks/results/space); others keep that of all trainings."""

LEAST_VIEW_VOX = 16
"""The shortest edge of a view that is chosen automatically."""


@dataclass(frozen=True)
class Resolved:
    """The settings of a run, and what they were chosen from.

    Attributes:
        config: the settings.
        network: encoder and tasks with their initial weights, which depend on the seed alone.
        scans: the choices about scans and views, each with its reason.
        discovery: what the folder holds.
        headers: the scans' sizes.
        unreadable: the reason by name for scans whose header cannot be used.
        window: the HU of CT that become -1 and 1, with the reason.
    """

    config: RunConfig
    network: Network
    scans: Survey
    discovery: Discovery
    headers: tuple[ScanHeader, ...]
    unreadable: dict[str, str]
    window: Chosen[tuple[float, float]]


def resolve_config(config: PretrainConfig, shown: bool = True) -> Resolved:
    """Returns the settings of a run on a folder of scans. Nothing is written.

    Args:
        config: what the user gave; given values are kept.
        shown: show progress.

    Raises:
        InputError: no folder, no readable scan, or settings that do not fit together.
    """
    if config.scans is None:
        raise InputError(
            "scans", wanted="a folder of scans", got="none", do="name it: orienteer pretrain SCANS --out RUN"
        )
    method = resolve_method(config.method, config.tasks, only=config.only_tasks)
    of_method = _of_method(config, method)
    discovery = without_audited(discover(config.scans, config.part(Selection)), config.skip_audited)
    check_matches(config.group_by, [source.name for source in discovery.sources])
    headers, unreadable = _headers(discovery, config, shown)
    encoder, arguments = _encoder(config, method, headers)
    divisor = view_divisor(encoder, **arguments)
    scans = survey_scans(
        headers,
        divisor=divisor,
        least_view_vox=max(LEAST_VIEW_VOX, *(2 * edge for edge in divisor)),
        most_view_vox=_most_view_vox(config, encoder),
        spacing_mm=config.spacing_mm,
        view_size=config.view_size,
        unit_mm=config.unit_mm,
    )
    window = window_of_scans(discovery.sources, headers, config.part(Selection), config.ct_window_hu)
    chosen: dict[str, Any] = {
        **{"spacing_mm": scans.spacing_mm, "view_size": scans.view_size, "unit_mm": scans.unit_mm},
        **{"encoder": encoder, "encoder_arguments": arguments, "ct_window_hu": window.value},
        "learning_rate": _learning_rate(config, encoder),
        **{"tasks": listed_tasks(method), "only_tasks": True},
    }
    settings = RunConfig(**{**vars(config), **of_method, **chosen})
    return Resolved(settings, build_network(settings), scans, discovery, headers, unreadable, window)


def on_gpu(config: PretrainConfig) -> bool:
    """Returns whether the run trains on a GPU."""
    return config.accelerator != "cpu" and choose_device("auto").type == "cuda"


def _of_method(config: PretrainConfig, method: Method) -> dict[str, Any]:
    views = method.views if config.views is None else config.views
    layout = method.layout if config.layout is None else config.layout
    check_views(views, layout)
    return {
        "views": views,
        "layout": layout,
        "distortion": asdict(method.distortion.changed(config.distortion)),
        "teacher": method.teacher if config.teacher is None else config.teacher,
        "validate_every": max(1, config.steps // 10) if config.validate_every is None else config.validate_every,
    }


def _learning_rate(config: PretrainConfig, encoder: str) -> float:
    if config.learning_rate is not None:
        return config.learning_rate
    return LEARNING_RATE.get(encoder, Training.learning_rate)


def _encoder(config: PretrainConfig, method: Method, headers: Sequence[ScanHeader]) -> tuple[str, dict[str, Any]]:
    """Returns the name and the arguments of the encoder: those that were given, of the weights, or of the method."""
    of_weights = encoder_of(config.weights) if config.encoder == "auto" and config.weights is not None else None
    if of_weights is not None:
        return of_weights[0], {**of_weights[1], **config.encoder_arguments}
    default = method.encoder if _for_gpu(config) else "tiny"
    encoder = default if config.encoder == "auto" else config.encoder
    decoder = {"decoder": True} if method.decoder and can_decode(encoder) else {}
    arguments = {**decoder, **config.encoder_arguments}
    is_open = encoder == "tiny" and "stem_stride" not in arguments and config.view_size is None
    if is_open and _are_small(headers, view_divisor(encoder, **arguments)):
        arguments["stem_stride"] = 1  # full resolution in the first stage, for scans of few voxels
    return encoder, arguments


def _are_small(headers: Sequence[ScanHeader], divisor: Triple) -> bool:
    """Returns whether scans hold no view of at least two cells of the coarsest feature map along each axis."""
    typical = np.quantile([header.shape_vox for header in headers], 0.25, axis=0)
    return bool((VIEW_SHARE_OF_EXTENT * typical < 2 * np.array(divisor)).any())


def _most_view_vox(config: PretrainConfig, encoder: str) -> int:
    if encoder in MOST_VIEW_VOX:
        return MOST_VIEW_VOX[encoder]
    return MOST_VIEW_VOX["gpu" if _for_gpu(config) else "cpu"]


def _for_gpu(config: PretrainConfig) -> bool:
    """Returns whether choices are those for a GPU: also where `plan` is asked for one that this machine does not have."""
    return config.accelerator == "gpu" or on_gpu(config)


def _headers(
    discovery: Discovery, config: PretrainConfig, shown: bool
) -> tuple[tuple[ScanHeader, ...], dict[str, str]]:
    headers, unreadable = [], {}
    items = scan_headers(discovery.sources, config.part(Selection))
    for source in tracked(discovery.sources, "reading headers", unit="scans", shown=shown):
        _, header = next(items)
        if isinstance(header, ScanError):
            unreadable[source.name] = str(header)
        else:
            headers.append(header)
    if not headers:
        first = next(iter(unreadable.values()), "no scan in the folder")
        raise InputError(
            str(config.scans),
            wanted="at least one readable scan",
            got=f"none; the first: {first}",
            do="repair that scan, or name a folder with CT or MR scans",
        )
    return tuple(headers), unreadable

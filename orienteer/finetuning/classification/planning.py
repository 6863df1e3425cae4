"""What a classification plans from its scans where there is no run: spacing and view size."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from orienteer.devices import choose_device
from orienteer.errors import ScanError
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.starting_point import StartingPoint
from orienteer.labelled.label_csv import read_label_csv
from orienteer.labelled.labelled_scans import find_scans
from orienteer.pretraining.resolve import LEAST_VIEW_VOX, MOST_VIEW_VOX
from orienteer.progress import say
from orienteer.scans.headers import scan_headers
from orienteer.scans.source import ScanHeader, ScanSource, Selection
from orienteer.store.survey import survey_scans
from orienteer.types import Triple


def with_views(point: StartingPoint, csv: Path) -> tuple[FinetuneConfig, Triple]:
    """Returns the settings with spacing and view size, and the view size: the run's, or planned without a run.

    Args:
        point: where the fine-tuning starts.
        csv: the table of labels, whose scans are planned for.

    Raises:
        InputError: a table or scans that cannot be read.
    """
    config = point.config
    size, spacing = config.patch_size or point.view_size, config.spacing_mm
    if size is None or spacing is None:
        device, divisor = choose_device(config.accelerator), point.encoder.divisor
        plan = survey_scans(
            _usable_headers(find_scans(csv, read_label_csv(csv), config.images).sources, config.selection()),
            divisor=divisor,
            least_view_vox=max(LEAST_VIEW_VOX, *divisor),
            most_view_vox=MOST_VIEW_VOX["gpu" if device.type == "cuda" else "cpu"],
            spacing_mm=spacing,
            view_size=size,
        )
        size, spacing = plan.view_size, plan.spacing_mm
        say(f"spacing_mm: {spacing}\npatch_size: {size} (the views of a scan)")
    return replace(config, patch_size=size, spacing_mm=spacing), size


def _usable_headers(sources: Iterable[ScanSource], selection: Selection) -> list[ScanHeader]:
    """Returns the headers that can be read; preparing names the scans whose header cannot."""
    headers = [header for _, header in scan_headers(sources, selection)]
    usable = [header for header in headers if isinstance(header, ScanHeader)]
    errors = [header for header in headers if isinstance(header, ScanError)]
    if errors and not usable:
        raise errors[0]
    return usable

"""The command `finetune`: opens the output folder and runs the task."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from orienteer.errors import InputError
from orienteer.finetuning.config import MAY_CHANGE_ON_RESUME, FinetuneConfig, make_config
from orienteer.finetuning.keywords import FinetuneKeywords
from orienteer.runs.folder import CONFIG_FILE, check_unchanged, opened, read_settings
from orienteer.runs.hub import pinned
from orienteer.runs.run import Run
from orienteer.runs.trackers import check_trackers


def finetune(
    run: str | Path | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
    **settings: Unpack[FinetuneKeywords],
) -> Run:
    """Trains a network on labelled scans, starting from a run's encoder or from scratch, and scores it on test cases.

    Args:
        run: run folder of a pretraining, or hf://user/name. Without one the network starts from scratch.
        data: segmentation: dataset.json; classification: a CSV file of scan, label.
        out: folder to create, or with ``resume=True`` the folder to resume.
        **settings: any field of `FinetuneConfig`, as on the command line.

    Raises:
        InputError: data, weights or settings that cannot be used; nothing was trained.
        TrainingStopped: a loss that is not finite; the last good checkpoint is kept.
        KeyboardInterrupt: Ctrl-C; the last step is saved, and ``resume=True`` continues from it.
    """
    named = {key: str(value) for key, value in (("run", run), ("data", data), ("out", out)) if value is not None}
    given = {**settings, **named}
    config = make_config(given)
    if config.out is None:
        do = "name it: orienteer finetune RUN --data DATA --out OUT"
        raise InputError("out", wanted="a folder", got="none", do=do)
    check_trackers(config.logger)
    folder = Path(config.out)
    with opened(folder, config.resume):
        config = _resumed(folder, config, given) if config.resume else config
        config = replace(config, run=pinned(config.run), start=pinned(config.start))
        config = replace(config, store=config.store or str(folder.resolve().parent / "store"))
        return _task(config.task)(config, folder)


def read_begun(folder: Path) -> FinetuneConfig:
    """Returns the settings that a fine-tuning began with.

    Raises:
        InputError: no config.yaml, or a damaged one.
    """
    try:
        return make_config(read_settings(folder, "finetune"))
    except InputError as error:
        if str(folder) in error.what:
            raise
        what, do = f"{error.what} in {folder / CONFIG_FILE}", "restore the file, or start again in another --out"
        raise InputError(what, wanted=error.wanted, got=error.got, do=do) from error


def _resumed(folder: Path, config: FinetuneConfig, given: Mapping[str, Any]) -> FinetuneConfig:
    """Returns the settings that a fine-tuning began with, with those replaced that may change when it is resumed."""
    before = read_begun(folder)
    check_unchanged(before, config, given, MAY_CHANGE_ON_RESUME)
    if before.store is not None and not Path(before.store).is_dir():
        before = replace(before, store=None)  # it was removed, or the folder has moved: scans are prepared again
    return replace(before, **{name: getattr(config, name) for name in MAY_CHANGE_ON_RESUME if name in given})


def _task(name: str) -> Callable[[FinetuneConfig, Path], Run]:
    """Returns the function of a task, imported when needed, since each task imports libraries of its own."""
    if name == "classification":
        from orienteer.finetuning.classification.train import finetune_classification

        return finetune_classification
    from orienteer.finetuning.segmentation.train import finetune_segmentation

    return finetune_segmentation

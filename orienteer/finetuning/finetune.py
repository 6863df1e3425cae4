"""The command `finetune`: opens the output folder, and hands over to the task."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from orienteer.errors import InputError
from orienteer.finetuning.config import FinetuneConfig, make_config
from orienteer.finetuning.folder import MAY_DIFFER, read_config
from orienteer.runs.folder import check_unchanged, opened
from orienteer.runs.run import Run


def finetune(
    run: str | Path | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
    **settings: Any,
) -> Run:
    """Trains a network on labelled scans, starting from a run's encoder or from scratch, and scores it on test cases.

    Args:
        run: run folder of a pretraining. Without one the network starts from scratch.
        data: segmentation: dataset.json; classification: a CSV file of scan, label.
        out: folder to make, or with ``resume=True`` to go on with.
        **settings: any field of `FinetuneConfig`, as on the command line.

    Raises:
        InputError: data, weights or settings that cannot be used; nothing was trained.
        TrainingStopped: a loss that is not finite; the last good checkpoint is kept.
        KeyboardInterrupt: Ctrl-C; the last step is saved, ``resume=True`` goes on with it.
    """
    named = {key: str(value) for key, value in (("run", run), ("data", data), ("out", out)) if value is not None}
    given = {**settings, **named}
    config = make_config(given)
    if config.out is None:
        raise InputError(
            "out", wanted="a folder", got="none", do="name it: orienteer finetune RUN --data DATA --out OUT"
        )
    folder = Path(config.out)
    with opened(folder, config.resume):
        if config.resume:
            before = read_config(folder)
            check_unchanged(before, config, given, MAY_DIFFER)
            config = replace(before, **{name: getattr(config, name) for name in MAY_DIFFER if name in given})
        config = replace(config, store=config.store or str(folder.resolve().parent / "store"))
        return _task(config.task)(config, folder)


def _task(name: str) -> Callable[[FinetuneConfig, Path], Run]:
    """Returns the function of a task; imported when it is needed, since each brings its own libraries."""
    if name == "classification":
        from orienteer.finetuning.classification.train import finetune_classification

        return finetune_classification
    from orienteer.finetuning.segmentation.train import finetune_segmentation

    return finetune_segmentation

"""The command `pretrain`: from a folder of scans to an encoder."""

from pathlib import Path
from typing import Unpack

from orienteer.errors import InputError
from orienteer.extras import require_packages
from orienteer.pretraining import launch
from orienteer.pretraining.continuing import with_continued
from orienteer.pretraining.page_beside import page_beside
from orienteer.pretraining.start import joined_run, new_run, resumed_run
from orienteer.pretraining.train import train
from orienteer.runs.config import make_config
from orienteer.runs.folder import opened
from orienteer.runs.keywords import PretrainKeywords
from orienteer.runs.run import Run
from orienteer.runs.trackers import check_trackers


def pretrain(
    scans: str | Path | None = None,
    out: str | Path | None = None,
    **settings: Unpack[PretrainKeywords],
) -> Run:
    """Trains an encoder on a folder of unlabelled scans and returns the run, with its metrics on held-out scans.

    Args:
        scans: folder of NIfTI, NRRD, MetaImage files or DICOM series; subfolders too.
        out: run folder to create, or with ``resume=True`` the one to resume.
        **settings: any field of `PretrainConfig`, as on the command line.

    Raises:
        InputError: a setting or folder that cannot be used; nothing was trained.
        TrainingStopped: a loss that is not finite; the last good checkpoint is kept.
        KeyboardInterrupt: Ctrl-C; the last step is saved, and ``resume=True`` continues from it.

    Example:
        >>> import tempfile
        >>> from orienteer.phantoms.torso import write_phantoms
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_phantoms(f"{folder}/scans", count=3, seed=0, progress=False)
        ...     small = {"encoder": "tiny", "steps": 2, "batch": 2, "workers": 0, "prepare_workers": 0, "pictures": False}
        ...     run = pretrain(f"{folder}/scans", f"{folder}/run", **small)
        ...     sorted(path.name for path in run.folder.glob("encoder.*"))
        ['encoder.json', 'encoder.safetensors']
    """
    given = {**settings, **{key: str(value) for key, value in (("scans", scans), ("out", out)) if value is not None}}
    config = make_config(given if given.get("resume") else with_continued(given))
    if config.out is None:
        raise InputError("out", wanted="a run folder", got="none", do="name it: orienteer pretrain SCANS --out RUN")
    if config.watch:
        require_packages("watch", ("fastapi", "uvicorn"), extra="explore")
    check_trackers(config.logger)
    folder = Path(config.out)
    if launch.rank() > 0:
        launch.wait_until_ready(folder)
        return train(joined_run(folder, config.resume))
    with opened(folder, config.resume):
        try:
            start = resumed_run(folder, config, given) if config.resume else new_run(folder, config)
            launch.announce_ready(folder)
            with page_beside(folder, config.watch):
                return train(start)
        finally:
            launch.withdraw_ready(folder)

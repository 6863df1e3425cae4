"""Several processes, one run: only the first prepares and writes, the others wait until its files are there.

Processes come from torchrun, from SLURM, or from pytorch-lightning, which starts this very command again for each
further device when training begins.
"""

import json
import os
import time
from pathlib import Path

from orienteer.errors import InputError
from orienteer.files import write_json
from orienteer.runs.folder import READY_FILE

READY_VARIABLE = "ORIENTEER_READY"
"""Set by the first process before training, so that the processes that it starts know that all is prepared."""

_WAIT_LIMIT_S = 24 * 3600.0


def rank() -> int:
    """Returns the number of this process among all that train together; 0 where it is alone."""
    # NODE_RANK alone tells machines apart that were each started by hand; above 0 is all that matters here.
    for variable in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "NODE_RANK"):
        if os.environ.get(variable, "").isdigit():
            return int(os.environ[variable])
    return 0


def say_ready(folder: Path) -> None:
    """Tells the other processes of this launch that the run folder is complete."""
    write_json(folder / READY_FILE, {"launch": _launch()})
    os.environ[READY_VARIABLE] = str(folder.resolve())


def forget(folder: Path) -> None:
    """Removes the word of `say_ready`: the run has ended."""
    (folder / READY_FILE).unlink(missing_ok=True)


def wait_until_ready(folder: Path) -> None:
    """Returns once the first process of this launch has written the run folder.

    Raises:
        InputError: it has not done so within a day.
    """
    if os.environ.get(READY_VARIABLE) == str(folder.resolve()):
        return
    begun = time.monotonic()
    while time.monotonic() - begun < _WAIT_LIMIT_S:
        try:
            if json.loads((folder / READY_FILE).read_text())["launch"] == _launch():
                return
        except (OSError, ValueError, KeyError):
            pass
        time.sleep(0.5)
    raise InputError(
        str(folder), wanted="the first process to prepare the run", got="nothing for a day", do="look at its output"
    )


def _launch() -> str:
    # One launch has one of these; processes that are started together share it.
    names = ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "SLURM_JOB_ID", "SLURM_STEP_ID", "MASTER_PORT")
    return "/".join(os.environ.get(name, "") for name in names)

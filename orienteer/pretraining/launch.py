"""Several processes, one run: the first one prepares the scans and writes files, the others wait for them.

Processes are started by torchrun, by SLURM, or by pytorch-lightning, which starts this same command again for each
further device when training begins.
"""

import os
import time
from pathlib import Path

from orienteer.errors import InputError
from orienteer.files import read_json, write_json
from orienteer.runs.folder import READY_FILE

READY_VARIABLE = "ORIENTEER_READY"
"""Set by the first process before training, so that the processes that it starts do not wait."""

_WAIT_LIMIT_S = 24 * 3600.0


def rank() -> int:
    """Returns the number of this process among all that train together; 0 for a single process."""
    # Only whether it is above 0 matters, so NODE_RANK will do for machines that are started by hand.
    for variable in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "NODE_RANK"):
        if os.environ.get(variable, "").isdigit():
            return int(os.environ[variable])
    return 0


def announce_ready(folder: Path) -> None:
    """Signals to the other processes of this launch that the run folder is complete."""
    write_json(folder / READY_FILE, {"launch": _launch()})
    os.environ[READY_VARIABLE] = str(folder.resolve())


def withdraw_ready(folder: Path) -> None:
    """Removes the signal of `announce_ready`."""
    (folder / READY_FILE).unlink(missing_ok=True)


def wait_until_ready(folder: Path) -> None:
    """Returns once the first process of this launch has written the run folder.

    Raises:
        InputError: it has not done so within 24 hours.
    """
    if os.environ.get(READY_VARIABLE) == str(folder.resolve()):
        return
    began = time.monotonic()
    while time.monotonic() - began < _WAIT_LIMIT_S:
        try:
            if read_json(folder / READY_FILE).get("launch") == _launch():
                return
        except InputError:
            pass  # not there yet
        time.sleep(0.5)
    raise InputError(
        str(folder), wanted="a run prepared by the first process", got="none within 24 hours", do="look at its output"
    )


def _launch() -> str:
    # The same for all processes that are started together, different for every launch.
    names = ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "SLURM_JOB_ID", "SLURM_STEP_ID", "MASTER_PORT")
    return "/".join(os.environ.get(name, "") for name in names)

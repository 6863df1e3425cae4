"""A program of its own that trains in two processes, in both ways to start them: `two_processes.py COMMAND OPTIONS FOLDER`.

torch and the package are imported once for three of its four processes. So torchrun is called as a function that forks,
and comes first: only a process without threads can be forked.
"""

import sys
from pathlib import Path

from torch.distributed.launcher.api import LaunchConfig, elastic_launch

import orienteer.pretraining.pretrain  # noqa: F401  # before the fork
from orienteer.cli import main


def by_torchrun(words: list[str]) -> None:
    """What `torchrun --standalone --nproc_per_node=2 -m orienteer` does with its arguments."""
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=2,
        run_id="two",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        start_method="fork",
    )
    codes = elastic_launch(config, main)(words)
    assert codes == {0: 0, 1: 0}, codes


def by_lightning(words: list[str]) -> None:
    """A user's command, which Lightning gives once more for the second process."""
    sys.argv = [str(Path(sys.executable).with_name("orienteer")), *words]
    code = main(words)
    assert code == 0, code


if __name__ == "__main__":
    given, out = sys.argv[1:-1], Path(sys.argv[-1])
    by_torchrun([*given, "--out", str(out / "torchrun")])
    by_lightning([*given, "--out", str(out / "lightning")])

"""Two processes reach the same weights as one with the same global batch, up to rounding."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from orienteer.pretraining import launch
from orienteer.pretraining.pretrain import pretrain
from orienteer.runs.run import Run
from tests.helpers.run_files import lines, weights
from tests.helpers.small_run import SMALL

SETTINGS = {**SMALL, "steps": 2, "validate_every": 1, "batch": 4, "weight_decay": 0.0}

PROGRAM = Path(__file__).parents[1] / "helpers" / "two_processes.py"


@pytest.fixture(scope="module")
def alone(torsos: Path, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of one process."""
    return pretrain(torsos, tmp_path_factory.mktemp("alone") / "run", store=str(store), **SETTINGS)


@pytest.fixture(scope="module")
def together(torsos: Path, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs of two processes, in folders named by what started them."""
    folder = tmp_path_factory.mktemp("together")
    file = folder / "settings.yaml"
    file.write_text(yaml.safe_dump({**SETTINGS, "store": str(store), "devices": 2}))
    command = [sys.executable, "-P", str(PROGRAM), "pretrain", str(torsos), "--config", str(file)]
    done = subprocess.run([*command, str(folder)], check=False, timeout=300, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("started_by", ["lightning", "torchrun"])
def test_two_processes_equal_one(started_by: str, alone: Run, together: Path) -> None:
    one, two = weights(alone.folder), weights(together / started_by)
    for name, value in one.items():
        torch.testing.assert_close(
            two[name], value, atol=2e-4, rtol=2e-3, msg=lambda text, name=name: f"{name}: {text}"
        )
    for part in ("train", "heldout"):
        for row, other in zip(lines(alone.folder, part), lines(together / started_by, part), strict=True):
            assert row.keys() == other.keys()
            for key, value in row.items():
                if isinstance(value, float):
                    assert other[key] == pytest.approx(value, rel=2e-3, abs=2e-3), key


@pytest.mark.parametrize(
    ("variables", "number"),
    [
        ({}, 0),
        ({"RANK": "3", "LOCAL_RANK": "1"}, 3),
        ({"SLURM_PROCID": "2"}, 2),
        ({"NODE_RANK": "1"}, 1),
        ({"RANK": ""}, 0),
    ],
    ids=str,
)
def test_the_number_of_a_process(variables: dict[str, str], number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert launch.rank() == number


def test_a_process_waits_for_the_first_one_of_its_own_launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "earlier")
    monkeypatch.setenv(launch.READY_VARIABLE, "")
    launch.announce_ready(tmp_path)  # by a launch that was killed
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "now")
    monkeypatch.setenv(launch.READY_VARIABLE, "")
    waits = []

    def first_process_gets_ready(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            launch.announce_ready(tmp_path)

    monkeypatch.setattr(launch.time, "sleep", first_process_gets_ready)
    launch.wait_until_ready(tmp_path)
    assert len(waits) == 2
    launch.withdraw_ready(tmp_path)
    assert list(tmp_path.iterdir()) == []

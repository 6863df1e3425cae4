"""The short form of the kills: a few at random and at renames, of commands that take a second."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.fault_kills import _moments, _Reference
from benchmarks.fault_outputs import differences, outputs
from benchmarks.fault_process import Moment

ROOT = Path(__file__).parents[2]


def run_apart(code: str, folder: Path) -> dict[str, int]:
    """Runs a function of a benchmark in a new process, since only one without threads can be forked."""
    program = f"import json, sys; from pathlib import Path; {code}; print(json.dumps(result))"
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.slow
def test_commands_that_are_killed_end_as_if_nothing_had_happened(tmp_path: Path) -> None:
    code = (
        "from benchmarks.fault_kills import kill; "
        "kills = kill(4, 3, Path(sys.argv[1]), ('prepare', 'pretrain')); "
        "result = {'tried': kills.tried, 'unequal': kills.unequal}"
    )
    result = run_apart(code, tmp_path)
    assert result["unequal"] == []
    assert result["tried"] >= 3


def test_every_rename_is_tried_before_any_time_is_drawn_twice() -> None:
    reference = _Reference({}, renames=3, seconds=1.0)
    moments = [moment for _, moment in _moments({"a": reference}, 40, random.Random(0))]
    at_renames = [moment for moment in moments if moment.rename is not None]
    assert set(at_renames) == {Moment(rename, after) for rename in (1, 2, 3) for after in (False, True)}
    assert len(at_renames) == 6
    assert all(0 <= moment.seconds <= 1 for moment in moments)


@pytest.mark.parametrize(
    ("name", "first", "other", "equal"),
    [
        ("a.json", '{"steps": 2, "seconds": 1.0}', '{"steps": 2, "seconds": 9.0}', True),
        ("a.json", '{"steps": 2, "seconds": 1.0}', '{"steps": 3, "seconds": 1.0}', False),
        (
            "a.jsonl",
            '{"step": 1, "part": "train", "views_per_second": 3}',
            '{"step": 1, "part": "train", "views_per_second": 4}',
            True,
        ),
        ("a.csv", "case,dice,train_seconds\nx,0.5,1\n", "case,dice,train_seconds\nx,0.6,1\n", False),
        ("a.safetensors", "\x01", "\x02", False),
        (".a.json.7-7-0.part", "{", "", True),
    ],
)
def test_outputs_are_equal_but_for_times(name: str, first: str, other: str, equal: bool, tmp_path: Path) -> None:
    for folder, text in (("one", first), ("two", other)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    words = differences(outputs(tmp_path / "one"), outputs(tmp_path / "two"))
    assert (words == "") == equal
    assert equal or name in words


def test_missing_outputs_are_named() -> None:
    assert differences({"a": 1, "b": {"c": 1}}, {"b": {"c": 2}, "d": 1}) == (
        "missing: a; not expected: d; unequal: b (c: 1 / 2)"
    )

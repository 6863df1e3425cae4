"""The lines that probes record are those that coverage.py's tracer sees, and its report names the rest."""

import sys
from contextlib import suppress
from pathlib import Path

import pytest
from coverage import Coverage, CoverageData

from tests.helpers.line_record import LineRecord

CODE = '''"""A module with statements of many kinds."""

import functools
from typing import NamedTuple


class Pair(NamedTuple):
    first: int
    second: int = 2

    def swapped(
        self,
        again: bool = False,
    ) -> "Pair":
        if again:
            return Pair(
                self.first,
                self.second,
            )
        return Pair(self.second, self.first)


def twice(function):
    @functools.wraps(function)
    def both(*args):
        function(*args)
        return function(*args)

    return both


@twice
def divided(number: int, by: int) -> float | None:
    try:
        result = number / by
    except ZeroDivisionError:
        result = None
    else:
        result += 1
    finally:
        number = 0
    return result


def counted(stop: int):
    for number in range(stop):
        if number == 1:
            continue
        elif number > 100:
            raise ValueError(
                "too many"
            )
        yield number
    else:
        yield -1


def kind(value):
    match value:
        case int():
            return "whole"
        case _:
            return "other"


def never(value):
    with open(value) as file:
        return [
            line
            for line in file
        ]
'''

CALLS = (
    "module.Pair(1).swapped(); module.divided(1, 0); list(module.counted(3)); module.kind('a')",
    "module.divided(1, 2); module.kind(1); [module.Pair(1).swapped(again) for again in (True, False)]",
    "next(module.counted(1)); list(module.counted(102))",
    "module.never('no such file')",
)


@pytest.fixture
def module_file(tmp_path: Path) -> Path:
    file = tmp_path / "package" / "module.py"
    file.parent.mkdir()
    file.write_text(CODE)
    return file


def run(file: Path, calls: str, record: LineRecord) -> None:
    """Runs the module and calls with probes; the calls may raise."""
    names: dict[str, object] = {"__name__": "module"}
    exec(record.instrument(compile(file.read_text(), str(file), "exec")), names)
    _call(names, calls)


def traced(file: Path, calls: str) -> list[int]:
    """The lines that coverage.py's tracer sees."""
    coverage, before = Coverage(data_file=None, include=[str(file)], config_file=False), sys.gettrace()
    names: dict[str, object] = {"__name__": "module"}
    code = compile(file.read_text(), str(file), "exec")
    coverage.start()
    try:
        exec(code, names)
        _call(names, calls)
    finally:
        coverage.stop()
        sys.settrace(before)
    return coverage.get_data().lines(str(file)) or []


def _call(names: dict[str, object], calls: str) -> None:
    module = type("Module", (), {name: staticmethod(value) for name, value in names.items() if callable(value)})
    with suppress(ValueError, FileNotFoundError):
        exec(calls, {"module": module})


def executed(file: Path, data: Path) -> tuple[list[int], list[int]]:
    """The statements of a file and those that were missed, as `coverage report` counts them."""
    coverage = Coverage(data_file=str(data), config_file=False)
    coverage.load()
    _, statements, _, missing, _ = coverage.analysis2(str(file))
    return statements, missing


@pytest.mark.parametrize("calls", CALLS)
def test_probes_record_the_lines_that_a_tracer_sees(calls: str, module_file: Path, tmp_path: Path) -> None:
    record = LineRecord(module_file.parent)
    run(module_file, calls, record)
    record.save()
    (saved,) = tmp_path.glob(".coverage.*")
    other = CoverageData(str(tmp_path / "traced"))
    other.add_lines({str(module_file): traced(module_file, calls)})
    other.write()
    statements, missing = executed(module_file, saved)
    assert (statements, missing) == executed(module_file, tmp_path / "traced")
    assert 0 < len(missing) < len(statements)


def test_files_that_nobody_imported_are_missed_whole(module_file: Path, tmp_path: Path) -> None:
    LineRecord(module_file.parent).save()
    (saved,) = tmp_path.glob(".coverage.*")
    statements, missing = executed(module_file, saved)
    assert len(statements) > 30
    assert missing == statements

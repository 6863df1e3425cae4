"""Records which lines of the package run while tests run, in the files of coverage.py.

In Python 3.11 coverage.py's own tracer slows all Python code, that of torch and pytest too. SlipCover puts a probe before
each line of the package alone, which takes some 15 ns. Settings, report and gate are those of coverage.py.
"""

from pathlib import Path
from types import CodeType

from coverage import CoverageData
from slipcover import Slipcover

KEEP_PROBES = -1
"""SlipCover would take probes that were reached out of the bytecode again, and search all modules for it."""


class LineRecord:
    """Which lines of a package ran in this process. A plugin of pytest that saves them at the end."""

    def __init__(self, package: Path) -> None:
        self.package = package.resolve()
        self._slipcover = Slipcover(d_miss_threshold=KEEP_PROBES, exclude_lines=[])

    def instrument(self, code: CodeType) -> CodeType:
        """Returns the code of a module with a probe before each line."""
        return self._slipcover.instrument(code)

    def lines(self) -> dict[str, list[int]]:
        """The lines that ran, from 1, of each file by its full path."""
        files = self._slipcover.get_coverage()["files"]
        return {str(Path(name).absolute()): entry["executed_lines"] for name, entry in files.items()}

    def pytest_sessionfinish(self) -> None:
        """Saves them before the worker says that it has finished."""
        self.save()

    def save(self) -> None:
        """Saves them beside the package as `.coverage.*`, for `coverage combine`. Files that nobody imported count too."""
        data = CoverageData(str(self.package.parent / ".coverage"), suffix=True)
        none = {str(file): list[int]() for file in self.package.rglob("*.py")}
        data.add_lines(none | self.lines())
        data.write()

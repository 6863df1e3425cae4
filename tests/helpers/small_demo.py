"""The small demo run that pages and examples begin with: trained once per process, copied where it is asked for again."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orienteer.report import demo as demo_module
from orienteer.runs.run import Run

MakeDemo = Callable[..., Run]


@pytest.fixture(scope="session")
def copied_demo(tmp_path_factory: pytest.TempPathFactory) -> MakeDemo:
    """Returns a function with the arguments of `orienteer.demo` that trains only for arguments that are new."""
    home, train = tmp_path_factory.mktemp("demos"), demo_module.demo
    runs: dict[str, Run] = {}

    def demo(out: str | Path = "runs/demo", **settings: Any) -> Run:
        name = repr(sorted(settings.items()))
        if name not in runs:
            runs[name] = train(home / str(len(runs)) / "run", report=False, **settings)
        run, folder = runs[name], Path(out)
        for source, target in (
            (run.folder, folder),
            (run.folder.with_name("run_scans"), folder.with_name(f"{folder.name}_scans")),
            (run.folder.with_name("store"), folder.with_name("store")),
        ):
            if not target.exists():
                shutil.copytree(source, target)
        return Run(folder, run.summary)

    return demo


@pytest.fixture
def small_demo(copied_demo: MakeDemo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets `orienteer.demo` hand out copies, so that each page and example does not train the same run again."""
    monkeypatch.setattr(demo_module, "demo", copied_demo)

"""The small demo run that pages and examples begin with: trained once per session, copied where it is asked for again."""

import hashlib
import shutil
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.shared import made_once

if TYPE_CHECKING:
    from orienteer.runs.run import Run

MakeDemo = Callable[..., "Run"]


@pytest.fixture(scope="session")
def copied_demo(tmp_path_factory: pytest.TempPathFactory) -> MakeDemo:
    """Returns a function with the arguments of `orienteer.demo` that trains only for arguments that are new."""
    from orienteer.report.demo import demo as train
    from orienteer.runs.run import Run

    @wraps(train)  # the command line reads its options from the arguments
    def demo(out: str | Path = "runs/demo", **settings: Any) -> Run:
        name = hashlib.sha256(repr(sorted(settings.items())).encode()).hexdigest()[:8]
        run = made_once(
            tmp_path_factory, f"demo-{name}", lambda folder: train(folder / "run", report=False, **settings)
        )
        folder = Path(out)
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
    from orienteer.report import demo as demo_module

    monkeypatch.setattr(demo_module, "demo", copied_demo)

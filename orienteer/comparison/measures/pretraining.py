"""The pretraining of a cell: on the pretraining part and nothing else, which is proved afterwards."""

from pathlib import Path

from orienteer.comparison.contenders import IDLE
from orienteer.comparison.measures.networks import save_untrained
from orienteer.comparison.work.bench import Bench, Outcome, Value
from orienteer.comparison.work.cells import RESUMED, Cell
from orienteer.comparison.work.parts import refuse_leak
from orienteer.pretraining.pretrain import pretrain
from orienteer.runs.folder import CONFIG_FILE
from orienteer.runs.run_config import make_run_config
from orienteer.runs.weights import SCRATCH, WEIGHTS_FILE


def run_folder(out: Path, cell_hash: str) -> Path:
    """Returns where a pretraining lies; it is kept."""
    return out / "runs" / cell_hash


def measure_pretraining(bench: Bench, cell: Cell) -> Outcome:
    """Pretrains, going on where an earlier call was stopped, and returns the run's own held-out figures.

    Raises:
        InputError: settings that cannot be, or a run that has seen scans that are kept for validation or for the test.
    """
    folder = run_folder(bench.out, cell.hash)
    given = {key: value for key, value in cell.how["config"].items() if key not in IDLE - {"seed"}}
    faster = {key: cell.how["config"][key] for key in ("workers", "devices", "nodes", "accelerator", "pictures")}
    if cell.settings["method"] == SCRATCH if "method" in cell.settings else False:
        save_untrained(folder, make_run_config(given))
        return Outcome([], 0)
    place = {"scans": str(bench.links), "out": str(folder), "store": str(bench.store), "prepare_workers": 0}
    resumed = (folder / CONFIG_FILE).is_file()
    settings = {"out": str(folder), "resume": True, **faster} if resumed else {**given, **faster, **place}
    run = pretrain(**settings)
    any_case = next(iter(bench.prepared.values())).cases
    refuse_leak(folder, bench.parts, {name: case.content for name, case in any_case.items()})
    assert (folder / WEIGHTS_FILE).is_file()
    for name in ("checkpoints", "tensorboard"):
        _remove(folder / name)
    heldout = run.summary["heldout"]
    values = [Value("", name, _unit(name), float(value)) for name, value in heldout.items() if _is_number(value)]
    # What came before it was stopped was counted by nobody: such a cell does not tell what a pretraining costs.
    return Outcome(values, int(run.summary["steps"]), {RESUMED: True} if resumed else {})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unit(name: str) -> str:
    return "mm" if "_mm" in name else ""


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)

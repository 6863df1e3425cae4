"""Kills commands and runs them again: what they end with must be that of a run that nothing disturbed.

``run`` is a part of ``python -m benchmarks.faults``. Each command works on a few synthetic scans with the smallest network,
in a process forked from one that has everything imported. It is killed by SIGKILL just before or just after one of the
renames by which files get their names, or at a random time. The same command is then given again, with ``--resume`` where
its message asks for it, until it ends. Weights, arrays, label maps and tables must be equal to the last bit on a CPU, but
for times.
"""

import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.fault_outputs import differences, outputs
from benchmarks.fault_process import Moment, counting, ended, killed
from orienteer.progress import Progress, say

AT_RANDOM = 0.3
"""Share of the kills at random times; the others are at renames."""

MOST_CALLS = 3
"""How often a command is given after a kill: as it was, with ``--resume``, and once more."""

NETWORK: dict[str, Any] = {
    "encoder": "tiny",
    "encoder_arguments": {"filters": [4, 8, 8], "stem_stride": 1},
    "spacing_mm": [8.0, 8.0, 8.0],
    "view_size": [16, 16, 16],
    "batch": 2,
    "validation_sets": 1,
    "prepare_workers": 0,
    "accelerator": "cpu",
}
PRETRAIN: dict[str, Any] = {
    **{**NETWORK, "method": "spatial", "views": 3, "steps": 4, "validate_every": 2, "log_every": 1},
    **{"workers": 0, "pictures": False},
}
FINETUNE: dict[str, Any] = {
    **{"patch_size": [16, 16, 16], "overlap": 0.0, "steps": 2, "save_every": 1, "batch": 1, "folds": 3},
    **{"prepare_workers": 0, "workers": 0, "accelerator": "cpu", "precision": "32", "pictures": False},
}
COMPARE: dict[str, Any] = {
    **{"methods": ["scratch", "default"], "cases": [3, 1, 1], "evaluate": "test", "fractions": [0.5], "seeds": [0]},
    **{"parallel": 0, "downstream": ["finetune", "probe"], "probe": {"voxels": 50, "test_voxels": 200}},
    "pretrain": {**NETWORK, "steps": 2},
    "finetune": {name: value for name, value in FINETUNE.items() if name not in ("folds", "save_every", "pictures")},
}


@dataclass(frozen=True)
class Place:
    """Where everything lies.

    Attributes:
        scans: labelled synthetic scans, which no command changes.
        made: a pretrained run and a fine-tuned model, which no command changes.
        out: where commands write.
    """

    scans: Path
    made: Path
    out: Path


@dataclass
class Kills:
    """What came of the kills.

    Attributes:
        tried: how often a command was killed before it ended.
        unequal: what differs, in words, of those that ended otherwise.
    """

    tried: int = 0
    unequal: list[str] = field(default_factory=list)


def _prepare(place: Place, resume: bool) -> None:
    from orienteer.pretraining.prepare import prepare

    prepare(place.scans / "imagesTr", place.out / "store", spacing_mm=(8.0, 8.0, 8.0), workers=0)


def _pretrain(place: Place, resume: bool, workers: int = 0) -> None:
    from orienteer.pretraining.pretrain import pretrain

    settings = {**PRETRAIN, "workers": workers, **({"resume": True} if resume else {})}
    pretrain(place.scans / "imagesTr", place.out / "run", **settings)


def _pretrain_with_a_worker(place: Place, resume: bool) -> None:
    _pretrain(place, resume, workers=1)


def _finetune(place: Place, resume: bool) -> None:
    from orienteer.finetuning.finetune import finetune

    settings = {**FINETUNE, **({"resume": True} if resume else {})}
    finetune(place.made / "run", place.scans / "dataset.json", place.out / "model", **settings)


def _predict(place: Place, resume: bool) -> None:
    from orienteer.finetuning.predict import predict

    predict(place.made / "model", place.scans / "imagesTr", place.out / "predictions")


def _compare(place: Place, resume: bool) -> None:
    from orienteer.comparison.compare import compare

    compare(place.scans, place.out / "comparison", **COMPARE)


COMMANDS: dict[str, Callable[[Place, bool], None]] = {
    "prepare": _prepare,
    "pretrain": _pretrain,
    "pretrain with a loading process": _pretrain_with_a_worker,
    "finetune": _finetune,
    "predict": _predict,
    "compare": _compare,
}
"""Each a call of one command; the second argument is whether ``--resume`` is given."""


def run(count: int, seed: int, folder: Path) -> dict[str, int]:
    """Kills commands ``count`` times and returns how many were killed (``tried``) and ended otherwise (``unequal``).

    Args:
        count: kills, over all commands.
        seed: of the moments.
        folder: an empty folder to work in.

    Raises:
        RuntimeError: a command does not run even where nothing disturbs it.
    """
    return _counted(kill(count, seed, folder))


def kill(count: int, seed: int, folder: Path, commands: tuple[str, ...] = tuple(COMMANDS)) -> Kills:
    """Kills the named commands ``count`` times; see `run`."""
    place = Place(folder / "scans", folder / "made", folder / "out")
    _import_everything()
    _make_inputs(place, commands)
    references = {name: _Reference.of(name, place, folder) for name in commands}
    rng, kills = random.Random(seed), Kills()
    with Progress("killing", count, unit="kills", delay_s=0.0) as progress:
        for name, moment in _moments(references, 3 * count, rng):
            if _kill_once(name, moment, references[name], place, kills):
                progress.advance(1, {"unequal": float(len(kills.unequal))})
            if kills.tried == count:
                break
    return kills


def _counted(kills: Kills) -> dict[str, int]:
    return {"tried": kills.tried, "unequal": len(kills.unequal)}


def _kill_once(name: str, moment: Moment, reference: "_Reference", place: Place, kills: Kills) -> bool:
    """Kills a command, gives it again, and compares what it ends with; returns whether it was killed before it had ended."""
    shutil.rmtree(place.out, ignore_errors=True)
    if not killed(lambda: COMMANDS[name](place, False), moment, _log(place)):
        return False
    kills.tried += 1
    problem = _again(name, place) or differences(reference.outputs, outputs(place.out))
    if problem:
        kills.unequal.append(f"{name}, killed {moment}: {problem}")
        say(f"unequal: {kills.unequal[-1]}")
    return True


def _again(name: str, place: Place) -> str:
    """Gives a command again until it ends; returns why it does not."""
    resume, words = False, ""
    for _ in range(MOST_CALLS):
        words = ended(lambda resume=resume: COMMANDS[name](place, resume), _log(place))  # type: ignore[misc]
        if not words:
            return ""
        resume = resume or "--resume" in words
    return words


@dataclass(frozen=True)
class _Reference:
    """What a command ends with where nothing disturbs it, with the number of its renames and its duration."""

    outputs: dict[str, Any]
    renames: int
    seconds: float

    @classmethod
    def of(cls, name: str, place: Place, folder: Path) -> "_Reference":
        shutil.rmtree(place.out, ignore_errors=True)
        counter = folder / "renames"
        began = time.monotonic()
        words = ended(lambda: counting(counter, lambda: COMMANDS[name](place, False)), _log(place))
        if words:
            raise RuntimeError(f"{name} does not run undisturbed: {words}")
        return cls(outputs(place.out), int(counter.read_text()), time.monotonic() - began)


def _moments(references: dict[str, _Reference], count: int, rng: random.Random) -> Iterator[tuple[str, Moment]]:
    """Yields moments: before and after every rename as far as they go, the same number for each command, and random times."""
    names = list(references)
    renames = {
        name: rng.sample(_at_renames(reference), k=2 * reference.renames) for name, reference in references.items()
    }
    for number in range(count):
        name = names[number % len(names)]
        if rng.random() < AT_RANDOM or not renames[name]:
            yield name, Moment(seconds=rng.uniform(0, references[name].seconds))
        else:
            yield name, renames[name].pop()


def _at_renames(reference: _Reference) -> list[Moment]:
    return [Moment(rename, after) for rename in range(1, reference.renames + 1) for after in (False, True)]


def _import_everything() -> None:
    import torch

    torch.set_num_threads(1)  # a process with more threads cannot be forked
    import monai.networks.nets  # noqa: F401  # the first network imports it: here once, not in every fork

    import orienteer.comparison.compare
    import orienteer.finetuning.finetune
    import orienteer.finetuning.predict
    import orienteer.finetuning.segmentation.train
    import orienteer.pretraining.pretrain  # noqa: F401


def _make_inputs(place: Place, commands: tuple[str, ...]) -> None:
    """Makes scans, and the run and the model that commands need, in a process of its own: libraries that have worked may
    have threads.
    """

    def make() -> None:
        from orienteer.phantoms.dataset import write_phantom_set
        from orienteer.store.content import SETTLED_NS

        write_phantom_set(place.scans, 5, shape_vox=(40, 32, 48), spacing_mm=8.0, progress=False)
        time.sleep(
            SETTLED_NS / 1e9
        )  # hashes of files that have just changed are not kept, and later runs would keep them
        made = Place(place.scans, place.made, place.made)
        if {"finetune", "predict"} & set(commands):
            _pretrain(made, resume=False)
        if "predict" in commands:
            _finetune(made, resume=False)

    words = ended(make, _log(place))
    if words:
        raise RuntimeError(f"no inputs: {words}")


def _log(place: Place) -> Path:
    return place.out.with_name("log.txt")

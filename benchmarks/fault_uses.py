"""What reads the files that are tampered with: the commands themselves, and the parts of them that read."""

import hashlib
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from benchmarks.fault_kills import COMPARE, FINETUNE, PRETRAIN
from benchmarks.fault_outputs import outputs

PREPARED: dict[str, Any] = {"spacing_mm": (8.0, 8.0, 8.0), "workers": 0}


def import_everything() -> None:
    """Imports what the uses need, so that forked processes have it."""
    import torch

    torch.set_num_threads(1)  # a process with more threads cannot be forked
    import monai.networks.nets  # noqa: F401  # the first network imports it: here once, not in every fork

    import orienteer.comparison.compare
    import orienteer.exports.export
    import orienteer.features.embed
    import orienteer.finetuning.finetune
    import orienteer.finetuning.predict
    import orienteer.finetuning.segmentation.train
    import orienteer.pretraining.pretrain
    import orienteer.report.curves
    import orienteer.runs.loaded  # noqa: F401


def make_world(folder: Path, parts: Collection[str]) -> None:
    """Makes scans, a store, a finished and a begun run; where it is among ``parts``, a model, predictions, a comparison."""
    from orienteer.comparison.compare import compare
    from orienteer.finetuning.finetune import finetune
    from orienteer.finetuning.predict import predict
    from orienteer.phantoms.dataset import write_phantom_set
    from orienteer.pretraining.pretrain import pretrain

    write_phantom_set(folder / "scans", 5, shape_vox=(40, 32, 48), spacing_mm=8.0, progress=False)
    pretrain(folder / "scans/imagesTr", folder / "run", **PRETRAIN)
    others, store, data = folder / "others", str(folder / "store"), folder / "scans/dataset.json"
    larger = {**PRETRAIN, "seed": 1, "encoder_arguments": {"filters": [4, 8, 16], "stem_stride": 1}}
    pretrain(folder / "scans/imagesTr", others / "run", store=store, **larger)
    if not {"model", "model_begun"}.isdisjoint(parts):
        finetune(folder / "run", data, folder / "model", **FINETUNE)
        finetune(others / "run", data, others / "model", store=store, **FINETUNE)
        predict(folder / "model", folder / "scans/imagesTr", folder / "predictions")
    if "comparison" in parts:
        compare(folder / "scans", folder / "comparison", **COMPARE)
    for place in (folder, others):
        for name in sorted(
            {"run", "model"} & {path.name for path in place.iterdir()}
        ):  # killed before they had results
            begun = place / ("begun" if name == "run" else "model_begun")
            shutil.copytree(place / name, begun)
            for file in ("summary.json", "encoder.json", "encoder.safetensors", "model.json", "model.safetensors"):
                (begun / file).unlink(missing_ok=True)


def _resume(world: Path) -> Any:
    from orienteer.pretraining.pretrain import pretrain

    pretrain(out=world / "begun", resume=True)
    return outputs(world / "begun")


def _open_to_resume(world: Path) -> Any:
    """What `pretrain --resume` reads before the first step."""
    from orienteer.pretraining.data import open_scans
    from orienteer.pretraining.start import resumed_run
    from orienteer.pretraining.train import module_of
    from orienteer.runs.config import make_config
    from orienteer.runs.records import read_counts

    start = resumed_run(world / "begun", make_config({"resume": True}), {"resume": True})
    read_counts(world / "begun")
    module = module_of(start, open_scans(world / "begun", start.config))
    state = start.checkpoint["state_dict"] if start.checkpoint is not None else {}
    return _hash({**state, "step": start.step}), len(list(module.parameters()))


def _load(world: Path) -> Any:
    from orienteer.runs.loaded import load_run

    loaded = load_run(world / "begun", device="cpu")
    with loaded.open_store():
        return _hash(loaded.network.state_dict()), sorted(loaded.training.values())


def _observe(world: Path) -> Any:
    from orienteer.report.observe import observe

    observe(world / "begun", sets=1, own_scans=2, drawn=0, demonstration=False, device="cpu", prepare_workers=0)
    return None


def _curves(world: Path) -> Any:
    from orienteer.report.curves import draw_curves, read_metrics

    curves = draw_curves(read_metrics(world / "begun"))
    return None if curves is None else curves.hint


def _finished(world: Path) -> Any:
    from orienteer.pretraining.pretrain import pretrain

    return pretrain(out=world / "run", resume=True).summary["steps"]


def _start(world: Path) -> Any:
    from orienteer.finetuning.config import make_config
    from orienteer.finetuning.starting_point import starting_point

    return _hash(starting_point(make_config({"run": str(world / "run")})).encoder.state_dict())


def _finetune(world: Path) -> Any:
    from orienteer.finetuning.finetune import finetune

    finetune(world / "run", world / "scans/dataset.json", world / "out", store=str(world / "store"), **FINETUNE)
    return outputs(world / "out")


def _overlap(world: Path) -> Any:
    from orienteer.labelled.overlap_contents import pretraining_contents

    return sorted(pretraining_contents(str(world / "run")) or ())


def _embed(world: Path) -> Any:
    from orienteer.features.embed import embed

    result = embed(world / "run", world / "scans/imagesTr", world / "vectors.npy", pictures=False, workers=0)
    return result.vectors.tolist()


def _read_to_embed(world: Path) -> Any:
    from orienteer.features.pretrained import load

    return _hash(load(world / "run").network.state_dict())


def _export(world: Path) -> Any:
    from orienteer.exports.export import export

    export(str(world / "run"), to="monai", out=str(world / "exported"))
    return outputs(world / "exported")


def _predict(world: Path) -> Any:
    from orienteer.finetuning.predict import predict

    predict(world / "model", world / "scans/imagesTr", world / "out")
    return outputs(world / "out")


def _read_to_predict(world: Path) -> Any:
    from orienteer.finetuning.segmentation.model import load_segmentation

    return _hash(load_segmentation(world / "model").network.state_dict())


def _predict_on(world: Path) -> Any:
    from orienteer.finetuning.predict import predict

    predict(world / "model", world / "scans/imagesTr", world / "predictions")
    return outputs(world / "predictions")


def _read_predictions(world: Path) -> Any:
    import json

    from orienteer.finetuning.predictions_record import PredictionsRecord

    sha256 = json.loads((world / "model/model.json").read_text())["sha256"]
    return PredictionsRecord.opened(world / "predictions", sha256).files


def _resume_finetuning(world: Path) -> Any:
    from orienteer.finetuning.finetune import finetune

    finetune(out=world / "model_begun", resume=True)
    return outputs(world / "model_begun")


def _open_to_resume_finetuning(world: Path) -> Any:
    """What `finetune --resume` reads of its own folder."""
    from orienteer.files import read_json
    from orienteer.finetuning.finetune import read_begun
    from orienteer.runs.checkpoints import read_checkpoint
    from orienteer.runs.metrics_log import cut_lines

    folder = world / "model_begun"
    read_begun(folder)
    read_json(folder / "split.json")
    cut_lines(folder / "metrics.jsonl", after_step=2)
    content = read_checkpoint(folder / "checkpoints/last.ckpt")
    return _hash(content["network"]), content["step"]


def _prepare(world: Path) -> Any:
    from orienteer.pretraining.prepare import prepare
    from orienteer.store.store import array_path

    report = prepare(world / "scans/imagesTr", world / "store", **PREPARED)
    arrays = [array_path(world / "store", key).read_bytes() for key in report.keys]
    return sorted(report.names), [hashlib.sha256(array).hexdigest() for array in arrays]


def _store(world: Path) -> Any:
    """What training reads of a store."""
    from orienteer.pretraining.data import open_scans
    from orienteer.runs.run_config import read_config

    scans = open_scans(world / "run", read_config(world / "run"))
    shapes = {key: scans.store.scan(key).shape_vox for key in scans.names}
    return [
        (name, scans.store.read(key, (0, 0, 0), shapes[key]).tobytes().hex(), scans.store.body(key).body.tolist())
        for key, name in scans.names.items()
    ]


def _labels(world: Path) -> Any:
    from orienteer.errors import ScanError
    from orienteer.labelled.label_cache import class_samples, class_voxels, open_labels

    read = []
    for path in sorted((world / "store/labels").rglob("*.b2nd")):
        if not path.is_file():
            raise ScanError(path.name, step="read", wanted="labels", got="no file", do="prepare again")
        samples = {number: places.tolist() for number, places in class_samples(path).items()}
        read.append((open_labels(path)[:].tobytes().hex(), class_voxels(path), samples))
    return read


def _compare(world: Path) -> Any:
    from orienteer.comparison.compare import compare

    compare(world / "scans", world / "comparison", **COMPARE)
    return None


def _cells(world: Path) -> Any:
    from orienteer.comparison.work.records import Records

    records = Records(world / "comparison")
    return [records.get(path.stem) for path in sorted((world / "comparison/cells").glob("*.json"))]


def _hash(state: Any) -> str:
    import torch

    digest = hashlib.sha256()
    for name, value in state.items():
        digest.update(name.encode())
        digest.update(value.numpy().tobytes() if isinstance(value, torch.Tensor) else str(value).encode())
    return digest.hexdigest()


def uses_of(name: str) -> Callable[[Path], Any]:
    """Returns a use by its name: a function of the folder of all files that returns what it came to."""
    return _USES[name]


_USES: dict[str, Callable[[Path], Any]] = {
    "resume": _open_to_resume,
    "pretrain --resume": _resume,
    "load": _load,
    "observe": _observe,
    "curves": _curves,
    "finished": _finished,
    "start": _start,
    "finetune": _finetune,
    "overlap": _overlap,
    "embed": _read_to_embed,
    "embed the scans": _embed,
    "export": _export,
    "predict": _read_to_predict,
    "predict the scans": _predict,
    "predictions": _read_predictions,
    "predict the rest": _predict_on,
    "resume fine-tuning": _open_to_resume_finetuning,
    "finetune --resume": _resume_finetuning,
    "prepare": _prepare,
    "store": _store,
    "labels": _labels,
    "cells": _cells,
    "compare": _compare,
}

WHOLE = {
    "resume": "pretrain --resume",
    "load": "observe",
    "curves": "observe",
    "start": "finetune",
    "embed": "embed the scans",
    "predict": "predict the scans",
    "predictions": "predict the rest",
    "resume fine-tuning": "finetune --resume",
    "labels": "finetune",
    "cells": "compare",
}
"""The whole command by the part of it that reads."""

_RUN, _BEGUN = ("run", "store", "scans"), ("begun", "store", "scans")

WRITING = {"finished", "export", "prepare", *WHOLE.values()}
"""Uses that write."""

PARTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("resume", "pretrain --resume", "load", "observe"), _BEGUN),
    "curves": ("begun",),
    "finished": _RUN,
    "start": ("run",),
    "finetune": _RUN,
    "overlap": ("run",),
    "embed": ("run",),
    "embed the scans": _RUN,
    "export": ("run",),
    "predict": ("model",),
    "predict the scans": ("model", "scans"),
    "predictions": ("model", "predictions"),
    "predict the rest": ("model", "scans", "predictions"),
    "resume fine-tuning": ("model_begun",),
    "finetune --resume": ("model_begun", "run", "store", "scans"),
    "prepare": ("store", "scans"),
    "store": ("run", "store"),
    "labels": ("store",),
    "cells": ("comparison",),
    "compare": ("comparison", "scans"),
}
"""Folders that each use needs."""

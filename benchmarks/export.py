"""How long each export of an encoder of about 30 million parameters takes; the checks in the target framework included.

Run: python -m benchmarks.export --json FILE
"""

import importlib
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.command import parser_of, save
from benchmarks.timing import timed
from orienteer.encoders import build_encoder
from orienteer.exports.export import export
from orienteer.features.pretrained import load
from orienteer.files import write_json
from orienteer.runs.weights import save_encoder

LIMIT_S = 10.0
"""Longest acceptable time of an export, seconds."""

VIEW_VOX = 64

ENCODERS: dict[str, dict[str, Any]] = {
    "residual": {"features": [32, 64, 128, 256, 320], "blocks": [1, 3, 4, 4, 3], "strides": [1, 2, 2, 2, 2]},
    "segresnet": {"init_filters": 32, "blocks_down": [1, 2, 2, 8]},
}
"""Two of about 30 million parameters, one of nnU-Net's and one of MONAI's."""

FACTS = {
    "spacing_mm": [1.5, 1.5, 1.5],
    "axes": "RAS",
    "intensity": {"CT": {"window_hu": [-1000.0, 1000.0]}, "MR": {"percentiles_of_body": [0.5, 99.5]}},
    "unit_mm": 100.0,
    "method": "default",
    "data_fingerprint": "none",
    "licence": "unknown",
}


def main(argv: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    _warm_up()
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for name in ENCODERS for row in measure(Path(folder), name)]
    for row in rows:
        verdict = "" if row["seconds"] < LIMIT_S else f"  over {LIMIT_S:g} s"
        million, seconds, cpu = row["million_parameters"], row["seconds"], row["cpu_seconds"]
        print(
            f"{row['encoder']:<12}{million:>6.1f} M  {row['to']:<14}{seconds:>6.1f} s, of one core {cpu:>6.1f} s{verdict}"
        )
    facts = {"limit_s": LIMIT_S, "threads": options.threads, "torch": torch.__version__, "machine": platform.machine()}
    save(options.json, {**facts, "rows": rows})


def measure(folder: Path, name: str) -> list[dict[str, Any]]:
    """Saves an encoder as a run does, and exports it to every format that accepts it."""
    run = folder / name
    run.mkdir()
    encoder = build_encoder(name, (VIEW_VOX,) * 3, **ENCODERS[name])
    save_encoder(run, encoder, {"view_size": [VIEW_VOX] * 3, **FACTS})
    million = sum(parameter.numel() for parameter in encoder.parameters()) / 1e6
    plans = _plans(run / "nnUNetPlans.json", encoder.target_arguments) if name == "residual" else None
    targets = ["nnunet", "nnssl"] if plans else ["monai"]
    rows = []
    for to in ("load", *targets, "torchscript", "torch-export", "onnx"):
        options: dict[str, Any] = {"plans": str(plans)} if to == "nnunet" else {}
        call: Callable[[], Any] = partial(load, run) if to == "load" else partial(export, str(run), to=to, **options)
        times = timed(call)
        row = {"encoder": name, "million_parameters": round(million, 1), "to": to}
        rows.append({**row, "seconds": round(times.seconds, 2), "cpu_seconds": round(times.cpu_seconds, 2)})
    return rows


def _warm_up() -> None:
    """Imports what is imported on first use: its time belongs to the start of a program, not to an export."""
    for name in ("monai.networks.nets", "nnunetv2.run.load_pretrained_weights", "onnxruntime", "onnxscript"):
        importlib.import_module(name)


def _plans(path: Path, target_arguments: Mapping[str, Any]) -> Path:
    """Writes plans whose network has this encoder."""
    elsewhere = ("input_channels", "num_classes")
    kwargs = {key: value for key, value in target_arguments.items() if key not in elsewhere}
    architecture = {
        "network_class_name": "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet",
        "arch_kwargs": {**kwargs, "dropout_op": None, "dropout_op_kwargs": None},
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }
    configuration = {"architecture": architecture, "normalization_schemes": ["CTNormalization"]}
    write_json(path, {"configurations": {"3d_fullres": configuration}})
    return path


if __name__ == "__main__":
    main()

"""The encoder as a graph without Python: ONNX, TorchScript, and a program of torch.export."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor, nn

from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from orienteer.exports.code_places import (
    onnx_without_places,
    program_without_places,
    torchscript_without_places,
)
from orienteer.exports.exported import WrittenExport
from orienteer.exports.feature_check import largest_difference, random_images, require_same_features
from orienteer.exports.transfer_table import encoder_rows
from orienteer.types import Triple

ONNX, TORCHSCRIPT, TORCH_EXPORT = "encoder.onnx", "encoder.torchscript.pt", "encoder.pt2"

TRACED_BATCH, CHECKED_BATCH = 2, 1
"""Images in the batch that a graph is traced with, and in the one that it is checked with: they differ, so that a graph
with a fixed batch size does not pass. (Traced with one image, exporters fix the batch size.)"""


class Levels(nn.Module):
    """The encoder's computation without checks of sizes, which a traced graph would fix."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Returns the feature maps of every level, finest first."""
        levels, x = [], images
        for stage in self.encoder.stages():
            x = stage(x)
            levels.append(self.encoder.level(x))
        return self.encoder.decode(tuple(levels))


def write_onnx(part: Path, encoder: Encoder, view_size: Triple) -> WrittenExport:
    """Writes the encoder as ONNX, checked with onnxruntime: one input ``images``, outputs ``level0`` (finest) and so on.

    The number of images is variable; the size of the views is fixed.

    Raises:
        InputError: a package is missing, or onnxruntime computes other features.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401 - torch's exporter needs it and reports it late
    except ImportError as error:
        raise InputError(
            "to",
            wanted="the packages onnxruntime and onnxscript",
            got=str(error),
            do="run: pip install 'orienteer[onnx]'",
        ) from error
    path, names = part / ONNX, [f"level{number}" for number in range(len(encoder.channels))]
    with _quiet():
        program = torch.onnx.export(
            Levels(encoder).eval(),
            (random_images(TRACED_BATCH, view_size, TRACED_BATCH),),
            dynamo=True,
            input_names=["images"],
            output_names=names,
            dynamic_shapes={"images": {0: torch.export.Dim("batch", min=1)}},
            verbose=False,
        )
        assert program is not None  # with dynamo
        onnx_without_places(program)
        program.save(path, external_data=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(images: Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.from_numpy(level) for level in session.run(names, {"images": images.numpy()}))

    return _checked(
        ONNX, encoder, view_size, run, f"onnxruntime {version('onnxruntime')}", f'InferenceSession("{{folder}}/{ONNX}")'
    )


def write_torchscript(part: Path, encoder: Encoder, view_size: Triple) -> WrittenExport:
    """Writes the encoder as TorchScript, for C++ and old services. For new ones torch recommends `write_torch_export`."""
    with _quiet(), torch.no_grad():
        traced = torch.jit.trace(
            Levels(encoder).eval(), random_images(TRACED_BATCH, view_size, TRACED_BATCH), check_trace=False
        )
        traced.save(part / TORCHSCRIPT)
        torchscript_without_places(part / TORCHSCRIPT)
        loaded = torch.jit.load(part / TORCHSCRIPT)
    return _checked(
        TORCHSCRIPT,
        encoder,
        view_size,
        loaded,
        f"torch {torch.__version__}",
        f'torch.jit.load("{{folder}}/{TORCHSCRIPT}")(images)',
    )


def write_torch_export(part: Path, encoder: Encoder, view_size: Triple) -> WrittenExport:
    """Writes the encoder as a program of torch.export."""
    with _quiet(), torch.no_grad():
        program = torch.export.export(
            Levels(encoder).eval(),
            (random_images(TRACED_BATCH, view_size, TRACED_BATCH),),
            dynamic_shapes={"images": {0: torch.export.Dim("batch", min=1)}},
        )
        program_without_places(program)
        torch.export.save(program, part / TORCH_EXPORT)
        loaded = torch.export.load(part / TORCH_EXPORT).module()
    hint = f'torch.export.load("{{folder}}/{TORCH_EXPORT}").module()(images)'
    return _checked(TORCH_EXPORT, encoder, view_size, loaded, f"torch {torch.__version__}", hint)


@torch.no_grad()
def _checked(
    file: str, encoder: Encoder, view_size: Triple, run: Callable[[Tensor], tuple[Tensor, ...]], by: str, use: str
) -> WrittenExport:
    """Runs a graph that was loaded back on another number of images than it was traced with, and compares the features."""
    images = random_images(CHECKED_BATCH, view_size, CHECKED_BATCH)
    with _quiet():
        theirs = run(images)
    difference = largest_difference(encoder(images), theirs)
    require_same_features(f"the encoder as {file}", difference)
    return WrittenExport(
        files=(file,),
        rows=encoder_rows(encoder),
        difference=difference,
        checked_with=by,
        facts={
            "input": {"name": "images", "shape": ["batch", 1, *view_size], "type": "float32"},
            "outputs": [{"name": f"level{number}", "channels": channels, "voxels_per_cell": list(stride)}
                        for number, (channels, stride) in enumerate(zip(encoder.channels, encoder.strides, strict=True))],
        },
        hint=f"use: {use}, images of shape (batch, 1, {', '.join(str(size) for size in view_size)})",
    )  # fmt: skip


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences the exporters: deprecations, and packages that are not needed here."""
    exporters = logging.getLogger("torch.onnx")
    level = exporters.level
    exporters.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporters.setLevel(level)

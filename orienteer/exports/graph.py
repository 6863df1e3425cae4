"""The encoder without Python: as ONNX, as TorchScript, and as a program of torch.export."""

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
from orienteer.exports.exported import Written, all_loaded, check_same, largest_difference
from orienteer.types import Triple

ONNX, TORCHSCRIPT, TORCH_EXPORT = "encoder.onnx", "encoder.torchscript.pt", "encoder.pt2"

TRACED_BATCH, CHECKED_BATCH = 2, 1
"""Images in the batch that a graph is recorded with, and in the one that it is checked with: they differ, so that a graph
in which the batch was frozen does not pass. (Recorded with one, exporters take the one for fixed.)"""


class Levels(nn.Module):
    """The encoder's computation and nothing else: no checks of sizes, which a recorded graph would freeze."""

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


def write_onnx(part: Path, encoder: Encoder, view_size: Triple) -> Written:
    """Writes the encoder as ONNX, compared with onnxruntime: one input ``images``, outputs ``level0`` (finest) and so on.

    The number of images is free; the size of the views is fixed.

    Raises:
        InputError: a package is missing, or onnxruntime does not give the encoder's features.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401 - torch's exporter needs it and says so late
    except ImportError as error:
        raise InputError(
            "to",
            wanted="the packages onnxruntime and onnxscript",
            got=str(error),
            do="run: pip install 'orienteer[onnx]'",
        ) from error
    path, names = part / ONNX, [f"level{number}" for number in range(len(encoder.channels))]
    with _quiet():
        torch.onnx.export(
            Levels(encoder).eval(),
            (_images(TRACED_BATCH, view_size),),
            path,
            dynamo=True,
            external_data=False,
            input_names=["images"],
            output_names=names,
            dynamic_shapes={"images": {0: torch.export.Dim("batch", min=1)}},
            verbose=False,
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(images: Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.from_numpy(level) for level in session.run(names, {"images": images.numpy()}))

    return _checked(
        ONNX, encoder, view_size, run, f"onnxruntime {version('onnxruntime')}", f'InferenceSession("{{folder}}/{ONNX}")'
    )


def write_torchscript(part: Path, encoder: Encoder, view_size: Triple) -> Written:
    """Writes the encoder as TorchScript, for C++ and old services. torch itself advises `write_torch_export` for new ones."""
    with _quiet(), torch.no_grad():
        traced = torch.jit.trace(Levels(encoder).eval(), _images(TRACED_BATCH, view_size), check_trace=False)
        traced.save(part / TORCHSCRIPT)
        loaded = torch.jit.load(part / TORCHSCRIPT)
    return _checked(
        TORCHSCRIPT,
        encoder,
        view_size,
        loaded,
        f"torch {torch.__version__}",
        f'torch.jit.load("{{folder}}/{TORCHSCRIPT}")(images)',
    )


def write_torch_export(part: Path, encoder: Encoder, view_size: Triple) -> Written:
    """Writes the encoder as a program of torch.export."""
    with _quiet(), torch.no_grad():
        program = torch.export.export(
            Levels(encoder).eval(),
            (_images(TRACED_BATCH, view_size),),
            dynamic_shapes={"images": {0: torch.export.Dim("batch", min=1)}},
        )
        torch.export.save(program, part / TORCH_EXPORT)
        loaded = torch.export.load(part / TORCH_EXPORT).module()
    hint = f'torch.export.load("{{folder}}/{TORCH_EXPORT}").module()(images)'
    return _checked(TORCH_EXPORT, encoder, view_size, loaded, f"torch {torch.__version__}", hint)


@torch.no_grad()
def _checked(
    file: str, encoder: Encoder, view_size: Triple, run: Callable[[Tensor], tuple[Tensor, ...]], by: str, use: str
) -> Written:
    """Runs a file that was loaded back on another number of images than it was recorded with."""
    images = _images(CHECKED_BATCH, view_size)
    with _quiet():
        theirs = run(images)
    difference = largest_difference(encoder(images), theirs)
    check_same(f"the encoder as {file}", difference)
    return Written(
        files=(file,),
        rows=all_loaded(encoder),
        difference=difference,
        checked_with=by,
        facts={
            "input": {"name": "images", "shape": ["batch", 1, *view_size], "type": "float32"},
            "outputs": [{"name": f"level{number}", "channels": channels, "voxels_per_cell": list(stride)}
                        for number, (channels, stride) in enumerate(zip(encoder.channels, encoder.strides, strict=True))],
        },
        hint=f"use: {use}, images of shape (batch, 1, {', '.join(str(size) for size in view_size)})",
    )  # fmt: skip


def _images(batch: int, view_size: Triple) -> Tensor:
    return torch.rand(batch, 1, *view_size, generator=torch.Generator().manual_seed(batch)) * 2 - 1


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps back what the exporters say about themselves: deprecations, and packages that are not needed here."""
    exporters = logging.getLogger("torch.onnx")
    level = exporters.level
    exporters.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporters.setLevel(level)

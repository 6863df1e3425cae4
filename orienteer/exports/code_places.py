"""Takes out of traced graphs where the code of each operation lies: absolute paths of this machine, and of the user's home."""

import zipfile
from pathlib import Path

import torch

from orienteer.files import replacing


def program_without_places(program: torch.export.ExportedProgram) -> None:
    """Removes the stack traces from the operations of a program of torch.export."""
    for module in program.graph_module.modules():
        graph = getattr(module, "graph", None)
        for node in graph.nodes if graph is not None else ():
            node.meta.pop("stack_trace", None)


def onnx_without_places(program: torch.onnx.ONNXProgram) -> None:
    """Removes the notes of the exporter, stack traces among them, from the operations of an ONNX graph."""
    for graph in (program.model.graph, *program.model.functions.values()):
        for node in graph:
            node.metadata_props.clear()
            node.doc_string = None


def torchscript_without_places(path: Path) -> None:
    """Removes the source positions, which are only for error messages, from a file of TorchScript."""
    with zipfile.ZipFile(path) as file:
        parts = [(item, file.read(item)) for item in file.infolist() if not item.filename.endswith(".debug_pkl")]
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as file:
        for item, content in parts:
            file.writestr(item, content)

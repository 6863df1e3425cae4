"""The scripts of a bundle: copies of a few modules of this package that need torch, MONAI, numpy, scipy and einops alone.

Copies, so that a bundle prepares scans as here, to the last bit, and runs without orienteer. Only their imports are rewritten.
"""

import re
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from orienteer.files import write_text


class Carried(NamedTuple):
    """A module that bundles carry: the package that it is in, and its name, under which it lies in ``scripts``."""

    package: str
    name: str


CARRIED = (
    *(Carried("orienteer", name) for name in ("errors", "text", "types")),
    *(Carried("orienteer.scans", name) for name in ("body", "modality", "normalise", "orient", "refuse", "scan_grid")),
    Carried("orienteer.scans", "source"),
    Carried("orienteer.features", "grid"),
    *(
        Carried("orienteer.exports.bundle.scripts", name)
        for name in ("features", "files", "labels", "network", "preparation", "resampling")
    ),
)
"""What the last ones import, and what these import."""

SHAPES = "shapes"
"""The module in place of jaxtyping, whose shapes a bundle does not check."""

_IMPORT = re.compile(r"^from orienteer(?:\.\w+)*\.(\w+) import", re.MULTILINE)
_SHAPES_IMPORT = re.compile(r"^from jaxtyping import (.+)$", re.MULTILINE)


def write_scripts(folder: Path) -> tuple[str, ...]:
    """Writes the package ``scripts`` into a bundle and returns the names of its files."""
    files = {"__init__.py": '"""The preparation of scans, and the way back to their voxels."""\n'}
    shapes: set[str] = set()
    for module in CARRIED:
        source = resources.files(module.package).joinpath(f"{module.name}.py").read_text("utf-8")
        for names in _SHAPES_IMPORT.findall(source):
            shapes.update(name.strip() for name in names.split(","))
        files[f"{module.name}.py"] = standalone(source)
    files[f"{SHAPES}.py"] = _shapes_module(sorted(shapes))
    for name, text in files.items():
        write_text(folder / name, text)
    return tuple(files)


def standalone(source: str) -> str:
    """Returns the source of a module as bundles carry it.

    Example:
        >>> print(standalone("from orienteer.scans.body import BodyMap").splitlines()[-1])
        from scripts.body import BodyMap
    """
    note = f"# Of orienteer {version('orienteer')}, Apache License 2.0; only the imports were changed.\n"
    return note + _SHAPES_IMPORT.sub(
        rf"from scripts.{SHAPES} import \1", _IMPORT.sub(r"from scripts.\1 import", source)
    )


def _shapes_module(names: list[str]) -> str:
    return f'''"""Names of shapes in signatures, for the reader alone."""

from typing import Any


class Shape:
    """Any array or tensor."""

    def __class_getitem__(cls, item: Any) -> type:
        """Returns itself, whatever the shape."""
        return cls


{" = ".join(names)} = Shape
'''

"""The orientation of nnU-Net's array axes in the body, and weights permuted and mirrored to them.

nnU-Net takes a file's axes as they are, the last one first, in the order given by its plans (``transpose_forward``).
orienteer's encoders were trained on axes towards right, front and head. A kernel that responds to "towards the head" on
axis 2 must do so on axis 0 of nnU-Net's arrays, or what was learned about directions is lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from jaxtyping import Float
from torch import Tensor

from orienteer.errors import InputError
from orienteer.files import readable
from orienteer.scans.apart import apart

_LETTERS = {"R": (0, False), "L": (0, True), "A": (1, False), "P": (1, True), "S": (2, False), "I": (2, True)}


@dataclass(frozen=True)
class AxisMap:
    """The orientation of another program's array axes in the body frame.

    Attributes:
        order: axis n of the arrays is body axis ``order[n]`` (0 left-right, 1 back-front, 2 foot-head).
        flipped: whether axis n has the opposite direction.
    """

    order: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]

    def triple(self, per_body_axis: Sequence[Any]) -> list[Any]:
        """Returns values per body axis in the order of the array axes."""
        return [per_body_axis[body] for body in self.order]

    def body_triple(self, per_array_axis: Sequence[Any]) -> list[Any]:
        """Returns values per array axis in the order of the body axes."""
        return [per_array_axis[self.order.index(body)] for body in range(3)]

    def turn(self, tensor: Float[Tensor, "a b size0 size1 size2"]) -> Float[Tensor, "a b _ _ _"]:
        """Returns images or kernels with body axes in the axes of the arrays."""
        turned = tensor.permute(0, 1, *(2 + body for body in self.order))
        return turned.flip([2 + axis for axis in range(3) if self.flipped[axis]])

    def turn_weights(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Returns the weights of a convolutional network for the arrays' axes."""
        return {name: self.turn(tensor) if tensor.ndim == 5 else tensor for name, tensor in state.items()}

    def facts(self) -> dict[str, Any]:
        """Returns the entries of export.json on the axes."""
        return {"body_axis_of_each_axis": list(self.order), "flipped": list(self.flipped)}


def axis_map(file_axes: str, transpose_forward: Sequence[int] = (0, 1, 2)) -> AxisMap:
    """Returns the orientation of nnU-Net's arrays of such files in the body.

    Args:
        file_axes: the directions of the file's axes, as in ``nibabel.aff2axcodes`` (``RAS``: to the right, to the front,
            to the head), or a file with these axes.
        transpose_forward: from nnU-Net's plans.

    Raises:
        InputError: letters that are not three axes, or a file that cannot be read.

    Example:
        >>> axis_map("RAS").order, axis_map("LPS").flipped
        ((2, 1, 0), (False, True, True))
        >>> axis_map("RAS", transpose_forward=(2, 0, 1)).order
        (0, 2, 1)
    """
    path = Path(file_axes)
    code = apart(path.name, (path,), _code_of_file, path) if path.is_file() else file_axes.upper()
    directions = [_LETTERS[letter] for letter in code if letter in _LETTERS]
    if len(code) != 3 or sorted(body for body, _ in directions) != [0, 1, 2]:
        raise InputError(
            "file_axes",
            wanted="three letters such as RAS or LPS, one of R/L, one of A/P, one of S/I, or one of your images",
            got=file_axes,
            do="use nibabel.aff2axcodes(nibabel.load(FILE).affine), or give the file itself",
        )
    if sorted(transpose_forward) != [0, 1, 2]:
        raise InputError(
            "plans", wanted="a transpose_forward of 0, 1, 2 in some order", got=str(transpose_forward), do="plan again"
        )
    first, second, third = (directions[2 - axis] for axis in transpose_forward)
    return AxisMap((first[0], second[0], third[0]), (first[1], second[1], third[1]))


def _code_of_file(path: Path) -> str:
    """Returns the directions of a file's axes, each named by the nearest body axis."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(readable(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError("file_axes", wanted="an image", got=str(path), do="give one that nnU-Net reads") from error
    size = reader.GetDimension()
    direction = np.reshape(reader.GetDirection(), (size, size))[:3, :3]  # towards left, back, head
    code = ""
    for axis in direction.T:
        nearest = int(np.abs(axis).argmax())
        code += (("L", "R"), ("P", "A"), ("S", "I"))[nearest][int(axis[nearest] < 0)]
    return code

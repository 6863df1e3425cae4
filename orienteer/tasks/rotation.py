"""The rotation task: predict by which quarter turn each view was turned.

Gidaris, Singh and Komodakis, *Unsupervised Representation Learning by Predicting Image Rotations*, ICLR 2018; in 3D
Taleb et al., *3D Self-Supervised Methods for Medical Imaging*, NeurIPS 2020, whose ten turns (none, and one to three
quarters about each axis) are used here. Departures: for views that are not cubes, turns that would change their size are
left out; views are those of all other methods.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from orienteer.tasks.base import ViewShape
from orienteer.tasks.classes import ClassTask
from orienteer.types import AXIS_NAMES
from orienteer.views.rearrange import TURNS, fitting_turns


class Rotation(ClassTask):
    """Classifies the turn of each view.

    Loss ``rotation``: cross-entropy over the turns that fit, mean over the views that are examples; 0 if there are none.

    Example:
        >>> import torch
        >>> from orienteer.tasks.base import Features, FeatureSpec
        >>> shape = ViewShape(size_vox=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0), views=2, unit_mm=100.0)
        >>> task = Rotation(Rotation.Config(), [FeatureSpec(16, (4, 4, 4))], shape)
        >>> task(Features((torch.zeros(1, 2, 16, 4, 4, 4),))).scores.shape
        torch.Size([1, 2, 10])
    """

    name = "rotation"
    minimum: ClassVar[Mapping[str, float]] = {"rotation": 0.0}
    change = "turn"
    metric = "turn_accuracy"

    @staticmethod
    def known_changes(shape: ViewShape) -> Sequence[int]:
        """Returns the turns that keep the size of the views."""
        return fitting_turns(shape.size_vox)

    @staticmethod
    def class_name(change: int) -> str:
        """Returns a description of a turn.

        Example:
            >>> Rotation.class_name(0), Rotation.class_name(7)
            ('not turned', '90° about foot-head')
        """
        axis, quarter = TURNS[change]
        return f"{90 * quarter}° about {AXIS_NAMES[axis]}" if quarter else "not turned"

"""The jigsaw task: predict the order of the eight cubes of each view.

Noroozi and Favaro, *Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles*, ECCV 2016; in 3D Taleb et
al., *3D Self-Supervised Methods for Medical Imaging*, NeurIPS 2020, and Zhuang et al., *Self-supervised Feature Learning
for 3D Medical Images by Playing a Rubik's Cube*, MICCAI 2019. As there, the classes are a few orders that differ in many
places. Departures: two cubes per axis; the encoder sees the whole puzzle instead of single cubes, so that it is trained
on views as large as those of all other methods; there is no gap between cubes.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from orienteer.tasks.base import ViewShape
from orienteer.tasks.classes import ClassTask
from orienteer.views.rearrange import ORDERS, cube_orders


class Jigsaw(ClassTask):
    """Classifies the order of each view's cubes.

    Loss ``jigsaw``: cross-entropy over the orders, mean over the views that are examples; 0 if there are none.

    Example:
        >>> from orienteer.tasks.base import FeatureSpec
        >>> shape = ViewShape(size_vox=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0), views=2, unit_mm=100.0)
        >>> len(Jigsaw.known_changes(shape)), Jigsaw(Jigsaw.Config(), [FeatureSpec(16, (4, 4, 4))], shape).metric
        (24, 'order_accuracy')
    """

    name = "jigsaw"
    minimum: ClassVar[Mapping[str, float]] = {"jigsaw": 0.0}
    change = "order"
    metric = "order_accuracy"

    @staticmethod
    def known_changes(shape: ViewShape) -> Sequence[int]:
        """Returns the numbers of all orders."""
        return range(ORDERS)

    @staticmethod
    def class_name(change: int) -> str:
        """Returns the cubes of an order, counted from 1.

        Example:
            >>> Jigsaw.class_name(0)
            '1 2 3 4 5 6 7 8'
        """
        return " ".join(str(cube + 1) for cube in cube_orders()[change])

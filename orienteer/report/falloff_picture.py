"""The picture of graded similarity: how the cosine of two places falls with their distance in mm."""

from dataclasses import dataclass
from typing import ClassVar

from orienteer.draw.figures import new_figure, to_png
from orienteer.tasks.graded import PairValues, rank_correlation, show_falloff


@dataclass(frozen=True)
class FalloffPicture:
    """How similarity falls with distance within a scan.

    Attributes:
        png: the file.
        pairs: number of pairs of parts.
        model: Spearman's rank correlation of cosine and distance, -1 if similarity always falls.
        intensities: the same by the intensities, without a model.
    """

    kind: ClassVar[str] = "falloff"

    png: bytes
    pairs: int
    model: float
    intensities: float


def draw_falloff(pairs: tuple[PairValues, PairValues]) -> FalloffPicture:
    """Draws the cosine of two parts against their distance, by the model's embedding and by raw intensities."""
    model, raw = pairs
    figure = new_figure(1100, 460)
    show_falloff(figure.subplots(), model, raw)
    ranks = [float(rank_correlation(*values).mean()) for values in pairs]
    return FalloffPicture(to_png(figure), model[0].numel(), ranks[0], ranks[1])

"""Tasks that compare one vector per view: what their heads have in common."""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from orienteer.tasks.base import Features, FeatureSpec, PredictionT, TargetsT, Task, ViewShape
from orienteer.tasks.heads import ViewVector, linear_float32


class ProjectedViews(Task[TargetsT, PredictionT]):
    """A task whose head computes one vector per view and projects it; its Config has ``channels``."""

    spatial = False
    pairs = True

    def __init__(self, config: Any, specs: Sequence[FeatureSpec], shape: ViewShape) -> None:
        super().__init__(config, specs, shape)
        self.vector = ViewVector(self.specs[-1], config.channels)
        self.project = nn.Linear(config.channels, config.channels)

    def vectors(self, features: Features) -> Float[Tensor, "batch views channels"]:
        """Returns the projected vector of each view, float32."""
        return linear_float32(self.vector(features.levels[-1]), self.project)

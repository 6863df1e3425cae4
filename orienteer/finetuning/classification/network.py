"""A classifier of scans: an encoder, the mean of its last level over the cells and views of a scan, and a linear layer."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from orienteer.encoders.base import Encoder
from orienteer.tensors import Images


class Classifier(nn.Module):
    """Computes the logits of a scan from any number of its views.

    Args:
        encoder: trained with the rest, as far as the schedule allows.
        classes: number of classes.
        seed: determines the weights of the new layer.
    """

    def __init__(self, encoder: Encoder, classes: int, seed: int) -> None:
        super().__init__()
        self.encoder, self.norm = encoder, nn.LayerNorm(encoder.channels[-1])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.linear = nn.Linear(encoder.channels[-1], classes)

    def forward(self, images: Images) -> Float[Tensor, "scans classes"]:
        """Returns logits from view sets ``(scans, views, 1, size0, size1, size2)``."""
        vectors = self.vectors(rearrange(images, "scans views ... -> (scans views) ..."))
        return self.logits(rearrange(vectors, "(scans views) channels -> scans views channels", scans=len(images)))

    def vectors(self, views: Float[Tensor, "views 1 size0 size1 size2"]) -> Float[Tensor, "views channels"]:
        """Returns one vector per view."""
        levels: tuple[Tensor, ...] = self.encoder(views)
        return levels[-1].mean(dim=(2, 3, 4))

    def logits(self, vectors: Float[Tensor, "scans views channels"]) -> Float[Tensor, "scans classes"]:
        """Returns logits from the vectors of all views of each scan."""
        logits: Tensor = self.linear(self.norm(vectors.mean(1)))
        return logits

    def levels(self) -> dict[str, int]:
        """Returns the encoder level of each of the encoder's parameters, by name."""
        places = {
            id(parameter): level
            for level, stage in reversed(list(enumerate(self.encoder.stages())))
            for parameter in stage.parameters()
        }
        # Weights that belong to no stage (a position embedding) count as the first layer.
        parameters = self.encoder.named_parameters()
        return {f"encoder.{name}": places.get(id(parameter), 0) for name, parameter in parameters}

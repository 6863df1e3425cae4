"""A network whose first layer has a stride, with outputs of the size of its images."""

from torch import Tensor, nn
from torch.nn import functional


class ImageSized(nn.Module):
    """Enlarges the outputs of a network to the size of its images.

    Args:
        network: takes images ``(batch, channels, size0, size1, size2)``.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Returns logits ``(batch, classes, size0, size1, size2)``."""
        logits: Tensor = self.network(images)
        if logits.shape[2:] == images.shape[2:]:
            return logits
        return functional.interpolate(logits, size=images.shape[2:], mode="trilinear", align_corners=False)

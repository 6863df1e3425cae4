"""The encoder of SegResNet (Myronenko, 2018, arXiv 1810.11654) as MONAI builds it."""

from collections.abc import Sequence

from torch import nn

from orienteer.encoders.base import Encoder, as_triple, strides_so_far
from orienteer.types import Triple


class SegResNetEncoder(Encoder):
    """The encoder path of `monai.networks.nets.SegResNet`: pre-activated residual blocks, group normalisation.

    The levels are sums of residual branches, not normalised: heads should begin with a normalisation.

    Args:
        view_size: size of the views in voxels.
        init_filters: channels of the first level, a multiple of 8 (the groups of the normalisation); each level
            doubles them.
        blocks_down: residual blocks of each level.
    """

    family = "segresnet"
    target = "monai.networks.nets.SegResNet"

    def __init__(self, view_size: Triple, init_filters: int = 16, blocks_down: Sequence[int] = (1, 2, 2, 4)) -> None:
        super().__init__()
        from monai.networks.nets import SegResNet  # imported here: it takes seconds, and most commands do not need it

        self.arguments = {"init_filters": init_filters, "blocks_down": list(blocks_down)}
        self.target_arguments = {
            "spatial_dims": 3,
            "in_channels": 1,
            "out_channels": 2,
            **self.arguments,
            "blocks_up": [1] * (len(blocks_down) - 1),
        }
        self.view_size = view_size
        self.channels = tuple(init_filters * 2**level for level in range(len(blocks_down)))
        self.strides = strides_so_far([as_triple(1 if level == 0 else 2) for level in range(len(blocks_down))])
        self.divisor = self.strides[-1]
        network = SegResNet(**self.target_arguments)
        self.convInit = network.convInit
        self.down_layers = network.down_layers

    def stages(self) -> list[nn.Sequential]:
        """Returns the first convolution with the first level, then the other levels."""
        first, *others = self.down_layers
        return [nn.Sequential(self.convInit, first), *(nn.Sequential(layer) for layer in others)]

"""The smallest encoder, for CPUs and tests: a DynUNet whose first convolution already halves the resolution."""

from collections.abc import Sequence

from orienteer.encoders.dynunet import DynUNetEncoder
from orienteer.types import Triple


class TinyEncoder(DynUNetEncoder):
    """`DynUNetEncoder` with few channels and a stride-2 stem, since the finest level takes most of a network's time.

    Args:
        view_size: size of the views in voxels.
        filters: channels of each level; each level after the first halves the resolution.
        stem_stride: stride of the first level. 1 is for scans that contain only views of 16 voxels.
        decoder: pretrain the decoder path too.
    """

    family = "tiny"

    def __init__(
        self,
        view_size: Triple,
        filters: Sequence[int] = (16, 32, 64, 128),
        stem_stride: int = 2,
        decoder: bool = False,
    ) -> None:
        strides = (stem_stride, *(2,) * (len(filters) - 1))
        super().__init__(view_size, filters=filters, strides=strides, decoder=decoder)
        self.arguments = {"filters": list(filters), "stem_stride": stem_stride, "decoder": decoder}

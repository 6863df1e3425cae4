"""Every family at its smallest: quick to run, and shaped so that a mixed-up axis shows."""

from typing import Any, NamedTuple

import pytest

from orienteer.encoders import build_encoder
from orienteer.encoders.base import Encoder
from orienteer.types import Triple


class Small(NamedTuple):
    """A name in ENCODERS, a view size that is not a cube, and arguments that make it small."""

    name: str
    view_size: Triple
    arguments: dict[str, Any]

    def build(self, **more: Any) -> Encoder:
        return build_encoder(self.name, self.view_size, **{**self.arguments, **more})


_RESIDUAL = {"features": [4, 6, 8], "blocks": [1, 2, 1], "strides": [[1, 1, 1], [1, 2, 2], 2]}
_VIT = {"patch_size": 8, "hidden_size": 24, "mlp_dim": 32, "num_layers": 2, "num_heads": 4}
_SWIN = {"feature_size": 12, "num_heads": [1, 2, 3, 4], "depths": [2, 1, 1, 1], "window_size": 3}

SMALL: dict[str, Small] = {
    "tiny": Small("tiny", (16, 32, 48), {"filters": [4, 6, 8, 10]}),
    "segresnet": Small("segresnet", (8, 16, 24), {"init_filters": 8}),
    "dynunet": Small("dynunet", (8, 8, 16), {"filters": [4, 6, 8], "strides": [1, [1, 2, 2], 2], "res_block": True}),
    "mednext-s": Small("mednext-s", (16, 16, 32), {"init_filters": 4}),
    "mednext-b": Small("mednext-b", (16, 32, 16), {"init_filters": 2, "kernel_size": 5}),
    "mednext-m": Small("mednext-m", (32, 16, 16), {"init_filters": 2}),
    "mednext-l": Small("mednext-l", (16, 16, 32), {"init_filters": 2}),
    "swinunetr": Small("swinunetr", (32, 32, 64), _SWIN),
    "vit": Small("vit", (8, 16, 24), _VIT),
    "residual": Small("residual", (4, 8, 16), _RESIDUAL),
    "anatomix": Small("anatomix", (8, 16, 24), {"filters": 4, "levels": 3}),
}
"""One case for each entry of ENCODERS."""

VARIANTS: dict[str, Small] = {
    "dynunet with decoder": Small(
        "dynunet", (8, 8, 16), {"filters": [4, 6, 8], "strides": [1, [1, 2, 2], 2], "decoder": True}
    ),
    "tiny with decoder": Small("tiny", (16, 32, 48), {"filters": [4, 6, 8, 10], "decoder": True}),
    "anatomix of 2025": Small(
        "anatomix",
        (8, 8, 16),
        {"filters": 4, "levels": 3, "norm": "batch", "pooling": "max", "interpolation": "nearest", "norm_eps": 1e-5},
    ),
    "anatomix with decoder": Small("anatomix", (8, 16, 8), {"filters": 4, "levels": 3, "decoder": True}),
    "vit of UNETR": Small("vit", (16, 32, 16), {"hidden_size": 12, "mlp_dim": 8, "num_heads": 2}),
    "swinunetr v2": Small("swinunetr", (64, 32, 32), {**_SWIN, "use_v2": True}),
}
"""Settings that change which modules exist or what the target is."""

every_encoder = pytest.mark.parametrize("small", [*SMALL.values(), *VARIANTS.values()], ids=[*SMALL, *VARIANTS])

"""Shape aliases of tensors. They are not in `types`, so that preparing scans does not import torch, which takes seconds."""

from jaxtyping import Float, Int
from torch import Tensor

Images = Float[Tensor, "batch views 1 size0 size1 size2"]
"""The voxels of ``batch`` view sets of ``views`` views each, normalised to about [-1, 1]."""

CentresMm = Float[Tensor, "batch views 3"]
"""Centres of views in mm in the body frame."""

GapsMm = Float[Tensor, "batch views views 3"]
"""``gaps[b, i, j]`` from view i to view j, mm."""

FeatureMap = Float[Tensor, "batch views channels cells0 cells1 cells2"]
"""One level of an encoder's feature maps, for every view."""

RouteIndex = Int[Tensor, "routes steps"]
"""Each row lists the views that a route passes through, in order."""

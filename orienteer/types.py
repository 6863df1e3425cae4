"""Names of triples and axes, and the conventions for axes, units and signs.

**Axes, units, signs.** Positions live in the *body frame*: millimetres, axes in the anatomical order RAS, so that axis 0
grows from left to right, axis 1 from back to front, axis 2 from foot to head. Arrays are stored in the same order: voxel
``[i, j, k]`` of a prepared scan lies at ``origin_mm + (i, j, k) * spacing_mm``, and that is the position of the voxel's
*centre*. A box of ``size_vox`` voxels that starts at voxel ``start_vox`` covers the continuous voxel interval
``[start - 0.5, start + size - 0.5]`` and its centre is ``start + (size - 1) / 2``. A pair quantity reads left to right:
``gap[i, j] = centre[j] - centre[i]`` goes *from i to j*. Networks see gaps divided by one length, ``unit_mm``; everything
shown to a person is in mm. Sizes of views and boxes are in array order everywhere.
"""

AXES_CODE = "RAS"
"""The anatomical code of the body frame: the direction in which each array axis grows."""

AXIS_NAMES = ("left-right", "back-front", "foot-head")
"""Names of the three axes for people, in array order, from the low end to the high end."""

Triple = tuple[int, int, int]
"""Three whole numbers in array order (sizes, starts, strides)."""

TripleMm = tuple[float, float, float]
"""Three lengths in mm in array order (spacing, origin, extent)."""

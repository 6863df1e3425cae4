"""Pictures of features: a scan's features in three colours below the scan, and a map of scans."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

from orienteer.draw.figures import full_png, new_figure, plain_label
from orienteer.draw.palette import view_colour
from orienteer.draw.slices import in_plane, three_slices
from orienteer.features.components import principal_components
from orienteer.features.pretrained import Pretrained
from orienteer.store.store import Store
from orienteer.types import Triple

SPREAD = (2, 98)
"""Percentiles of a principal component over the body that become no colour and full colour."""

LEAST_FIT = 16
"""Fewest places in the body that colours are fitted to; with fewer, all places are used."""


def feature_colours(pretrained: Pretrained, store: Store, key: str, name: str) -> bytes:
    """Returns a PNG: three slices of a scan, and below them its features as three principal components in colour.

    Red, green and blue are the first three principal components of the features of all levels, scaled so that each level has
    the same variance, over the body in these slices. Places with similar features have similar colours; air is black.

    Args:
        name: of the scan, for the title.
    """
    scan = store.scan(key)
    voxels = store.read(key, (0, 0, 0), scan.shape_vox)
    body = _body_voxels(store, key)
    centre = _centre(body)
    planes = [_plane(scan.shape_vox, axis, centre[axis]) for axis in range(3)]
    inside = np.concatenate([body[tuple(plane.astype(int).T)] for plane in planes])
    features = pretrained.features_at(store, key, np.concatenate(planes))
    colours = np.split(
        _three_colours(features, pretrained.network.channels, inside), np.cumsum([len(p) for p in planes])[:2]
    )
    figure = new_figure(1100, 850)
    above, below = figure.subfigures(2, 1, squeeze=True)  # type: ignore[misc]
    three_slices(above, voxels, centre, scan.spacing_mm, scan.origin_mm, limits=(-1.0, 1.0))
    above.suptitle(plain_label(name), fontsize=10)
    every = three_slices(below, voxels, centre, scan.spacing_mm, scan.origin_mm, limits=(-1.0, 1.0))
    for axis, (axes, plane) in enumerate(zip(every, colours, strict=True)):
        across, up = in_plane(axis)
        image = plane.reshape(scan.shape_vox[across], scan.shape_vox[up], 3)
        axes.get_images()[0].set_data(image.transpose(1, 0, 2))
    below.suptitle("features of the encoder: three principal components as red, green and blue", fontsize=10)
    return full_png(figure)


def map_of_scans(vectors: Float32[np.ndarray, "scans channels"], groups: Sequence[str]) -> bytes:
    """Returns a PNG: each scan's vector as a point on its first two principal components, coloured by group.

    Args:
        groups: of each scan, such as its modality or its class.
    """
    places, shares = principal_components(vectors.astype(np.float64), 2)
    figure = new_figure(700, 560)
    axes = figure.subplots()
    for number, group in enumerate(sorted(set(groups))):
        members = np.array([item == group for item in groups])
        label = plain_label(f"{group} ({members.sum()})")
        axes.scatter(places[members, 0], places[members, 1], s=18, color=view_colour(number), label=label, alpha=0.8)
    axes.set_xlabel(f"1st principal component, {100 * shares[0]:.0f} % of the variance", fontsize=9)
    axes.set_ylabel(f"2nd principal component, {100 * shares[1]:.0f} % of the variance", fontsize=9)
    axes.set_title("map of scans: near points have similar features", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    return full_png(figure)


def _three_colours(
    features: Float32[np.ndarray, "points channels"], channels: Sequence[int], inside: Bool[np.ndarray, " points"]
) -> Float64[np.ndarray, "points 3"]:
    """Returns colours from 0 to 1; black outside the body."""
    fit = inside if inside.sum() >= LEAST_FIT else np.ones(len(features), bool)
    levels = []
    for level in np.split(features.astype(np.float64), np.cumsum(channels)[:-1], axis=1):
        spread = np.sqrt(level[fit].var(0).sum())
        levels.append(level / spread if spread > 0 else level)
    places, _ = principal_components(np.concatenate(levels, axis=1), 3, fit)
    low, high = np.percentile(places[fit], SPREAD, axis=0)
    colours = np.clip((places - low) / np.maximum(high - low, 1e-12), 0, 1)
    return np.where(fit[:, None], colours, 0.0)


def _body_voxels(store: Store, key: str) -> Bool[np.ndarray, "size0 size1 size2"]:
    """Returns the body mask, at the resolution of its blocks."""
    shape, blocks = store.scan(key).shape_vox, store.body(key)
    body = blocks.body > 127
    for axis in range(3):
        body = body.repeat(blocks.cell_vox, axis)
    return body[: shape[0], : shape[1], : shape[2]]


def _centre(body: Bool[np.ndarray, "size0 size1 size2"]) -> Triple:
    """Returns the centre voxel of the body; that of the scan where there is no body."""
    inside = np.argwhere(body)
    centre = inside.mean(0) if len(inside) else (np.array(body.shape) - 1) / 2
    first, second, third = (round(float(value)) for value in centre)
    return first, second, third


def _plane(shape_vox: Triple, axis: int, index: int) -> Float[np.ndarray, "points 3"]:
    """Returns the voxels of one slice; the first of its two axes varies slowest."""
    ranges = [np.arange(length) if other != axis else np.array([index]) for other, length in enumerate(shape_vox)]
    return np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.float64)

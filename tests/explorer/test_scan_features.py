"""Features of whole scans."""

import numpy as np
import torch

from orienteer.explorer.explorer import Explorer
from orienteer.explorer.scan_features import _box_filter, embedding_source, grid_starts
from orienteer.explorer.view_geometry import spacing_mm, view_size


def test_the_embedding_is_that_of_the_view_where_only_one_view_is(explorer: Explorer) -> None:
    """The first corner cell is in the first view alone."""
    loaded, features = explorer.loaded, explorer._features["first"]
    starts = grid_starts(explorer.first, loaded, features.stride)
    similarity = loaded.network.tasks["similarity"]
    first = min(starts, key=sum)
    levels = loaded.features(explorer.first.images([first], explorer.size_vox))
    embedding = similarity(levels).embedding[0, 0]  # type: ignore[operator]
    cell = tuple(at // step for at, step in zip(first, features.stride, strict=True))
    np.testing.assert_allclose(features.embedding[(slice(None), *cell)], embedding[:, 0, 0, 0], atol=1e-4)


def test_the_grid_of_views_covers_the_body(explorer: Explorer) -> None:
    scan, features = explorer.first, explorer._features["first"]
    starts = np.array(grid_starts(scan, explorer.loaded, features.stride))
    assert (starts >= 0).all()
    assert (starts + explorer.size_vox <= scan.shape_vox).all()
    assert not (starts % features.stride).any()
    body = np.argwhere(scan.body.body == 255) * scan.body.cell_vox
    inside = (body[:, None] >= starts) & (body[:, None] < starts + explorer.size_vox)
    assert inside.all(axis=-1).any(axis=1).all()


def test_the_embedding_comes_from_the_first_task_that_has_one(explorer: Explorer) -> None:
    source = embedding_source(explorer.loaded)
    assert source.task == explorer._features["first"].source == "similarity"
    assert source.stride == explorer._features["first"].stride


def test_the_box_filter_is_an_average_with_partial_cells() -> None:
    field = torch.zeros(1, 7, 5, 5)
    field[0, 3, 2, 2] = 1.0
    mean = _box_filter(field, (2.0, 1.0, 1.0))[0, :, 2, 2]  # half of each neighbour along axis 0
    torch.testing.assert_close(mean, torch.tensor([0.0, 0.0, 0.25, 0.5, 0.25, 0.0, 0.0]))
    constant = _box_filter(torch.ones(2, 9, 9, 9), (2.5, 3.0, 1.5))[:, 4, 4, 4]
    torch.testing.assert_close(constant, torch.ones(2))


def test_the_sizes_of_the_run(explorer: Explorer) -> None:
    assert view_size(explorer.loaded) == (16, 16, 16)
    assert spacing_mm(explorer.loaded) == (8.0, 8.0, 8.0)

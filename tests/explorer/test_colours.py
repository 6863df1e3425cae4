"""Features in three colours."""

import numpy as np

from orienteer.explorer.explorer import Explorer
from orienteer.explorer.overlay import body_cells


def test_colours_are_the_first_three_components_of_the_embedding(explorer: Explorer) -> None:
    """Against scikit-learn's, at the cells of the features."""
    from sklearn.decomposition import PCA

    features, scan = explorer._features["first"], explorer.first
    answer = explorer.colours()
    rows = features.embedding.flatten(1).T.double().numpy()
    inside = rows[features.covered.reshape(-1)]
    fitted = PCA(3).fit(inside)
    np.testing.assert_allclose(answer.shares, fitted.explained_variance_ratio_, atol=1e-6)
    places = fitted.transform(inside)
    origin_mm, cell_mm = features.cell_grid(scan)
    centres = np.array(origin_mm) + np.argwhere(features.covered) * cell_mm
    at = np.rint((centres - answer.grid.origin_mm) / answer.grid.cell_mm).astype(int).T
    red = answer.colours[..., 0][tuple(at)].astype(float)
    assert abs(np.corrcoef(red, places[:, 0])[0, 1]) > 0.95


def test_both_scans_have_the_same_colours_for_the_same_features(explorer: Explorer) -> None:
    swapped = Explorer(explorer.loaded, explorer.first, explorer.first)
    swapped._features = {"first": explorer._features["first"], "second": explorer._features["first"]}
    np.testing.assert_array_equal(swapped.colours("first").colours, swapped.colours("second").colours)
    first, second = explorer.colours("first"), explorer.colours("second")
    assert first.shares == second.shares
    assert not np.array_equal(first.colours, second.colours)


def test_air_is_transparent(explorer: Explorer) -> None:
    answer, scan = explorer.colours(), explorer.first
    inside = body_cells(scan, explorer._features["first"], answer.grid)
    np.testing.assert_array_equal(answer.colours[..., 3], 255 * inside)
    assert answer.colours[inside][:, :3].std(axis=0).min() > 20

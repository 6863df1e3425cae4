import numpy as np

from orienteer.draw.bands import band_curve
from orienteer.draw.figures import new_figure


def test_the_band_holds_half_of_the_points_and_the_line_is_the_median():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 100, 4000)
    y = x + rng.normal(0, 5, 4000)
    axes = new_figure().subplots()
    band_curve(axes, x, y, "black", "rises", bins=10)
    middle, median = (np.array(values) for values in axes.lines[0].get_data())
    np.testing.assert_allclose(median, middle, atol=1.5)
    corners = axes.collections[0].get_paths()[0].vertices
    inside = [
        (np.interp(a, middle, median) - 4.4 < b < np.interp(a, middle, median) + 4.4) for a, b in zip(x, y, strict=True)
    ]
    assert 0.55 < np.mean(inside) < 0.7
    assert corners[:, 1].max() > median.max()


def test_few_points_make_one_bin():
    axes = new_figure().subplots()
    band_curve(axes, np.arange(4.0), np.arange(4.0), "black", "few")
    assert axes.lines[0].get_xdata().tolist() == [1.5]

"""Figures and the PNG files that are made of them."""

import io

import numpy as np
from PIL import Image

from orienteer.draw.figures import full_png, new_figure, to_png
from orienteer.draw.palette import PREDICTED, TRUE


def test_a_small_file_keeps_thin_colours_and_true_greys() -> None:
    figure = new_figure(400, 300)
    axes = figure.subplots()
    axes.imshow(np.linspace(0, 1, 10_000).reshape(100, 100), cmap="gray")
    axes.plot([10, 90], [10, 90], color=TRUE, linewidth=1.5)
    axes.plot([10, 90], [90, 10], color=PREDICTED, linewidth=1.5)
    rgb = np.asarray(Image.open(io.BytesIO(to_png(figure))).convert("RGB")).astype(int)
    for colour in (TRUE, PREDICTED):
        wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
        assert np.abs(rgb - wanted).sum(axis=-1).min() < 20, colour
    raw = io.BytesIO()
    figure.savefig(raw, format="png")
    before = np.asarray(Image.open(raw).convert("RGB")).astype(int)
    grey = (before == before[..., :1]).all(axis=-1)
    assert np.abs(rgb - before)[grey].max() <= 2


def test_a_picture_in_full_colour_has_the_pixels_of_savefig() -> None:
    files = []
    for _ in range(2):
        figure = new_figure(300, 200)
        for axes in figure.subplots(1, 2):
            axes.plot([0, 3], [1, 0])
            axes.set_title("two\nlines")
        files.append(full_png(figure))
    whole = io.BytesIO()
    figure.savefig(whole, format="png")
    assert np.array_equal(Image.open(io.BytesIO(files[0])).convert("RGB"), Image.open(whole).convert("RGB"))
    assert files[0] == files[1]
    assert Image.open(io.BytesIO(files[0])).info["dpi"] == Image.open(whole).info["dpi"]

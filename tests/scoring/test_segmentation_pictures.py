"""Which cases are drawn, and that they are."""

import math
from pathlib import Path

import numpy as np

from orienteer.draw.palette import class_colours
from orienteer.labelled.grids import grid_geometry
from orienteer.scoring import segmentation_pictures
from orienteer.scoring.segmentation_metrics import CaseScores
from orienteer.scoring.segmentation_pictures import CaseLabels, chosen_cases, draw_case


def test_best_and_worst_are_chosen_among_cases_with_a_score():
    scores = {"a": CaseScores((math.nan,), (math.nan,)), "b": CaseScores((0.3,), (1.0,))}
    assert chosen_cases(scores) == {"best": "b", "median": "b", "worst": "b"}


def test_nothing_is_chosen_where_nothing_could_be_scored():
    assert chosen_cases({"a": CaseScores((math.nan,), (math.nan,))}) == {}


def test_a_case_without_labels_is_drawn_too(tmp_path: Path) -> None:
    empty = np.zeros((9, 8, 7), np.uint8)
    grid = grid_geometry((9, 8, 7), (1.0, 2.0, 3.0), (0.0, 0.0, 0.0))
    labels = CaseLabels(empty, empty, ["front"], CaseScores((math.nan,), (math.nan,)))
    draw_case(tmp_path / "new" / "a.png", "a", np.zeros((9, 8, 7), np.float32), labels, grid)
    assert (tmp_path / "new" / "a.png").read_bytes().startswith(b"\x89PNG")


def test_truth_and_prediction_are_drawn_side_by_side_in_the_colours_of_their_classes(monkeypatch, tmp_path):
    figures = []
    monkeypatch.setattr(segmentation_pictures, "full_png", lambda figure: figures.append(figure) or b"")
    truth = np.zeros((9, 8, 7), np.uint8)
    truth[2:6, 3:6, 2] = 1
    truth[2:4, 3:5, 5] = 2
    predicted = truth.copy()
    predicted[2:4, 3:5, 5] = 0  # all of the second class is missed: the slice with most wrong voxels is 5
    grid = grid_geometry((9, 8, 7), (1.0, 2.0, 3.0), (0.0, 0.0, 0.0))
    labels = CaseLabels(truth, predicted, ["liver", "spleen"], CaseScores((1.0, 0.0), (0.0, math.nan)))
    draw_case(tmp_path / "a.png", "a", np.zeros((9, 8, 7), np.float32), labels, grid)
    (figure,) = figures
    axes = [each for each in figure.axes if each.images]
    assert [each.get_title(loc="right") for each in axes[:2]] == ["truth: most labels", "prediction: most labels"]
    assert [each.get_title(loc="left") for each in axes[4:]] == ["axial, 15 mm"] * 2
    overlays = [np.asarray(each.images[1].get_array()) for each in axes]
    colours = class_colours(2)
    for overlay, classes in zip(overlays[4:], (truth[:, :, 5], predicted[:, :, 5]), strict=True):
        assert overlay.shape == (8, 9, 4)
        np.testing.assert_array_equal(overlay[..., 3] > 0, classes.T > 0)
        np.testing.assert_allclose(
            overlay[classes.T == 2][..., :3], np.broadcast_to(colours[1], ((classes == 2).sum(), 3))
        )
    (legend,) = [part.legends[0] for part in figure.subfigs if part.legends]
    assert [text.get_text() for text in legend.get_texts()] == ["liver  1.00", "spleen  0.00"]


def test_of_many_classes_the_worst_are_named(monkeypatch, tmp_path):
    figures = []
    monkeypatch.setattr(segmentation_pictures, "full_png", lambda figure: figures.append(figure) or b"")
    truth = np.arange(9 * 8 * 7, dtype=np.uint8).reshape(9, 8, 7) % 41
    names, dice = [f"c{number}" for number in range(40)], tuple(number / 40 for number in range(40))
    labels = CaseLabels(truth, truth, names, CaseScores(dice, dice))
    grid = grid_geometry((9, 8, 7), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    draw_case(tmp_path / "a.png", "a", np.zeros((9, 8, 7), np.float32), labels, grid)
    (legend,) = [part.legends[0] for part in figures[0].subfigs if part.legends]
    words = [text.get_text() for text in legend.get_texts()]
    assert len(words) == segmentation_pictures.SHOWN_CLASSES
    assert words[0] == "c0  0.00"
    assert len({patch.get_facecolor() for patch in legend.get_patches()}) == len(words)


def test_long_names_that_begin_alike_are_told_apart_and_fit(tmp_path: Path, monkeypatch) -> None:
    figures = []
    monkeypatch.setattr(segmentation_pictures, "full_png", lambda figure: figures.append(figure) or b"")
    names = ["right cerebellar white matter", "right cerebellar white cortex", "x" * 60]
    empty = np.zeros((9, 8, 7), np.uint8)
    labels = CaseLabels(empty, empty, names, CaseScores((0.1, 0.2, 0.3), (1.0, 1.0, 1.0)))
    draw_case(
        tmp_path / "a.png",
        "a",
        np.zeros((9, 8, 7), np.float32),
        labels,
        grid_geometry((9, 8, 7), (1.0,) * 3, (0.0,) * 3),
    )
    (figure,) = figures
    (legend,) = [part.legends[0] for part in figure.subfigs if part.legends]
    words = [text.get_text() for text in legend.get_texts()]
    assert words == ["right cerebellar white matter  0.10", "right cerebellar white cortex  0.20", "x" * 39 + "…  0.30"]
    figure.draw_without_rendering()
    assert legend.get_window_extent().x1 <= figure.bbox.x1

"""Pictures of a scan show what was measured."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from orienteer.draw.figures import new_figure, to_png
from orienteer.draw.palette import PREDICTED, TRUE
from orienteer.report import pictures
from orienteer.report.pictures import draw_scan
from orienteer.report.scan_errors import measure_scan
from orienteer.report.whole_scan import read_whole
from orienteer.runs.loaded import load_run
from tests.helpers.oracle import oracle_run


def test_an_oracle_is_drawn_without_a_miss(oracle, coded):
    figures = measure_scan(oracle, coded, sets=3, readings=())
    gaps, route = draw_scan(oracle, coded, figures)
    assert "misses the true one by 0 mm" in gaps.text
    assert "Its end point is missed by 0 mm." in route.text
    assert "closure" not in route.text  # its routes close by construction


def test_the_arrows_go_through_the_centres_that_the_header_claims(coded, monkeypatch):
    drawn, ink = [], pictures.draw_route

    def note(axes, axis, points, *rest, **words):
        drawn.append(np.array(points))
        ink(axes, axis, points, *rest, **words)

    monkeypatch.setattr(pictures, "draw_route", note)
    loaded = oracle_run(bend=0.3)
    figures = measure_scan(loaded, coded, sets=1, readings=())
    _, route = draw_scan(loaded, coded, figures)
    true, reached = drawn[:2]
    i, j = np.triu_indices(4, 1)
    np.testing.assert_allclose((true[j] - true[i]), figures.true_mm[:6], atol=1e-3)
    chain = [list(zip(np.r_[i, j], np.r_[j, i], strict=True)).index((k, k + 1)) for k in range(3)]
    np.testing.assert_allclose(np.diff(reached, axis=0), figures.predicted_mm["oracle"][chain], atol=1e-3)
    missed = np.linalg.norm(reached[-1] - true[-1])
    assert f"Its end point is missed by {missed:.0f} mm" in route.text


def test_a_run_is_drawn_with_all_its_pictures(finished):
    loaded = load_run(finished.folder, device="cpu")
    with loaded.open_store() as store:
        scan = read_whole(store, next(iter(loaded.validation)))
    drawn = draw_scan(loaded, scan, measure_scan(loaded, scan, sets=2, readings=()))
    assert len(drawn) == 3
    for picture in drawn:
        assert picture.alt
        assert picture.text
        assert Image.open(io.BytesIO(picture.png)).width > 1000
        assert len(picture.png) < 150_000


def test_near_and_far_are_compared_as_a_loop_would(finished):
    loaded = load_run(finished.folder, device="cpu")
    with loaded.open_store() as store:
        scan = read_whole(store, next(iter(loaded.validation)))
    figures = measure_scan(loaded, scan, sets=1, readings=())
    views = pictures._typical_set(loaded, scan, figures)
    pair = pictures._farthest(views)
    lengths = (views.centres_mm[0, :, None] - views.centres_mm[0]).norm(dim=-1)
    assert lengths[pair] == lengths.max()
    predictions = loaded.predict(views)
    name = next(name for name, prediction in predictions.items() if hasattr(prediction, "embedding"))
    targets = loaded.network.tasks[name].targets(views)
    found = pictures._part_cosines(predictions[name], targets, pair)
    for side, word in ((0, "near"), (1, "far")):
        parts = []
        for view, other in (pair, pair[::-1]):
            middle = targets.parts_vox[0, view, other, side]
            low = middle - torch.tensor(targets.part_size_vox) / 2
            parts.append(
                _average(predictions[name].embedding[0, view], low, targets.part_size_vox, predictions[name].stride)
            )
        assert found[word] == pytest.approx(float(torch.cosine_similarity(*parts, dim=0)), abs=1e-4)


def _average(maps, low, size, stride):
    """The average of a map in a box, voxel by voxel: each voxel of a cell has the cell's value."""
    voxels = maps
    for axis, step in enumerate(stride):
        voxels = voxels.repeat_interleave(step, dim=axis + 1)
    for axis in range(3):
        edges = torch.arange(voxels.shape[1 + axis]).float() - 0.5
        start, end = low[axis], low[axis] + size[axis]
        share = (torch.minimum(edges + 1, end) - torch.maximum(edges, start)).clamp(min=0) / size[axis]
        voxels = (voxels * share.reshape([-1 if other == axis else 1 for other in range(3)])).sum(
            1 + axis, keepdim=True
        )
    return voxels.flatten()


def test_a_task_without_gaps_or_parts_shows_its_own_picture(oracle, coded, monkeypatch):
    monkeypatch.setattr("orienteer.runs.loaded.GAP_FIELDS", ())
    figures = measure_scan(oracle, coded, sets=1)
    assert figures.error_mm is None
    (own,) = draw_scan(oracle, coded, figures)
    assert own.title == "The task 'oracle'"

"""Pictures of a scan show what was measured."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from orienteer.report import gap_pictures
from orienteer.report.measure import measure_scan
from orienteer.report.part_pictures import embedding_similarity, farthest
from orienteer.report.pictures import FALLOFF_SETS, draw_scan, typical_set
from orienteer.report.trust import bars_of
from orienteer.report.whole_scan import cut, draw_sets, read_whole
from orienteer.runs.loaded import load_run
from tests.helpers.oracle import OracleTask, oracle_run


def test_an_oracle_is_drawn_without_a_miss(oracle, coded):
    measured = measure_scan(oracle, coded, sets=3, readings=())
    gaps, route = draw_scan(oracle, coded, measured)
    assert gaps.error_mm == pytest.approx(0, abs=1e-3)
    assert route.missed_mm == pytest.approx(0, abs=1e-3)
    assert route.closure_mm is None  # its routes close by construction


def test_the_arrows_go_through_the_centres_by_the_header(coded, monkeypatch):
    drawn, draw = [], gap_pictures.draw_route

    def note(axes, axis, points, *rest, **words):
        drawn.append(np.array(points))
        draw(axes, axis, points, *rest, **words)

    monkeypatch.setattr(gap_pictures, "draw_route", note)
    loaded = oracle_run(bend=0.3)
    measured = measure_scan(loaded, coded, sets=1, readings=())
    _, route = draw_scan(loaded, coded, measured)
    true, reached = drawn[:2]
    i, j = np.triu_indices(4, 1)
    np.testing.assert_allclose((true[j] - true[i]), measured.true_mm[:6], atol=1e-3)
    chain = [list(zip(np.r_[i, j], np.r_[j, i], strict=True)).index((k, k + 1)) for k in range(3)]
    np.testing.assert_allclose(np.diff(reached, axis=0), measured.predicted_mm["oracle"][chain], atol=1e-3)
    assert route.missed_mm == pytest.approx(np.linalg.norm(reached[-1] - true[-1]))


def test_a_run_is_drawn_with_all_its_pictures(finished):
    loaded = load_run(finished.folder, device="cpu")
    with loaded.open_store() as store:
        scan = read_whole(store, next(iter(loaded.validation)))
    drawn = draw_scan(loaded, scan, measure_scan(loaded, scan, sets=2, readings=()))
    assert [picture.kind for picture in drawn] == ["distances", "path", "parts", "falloff"]
    for picture in drawn:
        assert Image.open(io.BytesIO(picture.png)).width > 1000
        assert len(picture.png) < 150_000


def test_near_and_far_are_compared_as_a_loop_would(finished):
    loaded = load_run(finished.folder, device="cpu")
    with loaded.open_store() as store:
        scan = read_whole(store, next(iter(loaded.validation)))
    measured = measure_scan(loaded, scan, sets=1, readings=())
    views = typical_set(loaded, scan, measured)
    pair = farthest(views)
    lengths = (views.centres_mm[0, :, None] - views.centres_mm[0]).norm(dim=-1)
    assert lengths[pair] == lengths.max()
    predictions = loaded.predict(views)
    name = next(name for name, prediction in predictions.items() if hasattr(prediction, "embedding"))
    targets = loaded.network.tasks[name].targets(views)
    similarity = embedding_similarity(predictions[name], targets, pair)
    for side, word in ((0, "near"), (1, "far")):
        parts = []
        for view, other in (pair, pair[::-1]):
            centre = targets.parts_vox[0, view, other, side]
            low = centre - torch.tensor(targets.part_size_vox) / 2
            parts.append(
                _average(predictions[name].embedding[0, view], low, targets.part_size_vox, predictions[name].stride)
            )
        assert getattr(similarity, word) == pytest.approx(float(torch.cosine_similarity(*parts, dim=0)), abs=1e-4)


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
    monkeypatch.setattr(OracleTask, "predicted_gaps", lambda task, prediction: None)
    measured = measure_scan(oracle, coded, sets=1)
    assert measured.error_mm is None
    (picture,) = draw_scan(oracle, coded, measured)
    assert (picture.kind, picture.task) == ("task", "oracle")


def test_similarity_over_distance_is_that_of_the_tasks_embedding(finished):
    loaded = load_run(finished.folder, device="cpu")
    with loaded.open_store() as store:
        scan = read_whole(store, next(iter(loaded.validation)))
    drawn = draw_scan(loaded, scan, measure_scan(loaded, scan, sets=1, readings=()))
    falloff = next(picture for picture in drawn if picture.kind == "falloff")
    views = cut(scan, draw_sets(scan, loaded.policy, FALLOFF_SETS), loaded.config.view_size)
    task = loaded.network.tasks["similarity"]
    prediction, targets = loaded.predict(views)["similarity"], task.targets(views)
    assert falloff.model == pytest.approx(task.metrics(prediction, targets)["cosine_rank"].item())
    assert falloff.intensities == pytest.approx(task.baselines(views, targets)["trivial"]["cosine_rank"].item())
    assert falloff.pairs == FALLOFF_SETS * 66  # of twelve parts of three views


def test_a_scan_is_drawn_with_the_error_bars_of_the_run(finished):
    loaded = load_run(finished.folder, device="cpu")
    with loaded.open_store() as store:
        scan = read_whole(store, next(iter(loaded.validation)))
    measured = measure_scan(loaded, scan, sets=2, readings=())
    bars = bars_of([measured])
    gaps = draw_scan(loaded, scan, measured, bars)[0]
    best = min(
        measured.predicted_mm, key=lambda name: np.linalg.norm(measured.errors_of(name).errors_mm, axis=1).mean()
    )
    halves = bars[best].half_widths_mm(measured.scales_mm[best])
    np.testing.assert_allclose(list(gaps.axis_bars_mm.values()), halves.mean(axis=0))
    assert gaps.inside == pytest.approx(0.9, abs=0.1)  # on the scan that calibrated them, few gaps
    assert draw_scan(loaded, scan, measured)[0].axis_bars_mm is None
    views = typical_set(loaded, scan, measured)
    radii = bars["route"].radii_mm(loaded.scales_mm(loaded.predict(views))["route"][0].numpy())
    drawn = draw_scan(loaded, scan, measured, bars)[1]
    assert drawn.expect_mm == pytest.approx(np.hypot(radii[0, 1], radii[1, 2]))  # variances of two steps add

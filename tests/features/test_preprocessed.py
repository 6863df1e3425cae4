"""Views of a scan in memory: they cover it, in the order of their starts, with air around a small one."""

import numpy as np
import torch

from orienteer.features.preprocessed import Preprocessed
from orienteer.types import Triple


def preprocessed(shape: Triple, view_size: Triple = (16, 16, 16)) -> Preprocessed:
    images = torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return Preprocessed("a", images, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), "CT", (-1000.0, 1000.0), view_size)


def test_views_cover_the_scan_in_the_order_of_their_starts() -> None:
    scan = preprocessed((40, 33, 16))
    views, starts = scan.views(), scan.starts_vox()
    assert views.shape == (len(starts), 1, 16, 16, 16)
    covered = torch.zeros_like(scan.images, dtype=torch.bool)
    for view, start in zip(views, starts, strict=True):
        inside = (0, 0, *(slice(int(at), int(at) + 16) for at in start))
        assert torch.equal(view[0], scan.images[inside])
        covered[inside] = True
    assert covered.all()


def test_a_scan_smaller_than_a_view_is_padded_with_air() -> None:
    scan = preprocessed((40, 7, 40))
    views, starts = scan.views(), scan.starts_vox()
    assert set(starts[:, 1]) == {-4}
    assert torch.equal(views[0, 0, :, 4:11, :], scan.images[0, 0, :16, :, :16])
    outside = torch.cat([views[:, :, :, :4], views[:, :, :, 11:]], dim=3)
    assert (outside == -1).all()


def test_a_scan_of_the_size_of_a_view_is_its_only_view() -> None:
    scan = preprocessed((8, 12, 16), view_size=(8, 12, 16))
    assert torch.equal(scan.views(), scan.images)
    assert np.array_equal(scan.starts_vox(), [[0, 0, 0]])

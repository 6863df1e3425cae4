import torch

from orienteer.geometry.pairs import gap_matrix
from orienteer.tasks.histogram import fit_ridge, histogram_gaps, view_histograms
from tests.helpers.synthetic import make_views


def test_histograms_are_those_of_torch():
    images = make_views().images
    got = view_histograms(images, 32)
    for b in range(2):
        for v in range(3):
            expected = torch.histc(images[b, v], bins=32, min=-1, max=1) / images[b, v].numel()
            torch.testing.assert_close(got[b, v], expected, atol=2e-4, rtol=0)


def test_values_outside_count_at_the_ends():
    images = torch.full((1, 2, 1, 2, 2, 2), -7.0)
    images[:, 1] = 7.0
    assert view_histograms(images, 4).tolist() == [[[1.0, 0, 0, 0], [0, 0, 0, 1.0]]]


def test_gaps_from_histograms_are_antisymmetric_and_zero_for_equal_views():
    images = make_views().images.clone()
    images[:, 1] = images[:, 0]
    gaps = histogram_gaps(images, torch.randn(32, 3))
    torch.testing.assert_close(gaps, -gaps.transpose(1, 2))
    torch.testing.assert_close(gaps[:, 0, 1], torch.zeros(2, 3))


def test_the_fit_finds_a_linear_rule():
    views = make_views(batch=40)
    images = views.images * torch.rand(40, 3, 1, 1, 1, 1, generator=torch.Generator().manual_seed(1))
    weights = torch.randn(8, 3, generator=torch.Generator().manual_seed(2)) * 100
    truth = gap_matrix(view_histograms(images, 8) @ weights)
    fitted = fit_ridge(images, truth, views.scans, 8)
    torch.testing.assert_close(histogram_gaps(images, fitted), truth, atol=1.0, rtol=0.02)


def test_noise_gives_a_baseline_close_to_zero():
    """Cross-validation between scans must choose a strong penalty where there is nothing to learn."""
    views, other = make_views(batch=10, seed=1), make_views(batch=10, seed=2)
    weights = fit_ridge(views.images, gap_matrix(views.centres_mm), views.scans, 32)
    guess, truth = histogram_gaps(other.images, weights), gap_matrix(other.centres_mm)
    assert (guess - truth).norm(dim=-1).mean() < 1.05 * truth.norm(dim=-1).mean()


def test_one_scan_alone_can_be_fitted():
    views = make_views(batch=4)
    assert fit_ridge(views.images, gap_matrix(views.centres_mm), ["same"] * 4, 8).shape == (8, 3)

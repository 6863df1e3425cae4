"""Means and accuracies over what counts equal those of the selected items."""

import torch

from orienteer.tasks.masked import masked_accuracy, masked_mean


def drawn() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    values, scores = torch.randn(4, 5, generator=generator), torch.randn(4, 5, 3, generator=generator)
    return values, scores, torch.randint(3, (4, 5), generator=generator), torch.rand(4, 5, generator=generator) < 0.5


def test_the_mean_is_that_of_the_selected_values():
    values, _, _, counted = drawn()
    torch.testing.assert_close(masked_mean(values, counted), values[counted].mean())


def test_the_accuracy_is_that_of_the_selected_items():
    _, scores, truth, counted = drawn()
    expected = (scores[counted].argmax(-1) == truth[counted]).float().mean()
    torch.testing.assert_close(masked_accuracy(scores, truth, counted), expected)


def test_if_nothing_counts_the_mean_is_zero_without_gradient_and_the_accuracy_one():
    values, scores, truth, counted = drawn()
    nothing = torch.zeros_like(counted)
    mean = masked_mean(values.requires_grad_(), nothing)
    mean.backward()
    assert mean.item() == 0
    assert values.grad.abs().max() == 0
    assert masked_accuracy(scores, truth, nothing).item() == 1

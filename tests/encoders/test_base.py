"""Sizes and strides of an encoder, without any library behind it."""

import pytest
import torch
from torch import nn

from orienteer.encoders.base import Encoder, as_triple, strides_so_far
from orienteer.errors import InputError


class TwoLevels(Encoder):
    """A first level of all voxels and a second of blocks, normalised by ``level``."""

    family = "two"
    channels, strides, divisor = (2, 2), ((1, 1, 1), (2, 4, 1)), (2, 4, 1)

    def __init__(self, min_cells: int = 1) -> None:
        super().__init__()
        self.min_cells = min_cells  # type: ignore[misc]
        self.first, self.second = nn.Conv3d(1, 2, 1), nn.AvgPool3d((2, 4, 1))

    def stages(self) -> list[nn.Sequential]:
        return [nn.Sequential(self.first), nn.Sequential(self.second)]

    def level(self, x: torch.Tensor) -> torch.Tensor:
        return x - 1


def test_stages_are_chained_before_the_normalisation_of_a_level() -> None:
    encoder, images = TwoLevels(), torch.rand(3, 1, 4, 8, 5)
    fine, coarse = encoder(images)
    torch.testing.assert_close(fine, encoder.first(images) - 1)
    torch.testing.assert_close(coarse, encoder.second(encoder.first(images)) - 1)


@pytest.mark.parametrize(
    ("size", "min_cells", "fitting"),
    [((4, 8, 5), 1, None), ((5, 8, 5), 1, (4, 8, 5)), ((1, 1, 1), 1, (2, 4, 1)), ((2, 4, 1), 2, (4, 8, 2))],
)
def test_a_size_that_does_not_fit_is_answered_with_the_nearest_one(size, min_cells, fitting) -> None:
    encoder = TwoLevels(min_cells)
    if fitting is None:
        encoder.check_size(size)
        return
    with pytest.raises(InputError, match=r"view_size: wanted multiples of \(2, 4, 1\) for encoder 'two'") as caught:
        encoder.check_size(size)
    assert caught.value.do == f"use {fitting}"
    encoder.check_size(fitting)


def test_strides_multiply_from_level_to_level() -> None:
    steps = [(1, 1, 1), (2, 1, 2), (2, 2, 3)]
    assert strides_so_far(steps) == ((1, 1, 1), (2, 1, 2), (4, 2, 6))
    assert strides_so_far([]) == ()


def test_a_triple_is_one_number_or_three() -> None:
    assert as_triple(3) == (3, 3, 3)
    assert as_triple([1, 2, 2]) == (1, 2, 2)
    with pytest.raises(InputError, match="one number or three"):
        as_triple([1, 2])


def test_weights_are_transferred_detached_under_their_names() -> None:
    encoder = TwoLevels()
    weights = encoder.transferable()
    assert weights.keys() == encoder.state_dict().keys()
    assert not any(tensor.requires_grad for tensor in weights.values())

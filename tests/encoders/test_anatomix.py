"""The encoder for anatomix's weights: its sizes, its fixed statistics, and what it refuses."""

import pytest
import torch

from orienteer.encoders import build_encoder
from orienteer.encoders.anatomix_unet import AnatomixUNet
from orienteer.errors import InputError


def test_the_last_level_has_two_cells_along_each_axis() -> None:
    with pytest.raises(InputError, match=r"twice that or more, got \(8, 16, 4\).*use \(8, 16, 8\)"):
        build_encoder("anatomix", (8, 16, 4), filters=4, levels=3)


@pytest.mark.parametrize(
    "arguments", [{"norm": "group"}, {"pooling": "sum"}, {"levels": 1}, {"interpolation": "cubic"}]
)
def test_other_settings_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(arguments))):
        build_encoder("anatomix", (16, 16, 16), **{"filters": 4, "levels": 3, "decoder": True, **arguments})


def test_statistics_of_batch_norms_are_weights_and_stay() -> None:
    encoder = build_encoder("anatomix", (16, 16, 16), filters=4, levels=3, norm="batch", norm_eps=1e-5)
    norm = encoder.get_submodule("model.1")
    with torch.no_grad():
        norm.running_mean.fill_(2.0)
    encoder.train()(torch.randn(2, 1, 16, 16, 16))
    assert norm.running_mean.eq(2.0).all()
    shifted = norm(torch.full((1, 4, 2, 2, 2), 3.0))
    torch.testing.assert_close(shifted, torch.ones(1, 4, 2, 2, 2), rtol=1e-4, atol=1e-4)


def test_the_whole_network_gives_an_output_for_every_voxel() -> None:
    network = AnatomixUNet(in_channels=2, out_channels=5, filters=4, levels=3)
    assert network(torch.randn(1, 2, 16, 8, 24)).shape == (1, 5, 16, 8, 24)

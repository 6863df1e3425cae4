"""The rules for weights of others: each file has one, and nnU-Net's second names are the same tensors."""

import pytest
import torch

from orienteer.encoders import ENCODERS
from orienteer.encoders.adapters import ADAPTERS, adapter_of, one_name_each, turned
from tests.helpers.published import anatomix, plain_unet, published, residual_unet, segresnet, swin_unetr
from tests.helpers.small_encoders import SMALL


@pytest.mark.parametrize(
    ("kind", "network", "family"),
    [
        ("VoComni_B.pt", swin_unetr, "swinunetr"),
        ("supervised_suprem_segresnet_2100.pth", segresnet, "segresnet"),
        ("checkpoint_final.pth", residual_unet, "residual"),
        ("VoComni_nnunet.pt", plain_unet, "dynunet"),
        ("anatomix.pth", anatomix, "anatomix"),
    ],
)
def test_one_rule_fits_a_file(kind: str, network: object, family: str) -> None:
    content = published(kind, network())  # type: ignore[operator]
    state = next((content[key] for key in ("state_dict", "net", "network_weights") if key in content), content)
    adapter = adapter_of(state)
    assert adapter is not None
    assert adapter.families[0] == family
    assert adapter.settings(state)[0] in ENCODERS


@pytest.mark.parametrize("name", ["dynunet", "mednext-s", "vit"])
def test_other_networks_need_no_rule(name: str) -> None:
    assert adapter_of(SMALL[name].build().transferable()) is None


def test_every_encoder_that_a_rule_names_exists() -> None:
    assert {family for adapter in ADAPTERS for family in adapter.families} <= set(ENCODERS)


def test_second_names_are_left_out_and_a_file_with_the_others_alone_is_read() -> None:
    state = residual_unet().encoder.state_dict()
    once = one_name_each(state)
    assert not any(name.endswith((".conv.weight", ".norm.weight")) for name in once)
    others = {name: tensor for name, tensor in state.items() if "all_modules" not in name}
    renamed = one_name_each(others)
    assert renamed.keys() == once.keys()
    assert all(torch.equal(renamed[name], once[name]) for name in once)


def test_a_second_name_with_another_tensor_is_kept_apart() -> None:
    state = {"conv1.conv.weight": torch.zeros(1), "conv1.all_modules.0.weight": torch.ones(1)}
    assert one_name_each(state).keys() == state.keys()


def test_axes_are_turned_twice_to_where_they_were() -> None:
    state = {"a": torch.randn(2, 1, 3, 4, 5), "b": torch.randn(3)}
    again = turned(turned(state))
    assert turned(state)["a"].shape == (2, 1, 5, 4, 3)
    assert all(torch.equal(again[name], tensor) for name, tensor in state.items())

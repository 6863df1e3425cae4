"""Comparing and loading state dicts: what differs is named, and an error leaves the network unchanged."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from orienteer.encoders.states import compare_state, load_state
from orienteer.errors import InputError


def state_with(**changes: torch.Tensor | None) -> dict[str, torch.Tensor]:
    """The state dict of `network` with some tensors replaced, added or (None) left out."""
    state = {"weight": torch.ones(2, 3), "bias": torch.ones(2), **changes}
    return {name: tensor for name, tensor in state.items() if tensor is not None}


def network() -> nn.Linear:
    return nn.Linear(3, 2)


def test_the_state_of_the_network_itself_fits() -> None:
    report = compare_state(network().state_dict(), network())
    assert report.fits
    assert str(report) == "all tensors"
    assert report.fitting == ("weight", "bias")


@pytest.mark.parametrize(
    ("changes", "kind", "names"),
    [
        ({"bias": None}, "missing", ("bias",)),
        ({"b": torch.zeros(1), "a": torch.zeros(1)}, "unexpected", ("a", "b")),
        ({"weight": torch.zeros(3, 2)}, "reshaped", ("weight",)),
    ],
)
def test_each_kind_of_difference_is_named(changes, kind: str, names: tuple[str, ...]) -> None:
    report = compare_state(state_with(**changes), network())
    assert not report.fits
    assert getattr(report, kind) == names
    assert all(name in str(report) for name in names)
    assert compare_state(state_with(**changes), network().state_dict()) == report


def test_a_message_shows_the_first_names_of_each_kind() -> None:
    report = compare_state(state_with(**{f"extra{number}": torch.zeros(1) for number in range(5)}), network())
    assert str(report) == "5 unexpected ['extra0', 'extra1', 'extra2']"


def test_a_state_that_fits_is_loaded() -> None:
    loaded = network()
    load_state(loaded, state_with(), "weights.pt", "the weights of a layer", "use other weights")
    assert (loaded.weight == 1).all()
    assert (loaded.bias == 1).all()


@pytest.mark.parametrize("changes", [{"bias": None}, {"more": torch.zeros(1)}, {"weight": torch.zeros(3, 2)}])
def test_a_state_that_does_not_fit_leaves_the_network_unchanged(changes) -> None:
    untouched = network()
    before = {name: tensor.clone() for name, tensor in untouched.state_dict().items()}
    with pytest.raises(InputError, match=r"weights.pt: wanted the weights of a layer, got 1 .*Do this: use other"):
        load_state(untouched, state_with(**changes), "weights.pt", "the weights of a layer", "use other weights")
    assert all(torch.equal(tensor, before[name]) for name, tensor in untouched.state_dict().items())


def test_weights_are_compared_without_torchs_compiler() -> None:
    """It takes seconds to import, and the explorer compares weights at each start."""
    code = (
        "import sys, torch\nfrom torch import nn\nfrom orienteer.encoders.states import check_before_building\n"
        "def build():\n    layers = nn.Sequential(nn.Linear(2, 3), nn.Embedding(4, 5), nn.Conv3d(1, 2, 3))\n"
        "    nn.init.kaiming_normal_(layers[0].weight)\n    nn.init.normal_(layers[0].bias)\n"
        "    nn.init.trunc_normal_(layers[2].weight)\n    return layers\n"
        "check_before_building(build, {}, build().state_dict(), 'a', 'b')\nprint('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"

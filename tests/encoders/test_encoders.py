import re
import subprocess
import sys

import pytest
import torch

from orienteer.encoders import ENCODERS, build_encoder, view_divisor
from orienteer.errors import InputError
from tests.helpers.small_encoders import SMALL


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"encoder: wanted one of tiny, segresnet.*got 'resnet50'"):
        build_encoder("resnet50", (32, 32, 32))


@pytest.mark.parametrize(
    ("name", "known"), [("tiny", "one of filters, stem_stride, decoder,"), ("mednext-s", "init_filters, kernel_size,")]
)
def test_unknown_argument_lists_the_known_ones(name: str, known: str) -> None:
    with pytest.raises(InputError, match=rf"argument of encoder '{name}': .*{known} got depth"):
        build_encoder(name, (32, 32, 32), depth=3)


def test_the_size_of_a_mednext_is_in_its_name_alone() -> None:
    with pytest.raises(InputError, match=r"argument of encoder 'mednext-s'.*got size"):
        build_encoder("mednext-s", (32, 32, 32), size="l")


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("swinunetr", {"feature_size": 13}, "divisible by 12"),
        ("swinunetr", {"depths": [2, 2]}, "one entry for each of four stages"),
        ("vit", {"hidden_size": 100, "num_heads": 7}, "divisible by num_heads"),
        ("segresnet", {"init_filters": 12}, "group"),
        ("residual", {"features": [4, 8]}, "stages"),
    ],
)
def test_the_message_quotes_the_library_that_rejects_a_setting(name: str, arguments: dict, words: str) -> None:
    with pytest.raises(InputError, match=rf"arguments of encoder '{name}'.*{words}"):
        build_encoder(name, (64, 64, 64), **arguments)


def test_uneven_lists_of_levels_are_refused() -> None:
    with pytest.raises(InputError, match="4 filters, 3 kernel sizes, 3 strides"):
        build_encoder("dynunet", (32, 32, 32), filters=[4, 4, 4, 4], strides=[1, 2, 2])
    with pytest.raises(InputError, match="one number or three"):
        build_encoder("dynunet", (32, 32, 32), filters=[4, 4, 4], strides=[1, 2, [2, 2]])


@pytest.mark.parametrize("name", ["tiny", "dynunet", "mednext-s", "residual"])
def test_a_last_level_of_a_single_cell_is_rejected_where_cells_are_normalised(name: str) -> None:
    arguments = SMALL[name].arguments
    divisor = view_divisor(name, **arguments)
    twice = re.escape(str(tuple(2 * edge for edge in divisor)))
    with pytest.raises(InputError, match=f"at least 2 cells in the last level.*use {twice}"):
        build_encoder(name, divisor, **arguments)


def test_vit_takes_its_own_view_size_only() -> None:
    encoder = build_encoder("vit", (16, 16, 32), hidden_size=12, mlp_dim=8, num_heads=2, num_layers=1)
    with pytest.raises(InputError, match=r"wanted \(16, 16, 32\).*position embeddings.*build the encoder for \(32, 16"):
        encoder(torch.zeros(1, 1, 32, 16, 16))


def test_choosing_a_view_size_draws_no_random_numbers() -> None:
    before = torch.get_rng_state()
    assert {name: view_divisor(name)[0] for name in ("tiny", "segresnet", "swinunetr", "vit")} == {
        "tiny": 16,
        "segresnet": 8,
        "swinunetr": 32,
        "vit": 16,
    }
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("name", "millions"),
    [("mednext-s", 3.57), ("mednext-b", 6.85), ("mednext-m", 12.48), ("mednext-l", 46.70), ("tiny", 0.88)],
)
def test_published_sizes(name: str, millions: float) -> None:
    encoder = build_encoder(name, (32, 32, 32))
    assert sum(parameter.numel() for parameter in encoder.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)


def test_the_same_seed_gives_the_same_weights() -> None:
    states = []
    for _ in range(2):
        with torch.random.fork_rng():
            torch.manual_seed(11)
            states.append(build_encoder("segresnet", (8, 8, 8), init_filters=8).state_dict())
    assert all(torch.equal(first, second) for first, second in zip(*(s.values() for s in states), strict=True))


def test_without_the_extra_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("dynamic_network_architectures")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "dynamic_network_architectures", None)
    with pytest.raises(InputError, match=r"dynamic-network-architectures.*pip install 'orienteer\[nnunet\]'"):
        build_encoder("residual", (64, 64, 64))


def test_importing_the_registry_imports_no_network_library() -> None:
    libraries = "{'monai', 'dynamic_network_architectures'}"
    code = f"import sys, orienteer.encoders as e; print(len(e.ENCODERS), {libraries} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == [str(len(ENCODERS)), "set()"]

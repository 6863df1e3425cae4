"""What every encoder promises, asked of every entry of ENCODERS."""

import json

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from orienteer.encoders import ENCODERS, build_encoder, view_divisor
from orienteer.encoders.anatomix_unet import decoder_stages, encoder_stages
from orienteer.encoders.base import Encoder
from orienteer.encoders.target import build_target
from orienteer.errors import InputError
from tests.helpers.small_encoders import SMALL, Small, every_encoder

AFTER_THE_ENCODER = (
    *("upsamples.", "output_block.", "skip_layers.upsample.", "skip_layers.next_layer."),  # DynUNet
    *("up_layers.", "up_samples.", "conv_final."),  # SegResNet
    *("up_blocks.", "dec_stages.", "out_0."),  # MedNeXt
    *("encoder1.", "encoder2.", "encoder3.", "encoder4.", "encoder10.", "decoder", "out."),  # SwinUNETR and UNETR
    *("decoder.transpconvs.", "decoder.stages.", "decoder.seg_layers."),  # nnU-Net
    *("out.", *(f"model.{number}." for number in range(23, 37))),  # anatomix of three levels
)
"""Names in the target networks that pretraining does not fill."""


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        yield


def test_every_entry_is_tested() -> None:
    assert set(SMALL) == set(ENCODERS)


@every_encoder
def test_shapes_are_as_declared(small: Small) -> None:
    encoder = small.build()
    levels = encoder(_images(small))
    assert len(levels) == len(encoder.channels) == len(encoder.strides) == len(encoder.stages())
    for level, channels, stride in zip(levels, encoder.channels, encoder.strides, strict=True):
        cells = [size // step for size, step in zip(small.view_size, stride, strict=True)]
        assert list(level.shape) == [2, channels, *cells]
    assert encoder.divisor == tuple(max(stride[axis] for stride in encoder.strides) for axis in range(3))
    assert view_divisor(small.name, **small.arguments) == encoder.divisor


@every_encoder
def test_a_size_that_does_not_divide_is_answered_with_one_that_does(small: Small) -> None:
    encoder = small.build()
    assert min(encoder.divisor) > 1
    wrong = (small.view_size[0], small.view_size[1] + 1, small.view_size[2])
    right = str(small.view_size).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(InputError, match=rf"multiples of .* '{small.name}'.*Do this: use {right}"):
        encoder(torch.zeros(1, 1, *wrong))
    with pytest.raises(InputError, match=rf"view_size.*Do this: use {right}"):
        build_encoder(small.name, wrong, **small.arguments)


@every_encoder
def test_gradient_reaches_every_parameter_that_trains(small: Small) -> None:
    encoder = _perturbed(small.build())
    _sum_of_all(encoder(_images(small))).backward()
    without = [name for name, p in encoder.named_parameters() if p.requires_grad and not _any_gradient(p)]
    assert not without
    frozen = [name for name, p in encoder.named_parameters() if not p.requires_grad]
    assert all("norm_cross_attn" in name for name in frozen)  # MONAI's ViT holds these for a use that is off


@every_encoder
def test_the_deepest_level_sees_the_image(small: Small) -> None:
    encoder = _perturbed(small.build())
    with torch.no_grad():
        first, second = encoder(_images(small))[-1]
    assert not torch.allclose(first, second, atol=1e-4)


@every_encoder
def test_recomputing_changes_nothing(small: Small) -> None:
    plain = _perturbed(small.build())
    again = small.build(grad_checkpointing=True)
    again.load_state_dict(plain.state_dict())
    assert plain.training
    assert again.training
    for encoder in (plain, again):
        _sum_of_all(encoder(_images(small))).backward()
    _assert_levels_equal(plain(_images(small)), again(_images(small)))
    for name, parameter in plain.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(again.get_parameter(name).grad, parameter.grad, msg=f"gradient of {name}")


@every_encoder
def test_recomputing_keeps_less(small: Small) -> None:
    kept = [
        _kept_for_backward(small.build(grad_checkpointing=recompute), _images(small)) for recompute in (True, False)
    ]
    assert kept[0] < kept[1] / 2


@every_encoder
def test_the_same_input_gives_the_same_features(small: Small) -> None:
    encoder = small.build()
    _assert_levels_equal(encoder(_images(small)), encoder(_images(small)))  # in training mode: nothing is dropped
    _assert_levels_equal(encoder(_images(small)), encoder.eval()(_images(small)))


@every_encoder
def test_views_do_not_see_each_other(small: Small) -> None:
    encoder, images = small.build(), _images(small)
    alone = encoder(images[:1])
    for level, one in zip(encoder(images), alone, strict=True):
        torch.testing.assert_close(level[:1], one, atol=1e-4, rtol=1e-4)


@every_encoder
def test_bf16_works(small: Small) -> None:
    encoder = small.build()
    with torch.no_grad():
        exact = encoder(_images(small))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        levels = encoder(_images(small))
    _sum_of_all(levels).backward()
    assert _relative(levels[0].float(), exact[0]) < 0.05
    for rough, level in zip(levels, exact, strict=True):
        assert _relative(rough.float(), level) < 0.5  # where a norm has two cells, a rounding error can turn a sign
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all(), name


@every_encoder
def test_rebuilt_from_a_file_it_is_the_same(small: Small) -> None:
    encoder = _perturbed(small.build())
    card = json.dumps([encoder.family, dict(encoder.arguments), list(encoder.view_size)])
    blob = save({name: tensor.contiguous() for name, tensor in encoder.state_dict().items()})

    family, arguments, view_size = json.loads(card)
    size0, size1, size2 = view_size
    rebuilt = build_encoder(family, (size0, size1, size2), **arguments)
    rebuilt.load_state_dict(load(blob), strict=True)
    assert rebuilt.arguments == encoder.arguments
    assert rebuilt.target_arguments == json.loads(json.dumps(encoder.target_arguments))
    _assert_levels_equal(encoder(_images(small)), rebuilt(_images(small)))


@every_encoder
def test_the_target_takes_every_weight_by_its_name(small: Small) -> None:
    encoder = _perturbed(small.build())
    target, missing = _target_with_weights(encoder)
    expected = target.state_dict()
    for name, tensor in encoder.transferable().items():
        assert torch.equal(expected[name], tensor), name
    assert all(name.startswith(AFTER_THE_ENCODER) for name in missing), missing


@every_encoder
def test_the_target_computes_the_same_features(small: Small) -> None:
    encoder = _perturbed(small.build()).eval()
    target, _ = _target_with_weights(encoder)
    images = _images(small)
    with torch.no_grad():
        _assert_levels_equal(encoder(images), _features_of_target(target.eval(), images, len(encoder.decoder()) > 0))
        assert torch.isfinite(target(images)[0]).all()


def _images(small: Small) -> Tensor:
    return torch.randn(2, 1, *small.view_size, generator=torch.Generator().manual_seed(7))


def _perturbed(encoder: Encoder) -> Encoder:
    """Moves every weight away from its start, where some are zero on purpose and hide what is wrong."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return encoder


def _sum_of_all(levels: tuple[Tensor, ...]) -> Tensor:
    """A weighted sum of all cells: the plain sum of a normalised level is constant, and its gradient zero."""
    generator = torch.Generator().manual_seed(1)
    return sum((torch.randn(level.shape, generator=generator) * level.float()).sum() for level in levels)


def _relative(rough: Tensor, exact: Tensor) -> float:
    return float((rough.detach() - exact).norm() / exact.norm())


def _any_gradient(parameter: nn.Parameter) -> bool:
    return parameter.grad is not None and bool(parameter.grad.abs().max() > 0)


def _assert_levels_equal(ours: tuple[Tensor, ...], theirs: tuple[Tensor, ...]) -> None:
    assert len(ours) == len(theirs)
    for level, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(level, other)


def _kept_for_backward(encoder: Encoder, images: Tensor) -> int:
    """Counts the numbers that the forward pass keeps for the backward pass, weights and images apart."""
    apart = {images.data_ptr(), *(p.data_ptr() for p in encoder.parameters())}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in apart:
            kept[tensor.data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        levels = encoder.train()(images)
    assert levels[-1].requires_grad
    return sum(kept.values())


def _target_with_weights(encoder: Encoder) -> tuple[nn.Module, list[str]]:
    """Returns the target with the weights in it, and the names that got nothing, even under another name."""
    target = build_target(encoder.target, encoder.target_arguments)
    result = target.load_state_dict(encoder.transferable(), strict=False)
    assert not result.unexpected_keys
    state = target.state_dict()
    filled = {state[name].data_ptr() for name in encoder.transferable()}
    return target, [name for name in result.missing_keys if state[name].data_ptr() not in filled]


def _features_of_target(target: nn.Module, images: Tensor, decoder: bool) -> tuple[Tensor, ...]:
    """Returns what the target's decoder receives from its encoder, by the target's own forward pass.

    With ``decoder``: what its output layer and the coarser ones receive from the decoder.
    """
    match type(target).__name__:
        case "SegResNet":
            return tuple(target.encode(images)[1])
        case "SwinUNETR":
            return tuple(target.swinViT(images, target.normalize))
        case "ResidualEncoderUNet":
            return tuple(target.encoder(images))
        case "UNETR":
            return (target.proj_feat(target.vit(images)[0]),)
        case "ViT":
            cells = [size // 8 for size in images.shape[-3:]]
            return (target(images)[0].transpose(1, 2).unflatten(2, cells),)
        case "AnatomixUNet":
            stages, coarser = encoder_stages(target.model, target.levels), decoder_stages(target.model, target.levels)
            blocks = [stages[-1], *coarser] if decoder else stages
            blocks = [block[-1] for block in blocks]
        case "DynUNet" if decoder:
            blocks = [target.bottleneck, *target.upsamples]
        case "DynUNet":
            blocks = [target.input_block, *target.downsamples, target.bottleneck]
        case "MedNeXt":
            blocks = [*target.enc_stages, target.bottleneck]
        case other:
            raise NotImplementedError(f"say where {other} computes what its decoder receives")
    seen: list[Tensor] = []
    handles = [block.register_forward_hook(lambda *call: seen.append(call[-1])) for block in blocks]
    target(images)
    for handle in handles:
        handle.remove()
    return tuple(reversed(seen) if decoder else seen)

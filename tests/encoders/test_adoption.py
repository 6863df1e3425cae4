"""Weights of others go into an encoder in full, or nothing does: too few, of other shapes, of two networks, not finite."""

import pytest
import torch
from torch import Tensor

from orienteer.encoders import build_encoder
from orienteer.encoders.adoption import LEAST_SHARE, adopt
from orienteer.encoders.base import Encoder
from orienteer.errors import InputError
from tests.helpers.published import segresnet, under


def small() -> Encoder:
    return build_encoder("dynunet", (8, 8, 16), filters=[4, 6, 8], strides=[1, 2, 2])


def state() -> dict[str, Tensor]:
    return {name: torch.randn_like(tensor) for name, tensor in small().state_dict().items()}


def test_a_file_that_holds_too_little_of_the_encoder_is_refused() -> None:
    few = dict(list(state().items())[:3])
    with pytest.raises(InputError, match=r"got \d+% of them: it lacks \d+ tensors, first "):
        adopt(small(), few, "few.pt")
    with pytest.raises(InputError, match=r"got 0% of them.*its own names begin with layer.weight"):
        adopt(small(), {"layer.weight": torch.zeros(2, 2)}, "other.pt")
    with pytest.raises(InputError, match=r"got 0% of them.*begin with nothing"):
        adopt(small(), {}, "empty.pt")


def test_a_few_weights_may_be_missing_and_are_named() -> None:
    encoder, theirs = small(), state()
    before = encoder.state_dict()["bottleneck.norm2.bias"].clone()
    del theirs["bottleneck.norm2.bias"]
    report = adopt(encoder, theirs, "theirs.pt")
    assert report.missing == ("bottleneck.norm2.bias",)
    assert LEAST_SHARE < report.share < 1
    assert "1 missing, new: bottleneck.norm2.bias" in str(report)
    assert torch.equal(encoder.state_dict()["bottleneck.norm2.bias"], before)


def test_the_decoder_may_be_new_and_is_named() -> None:
    encoder = build_encoder("dynunet", (8, 8, 16), filters=[4, 6, 8], strides=[1, 2, 2], decoder=True)
    report = adopt(encoder, state(), "theirs.pt")
    assert report.share == 1.0
    assert set(report.missing) == {name for name in encoder.state_dict() if name.startswith("upsamples.")}


def test_the_encoders_of_student_and_teacher_are_not_confused() -> None:
    both = under("student.", state()) | under("teacher.", state())
    with pytest.raises(InputError, match=r"wanted one encoder, got two, under student\.\* and teacher\.\*"):
        adopt(small(), both, "both.pt")


def test_an_encoder_that_a_file_holds_twice_is_one() -> None:
    theirs = state()
    report = adopt(small(), theirs | under("decoder.encoder.", theirs), "twice.pt")
    assert report.prefix == ""
    assert len(report.unused) == len(theirs)


def test_another_shape_is_refused_and_nothing_changes() -> None:
    encoder, theirs = small(), state()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    theirs["bottleneck.conv1.conv.weight"] = torch.zeros(8, 6, 1, 3, 3)
    with pytest.raises(
        InputError, match=r"1 tensors of another shape, first bottleneck.conv1.conv.weight, \[8, 6, 1, 3, 3\]"
    ):
        adopt(encoder, theirs, "theirs.pt")
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())


def test_weights_that_are_not_finite_are_refused() -> None:
    network = segresnet()
    with torch.no_grad():
        network.convInit.conv.weight[0] = float("nan")
    with pytest.raises(InputError, match="wanted finite weights, got NaN"):
        adopt(build_encoder("segresnet", (8, 8, 16), init_filters=8), network.state_dict(), "theirs.pt")

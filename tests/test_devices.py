"""One choice of a device, the same for all commands."""

import pytest
import torch

from orienteer.devices import choose_device
from orienteer.errors import InputError


@pytest.mark.parametrize(
    ("there", "asked", "device"),
    [
        (True, "auto", "cuda"),
        (False, "auto", "cpu"),
        (True, "cpu", "cpu"),
        (True, "gpu", "cuda"),
        (True, "cuda", "cuda"),
    ],
)
def test_a_gpu_is_used_where_there_is_one_and_it_is_wanted(
    there: bool, asked: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert choose_device(asked).type == device  # type: ignore[arg-type]


def test_a_gpu_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(
        InputError, match="device: wanted a GPU that torch can use, got none. Do this: use --device cpu"
    ):
        choose_device("cuda", setting="device")

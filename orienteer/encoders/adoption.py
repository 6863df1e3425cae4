"""Loading an encoder that others trained: every tensor is loaded, or named with the reason, and too few are an error."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from orienteer.encoders.adapters import Adapter, adapter_of
from orienteer.encoders.base import Encoder
from orienteer.encoders.states import SHOWN, check_finite
from orienteer.errors import InputError

LEAST_SHARE = 0.9
"""Share of the encoder's weights that a file must hold: with fewer, what begins is a new network."""


@dataclass(frozen=True)
class Adopted:
    """What became of the tensors of a file.

    Attributes:
        file: its name, without folders.
        origin: whose weights they are, as far as their names show.
        prefix: what stands before the encoder's names in the file.
        loaded: names in the encoder that got a tensor.
        missing: names in the encoder that got none, and keep their new weights.
        unused: names in the file that are no part of the encoder: heads, decoders.
        share: of the encoder's weights that were loaded.
        stem: what became of the first convolution, if its number of channels is another one.
        input: what images the weights were trained on, where that is known to differ.
    """

    file: str
    origin: str
    prefix: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    share: float
    stem: str = ""
    input: str = ""

    def __str__(self) -> str:
        under = f" under {self.prefix}*" if self.prefix else ""
        lines = [f"weights of {self.file}, {self.origin}: {len(self.loaded)} tensors loaded{under}, {self.share:.1%}"]
        lines += [f"  {len(self.missing)} missing, new: {_shown(self.missing)}"] if self.missing else []
        lines += [f"  {len(self.unused)} not of the encoder: {_shown(self.unused)}"] if self.unused else []
        lines += [f"  {self.stem}"] if self.stem else []
        lines += [f"  trained on {self.input}"] if self.input else []
        return "\n".join(lines)

    def counts(self) -> dict[str, Any]:
        """Returns whose weights they are and how much of them was loaded, without the names of tensors."""
        missing, unused = len(self.missing), len(self.unused)
        return {"origin": self.origin, "share": round(self.share, 4), "missing": missing, "not_of_the_encoder": unused}

    def facts(self) -> dict[str, Any]:
        """Returns everything as plain values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


@torch.no_grad()
def adopt(encoder: Encoder, state: Mapping[str, Tensor], file: str) -> Adopted:
    """Replaces the initial weights of an encoder by those of a file of others, and returns what was loaded.

    Args:
        encoder: receives the weights; unchanged where this raises.
        state: tensors by name.
        file: name of the file, for the report.

    Raises:
        InputError: weights of another network, of other settings, or too few of them; weights that are not finite, or
            several encoders in one file.

    Example:
        >>> from orienteer.encoders import build_encoder
        >>> first, second = (build_encoder("segresnet", (8, 8, 8), init_filters=8) for _ in range(2))
        >>> theirs = {f"module.backbone.{name}": tensor for name, tensor in first.state_dict().items()}
        >>> print(adopt(second, {**theirs, "module.head.weight": torch.zeros(2)}, "theirs.pt"))
        weights of theirs.pt, MONAI's SegResNet (SuPreM): 58 tensors loaded under module.backbone.*, 100.0%
          1 not of the encoder: module.head.weight
          trained on CT, -175 to 250 HU mapped to 0 to 1; here values are from -1 to 1
    """
    adapter = adapter_of(state)
    _check_family(encoder, state, adapter, file)
    renamed = adapter.rename(state, encoder) if adapter is not None else dict(state)
    prefix, fitting = _under_one_prefix(renamed, encoder, file)
    fitting, stem = _with_one_channel(fitting, encoder)
    wanted = encoder.state_dict()
    _check_shapes(fitting, wanted, encoder, state, adapter, file)
    core = [name for name, parameter in encoder.named_parameters() if not _in_decoder(parameter, encoder)]
    share = _numel(name in fitting and wanted[name].numel() for name in core) / _numel(
        wanted[name].numel() for name in core
    )
    if share < LEAST_SHARE:
        raise _too_few(encoder, share, [name for name in core if name not in fitting], state, adapter, file)
    check_finite(fitting, file)
    encoder.load_state_dict(fitting, strict=False)
    used = {f"{prefix}{name}" for name in fitting} | {f"{prefix}{_tail(name, encoder)}" for name in fitting}
    return Adopted(
        file,
        adapter.origin if adapter is not None else f"names of encoder '{encoder.family}'",
        prefix,
        tuple(fitting),
        tuple(name for name in wanted if name not in fitting),
        tuple(name for name in renamed if name not in used),
        share,
        stem,
        adapter.input if adapter is not None else "",
    )


def _numel(counts: Any) -> int:
    return sum(int(count) for count in counts)


def _shown(names: tuple[str, ...]) -> str:
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")


def _in_decoder(parameter: Tensor, encoder: Encoder) -> bool:
    return any(parameter is each for each in encoder.decoder().parameters())


def _tail(name: str, encoder: Encoder) -> str:
    """Returns the name of a tensor without the one part that all names of the encoder begin with, if there is one."""
    roots = {each.partition(".")[0] for each in encoder.state_dict()}
    return name.partition(".")[2] if len(roots) == 1 else name


def _under_one_prefix(state: Mapping[str, Tensor], encoder: Encoder, file: str) -> tuple[str, dict[str, Tensor]]:
    """Returns the prefix under which most names are those of the encoder, and the tensors under the encoder's names.

    Raises:
        InputError: two prefixes have as many, with other tensors: the encoders of a student and of its teacher.
    """
    whole = {name: name for name in encoder.state_dict()}
    tails = {_tail(name, encoder): name for name in whole}
    best: tuple[str, dict[str, Tensor]] = ("", {})
    for names in (whole, tails):
        votes = Counter(name[: -len(part)] for name in state for part in _endings(name) if part in names)
        (first, most), second = (*votes.most_common(1), ("", 0))[0], [key for key, _ in votes.most_common(2)][1:]
        fitting = _under(state, first, names)
        if second and votes[second[0]] == most and len(fitting) > len(best[1]):
            first, fitting = _same_of_two(state, (first, second[0]), names, file)
        best = (first, fitting) if len(fitting) > len(best[1]) else best
    return best


def _under(state: Mapping[str, Tensor], prefix: str, names: Mapping[str, str]) -> dict[str, Tensor]:
    return {name: state[f"{prefix}{part}"] for part, name in names.items() if f"{prefix}{part}" in state}


def _same_of_two(
    state: Mapping[str, Tensor], prefixes: tuple[str, str], names: Mapping[str, str], file: str
) -> tuple[str, dict[str, Tensor]]:
    """Returns the shorter of two prefixes if the tensors are the same: nnU-Net's decoder holds its encoder once more."""
    shorter, longer = sorted(prefixes, key=lambda prefix: (len(prefix), prefix))
    one, other = _under(state, shorter, names), _under(state, longer, names)
    if one.keys() != other.keys() or not all(torch.equal(one[name], other[name]) for name in one):
        got = f"two, under {shorter}* and {longer}*"
        do = "save the one that you want in a file of its own: torch.save({name: tensor ...}, NEW)"
        raise InputError(file, wanted="one encoder", got=got, do=do)
    return shorter, one


def _endings(name: str) -> list[str]:
    """Returns the parts of a name that begin after a point, and the whole name."""
    parts = name.split(".")
    return [".".join(parts[number:]) for number in range(len(parts))]


def _with_one_channel(fitting: Mapping[str, Tensor], encoder: Encoder) -> tuple[dict[str, Tensor], str]:
    """Returns the tensors with a first convolution of several input channels summed to one, and words for it."""
    stem = next(
        (name for name, tensor in encoder.named_parameters() if tensor.ndim == 5 and tensor.shape[1] == 1), None
    )
    theirs = None if stem is None else fitting.get(stem)
    if stem is None or theirs is None or theirs.ndim != 5 or theirs.shape[1] == 1:
        return dict(fitting), ""
    words = f"{stem}: {theirs.shape[1]} input channels summed to 1, as if the image were in each of them"
    return {**fitting, stem: theirs.sum(dim=1, keepdim=True)}, words


def _check_family(encoder: Encoder, state: Mapping[str, Tensor], adapter: Adapter | None, file: str) -> None:
    if adapter is not None and encoder.family not in adapter.families:
        wanted, got = f"weights of encoder '{encoder.family}'", f"those of {adapter.origin}"
        raise InputError(file, wanted=wanted, got=got, do=_how_to_build(adapter, state))


def _check_shapes(
    fitting: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
    encoder: Encoder,
    state: Mapping[str, Tensor],
    adapter: Adapter | None,
    file: str,
) -> None:
    odd = [name for name, tensor in fitting.items() if tensor.shape != wanted[name].shape]
    if odd:
        shapes = f"{list(fitting[odd[0]].shape)} for {list(wanted[odd[0]].shape)}"
        got = f"{len(odd)} tensors of another shape, first {odd[0]}, {shapes}"
        raise InputError(file, wanted=_encoder_in_words(encoder), got=got, do=_how_to_build(adapter, state))


def _too_few(
    encoder: Encoder,
    share: float,
    missing: list[str],
    state: Mapping[str, Tensor],
    adapter: Adapter | None,
    file: str,
) -> InputError:
    first = next(iter(state), "nothing")
    got = f"{share:.0%} of them: it lacks {len(missing)} tensors, first {missing[0]}; its own names begin with {first}"
    return InputError(file, wanted=_encoder_in_words(encoder), got=got, do=_how_to_build(adapter, state))


def _encoder_in_words(encoder: Encoder) -> str:
    return f"the weights of encoder '{encoder.family}' with arguments {dict(encoder.arguments)}"


def _how_to_build(adapter: Adapter | None, state: Mapping[str, Tensor]) -> str:
    """Returns the options of an encoder that the file fits, as far as its names and shapes show."""
    if adapter is None:
        return "use the encoder and encoder_arguments that the weights are of"
    try:
        family, arguments = adapter.settings(state)
    except (LookupError, StopIteration, ValueError):
        return "check that the file is whole"
    return f"use --encoder {family} --encoder-arguments '{json.dumps(arguments)}', or leave both out"

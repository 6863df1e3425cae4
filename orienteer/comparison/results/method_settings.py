"""The settings of the methods of a comparison: what differs from the defaults, and everything in full."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orienteer.comparison.config import CompareConfig
from orienteer.comparison.plan.contenders import Contender
from orienteer.finetuning.config import FinetuneConfig
from orienteer.methods import METHODS
from orienteer.runs.config import PretrainConfig

UNSET = "chosen by method or plan"
"""Stands for a default that depends on the method or on the scans."""


@dataclass(frozen=True)
class MethodRow:
    """One method.

    Attributes:
        name: in the table.
        learns: what it learns; None for one that is not pretrained.
        method: the method that it is, or is a variant of.
        changes: its own settings that differ from the defaults, in words.
    """

    name: str
    learns: str | None
    method: str
    changes: tuple[str, ...]


@dataclass(frozen=True)
class MethodSettings:
    """The settings of all methods.

    Attributes:
        methods: each method, with its changes.
        common: settings of all methods that differ from the defaults: of what, setting, default, value here.
        differing: settings that are not the same for all: the setting, and the value of each method.
        shared: settings that all methods share, with their value.
    """

    methods: tuple[MethodRow, ...]
    common: tuple[tuple[str, str, str, str], ...]
    differing: tuple[tuple[str, ...], ...]
    shared: tuple[tuple[str, str], ...]


def method_settings(contenders: Sequence[Contender], config: CompareConfig) -> MethodSettings:
    """Returns the settings of all methods.

    Args:
        contenders: the methods.
        config: of the comparison, with what the user changed.
    """
    settings = {contender.name: flat(_shown(contender)) for contender in contenders}
    keys = list(dict.fromkeys(key for values in settings.values() for key in values))
    differing = [key for key in keys if len({values.get(key, "") for values in settings.values()}) > 1]
    first: Mapping[str, str] = next(iter(settings.values()), {})
    return MethodSettings(
        methods=tuple(_row(each, config.define.get(each.name, {})) for each in contenders),
        common=(
            *_changed("pretraining", config.pretrain, PretrainConfig().to_dict()),
            *_changed("fine-tuning", config.finetune, FinetuneConfig().to_dict()),
        ),
        differing=tuple((key, *(values.get(key, "") for values in settings.values())) for key in differing),
        shared=tuple((key, first.get(key, "")) for key in keys if key not in differing),
    )


def flat(settings: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """Returns nested settings as one level of dotted names and values in words.

    Example:
        >>> flat({"tasks": {"gap": {"weight": 2.0}}, "view_size": [16, 16, 16], "spacing_mm": None})
        {'tasks.gap.weight': '2', 'view_size': '16 x 16 x 16', 'spacing_mm': 'not set'}
    """
    words: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            words |= flat(value, f"{before}{key}.")
        else:
            words[f"{before}{key}"] = _in_words(value)
    return words


def _row(contender: Contender, define: Mapping[str, Any]) -> MethodRow:
    given = {key: value for key, value in define.items() if key not in ("method", "finetune")}
    changes = [f"{key}: {default} → {value}" for _, key, default, value in _changed("", given, _defaults(contender))]
    tuned = _changed("", contender.finetune, FinetuneConfig().to_dict())
    changes += [f"fine-tuning {key}: {default} → {value}" for _, key, default, value in tuned]
    learns = METHODS[contender.method].about if contender.trained else None
    return MethodRow(contender.name, learns, contender.method, tuple(changes))


def _defaults(contender: Contender) -> dict[str, Any]:
    """Returns the defaults of a method's settings, those of its tasks among them."""
    if not contender.trained:
        return PretrainConfig().to_dict()
    method = METHODS[contender.method]
    tasks = {name: {"weight": use.weight, "pull": use.pull, **use.options} for name, use in method.tasks.items()}
    of_method = {"views": method.views, "layout": method.layout, "teacher": method.teacher}
    return {**PretrainConfig().to_dict(), **of_method, "tasks": tasks}


def _changed(what: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Returns the given settings that differ from the defaults: what, setting, default and value."""
    usual = flat(defaults)
    rows = []
    for key, value in flat(given).items():
        default = usual.get(key, UNSET)
        default = UNSET if default in ("not set", "none") else default
        if value != default:
            rows.append((what, key, default, value))
    return rows


def _shown(contender: Contender) -> dict[str, Any]:
    deciding = contender.deciding()
    shown = {key: value for key, value in deciding.items() if key != "method"}
    return {**shown, **{f"fine-tuning: {key}": value for key, value in contender.finetune.items()}}


def _in_words(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " x ".join(_in_words(item) for item in value) or "none"
    if isinstance(value, Mapping):
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)

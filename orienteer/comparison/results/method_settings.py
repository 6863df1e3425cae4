"""The settings of the methods of a comparison: those that differ, and those that all share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orienteer.comparison.plan.contenders import Contender
from orienteer.comparison.results.story import Story
from orienteer.methods import METHODS


@dataclass(frozen=True)
class MethodSettings:
    """The settings of all methods.

    Attributes:
        about: a method and what it learns; None for one that is not pretrained.
        differing: names of the settings that differ, the columns of ``rows``.
        rows: a method and its values.
        shared: settings that all methods share, with their value.
    """

    about: tuple[tuple[str, str | None], ...]
    differing: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shared: tuple[tuple[str, str], ...]


def method_settings(story: Story) -> MethodSettings:
    """Returns the settings of all methods."""
    settings = {contender.name: _shown(contender) for contender in story.contenders}
    keys = list(dict.fromkeys(key for values in settings.values() for key in values))
    differing = [key for key in keys if len({str(values.get(key, "")) for values in settings.values()}) > 1]
    first: Mapping[str, Any] = next(iter(settings.values()), {})
    return MethodSettings(
        about=tuple((each.name, METHODS[each.method].about if each.trained else None) for each in story.contenders),
        differing=tuple(differing),
        rows=tuple((name, *(str(values.get(key, "")) for key in differing)) for name, values in settings.items()),
        shared=tuple((key, str(first.get(key, ""))) for key in keys if key not in differing),
    )


def _shown(contender: Contender) -> dict[str, Any]:
    deciding = contender.deciding()
    shown = {key: value for key, value in deciding.items() if key not in ("method", "tasks")}
    if contender.trained:
        shown["tasks"] = ", ".join(f"{name} x {use['weight']:g}" for name, use in deciding["tasks"].items())
    return {**shown, **{f"fine-tuning: {key}": value for key, value in contender.finetune.items()}}

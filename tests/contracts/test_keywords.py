"""The typed keywords of the public functions are the fields of their settings: same names, types that an editor can check."""

import dataclasses
import inspect
import types
from collections.abc import Mapping, Sequence
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

import orienteer
from orienteer.comparison.config import CompareConfig
from orienteer.comparison.keywords import CompareKeywords
from orienteer.features.embed import EmbedSettings
from orienteer.features.keywords import EmbedKeywords
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.keywords import FinetuneKeywords
from orienteer.locating.keywords import LocateKeywords
from orienteer.locating.settings import LocateSettings
from orienteer.pretraining.prepare import PrepareSettings
from orienteer.probing.keywords import ProbeKeywords
from orienteer.probing.probe import ProbeSettings
from orienteer.runs.config import PretrainConfig
from orienteer.runs.keywords import PrepareKeywords, PretrainKeywords

PAIRS = [
    (PretrainConfig, PretrainKeywords, {"scans", "out"}),
    (FinetuneConfig, FinetuneKeywords, {"run", "data", "out"}),
    (CompareConfig, CompareKeywords, {"data", "out"}),
    (PrepareSettings, PrepareKeywords, set[str]()),
    (EmbedSettings, EmbedKeywords, set[str]()),
    (ProbeSettings, ProbeKeywords, set[str]()),
    (LocateSettings, LocateKeywords, set[str]()),
]


def accepted(hint: Any) -> Any:
    """What a caller may pass for a field: any sequence for a tuple, a table for a dataclass."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return Union[tuple(accepted(part) for part in parts)]  # noqa: UP007 (the parts are known only now)
    if origin is tuple:
        return Sequence[accepted(parts[0])]  # type: ignore[misc]
    if dataclasses.is_dataclass(hint):
        return hint | Mapping[str, Any]
    return hint


@pytest.mark.parametrize(("config", "keywords", "named"), PAIRS, ids=lambda item: getattr(item, "__name__", ""))
def test_keywords_are_the_fields_of_the_settings(config: type, keywords: type, named: set[str]) -> None:
    fields = {name: accepted(hint) for name, hint in get_type_hints(config).items() if name not in named}
    assert get_type_hints(keywords) == fields


FUNCTIONS = [name for name in orienteer.__all__ if inspect.isfunction(getattr(orienteer, name))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_of_a_public_function_is_written_out_and_typed(name: str) -> None:
    function = getattr(orienteer, name)
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD and name == "build_target":
            continue  # arguments of a network of another library
        if parameter.kind is parameter.VAR_KEYWORD:
            assert "Unpack" in str(parameter.annotation) or str(parameter.annotation).startswith("*"), parameter
        else:
            assert parameter.annotation not in (parameter.empty, Any), parameter
    assert signature.return_annotation is not signature.empty

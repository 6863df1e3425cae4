"""Keyword arguments of `compare` and `ablate`, typed so that editors complete them. `CompareConfig` describes each."""

from collections.abc import Sequence
from typing import Any, Literal, TypedDict


class CompareKeywords(TypedDict, total=False):
    """What `compare` and `ablate` take beside ``data`` and ``out``."""

    images: str | None
    labels: str | None
    name: str | None
    split: str | None
    cases: Sequence[int] | None
    group_by: str | None
    evaluate: Literal["validation", "test"]
    methods: Sequence[str]
    define: dict[str, dict[str, Any]]
    fractions: Sequence[float]
    seeds: Sequence[int]
    downstream: Sequence[Literal["finetune", "probe", "retrieval", "sides"]]
    pretrain: dict[str, Any]
    finetune: dict[str, Any]
    select: dict[str, list[Any]]
    probe: dict[str, Any]
    retrieval: dict[str, Any]
    sides: dict[str, Any]
    against: Sequence[str]
    parallel: int | None
    cluster: str | None
    names: Literal["shown", "numbered"]
    keep: bool
    store: str | None

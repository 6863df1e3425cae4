"""Teaches 3D networks where things are in unlabelled CT and MR scans, and shows a person what they learned."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orienteer.training.demo import demo as demo
    from orienteer.training.planning import plan as plan
    from orienteer.training.run import pretrain as pretrain
    from orienteer.training.weights import load_encoder as load_encoder

_PUBLIC = {
    "demo": "orienteer.training.demo",
    "plan": "orienteer.training.planning",
    "pretrain": "orienteer.training.run",
    "load_encoder": "orienteer.training.weights",
}
"""The public functions, one per line, and where each lives. Imported when first used: torch takes seconds to load."""

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'orienteer' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])

"""Teaches 3D networks where things are in unlabelled CT and MR scans, and shows a person what they learned."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orienteer.observe.explore.command import explore as explore
    from orienteer.observe.observe import observe as observe
    from orienteer.training.demo import demo as demo
    from orienteer.training.planning import plan as plan
    from orienteer.training.weights import load_encoder as load_encoder
    from orienteer.transfer.classify import classify as classify
    from orienteer.transfer.compare.ablate import ablate as ablate
    from orienteer.transfer.compare.compare import compare as compare
    from orienteer.transfer.embed import embed as embed
    from orienteer.transfer.export import export as export
    from orienteer.transfer.finetune import finetune as finetune
    from orienteer.transfer.load import load as load
    from orienteer.transfer.online_probe import pretrain as pretrain
    from orienteer.transfer.predict import predict as predict
    from orienteer.transfer.probe import probe as probe

_PUBLIC = {
    "demo": "orienteer.training.demo",
    "plan": "orienteer.training.planning",
    "pretrain": "orienteer.transfer.online_probe",
    "observe": "orienteer.observe.observe",
    "explore": "orienteer.observe.explore.command",
    "load": "orienteer.transfer.load",
    "load_encoder": "orienteer.training.weights",
    "export": "orienteer.transfer.export",
    "finetune": "orienteer.transfer.finetune",
    "predict": "orienteer.transfer.predict",
    "embed": "orienteer.transfer.embed",
    "probe": "orienteer.transfer.probe",
    "classify": "orienteer.transfer.classify",
    "compare": "orienteer.transfer.compare.compare",
    "ablate": "orienteer.transfer.compare.ablate",
}
"""The public functions, one per line, and where each lives. Imported when first used: torch takes seconds to load."""

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'orienteer' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])

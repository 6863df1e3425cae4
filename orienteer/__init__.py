"""Teaches 3D networks where things are in unlabelled CT and MR scans, and shows a person what they learned."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orienteer.auditing.audit import audit as audit
    from orienteer.comparison.ablate import ablate as ablate
    from orienteer.comparison.compare import compare as compare
    from orienteer.encoders.target import build_target as build_target
    from orienteer.errors import InputError as InputError
    from orienteer.explorer.explore import explore as explore
    from orienteer.explorer.inline import explore_inline as explore_inline
    from orienteer.exports.export import export as export
    from orienteer.exports.push import push as push
    from orienteer.features.embed import embed as embed
    from orienteer.features.pretrained import load as load
    from orienteer.finetuning.classification.classify import classify as classify
    from orienteer.finetuning.finetune import finetune as finetune
    from orienteer.finetuning.predict import predict as predict
    from orienteer.locating.locate import locate as locate
    from orienteer.phantoms.dataset import write_phantom_set as write_phantom_set
    from orienteer.phantoms.torso import write_phantoms as write_phantoms
    from orienteer.pretraining.plan import plan as plan
    from orienteer.pretraining.prepare import prepare as prepare
    from orienteer.pretraining.pretrain import pretrain as pretrain
    from orienteer.probing.probe import probe as probe
    from orienteer.report.demo import demo as demo
    from orienteer.report.observe import observe as observe
    from orienteer.runs.weights import load_encoder as load_encoder
    from orienteer.store.merge import merge as merge
    from orienteer.watching.watch import watch as watch

_PUBLIC = {
    "demo": "orienteer.report.demo",
    "plan": "orienteer.pretraining.plan",
    "prepare": "orienteer.pretraining.prepare",
    "merge": "orienteer.store.merge",
    "pretrain": "orienteer.pretraining.pretrain",
    "observe": "orienteer.report.observe",
    "audit": "orienteer.auditing.audit",
    "explore": "orienteer.explorer.explore",
    "explore_inline": "orienteer.explorer.inline",
    "watch": "orienteer.watching.watch",
    "load": "orienteer.features.pretrained",
    "load_encoder": "orienteer.runs.weights",
    "locate": "orienteer.locating.locate",
    "export": "orienteer.exports.export",
    "push": "orienteer.exports.push",
    "finetune": "orienteer.finetuning.finetune",
    "predict": "orienteer.finetuning.predict",
    "embed": "orienteer.features.embed",
    "probe": "orienteer.probing.probe",
    "classify": "orienteer.finetuning.classification.classify",
    "compare": "orienteer.comparison.compare",
    "ablate": "orienteer.comparison.ablate",
    "InputError": "orienteer.errors",
    "build_target": "orienteer.encoders.target",
    "write_phantoms": "orienteer.phantoms.torso",
    "write_phantom_set": "orienteer.phantoms.dataset",
}
"""The public functions, one per line, and where each lives. Imported when first used: torch takes seconds to load."""

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'orienteer' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])

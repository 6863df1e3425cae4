"""summary.json: what a run came to, and the same as a table for a person."""

from collections.abc import Collection, Mapping
from typing import Any

from orienteer.runs.plateau import Hint


def make_summary(
    heldout: Mapping[str, float],
    hint: Hint | None,
    scans: Mapping[str, int],
    steps: int,
    pace: Mapping[str, float],
    seconds: float,
) -> dict[str, Any]:
    """Returns the summary of a run: held-out figures with their rivals, plateau, scans counted, steps, throughput."""
    return {
        "heldout": dict(sorted(heldout.items())),
        "plateau": hint.plain() if hint is not None else None,
        "scans": dict(scans),
        "steps": steps,
        **pace,
        "seconds": round(seconds, 1),
    }


def summary_table(summary: Mapping[str, Any]) -> str:
    """Returns the held-out figures as a table, each beside its trivial rivals.

    Example:
        >>> print(summary_table({"heldout": {"gap_error_mm": 40.0, "gap_error_mm_trivial": 150.0, "loss": 1.0}}))
        on held-out scans                  model     trivial
        gap error (mm)                      40.0       150.0
    """
    heldout = summary["heldout"]
    own = [
        key for key in heldout if f"{key}_trivial" in heldout or (key.endswith("_mm") and not is_rival(key, heldout))
    ]
    rivals = sorted({key.removeprefix(f"{name}_") for name in own for key in heldout if key.startswith(f"{name}_")})
    rivals.sort(key=lambda rival: rival != "trivial")
    lines = [f"{'on held-out scans':<28}" + "".join(f"{column:>12}" for column in ("model", *rivals))]
    for key in own:
        name = _name(key)
        cells = [_cell(key, heldout.get(column)) for column in (key, *(f"{key}_{rival}" for rival in rivals))]
        lines.append(f"{name:<28}" + "".join(f"{cell:>12}" for cell in cells).rstrip())
    return "\n".join(lines)


def is_rival(key: str, heldout: Collection[str]) -> bool:
    """Returns whether a figure is that of a trivial rival: another figure's name with the rival's behind it."""
    return any(key.startswith(f"{other}_") for other in heldout)


def _name(key: str) -> str:
    for ending, unit in (("_mm", "mm"), ("_accuracy", "%"), ("_dice", "%")):
        if key.endswith(ending):
            kept = ending if ending == "_dice" else ""
            return f"{(key.removesuffix(ending) + kept).replace('_', ' ')} ({unit})"
    return key.replace("_", " ")


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{100 * value:.1f}" if key.endswith(("_accuracy", "_dice")) else f"{value:.1f}"

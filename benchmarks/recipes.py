"""What the recipes for GPUs need: memory and operations of a training step, counted without a GPU.

``python -m benchmarks.recipes --json FILE`` follows a step of each recipe at full size, forward and backward, by tensors that
have sizes and no values: what weights, optimiser, feature maps and gradients take where they take most, and the floating-point
operations. It computes and times nothing: hours follow from the operations and from what a GPU sustains, which is not
measured here.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from benchmarks.command import parser_of, save
from orienteer.methods import listed_tasks, resolve_method
from orienteer.pretraining.dry_run import count_step
from orienteer.pretraining.resolve import MOST_VIEW_VOX
from orienteer.runs.run_config import RunConfig, make_run_config

RECIPES = Path(__file__).parents[1] / "recipes"

SUSTAINED_TFLOPS = (10, 30, 100)
"""Operations per second that a GPU may keep up while it trains 3D convolutions, in units of 10^12."""

GIGA = 1e9


def main() -> None:
    options = parser_of(__doc__).parse_args()
    found = {file.name: needs(file) for file in sorted(RECIPES.glob("*.yaml"))}
    print(table(found))
    save(options.json, found)


def needs(file: Path) -> dict[str, Any]:
    """Returns what a recipe needs."""
    recipe = read(file)
    counts = count_step(recipe)
    flops = counts.flops * recipe.accumulate * recipe.devices
    return {
        "encoder": recipe.encoder,
        "view_size": list(recipe.view_size),
        "views": recipe.views,
        "batch": recipe.batch,
        "precision": recipe.precision,
        "steps": recipe.steps,
        "memory_gb": round(counts.memory_bytes / GIGA, 1),
        "weights_gb": round(counts.weight_bytes / GIGA, 2),
        "step_tflop": round(flops / 1e12, 2),
        "run_pflop": round(flops * recipe.steps / 1e15),
        "hours": {str(rate): round(flops * recipe.steps / (rate * 1e12) / 3600, 1) for rate in SUSTAINED_TFLOPS},
    }


def read(file: Path) -> RunConfig:
    """Returns the settings of a recipe, with what a run would choose for its scans set to something."""
    given = yaml.safe_load(file.read_text())
    method = resolve_method(given.get("method", "default"))
    chosen = {
        "tasks": listed_tasks(method),
        "only_tasks": True,
        "views": method.views,
        "teacher": method.teacher,
        "layout": method.layout,
        "distortion": asdict(method.distortion),
        "spacing_mm": (2.0, 2.0, 2.0),
        "unit_mm": 100.0,
        "view_size": (MOST_VIEW_VOX["gpu"],) * 3,  # the largest that is chosen
    }
    return make_run_config({**chosen, **given})


def table(found: dict[str, dict[str, Any]]) -> str:
    """Returns the rows of the table on the page of questions."""
    rates = " | ".join(f"hours at {rate} TFLOP/s" for rate in SUSTAINED_TFLOPS)
    lines = [
        f"| recipe | network, views, scans per step | memory | steps | work | {rates} |",
        "|---" * 8 + "|",
    ]
    for name, row in sorted(found.items(), key=lambda item: item[1]["memory_gb"]):
        size = " x ".join(str(edge) for edge in row["view_size"])
        network = f"{row['encoder']}, {row['views']} of {size}, {row['batch']}"
        hours = " | ".join(f"{hours:g}" for hours in row["hours"].values())
        amounts = f"{row['memory_gb']:g} GB | {row['steps']} | {row['run_pflop']:g} PFLOP"
        lines.append(f"| `recipes/{name}` | {network} | {amounts} | {hours} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

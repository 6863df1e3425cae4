"""Gap error against Dice by the weight and the pull of the spatial tasks: what one costs of the other.

``python -m benchmarks.space_pareto --data abdomen_ct --seed 1 --steps 450 --json FILE --picture FILE``: every one of ``POINTS``
is pretrained on the same scans for as many steps, measured on the held-out scans as `benchmarks.space` does, and fine-tuned
on a few labelled scans of the training part; Dice is that of the held-out scans. ``probe`` is Dice of a linear model on frozen
features, with the labels of all training scans. With ``--draw FILE`` the picture is made of a table that was kept.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.command import parser_of, save
from benchmarks.space import EARLIER_DEFAULT, measure_seed
from benchmarks.space_data import REAL, Collection, collection, real_folder
from benchmarks.space_dice import PATCH
from orienteer.draw.figures import new_figure, to_png
from orienteer.files import write_bytes, write_json
from orienteer.finetuning.finetune import finetune
from orienteer.probing.probe import probe
from orienteer.progress import say

SPATIAL = ("gap", "dense_gap", "similarity", "route")


def _of_all(**use: float) -> dict[str, Any]:
    return {"tasks": {task: use for task in SPATIAL}}


POINTS: dict[str, dict[str, Any]] = {
    "default": {},
    "pull 0.1": _of_all(pull=0.1),
    "monitored only": _of_all(pull=0.0),
    "weights x 4": {
        "tasks": {"gap": {"weight": 8}, "dense_gap": {"weight": 8}, "similarity": {"weight": 4}, "route": {"weight": 8}}
    },
    "space alone": {"tasks": {"reconstruction": {"weight": 0}, "place_contrast": {"weight": 0}}},
    "default of 0.1.0": EARLIER_DEFAULT,
}
"""Settings of each point, as changes of the default."""

HEADER_STEPS = 30
"""Headers are not judged here: a short header reader saves time."""


def dice_after(
    run: Path, data: Path, scans: Collection, labels: int, steps: int, seed: int, work: Path
) -> dict[str, float]:
    """Returns Dice of the held-out scans: of a linear model on frozen features, and after fine-tuning.

    Args:
        run: of a pretraining.
        data: folder with the dataset.json of the collection.
        scans: those of the training part, and held out.
        labels: scans of the training part to fine-tune on, the first by name.
        steps: of the fine-tuning.
        seed: of the fine-tuning.
        work: folder for results and prepared scans.
    """
    shared: dict[str, Any] = {
        "store": str(work / "labelled-store"),
        "seed": seed,
        "accelerator": "cpu",
        "pictures": False,
    }
    training, heldout = (
        [file.name.removesuffix(".nii.gz") for file in part] for part in (scans.training, scans.heldout)
    )
    splits = {"all": training, "few": training[:labels]}
    for name, cases in splits.items():
        write_json(work / f"{name}.json", [{"train": cases, "val": heldout}])
    probed = probe(run, data, work / "probe", split=str(work / "all.json"), workers=0, **shared)
    tuned = finetune(
        run,
        data,
        work / "tuned",
        split=str(work / "few.json"),
        steps=steps,
        mirror="none",
        patch_size=PATCH,
        prepare_workers=0,
        **shared,
    )
    return {"probe": probed.summary["test"]["dice_mean"], "finetuned": tuned.summary["test"]["dice_mean"]}


def draw(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Returns a picture of Dice over gap error, a point for each row, as PNG."""
    figure = new_figure(1100, 480)
    for axes, key, name in zip(
        figure.subplots(1, 2), ("probe", "finetuned"), ("frozen probe", "fine-tuned"), strict=True
    ):
        middle = sum(row["gap_over_trivial"] for row in rows) / len(rows)
        for number, row in enumerate(rows):
            at, left = (row["gap_over_trivial"], row[key]), row["gap_over_trivial"] > middle
            axes.plot(*at, "o", color=f"C{number}")
            axes.annotate(
                row["name"], at, xytext=(-6 if left else 6, 4), textcoords="offset points", fontsize=8,
                ha="right" if left else "left",
            )  # fmt: skip
        axes.set_xlabel("gap error / trivial, held-out scans", fontsize=9)
        axes.set_ylabel(f"Dice, {name}", fontsize=9)
        axes.margins(x=0.25, y=0.15)
    return to_png(figure)


def main() -> None:
    """Measures the points of one collection, or draws a table that was kept."""
    parser = parser_of(__doc__)
    parser.add_argument("--data", choices=REAL, default="abdomen_ct", help="the collection")
    parser.add_argument("--folder", type=Path, help="where real collections lie")
    parser.add_argument("--seed", type=int, default=1, help="of split, pretraining and fine-tuning")
    parser.add_argument("--steps", type=int, default=450, help="of each pretraining")
    parser.add_argument("--labels", type=int, default=2, help="labelled scans to fine-tune on")
    parser.add_argument("--finetune-steps", type=int, default=300, help="of each fine-tuning")
    parser.add_argument("--points", default=",".join(POINTS), help="names of points, with commas")
    parser.add_argument("--picture", type=Path, help="PNG to write")
    parser.add_argument("--draw", type=Path, help="a table that was kept, to draw without measuring")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    table = json.loads(chosen.draw.read_text()) if chosen.draw else measure(vars(chosen), chosen.json)
    if table is None:
        say(f"skipped: {chosen.data} is not there; name its folder with --folder")
    elif chosen.picture is not None:
        write_bytes(chosen.picture, draw(table["points"]))


def measure(chosen: Mapping[str, Any], json_file: Path | None) -> dict[str, Any] | None:
    """Returns the table of the points, which is written after each; None where the collection is not there."""
    data, seed, steps = chosen["data"], chosen["seed"], chosen["steps"]
    table: dict[str, Any] = {key: chosen[key] for key in ("data", "seed", "steps", "labels", "finetune_steps")}
    table["points"] = []
    with tempfile.TemporaryDirectory() as name:
        for point in chosen["points"].split(","):
            work = Path(name, point)
            scans = collection(data, seed, Path(name), chosen["folder"])
            if scans is None:
                return None
            settings = {"method": "default", "header_steps": HEADER_STEPS, **POINTS[point]}
            values = measure_seed(scans, seed, settings, steps, 16, 0, work)
            labelled = real_folder(chosen["folder"]) / data
            dice = dice_after(work / "run", labelled, scans, chosen["labels"], chosen["finetune_steps"], seed, work)
            row = {"name": point, **{key: values[key] for key in ("gap_over_trivial", "cpu_seconds", "steps")}, **dice}
            table["points"].append(row)
            say(json.dumps(row))
            save(json_file, table)
    return table


if __name__ == "__main__":
    main()

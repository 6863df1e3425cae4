"""The command line. Each command is the public function of the same name and arguments."""

import errno
import io
import os
import sys
from collections.abc import Sequence

from orienteer.arguments import Command, parse

START, LOOK, USE, MEASURE = "get started", "look", "use", "measure"

COMMANDS = {
    "demo": Command(
        "orienteer.report.demo:demo",
        "orienteer.runs.config:PretrainConfig",
        about="needs no data: make synthetic scans, pretrain on them, show errors and pictures",
        group=START,
        common=("steps", "out"),
        example="orienteer demo --out runs/demo",
    ),
    "plan": Command(
        "orienteer.pretraining.plan:plan",
        "orienteer.runs.config:PretrainConfig",
        "scans",
        about="show what pretrain would do with a folder of scans, why, and what it would cost",
        group=START,
        prints=True,
        common=("method", "encoder", "steps", "spacing_mm", "view_size", "modality", "dry_run", "config"),
        example="orienteer plan CT",
    ),
    "prepare": Command(
        "orienteer.pretraining.prepare:prepare",
        "orienteer.pretraining.prepare:PrepareSettings",
        "scans",
        about="prepare a folder of scans into a store that runs share (pretrain does it by itself)",
        group=START,
        prints=True,
        example="orienteer prepare CT --store stores/ct",
    ),
    "merge": Command(
        "orienteer.store.merge:merge",
        positional="stores",
        about="join stores of prepared scans into one (prepare --shard makes one for each part)",
        group=START,
        prints=True,
        example="orienteer merge parts/1 parts/2 --out stores/ct",
    ),
    "pretrain": Command(
        "orienteer.pretraining.pretrain:pretrain",
        "orienteer.runs.config:PretrainConfig",
        "scans",
        about="train an encoder on a folder of unlabelled scans",
        group=START,
        common=(
            "out",
            "method",
            "encoder",
            "steps",
            "batch",
            "spacing_mm",
            "weights",
            "continue_from",
            "watch",
            "resume",
            "config",
        ),
        example="orienteer pretrain CT --out runs/ct --steps 5000",
    ),
    "observe": Command(
        "orienteer.report.observe:observe",
        positional="run",
        about="write report.html: what a run predicts on scans that it was not trained on",
        group=LOOK,
        example="orienteer observe runs/ct --scans NEW",
    ),
    "audit": Command(
        "orienteer.auditing.audit:audit",
        positional="scans",
        about="find what is wrong in a folder of scans: headers, values, slices, copies, odd ones out",
        group=LOOK,
        common=("out", "run", "rules_only", "fail_on", "write_fixed", "crop"),
        example="orienteer audit CT --out audits/ct",
    ),
    "explore": Command(
        "orienteer.explorer.explore:explore",
        positional="run",
        about="open a page: click in a scan, and see gaps, routes and similar places",
        group=LOOK,
        example="orienteer explore runs/ct --scan NEW/a.nii.gz",
    ),
    "watch": Command(
        "orienteer.watching.watch:watch",
        positional="run",
        about="open a page that shows live how a run gets better while it trains",
        group=LOOK,
        example="orienteer watch runs/ct",
    ),
    "finetune": Command(
        "orienteer.finetuning.finetune:finetune",
        "orienteer.finetuning.config:FinetuneConfig",
        "run",
        about="train on labelled scans, from a run's weights or from scratch, and score the result",
        group=USE,
        common=("data", "out", "images", "labels", "start", "steps", "folds", "store", "resume", "config"),
        example="orienteer finetune runs/ct --data dataset.json --out runs/organs",
    ),
    "predict": Command(
        "orienteer.finetuning.predict:predict",
        positional="model",
        about="write label maps or classes of new scans with a fine-tuned network",
        group=USE,
        example="orienteer predict runs/organs --scans NEW --to label_maps",
    ),
    "embed": Command(
        "orienteer.features.embed:embed",
        "orienteer.features.embed:EmbedSettings",
        "run",
        about="write one vector per scan, or one per view with its place in mm; print that of one scan",
        group=USE,
        prints=True,
        example="orienteer embed runs/ct --scans NEW --out vectors.csv",
    ),
    "locate": Command(
        "orienteer.locating.locate:locate",
        "orienteer.locating.settings:LocateSettings",
        "run",
        about="find the places that are marked in one scan in all others, in mm, with an error bar",
        group=USE,
        common=("scans", "out", "template", "points", "labels", "extremes", "crop", "margin", "transform", "store"),
        example="orienteer locate runs/ct --template x.nii.gz --points marks.mrk.json --scans NEW --out places",
    ),
    "export": Command(
        "orienteer.exports.export:export",
        positional="run",
        about="write the weights for MONAI, nnU-Net, ONNX or torch",
        group=USE,
        prints=True,
        example="orienteer export runs/ct --to monai --classes 5",
    ),
    "push": Command(
        "orienteer.exports.push:push",
        positional="run",
        about="write the weights as the Hugging Face hub has them, into a folder or onto the hub",
        group=USE,
        prints=True,
        example="orienteer push runs/ct --to ./pushed --license apache-2.0",
    ),
    "probe": Command(
        "orienteer.probing.probe:probe",
        "orienteer.probing.probe:ProbeSettings",
        "run",
        about="measure frozen features with ridge or logistic regression or nearest neighbours",
        group=MEASURE,
        example="orienteer probe runs/ct --data dataset.json",
    ),
    "compare": Command(
        "orienteer.comparison.compare:compare",
        "orienteer.comparison.config:CompareConfig",
        "data",
        about="compare pretraining methods on equal terms: one table and one page",
        group=MEASURE,
        common=("out", "methods", "downstream", "fractions", "seeds", "parallel", "store", "config"),
        example="orienteer compare dataset.json --out compared --methods default,reconstruction",
    ),
    "ablate": Command(
        "orienteer.comparison.ablate:ablate",
        "orienteer.comparison.config:CompareConfig",
        "data",
        about="compare a method with itself, one thing changed at a time",
        group=MEASURE,
        common=("out", "method", "seeds", "config"),
        example="orienteer ablate dataset.json --out ablated",
    ),
}
"""Every command: its function, the dataclass of its settings, and the option that needs no name. Loaded when asked for."""

ABOUT = "Teaches 3D networks where things are in unlabelled CT and MR scans, and shows a person what they learned."


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code.

    0; 2 for bad input, 1 for a training that stopped, 3 for an audit with findings of --fail-on, 130 for Ctrl-C.
    """
    # Threads that wait by spinning steal the cores that other programs compute on: on a busy machine of two cores a
    # step took 5 s instead of 0.2 s. OpenMP reads this when torch is loaded, hence here, and the user's choice goes first.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name of a scan may hold letters that the terminal's encoding lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    from orienteer.errors import FindingsRemain, InputError, TrainingStopped
    from orienteer.progress import say
    from orienteer.text import printable

    try:
        command, settings = parse("orienteer", ABOUT, COMMANDS, sys.argv[1:] if argv is None else argv)
        result = command.load()(**settings)
    except InputError as error:
        say(f"orienteer: {error}")
        return 2
    except TrainingStopped as error:
        say(f"orienteer: {error}")
        return 1
    except FindingsRemain as error:
        say(f"orienteer: {error}")
        return 3
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who read the output has enough of it: `orienteer pretrain --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.errno is None:
            raise
        full, where = error.errno in (errno.ENOSPC, errno.EDQUOT), f" ({error.filename})" if error.filename else ""
        got = "the disk is full" if full else f"the system says: {os.strerror(error.errno).lower()}"
        do = "free some space" if full else "check that the file or folder is there and may be used"
        say(f"orienteer: {got}{where}. Do this: {do}, then give the command again")
        return 1
    if command.prints:
        print(printable(str(result), keep="\n\t"))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The command line. Each command is the public function of the same name and arguments."""

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code: 0, 2 for bad input, 1 for a training that stopped, 130 for Ctrl-C."""
    # Threads that wait by spinning steal the cores that other programs compute on: on a busy machine of two cores a step
    # took 5 s instead of 0.2 s. Read by OpenMP when torch is loaded, hence here, and only where the user has not chosen.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from orienteer.arguments import Command, parse
    from orienteer.errors import InputError, TrainingStopped
    from orienteer.training.config import PretrainConfig
    from orienteer.training.demo import demo
    from orienteer.training.planning import plan
    from orienteer.training.run import pretrain

    commands = {
        "demo": Command(demo, settings=PretrainConfig),
        "plan": Command(plan, settings=PretrainConfig, positional="scans"),
        "pretrain": Command(pretrain, settings=PretrainConfig, positional="scans"),
    }
    about = "Teaches 3D networks where things are in unlabelled CT and MR scans."
    try:
        command, settings = parse("orienteer", about, commands, sys.argv[1:] if argv is None else argv)
        result = command.function(**settings)
    except InputError as error:
        print(f"orienteer: {error}", file=sys.stderr)
        return 2
    except TrainingStopped as error:
        print(f"orienteer: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if command.function is plan:
        print(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())

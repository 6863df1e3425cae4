"""What happens to files, processes and data sets that are damaged, killed or hostile, counted.

``python -m benchmarks.faults --json FILE``: mutated scans of five formats, kills of the commands, tampered files of runs and
stores, hostile data sets, and a folder of odd files of which every one must be accounted for. ``--only mutated`` measures one
part, ``--quick`` a small sample of each in a few minutes. Every count but ``tried`` is to be 0.
"""

import json
import tempfile
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from benchmarks.command import parser_of, save


class Part(NamedTuple):
    """One kind of fault.

    Attributes:
        module: its file in `benchmarks`, whose ``run(count, seed, folder)`` returns what was counted.
        count: how many are tried.
        quick: how many with ``--quick``.
    """

    module: str
    count: int
    quick: int


PARTS = {
    "mutated": Part("fault_mutations", 10_000, 200),
    "kills": Part("fault_kills", 200, 5),
    "tampered": Part("fault_tampering", 2_000, 50),
    "outside": Part("fault_outside", 100, 2),
    "counts": Part("fault_counts", 40, 40),
}


def measure(names: list[str], seed: int, quick: bool) -> dict[str, dict[str, int]]:
    """Returns what was counted in each part, and prints it as it comes.

    Args:
        names: keys of `PARTS`.
        seed: of what is drawn; the same seed draws the same faults.
        quick: whether to try only a small sample.
    """
    values = {}
    for name in names:
        part = PARTS[name]
        with tempfile.TemporaryDirectory(prefix=f"faults-{name}-") as folder:
            run = import_module(f"benchmarks.{part.module}").run
            values[name] = run(part.quick if quick else part.count, seed, Path(folder))
        print(f"{name}: " + ", ".join(f"{key} {count}" for key, count in values[name].items()), flush=True)
    return values


def main() -> None:
    """Runs the benchmark and prints the measured values."""
    parser = parser_of(__doc__)
    parser.add_argument("--only", choices=PARTS, help="one part instead of all")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn; the same seed draws the same faults")
    parser.add_argument("--quick", action="store_true", help="a small sample of each part")
    chosen = parser.parse_args()
    values = measure([chosen.only] if chosen.only else list(PARTS), chosen.seed, chosen.quick)
    print(json.dumps(values, indent=2))
    save(chosen.json, values)


if __name__ == "__main__":
    main()

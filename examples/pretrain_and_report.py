"""Pretrains an encoder on a folder of scans and writes a report on what it learned.

Run: python examples/pretrain_and_report.py [FOLDER]
With a folder of your own scans, leave out ``encoder``, ``steps`` and the workers to have them chosen.
"""

import sys

import orienteer


def main(scans: str = "scans") -> None:
    """Writes the run to ``runs/first`` and the report into it."""
    if scans == "scans":
        orienteer.write_phantoms(scans, count=4, seed=0)
    print(orienteer.plan(scans, dry_run=False, encoder="tiny"))

    run = orienteer.pretrain(scans, out="runs/first", encoder="tiny", steps=1, workers=0, prepare_workers=0)
    heldout = run.summary["heldout"]
    print(f"gap error {heldout['gap_error_mm']:.0f} mm, baseline {heldout['gap_error_mm_trivial']:.0f} mm")

    seen = orienteer.observe(run.folder, sets=2, own_scans=3, drawn=1, demonstration=False, prepare_workers=0)
    print(f"open {seen.report} in a browser")


if __name__ == "__main__":
    main(*sys.argv[1:2])

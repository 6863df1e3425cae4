"""Opens a run and its scans behind a page that is served already, and computes the features."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from orienteer.explorer.explorer import Explorer
from orienteer.explorer.kept import Kept
from orienteer.explorer.open_scan import open_scan
from orienteer.explorer.session import Session
from orienteer.runs.loaded import load_run


def open_session(
    session: Session,
    run: str | Path,
    paths: Sequence[str | Path],
    checkpoint: Literal["last", "best"] = "last",
    device: Literal["auto", "cpu", "cuda"] = "auto",
    shown: bool = True,
) -> None:
    """Opens a run and one or two scans, tells the session each step, and computes the features.

    Args:
        session: of the page.
        run: folder of a run.
        paths: of the scans.
        checkpoint: which weights.
        device: where to compute.
        shown: whether to draw a progress bar in the terminal.

    Raises:
        InputError: no run there, or a scan that cannot be used.
    """
    session.stage = "loading the model"
    loaded = load_run(run, checkpoint, device)
    kept = Kept(Path(loaded.config.store_folder(loaded.folder)))
    scans = []
    for path in paths:
        session.stage = f"reading {Path(path).name}"
        scans.append(open_scan(path, loaded, kept))
    for scan in scans:
        for warning in scan.warnings:
            print(f"{scan.name}: {warning}", file=sys.stderr)
    session.stage = "preparing the answers"
    explorer = Explorer(loaded, scans[0], scans[1] if len(scans) > 1 else None, kept)
    session.open(explorer)
    session.stage = "computing features"
    explorer.prepare(shown)
    if kept.note is not None:
        print(kept.note, file=sys.stderr)
    session.stage = "ready"

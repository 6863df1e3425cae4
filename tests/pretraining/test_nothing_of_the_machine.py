"""What a run writes names no place of this machine, but for its config.yaml; file names do not hold the machine's."""

import os
import socket
from pathlib import Path

from orienteer.pretraining.reporter import name_without_machine
from orienteer.runs.run import Run
from tests.exports.test_code_places import PLACES, contents

PRIVATE = {"config.yaml"}
"""Files that docs/run-folder.md says hold paths."""


def test_only_the_private_files_of_a_run_hold_paths(finished: Run, torsos: Path, store: Path) -> None:
    places = [str(torsos), str(store), str(finished.folder), *(place for place in PLACES.values() if len(place) > 6)]
    files = [path for path in finished.folder.rglob("*") if path.is_file()]
    holding = {
        path.name for path in files if any(place.encode() in part for part in contents(path) for place in places)
    }
    assert len(files) > 10
    assert holding == PRIVATE


def test_files_of_tensorboard_are_not_named_after_the_machine(finished: Run, tmp_path: Path) -> None:
    (name,) = (path.name for path in (finished.folder / "tensorboard").iterdir())
    assert name.split(".")[:3] == ["events", "out", "tfevents"]
    assert [part for part in name.split(".")[3:] if not part.isdigit()] == []
    for host in (socket.gethostname(), "node7.cluster.hospital.org", "10.0.0.7"):
        (tmp_path / f"events.out.tfevents.1795692594.{host}.{os.getpid()}.0").touch()
        name_without_machine(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [f"events.out.tfevents.1795692594.{os.getpid()}.0"]
    name_without_machine(tmp_path / "missing")

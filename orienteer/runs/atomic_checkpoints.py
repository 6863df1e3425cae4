"""Writing checkpoints whole or not at all and with their checksum.

Apart from reading them, so that commands that only load a run need not import the training library, which takes seconds.
"""

from pathlib import Path
from typing import Any

from pytorch_lightning.plugins.io import TorchCheckpointIO

from orienteer.files import replacing, room_for
from orienteer.runs.checkpoints import read_checkpoint
from orienteer.runs.seal import save_sealed


class AtomicCheckpoints(TorchCheckpointIO):
    """Lightning's checkpoint files, replaced atomically and read with ``weights_only``."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Writes ``checkpoint`` to ``path``. If the process is killed or the disk is full, the older file is kept.

        Raises:
            InputError: the file cannot be written.
        """
        with (
            room_for("a checkpoint", path, "free disk space and continue with --resume"),
            replacing(path) as temporary,
            temporary.open("w+b") as file,
        ):
            save_sealed(checkpoint, file)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Returns the content of a checkpoint file; see `read_checkpoint`."""
        return read_checkpoint(path, map_location or "cpu")

"""Files whose contents do not match their name."""

import hashlib
import json
import os
from pathlib import Path


def with_hash(run: Path, blob: bytes) -> None:
    """Replaces the weights of a run by other bytes, with the hash in encoder.json that fits them."""
    (run / "encoder.safetensors").write_bytes(blob)
    card = json.loads((run / "encoder.json").read_text())
    (run / "encoder.json").write_text(json.dumps({**card, "sha256": hashlib.sha256(blob).hexdigest()}))


class MakesAFile:
    """A pickle that runs a command when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.path}",)

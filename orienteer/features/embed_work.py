"""The vectors of one scan as a job, for this process or a worker elsewhere."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orienteer.devices import Accelerator
from orienteer.features.pretrained import Pretrained, ViewVectors, load
from orienteer.runs.weights import check_same_weights
from orienteer.store.given_rows import GivenRows
from orienteer.store.store import Row


@dataclass
class EmbedWork:
    """Computes the vectors of prepared scans. Another process loads the weights when it gets its first scan.

    Attributes:
        run: run folder, or its encoder.safetensors.
        accelerator: where to compute.
        sha256: of the weights.
        store: folder of the prepared scans.
        overlap: least share of a view that the next one covers again.
        pretrained: the weights, loaded already.
    """

    run: Path
    accelerator: Accelerator
    sha256: str
    store: Path
    overlap: float
    pretrained: Pretrained | None = None

    def __call__(self, row: Row) -> ViewVectors:
        """Returns the vectors of a scan.

        Raises:
            InputError: the weights are not those of the command.
        """
        scan, _ = row
        with GivenRows(self.store, {scan.key: row}) as store:
            return self._loaded().view_vectors(store, scan.key, self.overlap)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "pretrained": None}

    def _loaded(self) -> Pretrained:
        if self.pretrained is None:
            pretrained = load(self.run, self.accelerator)
            check_same_weights(self.run, pretrained.card["sha256"], self.sha256)
            self.pretrained = pretrained
        return self.pretrained

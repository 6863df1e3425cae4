"""predictions.json: which scans of which content were predicted into a folder, written before the first label map."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from orienteer.errors import InputError
from orienteer.files import is_leftover, read_json, room_for, write_json
from orienteer.runs.folder import LOCK_FILE
from orienteer.store.outcomes import Failure

RECORD_FILE = "predictions.json"


class _Record(TypedDict):
    model: str
    files: dict[str, str]
    contents: NotRequired[dict[str, str]]
    failures: NotRequired[list[dict[str, Any]]]


class PredictionsRecord:
    """The predictions that a folder holds, as predictions.json says.

    Attributes:
        files: name of the label map in the folder, by name of the scan.
        contents: hash of the files of the scan that it was made from, by name of the scan. Records of older versions
            have none; their scans are predicted again.
    """

    def __init__(self, folder: Path, sha256: str) -> None:
        self._folder, self._sha256 = folder, sha256
        self.files: dict[str, str] = {}
        self.contents: dict[str, str] = {}

    @classmethod
    def opened(cls, folder: Path, sha256: str) -> "PredictionsRecord":
        """Returns the record of a folder; a new one is written at once, so that a killed command can be given again.

        Args:
            folder: exists, and is locked by this process.
            sha256: of the model's weights.

        Raises:
            InputError: the folder holds something else, predictions of another model, or a damaged record.
        """
        record, file = cls(folder, sha256), folder / RECORD_FILE
        if not file.is_file():
            if any(not (path.name.startswith(LOCK_FILE) or is_leftover(path)) for path in folder.iterdir()):
                got = f"{folder}, which holds other files"
                raise InputError("to", wanted="a new or empty folder", got=got, do="choose another --to")
            record.write(())
            return record
        do = "choose another --to; the label maps in this folder can stay"
        content = read_json(file, _Record, wanted="the predictions of this model", do=do)
        if content["model"] != sha256:
            got = f"{folder}, with predictions of another model"
            wanted = "a new folder, or one with predictions of this model"
            raise InputError("to", wanted=wanted, got=got, do="choose another --to")
        record.files, record.contents = content["files"], content.get("contents", {})
        return record

    def known(self, scan: str, file: Path) -> tuple[bool, str | None]:
        """Returns whether a label map was made from a scan, and from which content of it, where the record says so."""
        ours = self.files.get(scan) == file.relative_to(self._folder).as_posix()
        return ours, self.contents.get(scan) if ours else None

    def add(self, scan: str, content: str, file: Path) -> None:
        """Adds a label map that has been written."""
        self.files[scan], self.contents[scan] = file.relative_to(self._folder).as_posix(), content

    def forget_missing(self, scan: str, file: Path) -> None:
        """Removes a scan whose label map is gone: the scan has changed, and cannot be predicted."""
        if self.files.get(scan) != file.relative_to(self._folder).as_posix() or not file.is_file():
            self.files.pop(scan, None)
            self.contents.pop(scan, None)

    def write(self, failures: Sequence[Failure]) -> None:
        """Writes predictions.json, whole or not at all.

        Raises:
            InputError: the disk is full.
        """
        rows = [{"scan": item.name, "step": item.step, "reason": item.reason, "do": item.do} for item in failures]
        files, contents = dict(sorted(self.files.items())), dict(sorted(self.contents.items()))
        record = {"model": self._sha256, "files": files, "contents": contents, "failures": rows}
        with room_for("a prediction", self._folder, "free some disk space, then run the same command again"):
            write_json(self._folder / RECORD_FILE, record, indent=1)

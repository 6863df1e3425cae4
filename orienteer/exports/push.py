"""The command `push`: the weights of a run in the layout of the Hugging Face hub, into a folder or onto the hub."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orienteer.errors import InputError
from orienteer.exports.export_folder import new_export_folder
from orienteer.exports.private_words import check_nothing_private
from orienteer.files import write_bytes
from orienteer.runs.handover import handover_files
from orienteer.runs.hub import SCHEME, hub_errors, hub_library, is_address, local_copy, parse_address
from orienteer.runs.hub_folder import CONFIG_FILE, hub_files
from orienteer.runs.model_card import model_card
from orienteer.runs.summary import SUMMARY_FILE, read_summary
from orienteer.runs.weights import load_encoder, weights_file
from orienteer.settings import nearest

LICENCES = (
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "gpl-3.0", "agpl-3.0", "lgpl-3.0", "mpl-2.0"),
    *("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-4.0"),
    *("openrail", "bigscience-openrail-m", "unlicense", "other"),
)
"""Licences by the identifiers of the hub. ``other`` is for all that it has no name for."""

_UNKNOWN = "unknown"
"""How the licence in encoder.json begins until a person has filled it in."""


@dataclass(frozen=True)
class Pushed:
    """Weights that were pushed.

    Attributes:
        address: what to load: a folder, or an address on the hub with the commit.
        files: names of the files.
        folder: where they are; None on the hub.
    """

    address: str
    files: tuple[str, ...]
    folder: Path | None = None

    def __str__(self) -> str:
        return f'{", ".join(self.files)}: {self.address}\nload with: orienteer.load("{self.address}")'


def push(
    run: str | None = None,
    to: str | None = None,
    license: str | None = None,
    whole: bool = False,
    private: bool = False,
    overwrite: bool = False,
) -> Pushed:
    """Writes a run's encoder in the layout of the Hugging Face hub: config, preprocessing, safetensors and model card.

    Args:
        run: run folder, or an encoder.safetensors in a folder with its encoder.json.
        to: a folder, such as ./folder or an absolute path, or user/name on the hub, which needs the extra hub.
        license: licence of the weights, for example apache-2.0. It depends on the scans, so only you can know it.
        whole: heads, teacher, averages, optimiser and settings too, with which others can continue it: pretrain --continue.
        private: on the hub: make the repository private where it does not exist yet.
        overwrite: replace weights that are there. The hub keeps the earlier commit.

    Raises:
        InputError: no licence, weights that are cut or changed, a card with paths or names of scans, a folder or
            repository that holds weights already, no network, or the extra ``hub`` is not installed.

    Example:
        >>> import tempfile
        >>> from orienteer.features.pretrained import load
        >>> from orienteer.pretraining.example import example_run
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run, _ = example_run(folder)
        ...     pushed = push(str(run), to=f"{folder}/pushed", license="cc-by-4.0")
        ...     card = load(pushed.address).card
        >>> pushed.files, card["licence"]
        (('preprocessor_config.json', 'model.safetensors', 'README.md', 'config.json'), 'cc-by-4.0')
    """
    target = _target(to)
    if run is None:
        do = "name one: orienteer push RUN --to ./folder --license apache-2.0"
        raise InputError("run", wanted="a run folder", got="none", do=do)
    _, card = load_encoder(run)
    licence = _licence(license, str(card.get("licence", _UNKNOWN)))
    place = local_copy(run)
    folder = place if place.is_dir() else place.parent
    more = handover_files(folder) if whole else {}
    files = _files(folder, {**card, "licence": licence}, licence, target, more)
    check_nothing_private(folder, {name: blob for name, blob in files.items() if not name.endswith(".safetensors")})
    if isinstance(target, Path):
        with new_export_folder(target, overwrite, last=CONFIG_FILE, option="to") as part:
            _write(part, files)
        return Pushed(str(target), tuple(files), target)
    return _upload(target, files, private, overwrite)


def _target(to: str | None) -> Path | str:
    """Returns the folder to write, or the name of the repository on the hub."""
    do = "write ./folder for a folder, or user/name for the hub"
    if to is None:
        raise InputError("to", wanted="a folder, or user/name on the hub", got="none", do=do)
    if is_address(to):
        address = parse_address(to)
        if address.revision or address.file:
            raise InputError("to", wanted="hf://user/name", got=to, do="leave out the revision and the file")
        return address.repository
    if re.match(r"[/~.\\]|[A-Za-z]:", to):
        return Path(to).expanduser()
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", to):
        raise InputError("to", wanted="a folder, or user/name on the hub", got=repr(to), do=do)
    if Path(to).exists():
        do = f"write ./{to} for the folder, or {SCHEME}{to} for the hub"
        raise InputError("to", wanted="either a folder or a name on the hub", got=f"{to}, which may be both", do=do)
    return to


def _licence(given: str | None, of_card: str) -> str:
    """Returns the licence: the one that was given, or that a person has filled into encoder.json."""
    filled = not of_card.startswith(_UNKNOWN)
    licence = given or (of_card.lower() if filled else None)
    if licence is None:
        do = "ask those whose scans they were trained on, then add for example --license apache-2.0"
        raise InputError("license", wanted="the licence of the weights", got="none", do=do)
    if licence not in LICENCES:
        do = f"use {nearest(licence.lower(), LICENCES)}, or other where the hub has no name for it"
        raise InputError("license", wanted="an identifier of the hub such as apache-2.0", got=licence, do=do)
    if filled and of_card.lower() != licence:
        got = f"{licence}, and {of_card} in encoder.json"
        raise InputError("license", wanted="one licence", got=got, do="correct one of them")
    return licence


def _files(
    folder: Path, card: dict[str, Any], licence: str, target: Path | str, more: dict[str, bytes]
) -> dict[str, bytes]:
    """Returns the content of each file by name."""
    summary = read_summary(folder) if (folder / SUMMARY_FILE).is_file() else None
    address = "this folder" if isinstance(target, Path) else f"{SCHEME}{target}"
    readme = model_card(card, summary, address)
    return hub_files(card, licence, readme, weights_file(folder).read_bytes(), more)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Writes the files and reads them back through the reader that users have."""
    for name, blob in files.items():
        write_bytes(folder / name, blob)
    load_encoder(folder)


def _upload(name: str, files: dict[str, bytes], private: bool, overwrite: bool) -> Pushed:
    """Puts the files into a repository on the hub, as one commit."""
    api, address = hub_library().HfApi(), f"{SCHEME}{name}"
    with tempfile.TemporaryDirectory() as folder, hub_errors(address):
        _write(Path(folder), files)
        api.create_repo(name, private=private, exist_ok=True)
        if not overwrite and api.file_exists(name, CONFIG_FILE):
            do = "choose another --to, or replace it with --overwrite"
            raise InputError("to", wanted="a repository without weights", got=f"{address}, which holds some", do=do)
        commit = api.upload_folder(repo_id=name, folder_path=folder, commit_message="Weights of an orienteer run")
    return Pushed(f"{address}@{commit.oid}", tuple(files))

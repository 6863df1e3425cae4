"""Scans as vectors: one per scan, or one per view with its place in the body."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
from jaxtyping import Float32

from orienteer.errors import InputError
from orienteer.features.keywords import EmbedKeywords
from orienteer.features.pictures import feature_colours, map_of_scans
from orienteer.features.pretrained import Pretrained, ViewVectors, load
from orienteer.features.vectors import VectorTable, check_vector_path, write_vectors
from orienteer.files import write_bytes, write_json
from orienteer.labelled.failures import failures_text
from orienteer.labelled.prepared import prepare_named
from orienteer.progress import Progress
from orienteer.scans.discover import discover
from orienteer.scans.source import LeftOut, Selection
from orienteer.settings import make_settings
from orienteer.store.outcomes import Failure
from orienteer.store.store import Store
from orienteer.types import AXIS_NAMES

PICTURES = 3
"""Of how many scans the features are shown in colours."""


@dataclass(frozen=True)
class EmbedSettings(Selection):
    """How scans become vectors."""

    per_view: bool = False
    """One row per view, with its centre in mm, instead of one row per scan."""
    overlap: float = 0.0
    """Least share of a view that the next one covers again. At 0.5 about eight views show each place."""
    pictures: bool = True
    """Draw a map of the scans, and the features of the first few in colours."""
    store: str | None = None
    """Folder for prepared scans. By default `store` beside the run folder, as in pretraining."""
    workers: int | None = None
    """Processes that prepare scans. By default one per core."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to compute."""


@dataclass(frozen=True)
class Embedding:
    """The vectors of a folder's scans.

    Attributes:
        path: the file that holds them.
        scans: names in the folder, in the order of the vectors.
        vectors: the mean over the views of each scan.
        failures: scans that cannot be used.
        left_out: files that look like scans and are not.
    """

    path: Path
    scans: tuple[str, ...]
    vectors: Float32[np.ndarray, "scans channels"]
    failures: tuple[Failure, ...]
    left_out: tuple[LeftOut, ...]


def embed(
    run: str | Path | None = None,
    scans: str | Path | None = None,
    out: str | Path | None = None,
    **settings: Unpack[EmbedKeywords],
) -> Embedding:
    """Writes one feature vector per scan, or per view with its place in mm, and returns them.

    A scan's vector is the mean over a fixed grid of views over its body; the same scan always gives the same vector.
    The ending of the file's name chooses its format: .parquet, .npy or .csv.

    Args:
        run: run folder, or its encoder.safetensors.
        scans: folder of scans; subfolders too.
        out: file to write.
        **settings: any field of `EmbedSettings`, as on the command line.

    Raises:
        InputError: a file that exists already, no scan that can be used, weights that cannot be read.

    Example:
        >>> import contextlib, io, tempfile
        >>> from orienteer.pretraining.example import example_run
        >>> with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        ...     run, _ = example_run(folder)
        ...     result = embed(run, f"{folder}/scans", f"{folder}/v.npy", pictures=False, workers=0)
        >>> result.vectors.shape
        (3, 128)
    """
    if run is None or scans is None or out is None:
        raise _missing(run, scans, out)
    options, path = make_settings(EmbedSettings, settings), Path(out)
    check_vector_path(path)
    pretrained = load(run, options.accelerator)
    selection = Selection(options.include, options.exclude, options.frame, options.modality)
    discovery = discover(scans, selection)
    folder = options.store or default_store(run)
    prepared = prepare_named(discovery, folder, pretrained.preparation, selection, options.workers)
    store = Store.open(folder)
    embedded = _embedded(pretrained, store, prepared.keys, options.overlap)
    modalities = {name: store.scan(key).modality for name, key in prepared.keys.items()}
    write_vectors(path, (_view_rows if options.per_view else _scan_rows)(embedded, modalities))
    vectors = np.stack([views.vectors.mean(0) for views in embedded.values()])
    _write_card(path, pretrained, options)
    if options.pictures:
        write_bytes(path.with_name(f"{path.stem}_map.png"), map_of_scans(vectors, list(modalities.values())))
        for number, (name, key) in enumerate(list(prepared.keys.items())[:PICTURES]):
            picture = feature_colours(pretrained, store, key, name)
            write_bytes(path.with_name(f"{path.stem}_features_{number}.png"), picture)
    if prepared.failures:
        print(failures_text(prepared.failures), flush=True)
    print(f"{len(embedded)} scans, vectors of {vectors.shape[1]} numbers: {path}", flush=True)
    return Embedding(path, tuple(embedded), vectors, prepared.failures, discovery.left_out)


def default_store(run: str | Path) -> Path:
    """Returns the store beside a run folder, where the scans of its pretraining are prepared already."""
    path = Path(run).resolve()
    return (path if path.is_dir() else path.parent).parent / "store"


def _missing(run: object, scans: object, out: object) -> InputError:
    wanted = (("run", run, "a run folder"), ("scans", scans, "a folder"), ("out", out, "a file"))
    name, what = next((name, what) for name, value, what in wanted if value is None)
    return InputError(name, wanted=what, got="none", do="orienteer embed RUN --scans FOLDER --out vectors.csv")


def _embedded(pretrained: Pretrained, store: Store, keys: Mapping[str, str], overlap: float) -> dict[str, ViewVectors]:
    """Returns the vectors of each scan by name. A scan with two names is encoded once."""
    by_key: dict[str, ViewVectors] = {}
    with Progress("embedding", len(keys), unit="scans") as progress:
        for key in keys.values():
            if key not in by_key:
                by_key[key] = pretrained.view_vectors(store, key, overlap)
            progress.advance()
    return {name: by_key[key] for name, key in keys.items()}


def _scan_rows(embedded: Mapping[str, ViewVectors], modalities: Mapping[str, str]) -> VectorTable:
    columns: dict[str, list[Any]] = {
        "scan": list(embedded),
        "modality": [modalities[name] for name in embedded],
        "views": [len(views.vectors) for views in embedded.values()],
    }
    return VectorTable(columns, np.stack([views.vectors.mean(0) for views in embedded.values()]))


def _view_rows(embedded: Mapping[str, ViewVectors], modalities: Mapping[str, str]) -> VectorTable:
    rows = [(name, view) for name, views in embedded.items() for view in range(len(views.vectors))]
    centres = np.concatenate([views.centres_mm for views in embedded.values()])
    columns: dict[str, list[Any]] = {
        "scan": [name for name, _ in rows],
        "modality": [modalities[name] for name, _ in rows],
        "view": [view for _, view in rows],
    }
    for axis, axis_name in enumerate(AXIS_NAMES):
        columns[f"centre_{axis_name.replace('-', '_')}_mm"] = np.round(centres[:, axis], 3).tolist()
    return VectorTable(columns, np.concatenate([views.vectors for views in embedded.values()]))


def _write_card(path: Path, pretrained: Pretrained, options: EmbedSettings) -> None:
    """Writes how the vectors were made: vectors of two encoders, or of two grids of views, must not be compared."""
    facts = {
        "encoder": pretrained.card["encoder"],
        "weights_sha256": pretrained.card["sha256"],
        "view_size": list(pretrained.view_size),
        "spacing_mm": list(pretrained.preparation.spacing_mm or ()),
        "overlap": options.overlap,
        "row": "a view" if options.per_view else "the mean over a scan's views",
        "vector": "mean over a view's cells of the last level",
    }
    write_json(path.with_name(f"{path.stem}.json"), facts)

"""Scans as vectors: one per scan, or one per view with its place in the body."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np
from jaxtyping import Float32

from orienteer.cluster.connect import Cluster, connected
from orienteer.cluster.each import each
from orienteer.cluster.make_executor import make_executor
from orienteer.errors import InputError
from orienteer.executor import Jobs
from orienteer.features.embed_work import EmbedWork
from orienteer.features.keywords import EmbedKeywords
from orienteer.features.pictures import feature_colours, map_of_scans
from orienteer.features.pretrained import Pretrained, ViewVectors, load
from orienteer.features.vectors import VectorTable, check_vector_path, write_vectors
from orienteer.files import write_bytes, write_json
from orienteer.labelled.failures import failures_text, require_usable
from orienteer.labelled.prepared import PreparedScans, prepare_named
from orienteer.progress import Progress
from orienteer.runs.hub import is_address
from orienteer.scans.discover import discover
from orienteer.scans.source import LeftOut, Selection
from orienteer.settings import make_settings
from orienteer.store.outcomes import Failure
from orienteer.store.store import Row, Store
from orienteer.types import AXIS_NAMES
from orienteer.worker_process import WorkerDied

if TYPE_CHECKING:
    import pandas

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
    """Folder for prepared scans. By default `store` beside the run folder, as in pretraining; for hf:// ./store."""
    workers: int | None = None
    """Processes that prepare scans. By default one per core."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to compute."""
    cluster: str | None = None
    """Which machines: local, tcp://HOST:PORT of a Dask scheduler, or a YAML file that describes a queue."""


@dataclass(frozen=True)
class Embedding:
    """The vectors of a folder's scans, or of one scan.

    Attributes:
        path: the file or folder that holds them; None if they were not written.
        scans: names in the folder, in the order of the vectors.
        vectors: the mean over the views of each scan.
        failures: scans that cannot be used.
        left_out: files that look like scans and are not.
        table: the rows as they are written: one per scan, or one per view.
    """

    path: Path | None
    scans: tuple[str, ...]
    vectors: Float32[np.ndarray, "scans channels"]
    failures: tuple[Failure, ...]
    left_out: tuple[LeftOut, ...]
    table: VectorTable

    def to_pandas(self) -> "pandas.DataFrame":
        """Returns the rows as a DataFrame: the columns that describe each, then ``v0000``, ``v0001`` and so on.

        Raises:
            InputError: pandas is not installed.
        """
        return self.table.to_pandas()

    def __str__(self) -> str:
        if self.path is None:
            return json.dumps([float(f"{value:.7g}") for value in self.vectors[0]])
        return f"{len(self.scans)} scans, vectors of {self.vectors.shape[1]} numbers: {self.path}"


def embed(
    run: str | Path | None = None,
    scans: str | Path | None = None,
    out: str | Path | None = None,
    **settings: Unpack[EmbedKeywords],
) -> Embedding:
    """Writes one feature vector per scan, or per view with its place in mm, and returns them.

    A scan's vector is the mean over a fixed grid of views over its body; the same scan always gives the same vector.
    The ending of the file's name chooses its format: .parquet, .npy or .csv. A name without ending is a folder with one
    .npy per scan. The command prints the vector of a single scan if it gets no ``--out``.

    Args:
        run: run folder, or its encoder.safetensors; or hf://user/name.
        scans: folder of scans, subfolders too; or one scan: a file, or a folder with one DICOM series.
        out: file or folder to write. One scan needs none.
        **settings: any field of `EmbedSettings`, as on the command line.

    Raises:
        InputError: a file that exists already, no scan that can be used, weights that cannot be read.

    Example:
        >>> import contextlib, io, tempfile
        >>> from orienteer.pretraining.example import example_run
        >>> with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        ...     run, scans = example_run(folder)
        ...     one = embed(run, scans[0], workers=0)
        ...     every = embed(run, f"{folder}/scans", f"{folder}/v.npy", pictures=False, workers=0)
        >>> one.vectors.shape, every.vectors.shape
        ((1, 128), (3, 128))
    """
    if run is None or scans is None:
        raise _missing(run, scans)
    options, path = make_settings(EmbedSettings, settings), None if out is None else Path(out)
    if path is not None:
        check_vector_path(path)
    pretrained = load(run, options.accelerator)
    selection = Selection(options.include, options.exclude, options.frame, options.modality)
    discovery = discover(scans, selection)
    if path is None and (len(discovery.sources) > 1 or options.per_view):
        raise _nowhere(options.per_view)
    folder = options.store or default_store(run)
    work = EmbedWork(
        Path(run), options.accelerator, pretrained.card["sha256"], Path(folder), options.overlap, pretrained
    )
    with connected(options.cluster, folder) as cluster:
        prepared = prepare_named(discovery, folder, pretrained.preparation, selection, options.workers, cluster=cluster)
        store = Store.open(folder)
        embedded, failures = _embedded(work, store, prepared, cluster)
    modalities = {name: store.scan(prepared.keys[name]).modality for name in embedded}
    table = (_view_rows if options.per_view else _scan_rows)(embedded, modalities)
    vectors = np.stack([views.vectors.mean(0) for views in embedded.values()])
    if path is not None:
        write_vectors(path, table, single=not options.per_view and not Path(scans).is_dir())
        _write_card(path, pretrained, options)
        if options.pictures:
            keys = {name: prepared.keys[name] for name in embedded}
            _draw(path, pretrained, store, keys, map_of_scans(vectors, list(modalities.values())))
    if failures:
        print(failures_text(failures), flush=True)
    return Embedding(path, tuple(embedded), vectors, failures, discovery.left_out, table)


def default_store(run: str | Path) -> Path:
    """Returns the store beside a run folder, where the scans of its pretraining are prepared already.

    For weights from the hub it is ``store`` in the folder that the command is given in.
    """
    if is_address(run):
        return Path("store")
    path = Path(run).resolve()
    return (path if path.is_dir() else path.parent).parent / "store"


def _missing(run: object, scans: object) -> InputError:
    wanted = (("run", run, "a run folder"), ("scans", scans, "a scan, or a folder of scans"))
    name, what = next((name, what) for name, value, what in wanted if value is None)
    do = "orienteer embed RUN --scans a.nii.gz, or orienteer embed RUN --scans FOLDER --out vectors.csv"
    return InputError(name, wanted=what, got="none", do=do)


def _nowhere(per_view: bool) -> InputError:
    """Returns the error for vectors that are too many to print."""
    what = "one vector per view" if per_view else "several scans"
    do = "orienteer embed RUN --scans FOLDER --out vectors.csv"
    return InputError("out", wanted=f"a file or folder for {what}", got="none", do=do)


def _draw(path: Path, pretrained: Pretrained, store: Store, keys: Mapping[str, str], scans: bytes) -> None:
    """Writes the map of the scans, and the features of the first few in colours."""
    write_bytes(path.with_name(f"{path.stem}_map.png"), scans)
    for number, (name, key) in enumerate(list(keys.items())[:PICTURES]):
        write_bytes(path.with_name(f"{path.stem}_features_{number}.png"), feature_colours(pretrained, store, key, name))


def _embedded(
    work: EmbedWork, store: Store, prepared: PreparedScans, cluster: Cluster | None
) -> tuple[dict[str, ViewVectors], tuple[Failure, ...]]:
    """Returns the vectors of each scan by name, and all failures. A scan with two names is encoded once."""
    names: dict[str, str] = {}
    for name, key in prepared.keys.items():
        names.setdefault(key, name)
    by_key: dict[str, ViewVectors] = {}
    failures = list(prepared.failures)
    seen = [] if is_address(work.run) else [work.run]  # each worker fetches weights from the hub by itself
    jobs: Jobs[Row, ViewVectors] = make_executor(
        cluster, work, None if cluster else 0, len(names), shared=store.folder, seen=seen
    )

    with Progress("embedding", len(names), unit="scans") as progress, jobs:
        for (scan, _), future in each(jobs, (store.row(key) for key in names), progress):
            if isinstance(error := future.exception(), WorkerDied):
                failures.append(Failure(names[scan.key], "embed", str(error), "leave it out with --exclude"))
            else:
                by_key[scan.key] = future.result()
    embedded = {name: by_key[key] for name, key in prepared.keys.items() if key in by_key}
    require_usable("scans", "at least one that can be used", embedded, tuple(failures))
    return embedded, tuple(failures)


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

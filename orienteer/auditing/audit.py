"""The command `audit`: what is wrong in a collection of scans, by its files alone or with a model's view of the anatomy."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orienteer.auditing.across import Seen, look_across
from orienteer.auditing.anatomy import Anatomy
from orienteer.auditing.by_run import judge_by_run
from orienteer.auditing.cross_fit import judge_cross_fitted
from orienteer.auditing.scan_files import check_empty
from orienteer.auditing.tables import CSV_FILE
from orienteer.auditing.writing import Results, write_crops, write_results
from orienteer.auditing.writing import write_fixed as write_corrected_copies
from orienteer.cluster.connect import Cluster, connected
from orienteer.cluster.queue_file import LOGS
from orienteer.errors import FindingsRemain, InputError
from orienteer.scans.discover import discover
from orienteer.scans.source import Discovery, Selection
from orienteer.screening.findings import LEVELS, Finding, Level, counts, worst_first
from orienteer.screening.screen import Screening, screen
from orienteer.screening.small_copies import SmallCopies
from orienteer.settings import require

WORKING = ".working-"
"""Beginning of the name of a folder that is removed at the end; after a crash it may be left."""


@dataclass(frozen=True)
class Audit:
    """What `audit` returns.

    Attributes:
        folder: where the page and the tables are.
        findings: worst first.
        screening: what files alone say.
    """

    folder: Path
    findings: tuple[Finding, ...]
    screening: Screening

    @property
    def counts(self) -> dict[Level, int]:
        """How many findings there are of each level."""
        return counts(self.findings)


def audit(
    scans: str | Path | None = None,
    out: str | Path | None = None,
    run: str | Path | None = None,
    rules_only: bool = False,
    anatomy: bool = True,
    steps: int = 3000,
    fail_on: Literal["never", "error", "warning"] = "never",
    write_fixed: str | Path | None = None,
    crop: str | Path | None = None,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    frame: int | None = None,
    modality: Literal["auto", "CT", "MR"] = "auto",
    pictures: bool = True,
    workers: int | None = None,
    cluster: str | None = None,
) -> Audit:
    """Finds what is wrong in a folder of scans, and writes audit.html, audit.csv and audit.json.

    Args:
        scans: folder of scans; subfolders too.
        out: folder to write into; an audit that is there is replaced.
        run: a run folder: its model judges headers by the anatomy and finds scans unlike its own.
        rules_only: only the rules about single files; scans are not compared with each other and no model is used.
        anatomy: judge headers by the anatomy. Without a run this trains small networks, which takes minutes.
        steps: without a run: steps of each of the three networks that are trained on the collection, each to judge the scans
            that it never saw.
        fail_on: fail, with exit code 3, if there is an error (or a warning); for scripts.
        write_fixed: a new folder for corrected copies of the scans whose fault can be undone exactly.
        crop: a new folder for copies of the scans that are cut, foot to head, to the part that most of them cover.
        include: globs of scans to take.
        exclude: globs of scans to leave out.
        frame: which frame of 4D scans.
        modality: the modality of all scans; by default from headers and values.
        pictures: draw the findings.
        workers: processes; by default one per core. 0 works in this process.
        cluster: where scans are read, compared and drawn: local, tcp://HOST:PORT of a Dask scheduler, or a YAML file that
            describes a queue. Networks are trained here.

    Raises:
        InputError: no such folder, no scan in it, or an output folder that holds something else.
        FindingsRemain: see ``fail_on``; everything is written before.

    Example:
        >>> import tempfile
        >>> from orienteer.phantoms.torso import write_phantoms
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_phantoms(f"{folder}/scans", count=3, shape_vox=(32, 32, 48), spacing_mm=8.0, progress=False)
        ...     made = audit(f"{folder}/scans", f"{folder}/audit", rules_only=True, workers=0)
        ...     made.counts["error"], sorted(path.name for path in made.folder.iterdir())
        (0, ['audit.csv', 'audit.html', 'audit.json'])
    """
    folder, selection = _check_out(out), Selection(tuple(include), tuple(exclude), frame, modality)
    if scans is None:
        raise InputError("scans", wanted="a folder of scans", got="none", do="orienteer audit SCANS --out OUT")
    require(steps >= 1, "steps", "at least 1", steps)
    if crop is not None:
        do = "leave --rules-only out: extents follow from comparing the scans with each other"
        require(not rules_only, "crop", "scans that are compared with each other", "--rules-only", do)
    for argument, copies in (("write_fixed", write_fixed), ("crop", crop)):
        if copies is not None:
            check_empty(Path(copies), argument)
    with connected(cluster, folder) as there:
        found = discover(Path(scans), selection)
        with _working_folder(folder) as working:
            results = _results(Path(scans), found, selection, run, rules_only, anatomy, steps, workers, working, there)
        write_results(folder, results, selection, pictures, workers, there)
    if write_fixed is not None:
        write_corrected_copies(write_fixed, results, selection)
    if crop is not None:
        write_crops(crop, results, selection)
    made = Audit(folder, results.findings, results.screening)
    failing = LEVELS[: LEVELS.index(fail_on) + 1] if fail_on in LEVELS else ()
    if count := sum(made.counts[level] for level in failing):
        levels = " or ".join(failing)
        raise FindingsRemain(f"{count} findings of the level {levels} (--fail-on {fail_on}), see {folder / CSV_FILE}")
    return made


def _results(
    scans: Path,
    found: Discovery,
    selection: Selection,
    run: str | Path | None,
    rules_only: bool,
    anatomy: bool,
    steps: int,
    workers: int | None,
    working: Path,
    cluster: Cluster | None,
) -> Results:
    if rules_only:
        screening = screen(scans, selection, workers, discovery=found, cluster=cluster)
        return Results(scans, screening, Seen(), Anatomy(), screening.findings)
    copies = SmallCopies(working / "small")
    screening = screen(scans, selection, workers, copies=copies, discovery=found, cluster=cluster)
    seen = look_across(screening, copies, workers, cluster=cluster)
    if not anatomy:
        judged = Anatomy(notes=("Headers were not compared with the anatomy (--anatomy false).",))
    elif run is not None:
        judged = judge_by_run(run, screening, selection, workers, working, cluster)
    else:
        judged = judge_cross_fitted(screening, seen.groups, selection, steps, workers, within=working, cluster=cluster)
    findings = once([*screening.findings, *seen.findings, *judged.findings])
    return Results(scans, screening, seen, judged, worst_first(findings))


@contextmanager
def _working_folder(folder: Path) -> Iterator[Path]:
    """Gives a folder in that of the results, for small copies and prepared scans: some gigabytes for 10,000 scans.

    The system's folder for temporary files is in memory on some machines.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=WORKING) as working:
        yield Path(working)


def once(findings: Sequence[Finding]) -> list[Finding]:
    """Returns findings without those that say the same of a scan by another way: the surest of a kind is kept."""
    best: dict[tuple[str, str, tuple[str, ...]], Finding] = {}
    for finding in findings:
        key = finding.scan, finding.kind, () if finding.kind == "outlier" else (finding.what,)
        if key not in best or best[key].sure < finding.sure:
            best[key] = finding
    return list(best.values())


def _check_out(out: str | Path | None) -> Path:
    if out is None:
        do = "name it: orienteer audit SCANS --out OUT"
        raise InputError("out", wanted="a folder for the page and the tables", got="none", do=do)
    folder = Path(out)
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    held = [name for name in names if name != LOGS and not name.startswith(WORKING)]
    if (folder.exists() and not folder.is_dir()) or (held and CSV_FILE not in held):
        got = f"{folder}, which holds something else"
        raise InputError(
            "out", wanted="a new or empty folder, or one of an audit before", got=got, do="choose another --out"
        )
    return folder

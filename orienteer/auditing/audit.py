"""The command `audit`: what is wrong in a collection of scans, by its files alone or with a model's view of the anatomy."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from orienteer.auditing.corrections import check_empty, write_corrected
from orienteer.auditing.page import PAGE_FILE, Story, kind_counts, make_page, scans_with, shown_findings
from orienteer.auditing.pictures import draw_findings
from orienteer.auditing.tables import CSV_FILE, write_tables
from orienteer.errors import FindingsRemain, InputError
from orienteer.files import write_text
from orienteer.progress import say
from orienteer.scans.person_names import warn_of_persons
from orienteer.scans.source import Selection
from orienteer.screening.findings import LEVELS, Finding, Level, counts, worst_first
from orienteer.screening.screen import Screening, screen


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
    fail_on: Literal["never", "error", "warning"] = "never",
    write_fixed: str | Path | None = None,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    frame: int | None = None,
    modality: Literal["auto", "CT", "MR"] = "auto",
    pictures: bool = True,
    workers: int | None = None,
) -> Audit:
    """Finds what is wrong in a folder of scans, and writes audit.html, audit.csv and audit.json.

    Args:
        scans: folder of scans; subfolders too.
        out: folder to write into; an audit that is there is replaced.
        run: a run folder: its model judges headers by the anatomy and finds scans unlike its own.
        rules_only: only the rules about single files; scans are not compared with each other and no model is used.
        fail_on: fail, with exit code 3, if there is an error (or a warning); for scripts.
        write_fixed: a new folder for corrected copies of the scans whose fault can be undone exactly.
        include: globs of scans to take.
        exclude: globs of scans to leave out.
        frame: which frame of 4D scans.
        modality: the modality of all scans; by default from headers and values.
        pictures: draw the findings.
        workers: processes; by default one per core. 0 works in this process.

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
    if write_fixed is not None:
        check_empty(Path(write_fixed))
    screening = screen(scans, selection, workers)
    findings = list(screening.findings)
    return _finish(
        folder, Path(scans), screening, worst_first(findings), selection, pictures, write_fixed, fail_on, workers
    )


def _check_out(out: str | Path | None) -> Path:
    if out is None:
        do = "name it: orienteer audit SCANS --out OUT"
        raise InputError("out", wanted="a folder for the page and the tables", got="none", do=do)
    folder = Path(out)
    held = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if (folder.exists() and not folder.is_dir()) or (held and CSV_FILE not in held):
        got = f"{folder}, which holds something else"
        raise InputError(
            "out", wanted="a new or empty folder, or one of an audit before", got=got, do="choose another --out"
        )
    return folder


def _finish(
    folder: Path,
    scans: Path,
    screening: Screening,
    findings: tuple[Finding, ...],
    selection: Selection,
    pictures: bool,
    write_fixed: str | Path | None,
    fail_on: str,
    workers: int | None,
) -> Audit:
    """Writes the page, the tables and the corrected copies."""
    sources = {source.name: source for source in screening.sources}
    drawn = draw_findings(findings, sources, selection, workers) if pictures else {}
    warn_of_persons(sources, "the page and tables show", "rename them")
    about: dict[str, Any] = {"scans": len(screening.facts)}
    write_tables(folder, findings, sources, about)
    write_text(folder / PAGE_FILE, make_page(_story(scans, screening, findings, drawn)))
    say(_summary(folder, screening, findings))
    if write_fixed is not None:
        fixed = write_corrected(write_fixed, sources, findings, selection)
        say(f"{len(fixed)} corrected copies in {write_fixed}; the originals are as they were")
    result = Audit(folder, findings, screening)
    failing = LEVELS[: LEVELS.index(fail_on) + 1] if fail_on in LEVELS else ()
    if count := sum(result.counts[level] for level in failing):
        raise FindingsRemain(
            f"{count} findings of the level {' or '.join(failing)} (--fail-on {fail_on}), see {folder / CSV_FILE}"
        )
    return result


def _story(scans: Path, screening: Screening, findings: Sequence[Finding], drawn: dict[int, bytes]) -> Story:
    read = Counter(facts.modality or "unreadable" for facts in screening.facts)
    shown = shown_findings(findings, drawn)
    notes = [
        "Every scan was read once. Limits of the rules come from a calibration on other scans: the page Auditing says which.",
        "Voxel sizes and extents are compared with those of the other scans of the same modality, if there are at least eight.",
    ]
    return Story(
        name=scans.resolve().name,
        scans=len(screening.facts),
        modalities=dict(read.most_common()),
        counts=counts(findings),
        kinds=kind_counts(findings),
        scans_with=scans_with(findings),
        findings=shown,
        more=len(findings) - len(shown),
        notes=notes,
    )


def _summary(folder: Path, screening: Screening, findings: Sequence[Finding]) -> str:
    numbers = counts(findings)
    levels = ", ".join(f"{numbers[level]} {level}{'' if numbers[level] == 1 else 's'}" for level in LEVELS)
    first = [f"  {each.level}: {each.scan}: {each.what}" for each in findings[:5] if each.level != "note"]
    return "\n".join([f"{len(screening.facts)} scans: {levels}; see {folder / PAGE_FILE}", *first])

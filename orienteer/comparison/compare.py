"""The command `compare`, read top to bottom: deal the cases, prepare them once, run the cells, write table and page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import yaml

from orienteer.cluster.connect import Cluster, connected
from orienteer.comparison.config import CONFIG_FILE, CompareConfig, make_config
from orienteer.comparison.keywords import CompareKeywords
from orienteer.comparison.plan.bench import Bench, prepare_all, set_up
from orienteer.comparison.plan.cell import Entry
from orienteer.comparison.plan.cells import plan_cells
from orienteer.comparison.plan.contenders import resolve
from orienteer.comparison.plan.measurements import resolve_measurements
from orienteer.comparison.plan.parts import check_part
from orienteer.comparison.plan.study import Study, make_study
from orienteer.comparison.results.about import ABOUT_FILE, about, command
from orienteer.comparison.results.numbered import NAMES_FILE, NOT_SHOWN, numbered_parts, numbered_rows, numbers_of
from orienteer.comparison.results.page import PAGE_FILE, write_page
from orienteer.comparison.results.story import Story
from orienteer.comparison.results.summary import summarise, write_summary_table
from orienteer.comparison.results.table import tidy_rows, write_table
from orienteer.comparison.work.records import Records
from orienteer.comparison.work.run_cells import cells_at_a_time, run_cells
from orienteer.devices import choose_device
from orienteer.errors import InputError
from orienteer.executor import available_cores
from orienteer.files import is_leftover, write_csv, write_json, write_text
from orienteer.progress import say
from orienteer.runs.folder import LOCK_FILE, locked
from orienteer.scans.person_names import warn_of_persons


@dataclass(frozen=True)
class Comparison:
    """A comparison, finished or as far as it got.

    Attributes:
        folder: of all results.
        table: the tidy table.
        page: the page for a person.
        done: number of finished cells.
        failed: reason by the hash of each failed cell; the next call tries these again.
    """

    folder: Path
    table: Path
    page: Path
    done: int
    failed: dict[str, str]

    def __str__(self) -> str:
        failed = f"; {len(self.failed)} failed, give the command again to retry" if self.failed else ""
        return f"{self.done} cells done{failed}. Table: {self.table}, page: {self.page}"


def compare(
    data: str | Path | None = None, out: str | Path | None = None, **settings: Unpack[CompareKeywords]
) -> Comparison:
    """Compares pretraining methods on equal terms and returns where table and page are.

    Finished cells in ``out`` do not run again: the same command resumes a comparison that was stopped.

    Args:
        data: dataset.json of labelled scans, or its folder.
        out: folder to make, or of a comparison to resume.
        **settings: any field of `CompareConfig`, as on the command line.

    Raises:
        InputError: settings or data that cannot be used; nothing was computed.
        KeyboardInterrupt: Ctrl-C; finished cells are kept, and the table and the page show them.
    """
    named = {key: str(value) for key, value in (("data", data), ("out", out)) if value is not None}
    config = make_config({**settings, **named})
    if config.out is None:
        do = "name it: orienteer compare DATA --out OUT"
        raise InputError("out", wanted="a folder", got="none", do=do)
    folder = Path(config.out).absolute()
    _check_folder(folder)
    with locked(folder):
        (folder / "cells").mkdir(exist_ok=True)
        with connected(config.cluster, folder) as cluster:
            return _compare(config, folder, cluster)


def _compare(config: CompareConfig, folder: Path, cluster: Cluster | None) -> Comparison:
    bench = set_up(config, folder)
    if config.names == "shown":
        do = "rename them in the data set, or use --names numbered"
        warn_of_persons([case.name for case in bench.data.cases], "table and page show", do)
    contenders = resolve(config, str(bench.links))
    measurements = resolve_measurements(config)
    workers = None if cluster else config.pretrain.get("prepare_workers")
    bench, prepared = prepare_all(bench, contenders, workers, cluster)
    check_part(bench.parts, config.evaluate)
    contents = {name: case.content for name, case in prepared.cases.items()}
    labels = {name: case.labels.name for name, case in prepared.cases.items()}
    study = make_study(config, contenders, measurements, bench.parts, contents, labels)
    write_text(folder / CONFIG_FILE, yaml.safe_dump(config.to_dict(), sort_keys=False))
    records = Records(folder)
    say(_introduction(study, records))
    try:
        _run_all(study, bench, records, cluster)
    finally:
        comparison = _write_results(study, folder, records)
    say(comparison)
    return comparison


def _run_all(study: Study, bench: Bench, records: Records, cluster: Cluster | None) -> None:
    """Runs all cells; those that depend on a selection are planned once it is decided."""
    at_a_time, threads = study.config.parallel, None
    if cluster is None:
        at_a_time, threads = cells_at_a_time(at_a_time, available_cores(), choose_device().type == "cuda")
    tried: set[str] = set()
    while True:
        cells = [entry.cell for entry in plan_cells(study, records.mean_dice) if entry.cell.hash not in tried]
        if all(records.get(cell.hash) is not None for cell in cells):
            return
        run_cells(bench, cells, at_a_time, threads, study.config.keep, records, cluster)
        tried |= {cell.hash for cell in cells}


def _write_results(study: Study, folder: Path, records: Records) -> Comparison:
    """Writes tables, about.json and the page of all cells that have finished."""
    entries = plan_cells(study, records.mean_dice)
    rows, parts = tidy_rows(study.name, entries, records), study.parts
    lines = summarise(rows, study.config.against)
    hashes = _hashes(entries)
    failed = {name: why for name in hashes if records.get(name) is None and (why := records.failure(name))}
    shown = failed
    if study.config.names == "numbered":
        numbers = numbers_of(parts, rows)
        write_csv(folder / NAMES_FILE, ["number", "case"], [[number, name] for name, number in numbers.items()])
        rows, parts = numbered_rows(rows, numbers), numbered_parts(parts, numbers)
        shown = dict.fromkeys(failed, NOT_SHOWN)
    table = write_table(folder, rows)[0]
    write_summary_table(folder, lines)
    write_json(folder / ABOUT_FILE, about(study, entries, records))
    story = Story(
        study.config,
        study.name,
        parts,
        study.contenders,
        entries,
        records,
        lines,
        shown,
        command(study.config),
        study.data_fingerprint,
    )
    write_page(folder, story)
    return Comparison(folder, table, folder / PAGE_FILE, _finished(hashes, records), failed)


def _introduction(study: Study, records: Records) -> str:
    hashes = _hashes(plan_cells(study, records.mean_dice))
    parts, network = study.parts, study.contenders[0].config
    return (
        f"methods: {', '.join(contender.name for contender in study.contenders)}\n"
        f"cases: {len(parts.pretraining)} to pretrain on, {len(parts.validation)} to validate, {len(parts.test)} to test on\n"
        f"encoder: {network.encoder} {network.encoder_arguments}, views of {network.view_size} at {network.spacing_mm} mm\n"
        f"cells: {len(hashes)}, of which {_finished(hashes, records)} are done"
    )


def _hashes(entries: Sequence[Entry]) -> list[str]:
    return list(dict.fromkeys(entry.cell.hash for entry in entries))


def _finished(hashes: Sequence[str], records: Records) -> int:
    return sum(records.get(name) is not None for name in hashes)


def _check_folder(folder: Path) -> None:
    """Stops where the output folder holds something other than a comparison.

    Raises:
        InputError: it does.
    """
    others = [path for path in folder.glob("*") if not path.name.startswith(LOCK_FILE) and not is_leftover(path)]
    if others and not (folder / "cells").is_dir():
        got = f"{folder}, which holds other files"
        raise InputError("out", wanted="a new or empty folder, or a comparison", got=got, do="choose another --out")

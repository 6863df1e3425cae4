"""The command `compare`, read top to bottom: deal the cases, prepare them once, do the cells, write table and page."""

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import yaml

from orienteer.comparison.config import CompareConfig, make_config
from orienteer.comparison.contenders import Contender, resolve
from orienteer.comparison.results.page import PAGE_FILE, Story, write_page
from orienteer.comparison.results.summary import summarise, write_summary_table
from orienteer.comparison.results.table import tidy_rows, write_table
from orienteer.comparison.work.bench import Bench
from orienteer.comparison.work.cells import Cell, Entry, Prints, frozen_settings, part_prints, plan_cells
from orienteer.comparison.work.parts import Parts, check_part, deal, link_scans, read_parts, refuse_twins
from orienteer.comparison.work.pool import cells_at_a_time, do_cells
from orienteer.comparison.work.records import Records
from orienteer.errors import InputError
from orienteer.files import is_leftover, write_json, write_text
from orienteer.labelled.cases import PreparedCases, prepare_cases
from orienteer.labelled.datasets import read_dataset
from orienteer.labelled.prepared import failures_text
from orienteer.progress import say
from orienteer.runs.folder import LOCK_FILE, locked
from orienteer.runs.records import fingerprint
from orienteer.scans.discover import discover
from orienteer.scans.index import Failure
from orienteer.scans.preparation import Preparation
from orienteer.scans.prepare import prepare
from orienteer.scans.source import Selection

CONFIG_FILE, ABOUT_FILE = "compare.yaml", "about.json"


@dataclass(frozen=True)
class Comparison:
    """A comparison, finished or as far as it got.

    Attributes:
        folder: where everything lies.
        table: the tidy table.
        page: the page for a person.
        done: cells that are done.
        failed: what failed, the reason by the hash of the cell; done again by the next call.
    """

    folder: Path
    table: Path
    page: Path
    done: int
    failed: dict[str, str]

    def __str__(self) -> str:
        failed = f"; {len(self.failed)} failed, give the command again to retry" if self.failed else ""
        return f"{self.done} cells done{failed}. Table: {self.table}, page: {self.page}"


def compare(data: str | Path | None = None, out: str | Path | None = None, **settings: Any) -> Comparison:
    """Compares pretraining methods on equal terms and returns where table and page are.

    What is finished in ``out`` is not done again, so that the same command goes on where it was stopped.

    Args:
        data: dataset.json of labelled scans, or its folder.
        out: folder to make, or to go on with.
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
        return _compare(config, folder)


def _compare(config: CompareConfig, folder: Path) -> Comparison:
    found = read_dataset(config.data, config.images, config.labels)
    names = [case.name for case in found.cases]
    parts = read_parts(config.split, names) if config.split else deal(names, config.cases)
    check_part(parts, config.evaluate)
    if config.select or "retrieval" in config.downstream:
        check_part(parts, "validation")
    bench = Bench(folder, Path(config.store or folder / "store"), folder / "scans", found, parts)
    link_scans([case for case in found.cases if case.name in parts.pretraining], bench.links)
    contenders = resolve(config, str(bench.links))
    for kind in config.downstream:
        if kind != "finetune":
            frozen_settings(config, kind)  # one that cannot be stops here, before scans are prepared
    bench, prepared = _prepared(bench, contenders)
    contents = {name: case.content for name, case in prepared.cases.items()}
    refuse_twins(bench.parts, contents)
    prints = part_prints(bench.parts, contents, {name: case.labels.name for name, case in prepared.cases.items()})
    write_text(folder / CONFIG_FILE, yaml.safe_dump(config.to_dict(), sort_keys=False))
    records = Records(folder)
    entries = plan_cells(config, contenders, prints, {})
    say(_beginning(bench.parts, contenders, entries, records))
    try:
        entries = _all_cells(config, bench, contenders, prints, records)
    finally:
        made = _write(config, bench, contenders, prints, records, fingerprint(contents.values()))
    say(made)
    return made


def _all_cells(
    config: CompareConfig, bench: Bench, contenders: Sequence[Contender], prints: Prints, records: Records
) -> list[Entry]:
    """Does all cells: those that a selection decides about come when it has decided."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    at_a_time, threads = cells_at_a_time(config.parallel, cores, torch.cuda.is_available())
    tried: set[str] = set()
    while True:
        entries = plan_cells(config, contenders, prints, _dice(records, config, contenders, prints))
        cells = [entry.cell for entry in entries if entry.cell.hash not in tried]
        if all(records.get(cell.hash) is not None for cell in cells):
            return entries
        do_cells(bench, cells, at_a_time, threads, config.keep, records)
        tried |= {cell.hash for cell in cells}


def _dice(records: Records, config: CompareConfig, contenders: Sequence[Contender], prints: Prints) -> dict[str, float]:
    """Returns the mean Dice of all fine-tunings that are done and may take part in a selection."""
    scores = {}
    for entry in plan_cells(config, contenders, prints, {}):
        result = records.get(entry.cell.hash) if entry.candidate else None
        if result is not None:
            values = [value for _, metric, _, value in result["values"] if metric == "dice_mean"]
            scores[entry.cell.hash] = sum(values) / max(1, len(values))
    return scores


def _prepared(bench: Bench, contenders: Sequence[Contender]) -> tuple[Bench, PreparedCases]:
    """Prepares everything once, for all processes; cases that cannot be used are told and taken out."""
    every: list[PreparedCases] = []
    failures: dict[str, Failure] = {}
    for preparation in dict.fromkeys(contender.config.part(Preparation) for contender in contenders):
        whole = replace(preparation, crop_to_body=False)
        prepared = prepare_cases(bench.data, bench.store, whole, bench.selection, given_spacing=True)
        bench.prepared[whole.fingerprint()] = prepared
        prepare(discover(bench.links), bench.store, selection=_run_selection(contenders), preparation=preparation)
        every.append(prepared)
        failures |= {failure.name: failure for failure in prepared.failures}
    if failures:
        say(failures_text(tuple(failures.values())))
    usable = set.intersection(*(set(prepared.cases) for prepared in every))
    parts = [tuple(name for name in bench.parts.part(part) if name in usable) for part in _PARTS]
    return replace(bench, parts=Parts(*parts)), every[0]


_PARTS = ("pretraining", "validation", "test")


def _run_selection(contenders: Sequence[Contender]) -> Selection:
    return contenders[0].config.part(Selection)


def _check_folder(folder: Path) -> None:
    """Stops where the output folder holds something else than a comparison.

    Raises:
        InputError: it does.
    """
    others = [path for path in folder.glob("*") if not path.name.startswith(LOCK_FILE) and not is_leftover(path)]
    if others and not (folder / "cells").is_dir():
        got = f"{folder}, which holds other files"
        raise InputError("out", wanted="a new or empty folder, or a comparison", got=got, do="choose another --out")


def _write(
    config: CompareConfig,
    bench: Bench,
    contenders: Sequence[Contender],
    prints: Prints,
    records: Records,
    data_fingerprint: str,
) -> Comparison:
    entries = plan_cells(config, contenders, prints, _dice(records, config, contenders, prints))
    name = config.name or _name(config)
    rows = tidy_rows(name, entries, records)
    lines = summarise(rows, config.against)
    table = write_table(bench.out, rows)[0]
    write_summary_table(bench.out, lines)
    cells = {entry.cell.hash: entry for entry in entries}
    failed = {key: why for key in cells if records.get(key) is None and (why := records.failure(key))}
    write_json(bench.out / ABOUT_FILE, _about(config, name, bench.parts, contenders, cells, records, data_fingerprint))
    story = Story(
        config, name, bench.parts, contenders, entries, records, lines, failed, command(config), data_fingerprint
    )
    write_page(bench.out, story)
    return Comparison(
        bench.out, table, bench.out / PAGE_FILE, sum(records.get(key) is not None for key in cells), failed
    )


def _about(
    config: CompareConfig,
    name: str,
    parts: Parts,
    contenders: Sequence[Contender],
    cells: Mapping[str, Entry],
    records: Records,
    data_fingerprint: str,
) -> dict[str, Any]:
    """Returns what one must know of the summary when it is read without the folder. No path of this machine."""
    done = [result for key in cells if (result := records.get(key)) is not None]
    network = contenders[0].config.to_dict()
    return {
        "dataset": name,
        "command": command(config),
        "evaluate": config.evaluate,
        "cases": {part: len(parts.part(part)) for part in _PARTS},
        "seeds": list(config.seeds),
        "methods": [contender.name for contender in contenders],
        "network": {key: network[key] for key in ("encoder", "encoder_arguments", "view_size", "spacing_mm")},
        "cells": len(cells),
        "cells_done": len(done),
        "processor_hours": round(sum(result["cpu_seconds"] for result in done) / 3600, 2),
        "devices": sorted({result["device"] for result in done}),
        "threads": sorted({result["threads"] for result in done}),
        "versions": {key: value for result in done[:1] for key, value in result["versions"].items()},
        "data_fingerprint": data_fingerprint,
    }


def command(config: CompareConfig) -> str:
    """Returns the command that does it again, without the paths of this machine.

    Example:
        >>> command(CompareConfig(seeds=(0,), finetune={"steps": 9}))
        "orienteer compare DATA --out OUT --seeds 0 --finetune '{steps: 9}'"
    """
    words = ["orienteer", "compare", "DATA", "--out", "OUT"]
    plain, default = config.to_dict(), CompareConfig().to_dict()
    for key, value in plain.items():
        if key in ("data", "images", "labels", "out", "store", "parallel") or value == default[key]:
            continue
        if key == "split":
            value = "SPLIT"
        if isinstance(value, dict):
            value = yaml.safe_dump(value, default_flow_style=True, width=10**6).strip()
        words += [f"--{key}", ",".join(map(str, value)) if isinstance(value, list) else str(value)]
    return shlex.join(words)


def _name(config: CompareConfig) -> str:
    path = Path(config.data or config.images or "data").absolute()
    return path.parent.name if path.suffix == ".json" else path.name


def _beginning(parts: Parts, contenders: Sequence[Contender], entries: Sequence[Entry], records: Records) -> str:
    cells: dict[str, Cell] = {entry.cell.hash: entry.cell for entry in entries}
    done = sum(records.get(key) is not None for key in cells)
    network = contenders[0].config
    return (
        f"methods: {', '.join(contender.name for contender in contenders)}\n"
        f"cases: {len(parts.pretraining)} to pretrain on, {len(parts.validation)} to validate, {len(parts.test)} to test on\n"
        f"encoder: {network.encoder} {network.encoder_arguments}, views of {network.view_size} at {network.spacing_mm} mm\n"
        f"cells: {len(cells)}, of which {done} are done"
    )

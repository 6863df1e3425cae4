"""The tidy table of a comparison: a row for every value of every case of every cell."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from orienteer.comparison.plan.cell import PRETRAIN, RESUMED, Entry
from orienteer.comparison.work.records import Records
from orienteer.files import write_bytes, write_csv

TABLE_FILE, PARQUET_FILE = "results.csv", "results.parquet"


@dataclass(frozen=True)
class Row:
    """One value.

    Attributes:
        downstream: what was measured; ``pretrain`` for the metrics of a pretraining on its held-out scans.
        fraction: share of the labels; None where none are used.
        case: the scored case; empty where the value is not of a single one.
        pretrain_seconds: processor time of its pretraining; None where that was stopped and resumed.
        finetune_seconds: processor time of the fine-tuning, with the prediction and scoring of all cases.
        steps: of the fine-tuning, or of the pretraining.
        version: of orienteer.
    """

    dataset: str
    downstream: str
    method: str
    fraction: float | None
    seed: int
    case: str
    metric: str
    unit: str
    value: float
    config_hash: str
    pretrain_seconds: float | None
    finetune_seconds: float | None
    steps: int | None
    version: str


def tidy_rows(dataset: str, entries: Sequence[Entry], records: Records) -> list[Row]:
    """Returns the rows of all cells that have finished; candidates of a selection have none."""
    rows = []
    for entry in entries:
        result = records.get(entry.cell.hash)
        if result is None or entry.candidate:
            continue
        run = records.get(entry.cell.needs) if entry.cell.needs else None
        pretrain = result if entry.cell.kind == PRETRAIN else run
        for case, metric, unit, value in result["values"]:
            rows.append(
                Row(
                    dataset,
                    entry.cell.kind,
                    entry.name,
                    entry.cell.fraction,
                    entry.cell.seed,
                    case,
                    metric,
                    unit,
                    float(value),
                    entry.cell.hash,
                    pretrain["cpu_seconds"] if pretrain and not pretrain["facts"].get(RESUMED) else None,
                    result["cpu_seconds"] if entry.cell.kind == "finetune" else None,
                    result["steps"],
                    result["versions"]["orienteer"],
                )
            )
    return rows


def write_table(folder: Path, rows: Sequence[Row]) -> list[Path]:
    """Writes results.csv, and results.parquet where pyarrow is installed; returns what was written."""
    names = [item.name for item in fields(Row)]
    write_csv(folder / TABLE_FILE, names, (["" if value is None else value for value in astuple(row)] for row in rows))
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return [folder / TABLE_FILE]
    columns = {name: [getattr(row, name) for row in rows] for name in names}
    kinds = {"fraction": pa.float64(), "seed": pa.int64(), "value": pa.float64(), "steps": pa.int64()}
    kinds |= {"pretrain_seconds": pa.float64(), "finetune_seconds": pa.float64()}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in names])
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema), buffer)
    write_bytes(folder / PARQUET_FILE, buffer.getvalue())
    return [folder / TABLE_FILE, folder / PARQUET_FILE]


def crossed(rows: Iterable[Row], seeds: Sequence[int], cases: Sequence[str]) -> np.ndarray:
    """Returns the values of rows of one metric as a table of seeds and cases, NaN where there is none.

    Example:
        >>> row = Row("d", "probe", "m", 0.1, 0, "a", "dice_mean", "", 0.5, "", None, None, None, "")
        >>> crossed([row], [0, 1], ["a"]).tolist()
        [[0.5], [nan]]
    """
    line_of, column_of = ({key: number for number, key in enumerate(keys)} for keys in (seeds, cases))
    values = np.full((len(seeds), len(cases)), np.nan)
    for row in rows:
        values[line_of[row.seed], column_of[row.case]] = row.value
    return values

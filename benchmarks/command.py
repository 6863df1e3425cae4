"""The command line that all benchmarks share: the module's docstring as help, and ``--json`` for the measured values."""

import argparse
from pathlib import Path
from typing import Any

from orienteer.files import write_json


def parser_of(doc: str | None) -> argparse.ArgumentParser:
    """Returns a parser with the option ``--json``.

    Args:
        doc: docstring of the benchmark's module.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write the measured values to this file")
    return parser


def save(file: Path | None, values: Any) -> None:
    """Writes the measured values as JSON where a file was named."""
    if file is not None:
        write_json(file, values)

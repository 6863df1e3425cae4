"""Keeps the tables of comparisons and writes docs/results.md from all of them.

``python -m benchmarks.results add OUT --as NAME`` copies what is worth keeping of a comparison's folder into
benchmarks/results/NAME: the summary, about.json, its settings, its cost. No scan, no weight, no path.
``python -m benchmarks.results write`` makes docs/results.md, and a picture of curves for each. The same tables give the
same page.
"""

import argparse
from pathlib import Path

from benchmarks.locate_page import locate_section
from benchmarks.results_curves import draw_curves
from benchmarks.results_page import curves_picture, make_page, picture_name, pretraining_picture_name
from benchmarks.results_tables import TABLES, add, read_results, read_stability, read_tried
from benchmarks.space_page import space_section
from orienteer.files import write_bytes, write_text

PAGE = Path(__file__).parents[1] / "docs" / "results.md"


def write(tables: Path = TABLES, page: Path = PAGE) -> Path:
    """Writes the page and its pictures."""
    results, pictures = read_results(tables), page.parent / "img"
    for result in results:
        curves = curves_picture(result)
        if curves is not None:
            write_bytes(pictures / picture_name(result), curves)
        if result.curves:
            write_bytes(pictures / pretraining_picture_name(result), draw_curves(result.curves))
    write_text(page, make_page(results, read_stability(tables), read_tried(tables), heldout_sections(tables)))
    return page


def heldout_sections(tables: Path = TABLES) -> tuple[str, ...]:
    """Returns the sections on scans that a run was never trained on."""
    return tuple(section for section in (space_section(tables), locate_section(tables)) if section)


def main() -> None:
    """Adds a comparison, or writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    adding = commands.add_parser("add", help="keep the tables of a comparison")
    adding.add_argument("folder", type=Path, help="folder that orienteer compare or ablate wrote")
    adding.add_argument("--as", dest="name", required=True, help="name of the comparison")
    commands.add_parser("write", help="make docs/results.md")
    options = parser.parse_args()
    print(add(options.folder, options.name) if options.command == "add" else write())


if __name__ == "__main__":
    main()

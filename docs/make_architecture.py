"""Draws the map of the packages from their imports, and writes the tables of the page Architecture.

``python docs/make_architecture.py`` writes ``docs/img/architecture.svg`` and the generated part of
``docs/architecture.md``: one row per package, and the file behind each command. Nothing of the package is imported but
its table of commands.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "orienteer"
PAGE, MAP = ROOT / "docs" / "architecture.md", ROOT / "docs" / "img" / "architecture.svg"
BEGIN, END = "<!-- made by docs/make_architecture.py: begin -->", "<!-- made by docs/make_architecture.py: end -->"

WIDTH, ROW, BOX_HEIGHT, LEFT = 1000, 74, 40, 20
GROUND = 2
"""The lowest layers, which every other may import: their arrows would cover the map and are not drawn."""

Position = tuple[float, int]
Route = tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """A package, or a module that stands beside the packages.

    Attributes:
        name: as it is imported.
        about: first line of its docstring.
        lines: lines of all its Python files.
        layer: number of its row, 0 for the lowest.
    """

    name: str
    about: str
    lines: int
    layer: int


def main() -> None:
    """Writes the map and the page."""
    parts, arrows = read_parts(), read_arrows()
    MAP.write_text(draw(parts, thinned(arrows)))
    head, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n{tables(parts)}{END}{rest.partition(END)[2]}")


def read_layers() -> list[set[str]]:
    """Returns the layers, lowest first, as the test of the imports has them."""
    tree = ast.parse((ROOT / "tests" / "contracts" / "test_imports.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "LAYERS":
            return list(ast.literal_eval(node.value))
    raise ValueError("tests/contracts/test_imports.py has no LAYERS")


def read_parts() -> list[Part]:
    """Returns every part of the package with its layer, docstring and lines."""
    parts = []
    for layer, names in enumerate(read_layers()):
        for name in sorted(names):
            files = files_of(name)
            about = ast.get_docstring(ast.parse(files[0].read_text())) or ""
            lines = sum(len(file.read_text().splitlines()) for file in files)
            parts.append(Part(name, about.partition("\n")[0], lines, layer))
    return parts


def files_of(name: str) -> list[Path]:
    """Returns the Python files of a part, first the one with its docstring."""
    folder = PACKAGE / name
    if not folder.is_dir():
        return [PACKAGE / f"{name}.py"]
    return [folder / "__init__.py", *sorted(set(folder.rglob("*.py")) - {folder / "__init__.py"})]


def read_arrows() -> dict[str, set[str]]:
    """Returns for each part the parts that it imports, also inside functions."""
    names = set().union(*read_layers())
    arrows: dict[str, set[str]] = {name: set() for name in names}
    for name in names:
        for file in files_of(name):
            for node in ast.walk(ast.parse(file.read_text())):
                modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                arrows[name] |= {words[1] for words in (module.split(".") for module in modules)
                                 if words[0] == "orienteer" and len(words) > 1}  # fmt: skip
        arrows[name] = (arrows[name] & names) - {name}
    arrows["cli"] |= {function.split(".")[1] for function in read_commands().values()}
    return arrows


def read_commands() -> dict[str, str]:
    """Returns the function of each command, as ``package.module:name``."""
    sys.path.insert(0, str(ROOT))
    from orienteer.cli import COMMANDS

    return {name: command.function for name, command in COMMANDS.items()}


def thinned(arrows: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """Returns the arrows without those that follow from others (a to c, where a to b and b to c), and none to the ground.

    Example:
        >>> thinned({"cli": {"runs", "views"}, "runs": {"views"}, "views": set()})
        [('cli', 'runs'), ('runs', 'views')]
    """
    ground = set().union(*read_layers()[:GROUND])
    kept = {name: targets - ground for name, targets in arrows.items() if name not in ground}
    return sorted(
        (name, target)
        for name, targets in kept.items()
        for target in targets
        if not any(target in reachable(kept, other) for other in targets - {target})
    )


def reachable(arrows: Mapping[str, set[str]], start: str) -> set[str]:
    """Returns all that can be reached from a part along the arrows."""
    reached: set[str] = set()
    waiting = list(arrows.get(start, ()))
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += arrows.get(name, ())
    return reached


def tables(parts: Sequence[Part]) -> str:
    """Returns the table of the parts, highest first, and the table of the commands, as Markdown."""
    rows = "".join(
        f"| `{part.name}` | {part.about} | {part.lines:,} |\n"
        for part in sorted(parts, key=lambda p: (-p.layer, p.name))
    )
    commands = "".join(
        f"| `orienteer {name}` | `{function.partition(':')[0].replace('.', '/')}.py` | `{function.partition(':')[2]}` |\n"
        for name, function in read_commands().items()
    )
    return (
        f"## What each part holds\n\n| part | holds | lines |\n|---|---|---|\n{rows}\n"
        f"## From a command to its file\n\n| command | file | function |\n|---|---|---|\n{commands}"
    )


def draw(parts: Sequence[Part], arrows: Sequence[tuple[str, str]]) -> str:
    """Returns the map as SVG: a row per layer, a box per part, an arrow from each part to what it imports."""
    layer = {part.name: part.layer for part in parts}
    routes = [route(name, target, layer) for name, target in arrows]
    rows = ordered_rows(parts, routes)
    places = {name: (x, row) for row, names in enumerate(rows) for name, x in spread(names).items()}
    height = ROW * len(rows) + 16
    lines = [arrow(way, places, height) for way in routes]
    boxes = [box(part, places[part.name], height) for part in parts]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">\n'
        '<title>The packages of orienteer and their imports</title>\n'
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#7a869a"/></marker></defs>\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n'
        + "\n".join([*bands(len(rows)), *lines, *boxes, "</svg>\n"])
    )  # fmt: skip


def route(name: str, target: str, layer: Mapping[str, int]) -> Route:
    """Returns the parts at both ends of an arrow, and a name for its place in each row between."""
    between = range(layer[name] - 1, layer[target], -1)
    return (name, *(f"{name}>{target}@{row}" for row in between), target)


def ordered_rows(parts: Sequence[Part], routes: Sequence[Route]) -> list[list[str]]:
    """Returns the names of each row from left to right, near to what they are joined with, so that few arrows cross."""
    rows: list[list[str]] = [[] for _ in range(max(part.layer for part in parts) + 1)]
    for part in parts:
        rows[part.layer].append(part.name)
    joined: dict[str, set[str]] = defaultdict(set)
    for way in routes:
        for above, below in pairwise(way):
            joined[above].add(below)
            joined[below].add(above)
        for name in way[1:-1]:
            rows[int(name.partition("@")[2])].append(name)
    for turn in range(24):
        numbers = range(len(rows)) if turn % 2 else reversed(range(len(rows)))
        for number in numbers:
            known = {name: x for other in (number - 1, number + 1) if 0 <= other < len(rows)
                     for name, x in spread(rows[other]).items()}  # fmt: skip
            here = spread(rows[number])
            pull = {name: [known[other] for other in joined[name] if other in known] for name in rows[number]}
            rows[number].sort(key=lambda name: sum(pull[name]) / len(pull[name]) if pull[name] else here[name])
    return rows


def spread(names: Sequence[str]) -> dict[str, float]:
    """Returns where along the row each name stands; an arrow that passes through takes less room than a box."""
    rooms = [0.35 if "@" in name else 1.0 for name in names]
    step = (WIDTH - 2 * LEFT) / max(sum(rooms), 5.0)
    x, places = WIDTH / 2 - step * sum(rooms) / 2, {}
    for name, room in zip(names, rooms, strict=True):
        places[name] = x + step * room / 2
        x += step * room
    return places


def bands(rows: int) -> list[str]:
    """Returns a pale band behind every second row."""
    return [f'<rect y="{8 + ROW * row}" width="{WIDTH}" height="{ROW}" fill="#f5f7fb"/>' for row in range(0, rows, 2)]


def arrow(way: Route, places: Mapping[str, Position], height: int) -> str:
    """Returns a smooth line from the lower edge of a box, between the boxes of the rows that it crosses, to another."""
    points = []
    for name in way:
        x, row = places[name]
        y = height - 8 - ROW * (row + 0.5)
        points += [(x, y - BOX_HEIGHT / 2), (x, y + BOX_HEIGHT / 2)]
    path = f"M{points[1][0]:.0f} {points[1][1]:.0f}"
    for (x0, y0), (x1, y1) in pairwise(points[1:-1]):
        bend = (y1 - y0) / 2
        path += f" C{x0:.0f} {y0 + bend:.0f} {x1:.0f} {y1 - bend:.0f} {x1:.0f} {y1:.0f}"
    label = escape(f"{way[0]} imports {way[-1]}")
    style = 'fill="none" stroke="#7a869a" stroke-width="1.3" marker-end="url(#head)"'
    return f'<path d="{path}" {style}><title>{label}</title></path>'


def box(part: Part, place: Position, height: int) -> str:
    """Returns a box with the name and the lines of a part; a package has a darker frame than a module."""
    x, y = place[0], height - 8 - ROW * (place[1] + 0.5)
    width = max(74, 9 * len(part.name) + 20)
    package = (PACKAGE / part.name).is_dir()
    fill, frame = ("#dfe7fb", "#3f51b5") if package else ("#fff", "#9aa5b8")
    return (
        f'<g><title>{escape(part.about)}</title><rect x="{x - width / 2:.0f}" y="{y - BOX_HEIGHT / 2:.0f}" '
        f'width="{width}" height="{BOX_HEIGHT}" rx="5" fill="{fill}" stroke="{frame}"/>'
        f'<text x="{x:.0f}" y="{y - 3:.0f}" text-anchor="middle" font-size="14" fill="#1a237e">{part.name}</text>'
        f'<text x="{x:.0f}" y="{y + 13:.0f}" text-anchor="middle" font-size="11" fill="#556">{part.lines:,} lines</text></g>'
    )


if __name__ == "__main__":
    main()

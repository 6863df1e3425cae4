"""What the documentation says is true: its code runs, its options exist, its tables name what there is."""

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from orienteer.arguments import kinds_of
from orienteer.cli import COMMANDS
from orienteer.comparison.ablate import QUESTIONS
from orienteer.comparison.config import CompareConfig
from orienteer.comparison.config import make_config as make_compare_config
from orienteer.encoders import ENCODERS, view_divisor
from orienteer.methods import METHODS, TaskUse
from orienteer.runs.config import PretrainConfig
from orienteer.tasks import TASKS
from orienteer.views.augment import Augmentation
from tests.helpers.docs_blocks import Block, blocks, commands, run_page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
RUNNABLE = [page for page in PAGES if any(block.runs for block in blocks(page))]


@pytest.fixture
def restored() -> Iterator[None]:
    """Takes back what a page adds to the tables of tasks and encoders."""
    before = dict(TASKS), dict(ENCODERS)
    yield
    for table, content in zip((TASKS, ENCODERS), before, strict=True):
        table.clear()
        table.update(content)


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restored: None) -> None:
    monkeypatch.chdir(tmp_path)
    names = run_page(page, tmp_path)
    if page.name == "run-folder.md":
        assert_names_every_file_and_key(page.read_text(), names["run"].folder)
    if page.name == "weights.md":
        card = json.loads((names["run"].folder / "encoder.json").read_text())
        assert [key for key in card if f"`{key}`" not in page.read_text()] == []


def assert_names_every_file_and_key(text: str, folder: Path) -> None:
    """Every file of a run folder and every key of its summary stands in the page, in code letters."""
    files = [path.name for path in folder.iterdir()]
    summary = json.loads((folder / "summary.json").read_text())
    keys = [*summary, *summary["heldout"], *summary["scans"]]
    assert len(files) > 10
    assert len(keys) > 20
    assert [name for name in files + keys if f"`{name}`" not in text] == []


def test_a_failing_block_fails(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Text.\n\n```bash\ntrue\nfalse | cat\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md, line 4: exit code 1"):
        run_page(page, tmp_path)
    page.write_text("```python\nvalue = 1\n```\n\nText.\n\n```python\nassert value == 2\n```\n")
    with pytest.raises(AssertionError) as failed:
        run_page(page, tmp_path)
    assert failed.traceback[-1].lineno == 7  # counted from 0


def test_blocks_are_found_with_their_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\n```\n```bash no-run\nls\n```\n```text\nx\n```\n````\n```python\n```\n````\n")
    found = [(block.line, block.language, block.runs) for block in blocks(page)]
    assert found == [(2, "python", True), (5, "bash", False), (8, "text", False), (11, "", False)]


every_call = pytest.mark.parametrize(
    ("block", "words"),
    [
        pytest.param(block, words, id=f"{page.stem}-{block.line}-{number}")
        for page in PAGES
        for block in blocks(page)
        if block.language == "bash"
        for number, words in enumerate(commands(block))
    ],
)


@every_call
def test_commands_and_options_exist(block: Block, words: list[str]) -> None:
    command, *rest = words
    if command in ("--help", "--version"):
        return
    if command == "-pc":  # the word is an argument of another program there
        return
    assert command in COMMANDS
    known = {*kinds_of(COMMANDS[command]), "print_config", "help"}
    options = [word[2:].partition("=")[0].replace("-", "_") for word in rest if word.startswith("--")]
    assert [option for option in options if option not in known] == []


def table_rows(page: Path, columns: int) -> Iterator[list[str]]:
    for line in page.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `") and len(cells) == columns:
            yield cells


def defaults(kind: type, prefix: str = "") -> dict[str, Any]:
    found = {}
    for field in dataclasses.fields(kind):
        value = field.default if field.default is not dataclasses.MISSING else field.default_factory()  # type: ignore[misc]
        if not dataclasses.is_dataclass(value):
            found[f"`{prefix}{field.name}`"] = json.loads(json.dumps(value))
    return found


def test_the_settings_page_names_every_setting_with_its_default() -> None:
    written = {name: json.loads(value.strip("`")) for name, value, _ in table_rows(DOCS / "settings.md", 3)
               if value.startswith("`") and name.strip("`") not in ENCODERS}  # fmt: skip
    assert written == defaults(PretrainConfig) | defaults(Augmentation, "augmentation.")


def test_the_settings_page_names_every_option_of_the_tasks() -> None:
    written = {(task, option): json.loads(value.strip("`")) for task, option, value, _ in
               table_rows(DOCS / "settings.md", 4)}  # fmt: skip
    real = {(f"`{name}`", key): value for name, task in TASKS.items() for key, value in defaults(task.Config).items()}
    assert written == real


def test_the_settings_page_names_every_method() -> None:
    rows = {name.strip("`"): cells for name, *cells in table_rows(DOCS / "settings.md", 5)}
    assert set(rows) == set(METHODS)
    for name, (tasks, views, teacher, encoder) in rows.items():
        method = METHODS[name]
        assert re.findall(r"\b(" + "|".join(TASKS) + r")\b", tasks) == list(method.tasks)
        assert (int(views), teacher, encoder) == (
            method.views,
            "yes" if method.teacher else "no",
            f"`{method.encoder}`",
        )


def test_every_method_has_a_section_with_all_that_it_must_tell() -> None:
    sections = dict(re.findall(r"^## `([^`]+)`\n(.*?)(?=^## |\Z)", (DOCS / "methods.md").read_text(), re.M | re.S))
    assert list(sections) == list(METHODS)
    for name, text in sections.items():
        assert [word for word in ("*Loss*", "*Source*", "*Curve*", "*Departs*") if word not in text] == [], name
        (line,) = re.findall(r"^\*Tasks\*: (.*)\.$", text, re.M)
        assert line == ", ".join(task_words(task, use) for task, use in METHODS[name].tasks.items())
        assert name == "default" or f"orienteer pretrain SCANS --out RUN --method {name}" in text


def task_words(name: str, use: TaskUse) -> str:
    said = [f"{key} {value:g}" for key, value in (("weight", use.weight), ("pull", use.pull)) if value != 1]
    return f"`{name}` ({', '.join(said)})" if said else f"`{name}`"


def test_the_settings_of_the_compare_page_can_be_given_and_all_are_explained() -> None:
    text = (DOCS / "compare.md").read_text()
    (example,) = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    config = make_compare_config(yaml.safe_load(example))
    assert list(config.define) == ["tuned slowly", "six views"]
    explained = {name for words, _ in table_rows(DOCS / "compare.md", 2) for name in re.findall(r"`(\w+)`", words)}
    assert explained >= set(CompareConfig.__dataclass_fields__) - {
        *("data", "images", "labels", "out", "name", "probe", "retrieval", "sides", "keep", "store"),
    }
    assert explained >= set(QUESTIONS)


def test_the_settings_page_names_every_encoder_with_its_divisor() -> None:
    rows = {name.strip("`"): divisor for name, _, divisor in table_rows(DOCS / "settings.md", 3)}
    assert set(ENCODERS) <= set(rows)
    for name in ("tiny", "segresnet"):
        assert rows[name] == ", ".join(str(edge) for edge in view_divisor(name))


def test_the_site_builds_strictly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    built = {path.parent.name for path in (tmp_path / "site").rglob("index.html")}
    assert {page.stem for page in DOCS.glob("*.md")} - {"index"} <= built


def test_every_page_is_in_the_navigation() -> None:
    navigation = [next(iter(entry.values())) for entry in yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]]
    assert sorted(navigation) == sorted(page.name for page in DOCS.glob("*.md"))


def test_the_licence_is_the_whole_apache_licence() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text

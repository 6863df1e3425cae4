"""What the documentation says is true: its code runs, its options exist, its tables name what there is."""

import dataclasses
import json
import re
from collections.abc import Iterator
from importlib.metadata import version
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
from orienteer.help_text import SPELLINGS
from orienteer.methods import METHODS, TaskUse
from orienteer.runs.config import PretrainConfig
from orienteer.tasks import TASKS
from orienteer.views.augment import Augmentation
from tests.helpers.docs_blocks import NOT_RUN, Block, blocks, commands, run_page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
ROOT_PAGES = {"contributing.md": ROOT / "CONTRIBUTING.md", "changelog.md": ROOT / "CHANGELOG.md"}
"""Pages of the site that live at the root of the repository."""

PAGES = [ROOT / "README.md", *ROOT_PAGES.values(), *sorted(DOCS.rglob("*.md"))]
RUNNABLE = [page for page in PAGES if any(block.runs for block in blocks(page))]


@pytest.fixture
def restored() -> Iterator[None]:
    """Takes back what a page adds to the tables of tasks and encoders."""
    before = dict(TASKS), dict(ENCODERS)
    yield
    for table, content in zip((TASKS, ENCODERS), before, strict=True):
        table.clear()
        table.update(content)


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_the_code_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restored: None, small_demo: None
) -> None:
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


def test_commands_run_in_this_process_and_those_that_need_a_shell_in_bash(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```bash\norienteer --version | grep orienteer > version.txt\n```\n")
    run_page(page, tmp_path)
    assert (tmp_path / "version.txt").read_text().split()[-1] == version("orienteer")
    page.write_text("Text.\n\n```bash\ntrue\norienteer plan none \\\n  --steps 2  # a folder that is not there\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md, line 4: exit code 2 of orienteer plan"):
        run_page(page, tmp_path)


def test_blocks_are_found_with_their_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        f"```python\nx = 1\n```\n{NOT_RUN}\n```bash\nls\n```\n```text\nx\n```\n{NOT_RUN}\n\n````\n```python\n```\n````\n"
    )
    marks = [(block.line, block.language, block.runs) for block in blocks(page)]
    assert marks == [(2, "python", True), (6, "bash", False), (9, "text", False), (14, "", False)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_marks_are_the_only_words_about_running(page: Path) -> None:
    """A word after the language would break the block in renderers that do not know it; a stray mark marks nothing."""
    assert [block.line for block in blocks(page) if len(block.language.split()) > 1] == []
    marks = re.findall(f"^{re.escape(NOT_RUN)}$", page.read_text(), re.MULTILINE)
    languages = [block.language for block in blocks(page) if block.language in ("python", "bash") and not block.runs]
    assert len(marks) == len(languages)


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
    assert [option for option in options if SPELLINGS.get(option, option) not in known] == []


def table_rows(page: Path, columns: int) -> Iterator[list[str]]:
    for line in page.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `") and len(cells) == columns:
            yield cells


def defaults(kind: type, prefix: str = "") -> dict[str, Any]:
    result = {}
    for field in dataclasses.fields(kind):
        value = field.default if field.default is not dataclasses.MISSING else field.default_factory()  # type: ignore[misc]
        if not dataclasses.is_dataclass(value):
            result[f"`{prefix}{field.name}`"] = json.loads(json.dumps(value))
    return result


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


def test_every_method_has_a_complete_section() -> None:
    sections = dict(re.findall(r"^## `([^`]+)`\n(.*?)(?=^## |\Z)", (DOCS / "methods.md").read_text(), re.M | re.S))
    assert list(sections) == list(METHODS)
    for name, text in sections.items():
        assert [word for word in ("*Loss*", "*Source*", "*Curve*", "*Departs*") if word not in text] == [], name
        (line,) = re.findall(r"^\*Tasks\*: (.*)\.$", text, re.M)
        assert line == ", ".join(task_words(task, use) for task, use in METHODS[name].tasks.items())
        assert name == "default" or f"orienteer pretrain SCANS --out RUN --method {name}" in text


def task_words(name: str, use: TaskUse) -> str:
    changes = [f"{key} {value:g}" for key, value in (("weight", use.weight), ("pull", use.pull)) if value != 1]
    return f"`{name}` ({', '.join(changes)})" if changes else f"`{name}`"


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


def test_every_page_is_in_the_navigation() -> None:
    def pages(entries: list[Any]) -> Iterator[str]:
        for entry in entries:
            (value,) = entry.values()
            yield from [value] if isinstance(value, str) else pages(value)

    sources = [str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")]
    assert sorted(pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])) == sorted([*sources, *ROOT_PAGES])


def test_the_readme_is_short() -> None:
    words = re.sub(r"[|`*#>-]+", " ", (ROOT / "README.md").read_text()).split()
    assert len(words) < 900


def test_links_between_the_pages_of_the_repository_resolve() -> None:
    """As a reader of the repository follows them, without the site."""
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_of_the_repository_that_a_page_names_are_there(page: Path) -> None:
    """Paths in code letters, from the root or from the package; NAME stands for a name to choose."""
    named = re.findall(r"`((?:[\w]+/)+[\w.]*)`", page.read_text())
    paths = [path for path in named if path.endswith(".py") and "NAME" not in path]
    assert [path for path in paths if not any((home / path).exists() for home in (ROOT, ROOT / "orienteer"))] == []


def test_the_changelog_has_the_usual_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[(.+)\]$", text, re.MULTILINE)
    assert versions[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", each) for each in versions[1:])
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= {
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    }


def test_the_citation_names_the_version_and_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert f"## [{citation['version']}]" in (ROOT / "CHANGELOG.md").read_text()
    assert citation["license"] == "Apache-2.0"
    assert [reference["url"] for reference in citation["references"]] == ["https://arxiv.org/abs/2509.05967"]


def test_the_licence_is_the_whole_apache_licence() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text

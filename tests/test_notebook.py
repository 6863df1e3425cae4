"""The notebook in examples/ runs from its first cell to its last, shows what it promises, and is stored without outputs."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.test_examples import assert_public_names_only

NOTEBOOK = Path(__file__).parents[1] / "examples" / "first_look.ipynb"


def cells(kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == kind]


def test_it_is_stored_without_outputs_and_without_its_machine() -> None:
    assert [cell["id"] for cell in cells("code") if cell["outputs"] or cell["execution_count"] is not None] == []
    assert json.loads(NOTEBOOK.read_text())["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def test_it_uses_public_names_only() -> None:
    assert_public_names_only("\n".join("".join(cell["source"]) for cell in cells("code")))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """The outputs of every code cell, by its id."""
    nbclient = pytest.importorskip("nbclient", reason="the extra dev is not installed")
    pytest.importorskip("ipykernel", reason="the extra dev is not installed")
    pytest.importorskip("fastapi", reason="the extra explore is not installed")
    import nbformat

    folder = tmp_path_factory.mktemp("notebook")
    shutil.copy(NOTEBOOK, folder)
    notebook = nbformat.read(folder / NOTEBOOK.name, as_version=4)
    nbclient.NotebookClient(notebook, timeout=400, resources={"metadata": {"path": str(folder)}}).execute()
    return {cell["id"]: cell["outputs"] for cell in notebook.cells if cell["cell_type"] == "code"}


def text_of(outputs: list[dict[str, Any]]) -> str:
    return "".join(output.get("text", "") for output in outputs)


@pytest.mark.slow
def test_training_shows_its_progress(ran: dict[str, list[dict[str, Any]]]) -> None:
    assert "training: 100%" in text_of(ran["train"])
    assert "20/20" in text_of(ran["train"])


@pytest.mark.slow
def test_metrics_stand_beside_their_baselines(ran: dict[str, list[dict[str, Any]]]) -> None:
    rows = text_of(ran["numbers"]).splitlines()
    assert [row.split()[0] for row in rows] == ["gap_error_mm", "distance_error_mm", "place_in_scan_error_mm"]
    assert all("baseline" in row for row in rows)


@pytest.mark.slow
def test_pictures_and_the_explorer_are_in_the_page(ran: dict[str, list[dict[str, Any]]]) -> None:
    pictures = [output["data"]["image/png"] for output in ran["pictures"] if output["output_type"] == "display_data"]
    assert len(pictures) == 2
    assert min(map(len, pictures)) > 5_000
    (frame,) = ran["explorer"]
    assert frame["data"]["text/html"].startswith('<iframe src="http://127.0.0.1:')
    assert ran["close"] == []

"""docs/results.md is what the command makes of the committed tables."""

from benchmarks import results
from benchmarks.results_page import make_page
from benchmarks.results_tables import TABLES, read_results, read_stability, read_tried
from tests.helpers.kept_tables import LINES, kept


def test_the_committed_page_is_what_the_command_makes():
    made = make_page(read_results(), read_stability(), read_tried(), results.heldout_sections(TABLES))
    assert results.PAGE.read_text() == made, "run `python -m benchmarks.results write` and commit docs/results.md"


def test_the_page_holds_every_number_with_its_heading(tmp_path):
    kept(tmp_path, LINES)
    page = tmp_path / "docs" / "results.md"
    results.write(tmp_path / "tables", page)
    text = page.read_text()
    assert "| default | 0.740 [0.730, 0.750] | 0.795 [0.785, 0.805] | 0.767 [0.757, 0.777] |" in text.replace(
        "0.768", "0.767"
    )
    assert "| default | +0.040 [+0.030, +0.050] | -0.005 [-0.015, +0.005] |" in text
    assert "| same coordinates | 6.00 [5.50, 6.50] |" in text
    for words in ("**test**", "Not finished: 8 of 9", "--seeds 0,1", "| default | 15 |  |", "at 1 x 1 x 2.5 mm"):
        assert words in text
    for picture in ("results_made-up.png", "pretraining_made-up.png"):
        assert (page.parent / "img" / picture).read_bytes()[:4] == b"\x89PNG"
        assert f"(img/{picture})" in text
    before = text
    results.write(tmp_path / "tables", page)
    assert page.read_text() == before

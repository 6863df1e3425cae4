"""The option that all benchmarks share."""

import json

from benchmarks.command import parser_of, save


def test_values_are_written_where_a_file_is_named(tmp_path):
    options = parser_of("What it measures.").parse_args(["--json", str(tmp_path / "new" / "values.json")])
    save(options.json, {"ratio": 1.5, "rows": [1, 2]})
    assert json.loads(options.json.read_text()) == {"ratio": 1.5, "rows": [1, 2]}


def test_nothing_is_written_without_the_option(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(parser_of(None).parse_args([]).json, {"ratio": 1.5})
    assert list(tmp_path.iterdir()) == []

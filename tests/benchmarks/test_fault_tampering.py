"""The short form of the tampering: damaged files of a run are used, or refused in words; damages are what they say."""

import json
import random
from pathlib import Path

import pytest
import yaml

from benchmarks.fault_damages import damage
from benchmarks.fault_tampering import ARTEFACTS, Artefact, Tampering, _record, _Trial
from benchmarks.fault_uses import PARTS, WHOLE, uses_of
from tests.benchmarks.test_fault_kills import run_apart


def test_damaged_files_of_a_run_are_used_or_refused_in_words(tmp_path: Path) -> None:
    code = (
        "import benchmarks.fault_tampering as t; t.WHOLE_COMMANDS = 0.0; "
        "names = ('begun/config.yaml', 'begun/split.json', 'begun/metrics.jsonl', 'begun/checkpoints/last.ckpt', "
        "'run/encoder.json', 'run/encoder.safetensors'); "
        "some = tuple(t.Artefact(a.path, tuple(u for u in a.uses if u != 'export'), a.sealed) "
        "for a in t.ARTEFACTS if a.path in names); "
        "done = t.tamper(44, 1, Path(sys.argv[1]), some); "
        "result = {'tried': done.tried, 'bad': done.tracebacks + done.silent, 'refused': done.refused}"
    )
    result = run_apart(code, tmp_path)
    assert result["bad"] == []
    assert result["tried"] == 44
    assert result["refused"] > 25


def test_every_use_exists_and_knows_what_it_needs() -> None:
    for artefact in ARTEFACTS:
        for use in artefact.uses:
            for name in {use, WHOLE.get(use, use)}:
                assert callable(uses_of(name))
                assert artefact.path.split("/")[0] in PARTS[name]


@pytest.mark.parametrize(
    ("words", "same", "sealed", "found"),
    [
        ("", True, True, (0, 0, 0)),
        ("", False, True, (0, 1, 0)),
        ("", False, False, (0, 0, 0)),
        ("InputError: a: wanted b", False, True, (0, 0, 1)),
        ("KeyError: 'a'", False, False, (1, 0, 0)),
        ("ended with status 11", False, True, (1, 0, 0)),
    ],
)
def test_what_counts_as_what(words: str, same: bool, sealed: bool, found: tuple[int, int, int]) -> None:
    tampering = Tampering()
    _record(_Trial(Artefact("a", ("load",), sealed), "load", "0/0"), "a (cut)", words, same, tampering)
    assert (len(tampering.tracebacks), len(tampering.silent), tampering.refused) == found


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a.jsonl", "a.bin"])
def test_a_damage_changes_the_file_and_can_be_done_again(name: str, tmp_path: Path) -> None:
    value = {"steps": 3, "names": ["a", "b"], "deep": {"x": 0.5}}
    text = {"a.json": json.dumps(value), "a.yaml": yaml.safe_dump(value), "a.jsonl": json.dumps(value) + "\n"}
    content = text.get(name, "some bytes").encode()
    kinds = set()
    for seed in range(60):
        seen = []
        for folder in ("one", "two"):
            path = tmp_path / str(seed) / folder / name
            path.parent.mkdir(parents=True)
            path.write_bytes(content)
            words = damage(path, tmp_path / "none", random.Random(seed))
            seen.append((words, path.read_bytes() if path.is_file() else None))
        assert seen[0] == seen[1]
        kinds.add(words.split()[0])
    assert len(kinds) > 5

"""metrics.jsonl: what a resumed run keeps of it."""

import json
from pathlib import Path

from orienteer.runs.metrics_log import METRICS_FILE, LineTail, append_line, cut_lines, read_lines


def test_later_steps_and_an_incomplete_line_are_removed(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    for step in range(1, 6):
        append_line(file, step, "train", {"loss": step / 10})
    with file.open("a") as log:
        log.write('{"step": 2, "part": "tr')
    cut_lines(file, after_step=3)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert rows == [{"step": step, "part": "train", "loss": step / 10} for step in (1, 2, 3)]


def test_a_complete_object_without_its_newline_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"step": 1}\n{"step": 2}')
    cut_lines(file, after_step=9)
    assert file.read_text() == '{"step": 1}\n'


def test_a_run_without_metrics_has_nothing_to_cut(tmp_path: Path) -> None:
    cut_lines(tmp_path / "metrics.jsonl", after_step=3)
    assert not (tmp_path / "metrics.jsonl").exists()


def test_damaged_lines_are_left_out_wherever_they_are(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    whole = b'{"step": 1, "part": "train", "loss": NaN}\n'
    odd = [
        b"[]",
        b"3",
        b'{"step": "1", "part": "train"}',
        b'{"part": "train"}',
        b'{"step": 1, "part": "train", "loss": "x"}',
    ]
    odd += [b"\xff\xfe", b"[" * 3000, b'{"step": true, "part": "train"}', b"null"]
    file.write_bytes(whole + b"\n".join(odd) + b"\n" + whole.replace(b"1", b"2"))
    assert [row["step"] for row in read_lines(file)] == [1, 2]
    cut_lines(file, after_step=1)
    assert file.read_bytes() == whole
    assert read_lines(tmp_path / "none.jsonl") == []


def test_a_tail_reads_every_line_once_as_it_is_completed(tmp_path: Path) -> None:
    file = tmp_path / METRICS_FILE
    tail = LineTail(file)
    assert tail.read() == (False, [])
    append_line(file, 1, "train", {"loss": 3.0})
    with open(file, "a") as log:
        log.write('{"step": 2, "part": "train", "lo')
    assert [row["step"] for row in tail.read()[1]] == [1]
    assert tail.read() == (False, [])
    with open(file, "a") as log:
        log.write('ss": 2.0}\nno json\n')
    append_line(file, 3, "heldout", {"loss": 1.0})
    assert [row["step"] for row in tail.read()[1]] == [2, 3]


def test_a_tail_begins_anew_where_the_file_does(tmp_path: Path) -> None:
    file = tmp_path / METRICS_FILE
    tail = LineTail(file)
    for step in (1, 2, 3):
        append_line(file, step, "train", {"loss": 3.0})
    assert len(tail.read()[1]) == 3
    cut_lines(file, after_step=2)  # another file takes its place
    append_line(file, 3, "train", {"loss": 2.0})
    restarted, rows = tail.read()
    assert (restarted, [row["step"] for row in rows]) == (True, [1, 2, 3])
    file.write_text("")
    assert tail.read() == (True, [])
    append_line(file, 1, "train", {"loss": 2.0})
    assert [row["step"] for row in tail.read()[1]] == [1]
    file.unlink()
    assert tail.read() == (True, [])
    assert tail.read() == (False, [])

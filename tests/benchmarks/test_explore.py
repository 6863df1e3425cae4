"""The benchmark of the explorer's start: it waits as the page does, and shows both kinds of time."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest

from benchmarks import explore
from benchmarks.explore import MILESTONES, table


class Slow(BaseHTTPRequestHandler):
    """Answers the third request; the token must be in the header, as the page sends it."""

    asked: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.asked.append(self.headers["X-Token"])
        self.send_response(503 if len(self.asked) < 3 else 200)
        self.end_headers()
        self.wfile.write(b"scan")

    def log_message(self, *_: object) -> None:
        pass


def test_it_asks_until_the_explorer_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explore, "PAUSE_S", 0.0)
    server = HTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        assert explore._answer(f"http://127.0.0.1:{server.server_port}/?token=secret", "api/first.nii") == b"scan"
    finally:
        server.shutdown()
        server.server_close()
    assert Slow.asked == ["secret"] * 3


def test_the_table_has_a_line_for_each_milestone() -> None:
    times = {name: {"cpu_s": 1.25, "clock_s": 2.5} for name in MILESTONES}
    lines = table({"first": times, "later": times}).splitlines()
    assert [line.split()[0] for line in lines[2:]] == list(MILESTONES)
    assert all(line.split()[1:] == ["1.25", "s", "2.50", "s"] * 2 for line in lines[2:])

"""Ctrl-C is remembered until the step is done; the second one stops at once."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from orienteer.interrupts import stop_requests


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_is_remembered_and_the_handlers_come_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_requests() as requested:
        assert not requested()
        os.kill(os.getpid(), number)
        assert requested()
    assert signal.getsignal(number) is before


def test_the_second_ctrl_c_exits_with_130() -> None:
    code = (
        "import os, signal, time\nfrom orienteer.interrupts import stop_requests\n"
        "with stop_requests():\n    os.kill(os.getpid(), signal.SIGINT)\n    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(20)\n"
    )
    stopped = subprocess.run([sys.executable, "-c", code], timeout=60, cwd=Path.cwd(), capture_output=True, text=True)
    assert stopped.returncode == 130
    assert "stopping after this step" in stopped.stderr


def test_outside_the_main_thread_nothing_is_requested_and_nothing_fails() -> None:
    answers: list[bool] = []

    def work() -> None:
        with stop_requests() as requested:
            answers.append(requested())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [False]

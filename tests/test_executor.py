"""Jobs in processes: none is lost, the one that ends its process is named, and everything they write goes to their log."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orienteer.errors import ScanError
from orienteer.executor import Executor, available_cores
from orienteer.worker_process import Bounds, NoProcess, WorkerDied


def square(number):
    """Kills its process on 3, and raises an error on 5."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 5:
        raise ScanError("five", step="read", wanted="another number", got="5", do="take 6")
    return number**2


def wait_for(path):
    """Takes 0.3 s where the path is None; else waits for a file, ten seconds at most."""
    end = time.monotonic() + (0.3 if path is None else 10.0)
    while time.monotonic() < end and not (path is not None and path.exists()):
        time.sleep(0.01)
    return path


def talk(word):
    print(f"prints {word}")
    os.write(2, f"writes {word}\n".encode())
    if word == "error":
        raise ArithmeticError("one over nothing")
    if word == "crash":
        os.abort()
    return word


def take_memory(megabytes):
    return bytes(megabytes << 20)[:3]


def hang(seconds):
    if seconds:
        time.sleep(seconds)
    return seconds


def surroundings(_):
    return os.getpid(), os.environ.get("OMP_NUM_THREADS"), os.environ.get("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")


class Counter:
    """Counts the jobs that this copy of it has seen."""

    def __init__(self):
        self.count = 0

    def __call__(self, job):
        self.count += 1
        return self.count


class Odd(Exception):
    """An error that cannot be made from its message alone, and so not travel."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def raise_odd(_):
    raise Odd("one", "two")


def start_and_finish(folder):
    (folder / "started").touch()
    time.sleep(0.5)
    (folder / "finished").touch()


def save_when_stopped(folder):
    signal.signal(signal.SIGTERM, lambda *_: ((folder / "saved").touch(), os._exit(0)))
    (folder / "started").touch()
    time.sleep(30)


def ignore_requests_to_stop(folder):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (folder / "started").touch()
    time.sleep(30)


def answers(function, jobs, workers, **options):
    """Results by job, ``WorkerDied`` or the error where there is none."""
    results = {}
    with Executor(function, workers, **options) as executor:
        for job in jobs:
            executor.submit(job)
            results |= dict(executor.finished())
        results |= dict(executor.finished(everything=True))
    return {job: future.exception() or future.result() for job, future in results.items()}


def test_without_processes_the_results_come_at_once_and_in_order():
    with Executor(square, 0) as executor:
        for number in (1, 2, 4):
            executor.submit(number)
        assert [(job, future.result()) for job, future in executor.finished()] == [(1, 1), (2, 4), (4, 16)]
        assert list(executor.finished(everything=True)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_has_a_result_when_one_kills_its_process_and_one_fails(workers):
    results = answers(square, (1, 2, 3, 4, 5, 6, 7), workers)
    died, failed = results.pop(3), results.pop(5)
    assert isinstance(died, WorkerDied)
    assert str(died) == "the process terminated unexpectedly (SIGKILL): killed, out of memory, or crashed"
    assert results == {1: 1, 2: 4, 4: 16, 6: 36, 7: 49}
    assert isinstance(failed, ScanError)
    assert (failed.step, failed.do) == ("read", "take 6")
    assert "in square" in failed.__notes__[0]  # where it was raised


def test_a_job_that_takes_too_long_is_killed_and_the_others_go_on():
    begun = time.monotonic()
    with Executor(hang, 1) as executor:
        for seconds in (60, 0):
            executor.submit(seconds, bounds=Bounds(seconds=0.2))
        outcomes = {job: future.exception() for job, future in executor.finished(everything=True)}
    assert str(outcomes[60]) == "it was not finished after 0 s, and its process was killed"
    assert outcomes[0] is None
    assert time.monotonic() - begun < 30


@pytest.mark.skipif(sys.platform != "linux", reason="memory can be limited on Linux only")
def test_a_job_that_takes_too_much_memory_fails_and_its_process_goes_on():
    with Executor(take_memory, 1) as executor:
        for megabytes in (500, 1, 501):
            executor.submit(megabytes, bounds=Bounds(memory_bytes=None if megabytes == 501 else 300 << 20))
        outcomes = {job: future.exception() for job, future in executor.finished(everything=True)}
    assert isinstance(outcomes[500], MemoryError)
    assert outcomes[1] is outcomes[501] is None


def test_results_come_in_the_order_in_which_jobs_finish(tmp_path):
    """The first job waits for a file that is made when the second one has been given back."""
    with Executor(wait_for, 2) as executor:
        executor.submit(tmp_path / "second")
        executor.submit(None)
        order = []
        for job, future in executor.finished(everything=True):
            order.append(job)
            assert future.result() == job
            (tmp_path / "second").touch()
    assert order == [None, tmp_path / "second"]


def test_the_function_is_sent_once_and_its_process_is_kept():
    assert answers(Counter(), "abc", 1) == {"a": 1, "b": 2, "c": 3}


def test_each_process_has_its_share_of_the_cores_and_is_another_process():
    ((here, *_),) = answers(surroundings, "a", 0).values()
    ((process, *threads),) = answers(surroundings, "a", 1, threads=3).values()
    assert here == os.getpid() != process
    assert threads == ["3", "3"]
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


def test_everything_a_job_writes_goes_to_its_log(tmp_path):
    logs = {word: tmp_path / "logs" / f"{word}.log" for word in ("fine", "error", "crash")}
    with Executor(talk, 1) as executor:
        for word, log in logs.items():
            executor.submit(word, log=log)
        outcomes = {word: future.exception() for word, future in executor.finished(everything=True)}
    assert outcomes.pop("fine") is None
    assert isinstance(outcomes["error"], ArithmeticError)
    assert isinstance(outcomes["crash"], WorkerDied)
    assert logs["fine"].read_text() == "prints fine\nwrites fine\n"
    assert logs["error"].read_text().endswith("ArithmeticError: one over nothing\n")
    text = logs["crash"].read_text()
    assert text.startswith("prints crash\nwrites crash\n")
    assert "Fatal Python error: Aborted" in text
    assert "in talk" in text


def test_an_error_that_cannot_travel_arrives_in_words():
    (error,) = answers(raise_odd, "a", 1).values()
    assert isinstance(error, RuntimeError)
    assert str(error) == "Odd: one and two"


def test_a_job_that_cannot_be_pickled_is_refused_where_it_is_submitted():
    with Executor(square, 1) as executor, pytest.raises((AttributeError, TypeError), match="pickle"):
        executor.submit(lambda: None)


@pytest.mark.skipif(os.name != "posix", reason="no signals to a group of processes")
def test_ctrl_c_lets_the_jobs_in_hand_finish(tmp_path):
    """A real Ctrl-C goes to all processes of the terminal."""
    code = (
        "import signal, sys\nfrom pathlib import Path\nfrom orienteer.executor import Executor\n"
        "from tests.test_executor import start_and_finish\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell ignores it for what runs in the background
        "with Executor(start_and_finish, 1) as executor:\n"
        "    executor.submit(Path(sys.argv[1]))\n    list(executor.finished(everything=True))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, cwd=Path.cwd(), start_new_session=True, stderr=subprocess.PIPE, text=True) as main:
        wait_for(tmp_path / "started")
        os.killpg(main.pid, signal.SIGINT)
        messages = main.communicate(timeout=20)[1]
    assert main.returncode == -signal.SIGINT
    assert messages.endswith("KeyboardInterrupt\n")
    assert (tmp_path / "finished").exists()


def test_a_job_that_is_asked_to_stop_may_save_what_it_has(tmp_path):
    with Executor(save_when_stopped, 1, patience_s=10.0) as executor:
        executor.submit(tmp_path)
        wait_for(tmp_path / "started")
    assert (tmp_path / "saved").exists()


def test_a_job_that_does_not_stop_is_killed_when_the_patience_is_at_an_end(tmp_path):
    with Executor(ignore_requests_to_stop, 1, patience_s=0.1) as executor:
        executor.submit(tmp_path)
        wait_for(tmp_path / "started")
        begun = time.monotonic()
    assert time.monotonic() - begun < 10


def test_processes_end_with_the_one_that_started_them(tmp_path):
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom orienteer.executor import Executor\n"
        "from tests.test_executor import start_and_finish, wait_for\n"
        "executor = Executor(start_and_finish, 1)\nexecutor.submit(Path(sys.argv[1]))\n"
        "wait_for(Path(sys.argv[1], 'started'))\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=Path.cwd(), timeout=30)
    assert ended.returncode == -signal.SIGKILL
    time.sleep(0.7)
    assert not (tmp_path / "finished").exists()


def test_a_script_needs_no_guard_to_start_processes(tmp_path):
    (tmp_path / "script.py").write_text(
        "from orienteer.executor import Executor\n"
        "with Executor(abs, 1) as executor:\n    executor.submit(-3)\n"
        "    print([future.result() for _, future in executor.finished(everything=True)])\n"
    )
    command = [sys.executable, str(tmp_path / "script.py")]
    path = {"PYTHONPATH": str(Path.cwd())}
    ended = subprocess.run(command, env=os.environ | path, capture_output=True, text=True, timeout=60)
    assert ended.stdout == "[3]\n", ended.stderr


def test_processes_that_cannot_start_say_so(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    (error,) = answers(square, (1,), 1).values()
    assert isinstance(error, NoProcess)
    assert "workers: wanted a process that can start, got one that ended at once (exit code 1)" in str(error)


def test_a_system_without_room_for_a_process_says_so(monkeypatch):
    def full(*_, **__):
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", full)
    with Executor(square, 1) as executor, pytest.raises(NoProcess, match=r"got Resource temporarily .*ulimit"):
        executor.submit(1)

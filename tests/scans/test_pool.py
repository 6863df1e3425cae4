import os

from orienteer.scans.pool import Pool, WorkerDied


def _square_or_die(number):
    if number == 3:
        os._exit(1)
    return number**2


def _answers(workers, numbers):
    answers = []
    with Pool(_square_or_die, workers) as pool:
        for number in numbers:
            pool.submit(number)
            answers += pool.finished()
        answers += pool.finished(everything=True)
    return answers


def test_without_workers_the_answers_come_at_once_and_in_order():
    assert _answers(0, (1, 2, 4)) == [(1, 1), (2, 4), (4, 16)]


def test_every_job_is_answered_when_one_kills_its_process():
    answers = _answers(2, (1, 2, 3, 4))
    assert sorted(number for number, _ in answers) == [1, 2, 3, 4]
    results = dict(answers)
    assert isinstance(results.pop(3), WorkerDied)
    assert results == {1: 1, 2: 4, 4: 16}

"""The worker does its jobs in order and hands faults to whoever comes next."""

from __future__ import annotations

import threading

import pytest

from mapper.slam.background_worker import QUEUE_LENGTH, Worker


@pytest.mark.parametrize("threaded", [False, True])
def test_jobs_are_done_in_order(threaded: bool) -> None:
    done: list[int] = []
    worker: Worker[int] = Worker(done.append, threaded)
    for number in range(50):
        worker.put(number)
    worker.join()
    assert done == list(range(50))


@pytest.mark.parametrize("threaded", [False, True])
def test_a_fault_comes_out_of_put_or_join(threaded: bool) -> None:
    def work(number: int) -> None:
        if number == 3:
            raise ValueError("three")

    worker: Worker[int] = Worker(work, threaded)

    def do_all() -> None:
        for number in range(5):
            worker.put(number)
        worker.join()

    with pytest.raises(ValueError, match="three"):
        do_all()
    with pytest.raises(ValueError, match="three"):
        worker.join()  # told as often as asked: the work is not whole


def test_no_job_is_done_after_a_fault() -> None:
    done: list[int] = []
    gate = threading.Event()

    def work(number: int) -> None:
        gate.wait(10)
        if number == 0:
            raise ValueError("first")
        done.append(number)

    worker: Worker[int] = Worker(work, True)
    for number in range(5):
        worker.put(number)
    gate.set()
    with pytest.raises(ValueError, match="first"):
        worker.join()
    assert done == []


def test_put_never_waits_for_a_worker_that_failed() -> None:
    def work(_: int) -> None:
        raise ValueError("at once")

    worker: Worker[int] = Worker(work, True)
    faults = 0
    for number in range(5 * QUEUE_LENGTH):
        try:
            worker.put(number)
        except ValueError:
            faults += 1
    assert faults >= 1
    with pytest.raises(ValueError, match="at once"):
        worker.join()


def test_a_full_queue_makes_put_wait() -> None:
    gate = threading.Event()
    done: list[int] = []

    def work(number: int) -> None:
        gate.wait(10)
        done.append(number)

    worker: Worker[int] = Worker(work, True)
    count = QUEUE_LENGTH + 3

    def fill() -> None:
        for number in range(count):
            worker.put(number)

    filler = threading.Thread(target=fill)
    filler.start()
    filler.join(0.2)
    assert filler.is_alive() and done == []
    gate.set()
    filler.join(10)
    worker.join()
    assert done == list(range(count))


def test_joining_twice_is_harmless() -> None:
    done: list[int] = []
    worker: Worker[int] = Worker(done.append, True)
    worker.put(1)
    worker.join()
    worker.join()
    assert done == [1]


def test_a_thinned_queue_never_waits_and_leaves_out_what_it_is_told_to() -> None:
    gate, started = threading.Event(), threading.Event()
    done: list[int] = []

    def work(number: int) -> None:
        started.set()
        gate.wait(10)
        done.append(number)

    worker: Worker[int] = Worker(work, True, lambda jobs: jobs.index(min(jobs)) + 1)
    worker.put(0)
    assert started.wait(10)
    count = QUEUE_LENGTH + 4
    # None waits, or the test would not end.
    left_out = [worker.put(number) for number in range(1, count)]
    gate.set()
    worker.join()
    # 0 is at work and 1 is the oldest that waits; the ones after it went, one for each too many.
    assert left_out == [None] * QUEUE_LENGTH + [2, 3, 4] and done == [0, 1, *range(5, count)]

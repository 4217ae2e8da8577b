"""Runs a function over a queue of jobs, in a thread or at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Job = TypeVar("Job")
QUEUE_LENGTH = 8


class Worker(Generic[Job]):
    """Jobs are done in order; a full queue makes put() wait; a fault comes out of every call
    that follows, and no later job is done."""

    def __init__(self, work: Callable[[Job], None], threaded: bool) -> None:
        self._work = work
        self._fault: BaseException | None = None
        self._jobs: queue.Queue[Job | None] | None = None
        if threaded:
            self._jobs = queue.Queue(QUEUE_LENGTH)
            self._thread = threading.Thread(target=self._run, name="mapper-backend", daemon=True)
            self._thread.start()

    def put(self, job: Job) -> None:
        self._raise_fault()
        if self._jobs is None:
            self._do(job)
            self._raise_fault()
        elif not self._thread.is_alive():
            raise RuntimeError("the mapper has finished: make a new one for further frames")
        else:
            self._jobs.put(job)

    def join(self) -> None:
        """Wait until every job is done and end the thread."""
        if self._jobs is not None and self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()
        self._raise_fault()

    def _run(self) -> None:
        assert self._jobs is not None
        while (job := self._jobs.get()) is not None:
            if self._fault is None:  # else drain, so that put() never waits for nothing
                self._do(job)

    def _do(self, job: Job) -> None:
        try:
            self._work(job)
        except BaseException as fault:
            self._fault = fault

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

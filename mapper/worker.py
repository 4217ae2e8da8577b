"""Runs a function over a queue of jobs, in a thread or at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Job = TypeVar("Job")
QUEUE_LENGTH = 8


class Worker(Generic[Job]):
    """Jobs are done in order; a full queue makes put() wait; a fault comes out of the next call."""

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
            self._work(job)
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
            if self._fault is not None:
                continue  # drain, so that put() never waits for a dead thread
            try:
                self._work(job)
            except BaseException as fault:
                self._fault = fault

    def _raise_fault(self) -> None:
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault

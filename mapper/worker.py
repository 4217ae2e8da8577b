"""Runs a function over a queue of jobs, in a thread or at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Job = TypeVar("Job")
QUEUE_LENGTH = 8


class Worker(Generic[Job]):
    """Jobs are done in order; a fault comes out of every call that follows, and no later job is
    done.

    A full queue makes put() wait, unless `thin` names a waiting job to leave out: it is given the
    jobs that wait and the new one, and returns the position of one that waits, or None. left_out:
    how many there were.
    """

    def __init__(
        self,
        work: Callable[[Job], None],
        threaded: bool,
        thin: Callable[[Sequence[Job]], int | None] | None = None,
    ) -> None:
        self.left_out = 0
        self._work = work
        self._thin = thin
        self._fault: BaseException | None = None
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._ending = False
        self._thread: threading.Thread | None = None
        if threaded:
            self._thread = threading.Thread(target=self._run, name="mapper-backend", daemon=True)
            self._thread.start()

    def put(self, job: Job) -> None:
        self._raise_fault()
        if self._thread is None:
            self._do(job)
            self._raise_fault()
            return
        with self._changed:
            if self._ending:
                raise RuntimeError("the mapper has finished: make a new one for further frames")
            self._make_room(job)
            self._jobs.append(job)
            self._changed.notify_all()

    def join(self) -> None:
        """Wait until every job is done and end the thread."""
        if self._thread is not None:
            with self._changed:
                self._ending = True
                self._changed.notify_all()
            self._thread.join()
        self._raise_fault()

    def _make_room(self, job: Job) -> None:
        if self._thin is not None and len(self._jobs) >= QUEUE_LENGTH:
            position = self._thin([*self._jobs, job])
            if position is not None:
                del self._jobs[position]
                self.left_out += 1
        self._changed.wait_for(lambda: len(self._jobs) < QUEUE_LENGTH)

    def _run(self) -> None:
        while taken := self._take():
            if self._fault is None:  # else drain, so that put() never waits for nothing
                self._do(*taken)

    def _take(self) -> tuple[Job, ...]:
        """The next job, once there is one; nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._ending)
            taken = (self._jobs.popleft(),) if self._jobs else ()
            self._changed.notify_all()
            return taken

    def _do(self, job: Job) -> None:
        try:
            self._work(job)
        except BaseException as fault:
            self._fault = fault

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

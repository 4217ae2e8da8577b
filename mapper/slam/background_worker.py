"""Runs a function over a queue of jobs, in a thread or at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

Job = TypeVar("Job")
QUEUE_LENGTH = 8


class Worker(Generic[Job]):
    """Jobs are done in order; a fault comes out of every call that follows, and no later job is
    done.

    A full queue makes put() wait. With `thin` it never does: given the jobs that wait and the new
    one, `thin` says which of those that wait is left out, by its position.
    """

    def __init__(
        self,
        work: Callable[[Job], None],
        threaded: bool,
        thin: Callable[[Sequence[Job]], int] | None = None,
        name: str = "mapper-backend",
    ) -> None:
        """name: of the thread."""
        self._work = work
        self._thin = thin
        self._fault: BaseException | None = None
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._ending = False
        self._is_busy = False
        self._thread: threading.Thread | None = None
        if threaded:
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._thread.start()

    @property
    def fault(self) -> BaseException | None:
        """What a job raised, after which no other was done."""
        return self._fault

    def put(self, job: Job) -> Job | None:
        """Returns the job that is left out for this one, if any."""
        self._raise_fault()
        if self._thread is None:
            with self._keeping_its_fault():
                self._work(job)
            self._raise_fault()
            return None
        with self._changed:
            if self._ending:
                raise RuntimeError("the mapper has finished: make a new one for further frames")
            left_out = self._make_room(job)
            self._jobs.append(job)
            self._changed.notify_all()
            return left_out

    def settle(self) -> None:
        """Wait until every job is done; others may follow."""
        with self._changed:
            self._changed.wait_for(lambda: not self._jobs and not self._is_busy)
        self._raise_fault()

    def join(self) -> None:
        """Wait until every job is done and end the thread."""
        self.close()
        self._raise_fault()

    def close(self) -> None:
        """The same without a word about faults: for whoever has one to tell already."""
        if self._thread is not None:
            with self._changed:
                self._ending = True
                self._changed.notify_all()
            self._thread.join()

    def _make_room(self, job: Job) -> Job | None:
        if self._thin is None:
            self._changed.wait_for(lambda: len(self._jobs) < QUEUE_LENGTH)
            return None
        if len(self._jobs) < QUEUE_LENGTH:
            return None
        position = self._thin([*self._jobs, job])
        left_out = self._jobs[position]
        del self._jobs[position]
        return left_out

    def _run(self) -> None:
        while taken := self._take():
            if self._fault is None:  # else drain, so that put() never waits for nothing
                with self._keeping_its_fault():
                    self._work(*taken)
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()

    def _take(self) -> tuple[Job, ...]:
        """The next job, once there is one; nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._ending)
            taken = (self._jobs.popleft(),) if self._jobs else ()
            self._is_busy = bool(taken)
            self._changed.notify_all()
            return taken

    @contextmanager
    def _keeping_its_fault(self) -> Iterator[None]:
        try:
            yield
        except BaseException as fault:
            self._fault = fault

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

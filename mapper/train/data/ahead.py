"""Batches that are read while the one before is learned from."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mapper.train.batch import TrainingBatch
    from mapper.train.data.batches import Batches


def read_ahead(
    batches: Batches, numbers: Iterable[int], workers: int
) -> Generator[TrainingBatch, None, None]:
    """Batches in the order of their numbers, by so many threads, each one batch ahead; 0 = each
    when it is asked for. A batch is drawn by its number alone, so the threads change none.

    Errors are raised where the batch that has them is due.
    """
    if not workers:
        yield from (batches[number] for number in numbers)
        return
    due = iter(numbers)
    threads = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    try:
        waiting: deque[Future[TrainingBatch]] = deque(
            threads.submit(batches.__getitem__, number) for number in islice(due, workers)
        )
        while waiting:
            batch = waiting.popleft().result()
            waiting.extend(threads.submit(batches.__getitem__, one) for one in islice(due, 1))
            yield batch
    finally:
        threads.shutdown(wait=True, cancel_futures=True)

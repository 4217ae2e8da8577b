"""Does the sequences of a benchmark: here, in processes, or on the machines of a Ray cluster."""

from __future__ import annotations

import logging
import math
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from mapper.config.loader import to_mapping
from mapper.errors import ConfigError, InputError, MapperError
from mapper.evaluate.job import BenchRequest, SequenceJob
from mapper.evaluate.provenance import code_version, input_fingerprint, request_record, result_key
from mapper.evaluate.results import SequenceResult, failure
from mapper.evaluate.selection import benchmark_dataset, preparation_notes, selected_frames
from mapper.evaluate.tasks import TASKS

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """One sequence to be done once. drawn: frames, where the protocol draws them.

    earlier: a result of this sequence that stands if nothing has changed since.
    """

    request: BenchRequest
    sequence: str
    repetition: int = 0
    drawn: tuple[int, ...] = ()
    earlier: SequenceResult | None = None


def done(
    orders: Iterable[Order], processes: int = 1, ray: str | None = None
) -> Iterator[SequenceResult]:
    """The results, in the order in which they come. ray: address of a cluster, or "auto"."""
    if ray is not None:
        yield from _on_cluster(list(orders), ray)
    elif processes == 1:
        yield from map(do, orders)
    else:
        yield from _in_processes(list(orders), processes)


def do(order: Order) -> SequenceResult:
    """One sequence; whatever goes wrong becomes a failed result, so that the others go on."""
    facts = _facts(order.request)
    try:
        return _do(order, facts)
    except MapperError as error:
        reason = str(error)
    except Exception as error:  # of a model or a library: it ends this sequence, not the benchmark
        logger.exception("%s failed", order.sequence)
        reason = f"{type(error).__name__}: {error}"
    return failure(order.sequence, order.repetition, reason, facts)


def _do(order: Order, facts: dict[str, Any]) -> SequenceResult:
    request = order.request
    sequence = benchmark_dataset(request.dataset, request.root).sequence(order.sequence)
    indices = selected_frames(sequence, request.protocol, order.drawn)
    job = SequenceJob(request, sequence, indices)
    key = result_key(job, order.repetition)
    if order.earlier is not None and order.earlier.succeeded and order.earlier.key == key:
        return order.earlier
    measured = TASKS[request.protocol.task](job)
    undefined = [name for name, value in measured.metrics.items() if not math.isfinite(value)]
    if undefined:
        raise InputError(f"{', '.join(undefined)}: not finite; are the predictions?")
    facts["fingerprint"] = input_fingerprint(job)
    facts["configuration"] = to_mapping(request.config(order.sequence))
    return SequenceResult(
        order.sequence,
        order.repetition,
        "ok",
        key,
        facts,
        measured.metrics,
        measured.expected,
        measured.answered,
        measured.frames,
        measured.seconds,
        [*measured.notes, *preparation_notes(sequence, request.protocol)],
    )


def _facts(request: BenchRequest) -> dict[str, Any]:
    protocol = request.protocol
    return {
        "protocol": {"name": protocol.name, "version": protocol.version, "task": protocol.task},
        "request": request_record(request),
        "code": code_version(),
    }


def _in_processes(orders: list[Order], processes: int) -> Iterator[SequenceResult]:
    """A process that dies, of lack of memory for instance, takes down all that go with it: what was
    left is done again one by one, which shows whose fault it was."""
    for order, _ in (yield from _in_pool(orders, processes)):
        for alone, error in (yield from _in_pool([order], 1)):
            yield _died(alone, error)


def _in_pool(
    orders: list[Order], processes: int
) -> Generator[SequenceResult, None, list[tuple[Order, BaseException]]]:
    """Yields the results; returns the orders whose process died."""
    left = []
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        pending = {pool.submit(do, order): order for order in orders}
        for future in as_completed(pending):
            error = future.exception()
            if error is None:
                yield future.result()
            else:
                left.append((pending[future], error))
    return left


def _on_cluster(orders: list[Order], address: str) -> Iterator[SequenceResult]:
    """Datasets, and the program, must be at the same paths on all machines."""
    try:
        import ray
    except ImportError as error:
        raise ConfigError("--ray needs the package ray: pip install ray") from error
    ray.init(address=address)
    remote = ray.remote(do)
    pending = {remote.remote(order): order for order in orders}
    while pending:
        (reference, *_), _ = ray.wait(list(pending), num_returns=1)
        order = pending.pop(reference)
        try:
            yield ray.get(reference)
        except ray.exceptions.RayError as error:
            yield _died(order, error)


def _died(order: Order, error: BaseException) -> SequenceResult:
    reason = f"its process died ({type(error).__name__}: {error})"
    return failure(order.sequence, order.repetition, reason, _facts(order.request))

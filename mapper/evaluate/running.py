"""Does the sequences of a benchmark: here, in processes, or on the machines of a Ray cluster."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mapper.config.loader import to_mapping
from mapper.errors import InputError, MapperError
from mapper.evaluate.job import BenchRequest, SequenceJob
from mapper.evaluate.provenance import code_version, input_fingerprint, request_record, result_key
from mapper.evaluate.results import SequenceResult, failure
from mapper.evaluate.selection import benchmark_dataset, preparation_notes, selected_frames
from mapper.evaluate.tasks import TASKS
from mapper.runtime.workers import Died, Workers, outcomes

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
    for order, outcome in outcomes(do, orders, Workers(processes, ray)):
        yield _died(order, outcome) if isinstance(outcome, Died) else outcome


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


def _died(order: Order, died: Died) -> SequenceResult:
    reason = f"its process died ({died.reason})"
    return failure(order.sequence, order.repetition, reason, _facts(order.request))

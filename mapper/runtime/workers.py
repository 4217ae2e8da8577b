"""Does the same with many things: here, in processes, or on the machines of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TypeVar

from mapper.errors import ConfigError

Order = TypeVar("Order")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Workers:
    """processes: at once, on this machine; 1 = this one. ray: address of a cluster in their place,
    or "auto"."""

    processes: int = 1
    ray: str | None = None

    def __post_init__(self) -> None:
        if self.processes < 1:
            raise ConfigError(f"--jobs {self.processes}: one process at least")


@dataclass(frozen=True, slots=True)
class Died:
    """Why there is no result: what the process died of, or what came out of it."""

    reason: str


def outcomes(
    do: Callable[[Order], Result], orders: Iterable[Order], workers: Workers
) -> Iterator[tuple[Order, Result | Died]]:
    """Each order with its result, as they come. do: of a module; orders and results can be pickled.

    In this process a fault of `do` comes out here. Elsewhere it is a Died.
    """
    if workers.ray is not None:
        yield from _on_cluster(do, list(orders), workers.ray)
    elif workers.processes == 1:
        for order in orders:
            yield order, do(order)
    else:
        yield from _in_processes(do, list(orders), workers.processes)


def _in_processes(
    do: Callable[[Order], Result], orders: list[Order], processes: int
) -> Iterator[tuple[Order, Result | Died]]:
    """A process that dies, of lack of memory for instance, takes down all that go with it: what was
    left is done again one by one, which shows whose fault it was."""
    for order, _ in (yield from _in_pool(do, orders, processes)):
        for alone, error in (yield from _in_pool(do, [order], 1)):
            yield alone, _died(error)


def _in_pool(
    do: Callable[[Order], Result], orders: list[Order], processes: int
) -> Generator[tuple[Order, Result | Died], None, list[tuple[Order, BaseException]]]:
    """Yields the results; returns the orders that have none."""
    left = []
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        pending = {pool.submit(do, order): order for order in orders}
        for future in as_completed(pending):
            error = future.exception()
            if error is None:
                yield pending[future], future.result()
            else:
                left.append((pending[future], error))
    return left


def _on_cluster(
    do: Callable[[Order], Result], orders: list[Order], address: str
) -> Iterator[tuple[Order, Result | Died]]:
    """Files, and the program, must be at the same paths on all machines."""
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
            yield order, ray.get(reference)
        except ray.exceptions.RayError as error:
            yield order, _died(error)


def _died(error: BaseException) -> Died:
    return Died(f"{type(error).__name__}: {error}")

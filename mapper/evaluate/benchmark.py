"""A whole benchmark: all sequences of a protocol, into a folder of results and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mapper.errors import ConfigError, InputError
from mapper.evaluate.averages import summary_of
from mapper.evaluate.job import BenchRequest
from mapper.evaluate.page import as_html
from mapper.evaluate.provenance import code_version, request_record
from mapper.evaluate.results import ResultFolder, SequenceResult, failure
from mapper.evaluate.running import Order, done
from mapper.evaluate.selection import Plan, benchmark_dataset, plan
from mapper.evaluate.table import Table, as_csv, as_latex, as_text, table_of
from mapper.evaluate.truth_frontend import NAME as TRUTH
from mapper.frontends.registry import check_frontend
from mapper.runtime.atomic_files import atomic_write

TABLE: Final = "table"


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """repeat: how often each sequence is done. processes: at once. ray: address of a cluster.

    overwrite: begin anew where there are results.
    """

    repeat: int = 1
    processes: int = 1
    ray: str | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.repeat < 1 or self.processes < 1:
            raise ConfigError("--repeat and --jobs must be at least 1")
        if self.ray is not None and self.processes > 1:
            raise ConfigError("--jobs is for one machine and --ray for many; give one of them")


def run_benchmark(
    request: BenchRequest,
    out: Path,
    options: BenchOptions,
    tell: Callable[[SequenceResult], None],
) -> tuple[Table, dict[str, Any]]:
    """Do what is not done yet, tell each result, write all tables; returns the table and summary.

    out: made, or taken up where it was begun with the same request.
    """
    check_request(request)
    dataset = benchmark_dataset(request.dataset, request.root)
    todo = plan(request.protocol, dataset)
    if not todo.sequences and not todo.missing:
        raise InputError(
            f"{dataset.root}: none of its sequences is long enough for {request.protocol.name}"
        )
    folder = ResultFolder(out)
    with folder.taken({"request": request_record(request)}, options.overwrite):
        results = []
        for result in _results(request, todo, folder, options):
            folder.write(result)
            tell(result)
            results.append(result)
        results.sort(key=lambda result: (result.sequence, result.repetition))
        summary = summary_of(request.protocol, results, todo.excluded)
        summary = {"request": request_record(request), "code": code_version(), **summary}
        table = table_of(request.protocol, title_of(request), summary)
        write_tables(table, out)
        folder.write_summary(summary)
    return table, summary


def _results(
    request: BenchRequest, todo: Plan, folder: ResultFolder, options: BenchOptions
) -> Iterator[SequenceResult]:
    """Of the sequences that are missing, then of the others as they are done."""
    facts = {"request": request_record(request), "code": code_version()}
    repetitions = range(options.repeat)
    for name, reason in sorted(todo.missing.items()):
        yield from (failure(name, repetition, reason, facts) for repetition in repetitions)
    orders = [
        Order(request, name, repetition, drawn, folder.read(name, repetition))
        for repetition in repetitions
        for name, drawn in todo.sequences.items()
    ]
    yield from done(orders, options.processes, options.ray)


def check_request(request: BenchRequest) -> None:
    """Raise ConfigError for what makes no sense, before anything is done."""
    protocol = request.protocol
    if request.frontend != TRUTH:
        check_frontend(request.frontend)
    if request.frontend == "auto":
        raise ConfigError("name the frontend to be measured with --frontend; auto is none")
    if request.backend and protocol.task == "mono-depth":
        raise ConfigError("mono-depth shows each image alone, so there is nothing for a backend")
    if request.backend and protocol.frames.draw:
        raise ConfigError(f"{protocol.name} draws frames at random: no backend can follow them")
    request.config("")


def title_of(request: BenchRequest) -> str:
    """One line that tells benchmarks apart, for people."""
    protocol = request.protocol
    backend = "with backend" if request.backend else "without backend"
    return f"{protocol.name} v{protocol.version}: {request.frontend}, {backend}"


def write_tables(table: Table, folder: Path) -> None:
    """The table in all its forms."""
    for suffix, text in (
        ("txt", as_text(table) + "\n"),
        ("csv", as_csv(table)),
        ("tex", as_latex(table)),
        ("html", as_html(table)),
    ):
        with atomic_write(folder / f"{TABLE}.{suffix}") as stream:
            stream.write(text)

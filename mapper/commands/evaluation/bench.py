"""mapper bench: published evaluation protocols on any frontend, with the backend or without."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from mapper.commands.options import add_config, add_weights

if TYPE_CHECKING:
    from mapper.evaluate.job import BenchRequest
    from mapper.evaluate.results import SequenceResult

TASKS = ("pose", "video-depth", "mono-depth", "reconstruction")
EPILOG = """examples:
  mapper bench pose --dataset 7scenes --root data/7scenes --frontend rgbd --backend on
  mapper bench pose --dataset 7scenes --root data/7scenes --frontend rgbd --backend on \\
      --protocol slam-7scenes-pose
  mapper bench video-depth --dataset sintel --root data/sintel --frontend cut3r --weights W.pth
  mapper bench reconstruction --dataset nrgbd --root data/neural_rgbd --frontend stream3r \\
      --protocol stream3r-nrgbd-reconstruction
  mapper bench compare bench/first bench/second
  mapper bench protocols

--frontend truth measures the ground truth against itself: it must show no error. In --set,
{sequence} stands for the name of the sequence: --set replay.predictions=saved/{sequence}.
"""
DATASET_HELP = "7scenes, sintel, ... (any other word lists all), or predictions"
OUT_HELP = "results; a folder begun earlier is taken up; default bench/PROTOCOL-FRONTEND[-backend]"
ON_OFF = {"on": True, "off": False}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    for task in TASKS:
        _add_task(tasks.add_parser(task, help=f"measure {task.replace('-', ' ')}"))
    comparison = tasks.add_parser("compare", help="the differences between two benchmarks")
    comparison.add_argument("first", type=Path, metavar="A", help="folder of results")
    comparison.add_argument("second", type=Path, metavar="B", help="folder of results")
    tasks.add_parser("protocols", help="list the protocols")
    for parsed in tasks.choices.values():
        parsed.add_argument(
            "--json",
            action="store_true",
            default=argparse.SUPPRESS,
            help="print results as JSON",
        )


def _add_task(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", required=True, metavar="NAME", help=DATASET_HELP)
    parser.add_argument("--root", required=True, metavar="DIR", help="folder of the dataset")
    parser.add_argument("--frontend", required=True, metavar="NAME", help="as of run; or truth")
    parser.add_argument("--backend", choices=tuple(ON_OFF), default="off", help="default: off")
    parser.add_argument("--protocol", metavar="NAME", help="see mapper bench protocols; or a file")
    parser.add_argument("--out", type=Path, metavar="DIR", help=OUT_HELP)
    add_config(parser)
    add_weights(parser)
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="with mean and spread")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="sequences at once")
    parser.add_argument("--ray", metavar="ADDRESS", help="of a Ray cluster, or auto")
    parser.add_argument("--overwrite", action="store_true", help="begin anew, not where it ended")


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    if arguments.task == "protocols":
        return _list_protocols(arguments.json)
    if arguments.task == "compare":
        return _compare(arguments)
    return _measure(arguments)


def _measure(arguments: argparse.Namespace) -> int:
    """0 where every sequence has figures, 2 where one failed."""
    from mapper.evaluate.benchmark import BenchOptions, run_benchmark
    from mapper.evaluate.table import as_text

    request = _request(arguments)
    out = arguments.out or Path("bench") / _name(request)
    options = BenchOptions(arguments.repeat, arguments.jobs, arguments.ray, arguments.overwrite)
    table, summary = run_benchmark(
        request, out, options, lambda result: None if arguments.json else _tell(result)
    )
    if arguments.json:
        print(json.dumps({"out": str(out), **summary}))
    else:
        print(f"\n{as_text(table)}\n\n  {out / 'table.html'}")
    return 0 if summary["succeeded"] == summary["expected"] else 2


def _request(arguments: argparse.Namespace) -> BenchRequest:
    from mapper.evaluate.job import BenchRequest
    from mapper.evaluate.protocol import choose_protocol

    protocol = choose_protocol(arguments.task, arguments.dataset, arguments.protocol)
    changes = list(arguments.changes)
    if arguments.commercial:
        changes.append("commercial=true")
    if arguments.weights:
        changes.append(f"weights={Path(arguments.weights)}")
    return BenchRequest(
        protocol,
        arguments.dataset,
        str(Path(arguments.root).expanduser().resolve()),
        arguments.frontend,
        ON_OFF[arguments.backend],
        arguments.config,
        tuple(changes),
    )


def _name(request: BenchRequest) -> str:
    return f"{request.protocol.name}-{request.frontend}" + ("-backend" if request.backend else "")


def _tell(result: SequenceResult) -> None:
    state = f"{result.answered} of {result.expected} frames, {result.seconds:.1f} s"
    print(f"  {result.sequence}: {state if result.succeeded else result.error}", flush=True)


def _compare(arguments: argparse.Namespace) -> int:
    from mapper.evaluate.comparison import compare
    from mapper.evaluate.table import as_text

    table, values = compare(arguments.first, arguments.second)
    print(json.dumps(values) if arguments.json else as_text(table))
    return 0


def _list_protocols(as_json: bool) -> int:
    from mapper.evaluate.protocol import load_protocol, protocol_names

    protocols = [load_protocol(name) for name in protocol_names()]
    if as_json:
        print(
            json.dumps([{"name": p.name, "version": p.version, "task": p.task} for p in protocols])
        )
        return 0
    for p in protocols:
        datasets = ", ".join(p.datasets) or "any"
        print(f"{p.name:<36} v{p.version}  {p.task:<15} {datasets}")
    return 0

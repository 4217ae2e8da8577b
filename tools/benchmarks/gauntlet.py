"""Maps rooms by seed and real recordings and counts what is wrong and confident.

    python tools benchmarks.gauntlet [--half tune|seen|final|all] [--only TEXT] [--workers N]
        [--out FOLDER] [--against FILE] [--open3d] [--data FOLDER]
        [--seeds FIRST-LAST [--vary NAME=VALUE,... ...]]

Writes gauntlet.json and gauntlet.html to the folder and prints the tables of docs/benchmarks.md.
The half "final" is looked at once, in the end; "seen" was the final one before. --against compares
with the gauntlet.json of another commit; --open3d runs Open3D's dense SLAM over the same frames.
--seeds maps other rooms instead, to tune on, whose specs have these values in turn in the fields
that are named.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from gauntlet.cases import DATA, HALVES, Case, Selection, drawn_cases
from gauntlet.judging import judge
from gauntlet.open3d_slam import track_with_open3d
from gauntlet.page import write_page
from gauntlet.running import Outcome, open_case, run_case, true_poses
from gauntlet.summary import Row, comparison, table, totals_table

from mapper.errors import ConfigError


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--half", choices=(*HALVES, "all"), default="tune")
    parser.add_argument("--only", default="", metavar="TEXT", help="names that contain it")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=Path("runs/gauntlet"))
    parser.add_argument("--against", type=Path, metavar="FILE")
    parser.add_argument("--open3d", action="store_true")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=_seeds, metavar="FIRST-LAST")
    parser.add_argument("--vary", type=_varied, nargs="+", default=[], metavar="NAME=VALUE,...")
    arguments = parser.parse_args()
    cases = _cases(arguments)
    if not cases:
        sys.exit("no sequence has such a name")
    before = json.loads(arguments.against.read_text())["mapper"] if arguments.against else []
    started = time.perf_counter()
    rows = run_all(run_case, cases, arguments.workers)
    peers = run_all(run_open3d, cases, arguments.workers) if arguments.open3d else []
    print(f"{len(cases)} sequences in {time.perf_counter() - started:.0f} s\n")
    report(rows, peers, before, arguments.out)


def _cases(arguments: argparse.Namespace) -> list[Case]:
    if arguments.seeds is None:
        return Selection(arguments.half, arguments.only, arguments.data).cases()
    try:
        return list(drawn_cases(arguments.seeds, dict(arguments.vary)))
    except (ValueError, ConfigError) as error:
        sys.exit(str(error))


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    if not (first.isdecimal() and (last or first).isdecimal()):
        raise argparse.ArgumentTypeError(f"{text}: expected two numbers like 1400-1411")
    return range(int(first), int(last or first) + 1)


def _varied(text: str) -> tuple[str, list[str | float]]:
    """A field's name, and words or numbers."""
    name, _, values = text.partition("=")
    if not values:
        raise argparse.ArgumentTypeError(f"{text}: expected a field and values like rate=30,15")
    return name, [_number(value) for value in values.split(",")]


def _number(text: str) -> str | float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def report(rows: list[Row], peers: list[Row], before: list[Row], out: Path) -> None:
    """Print the tables and write the files."""
    against = comparison(rows, before) if before else ""
    for text in (table(rows), totals_table(rows), against):
        print(f"{text}\n")
    if peers:
        print(f"Open3D's dense SLAM on the same frames:\n\n{totals_table(peers)}")
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"mapper": rows, "open3d": peers}, indent=1)
    (out / "gauntlet.json").write_text(text)
    write_page(out / "gauntlet.html", rows, against)
    print(f"\n{out / 'gauntlet.html'}")


def run_all(run: Any, cases: list[Case], workers: int) -> list[Row]:
    """Rows in the order of the cases, each run in a process of its own kind."""
    os.environ["OMP_NUM_THREADS"] = "1"  # CPU time is compared: threads that spin would count
    rows: dict[str, Row] = {}
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(run, case) for case in cases]
        for done in as_completed(waiting):
            row = done.result().as_json()
            rows[row["name"]] = row
            wrong = f"{len(row['wrong'])} wrong" if not row["fault"] else row["fault"]
            print(f"  {len(rows)} of {len(cases)}: {row['name']}: {wrong}", file=sys.stderr)
    return [rows[case.name] for case in cases]


def run_open3d(case: Case) -> Outcome:
    """The peer on the same frames."""
    outcome = Outcome(case.name, case.half, case.traits)
    sequence = open_case(case, 0)
    truth = true_poses(sequence)
    track = track_with_open3d(sequence)
    rows = np.arange(len(track.T_world_camera))
    rows = rows[np.isfinite(truth[rows]).all(axis=(1, 2))]
    verdict = judge(track.T_world_camera[rows], truth[rows])
    outcome.frames, outcome.placed = len(sequence), len(track.T_world_camera)
    outcome.ate = verdict.ate
    outcome.rpe_translation, outcome.rpe_rotation = verdict.rpe_translation, verdict.rpe_rotation
    outcome.wrong = [int(rows[row]) for row in verdict.wrong]
    outcome.cpu_ms = 1e3 * track.cpu_seconds / max(len(sequence), 1)
    return outcome


if __name__ == "__main__":
    main()

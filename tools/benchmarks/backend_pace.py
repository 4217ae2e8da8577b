"""Milliseconds a frame by thread, with a network that costs nothing: what bounds a fast GPU.

    python tools benchmarks.backend_pace SEQUENCE [--frames 300] [--width 512] [--work DIR]
        [--set KEY=VALUE ...]

Predictions of the sequence's first frames are simulated once (tools/simulate_predictions.py, kept
in --work) and mapped by `mapper run --frontend replay` into a temporary folder. CPU time of each
thread while frames go through; "main" reads predictions where a network would compute them, and
settles the map in the end, which is told apart. Frames a second are of the clock, without the end:
leave the machine alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.slam.mapper import Mapper

SIMULATOR = Path(__file__).parents[1] / "simulate_predictions.py"


@dataclass
class Clocks:
    """seconds: CPU time by thread. settling: of the main thread, in the end. started, ended: of the
    frames, on the clock."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    settling: float = 0.0
    started: float = 0.0
    ended: float = 0.0


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sequence", type=Path)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--work", type=Path, default=Path("runs/backend_pace"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes")
    options = parser.parse_args(arguments)
    predictions = simulated(options.sequence, options.frames, options.width, options.work)
    clocks = Clocks()
    with tempfile.TemporaryDirectory() as folder, clocked(clocks):
        request = RunRequest(
            sequence=options.sequence,
            out=Path(folder) / "run",
            frontend="replay",
            changes=(f"replay.predictions={predictions}", *options.changes),
            max_frames=options.frames,
        )
        _, metrics = map_into(request)
    report(clocks, metrics["frames"])
    print(
        f"ATE {100 * metrics['ate_rmse']:.2f} cm up to scale, "
        f"RPE {1e3 * metrics['rpe_rmse']:.2f} mm"
    )


def simulated(sequence: Path, frames: int, width: int, work: Path) -> Path:
    """The folder of the predictions, made where it is not there yet."""
    out = work / f"{sequence.name}_{frames}_{width}"
    if not (out / "simulation.yaml").exists():
        options = f"--max-frames {frames} --width {width} --images real --seed 2 --overwrite"
        command: list[str | Path] = [sys.executable, SIMULATOR, sequence, "--out", out]
        subprocess.run([*command, *options.split()], check=True)
    return out


@contextmanager
def clocked(clocks: Clocks) -> Iterator[None]:
    """Note the CPU time of all threads that begin and end inside, and of this one."""
    run, step, finish = threading.Thread.run, Mapper.step, Mapper.finish

    def noted(thread: threading.Thread) -> None:
        started = time.thread_time()
        try:
            run(thread)
        finally:
            clocks.seconds[thread.name] += time.thread_time() - started

    def first_noted(self: Mapper, *rest: object) -> object:
        if not clocks.started:
            clocks.started, clocks.seconds["main"] = time.perf_counter(), -time.thread_time()
        return step(self, *rest)  # type: ignore[arg-type]

    def last_noted(self: Mapper) -> object:
        self._end_worker()  # frames that wait are frames, too
        clocks.ended = time.perf_counter()
        clocks.seconds["main"] += time.thread_time()
        started = time.thread_time()
        result = finish(self)
        clocks.settling = time.thread_time() - started
        return result

    with (
        patch.object(threading.Thread, "run", noted),
        patch.object(Mapper, "step", first_noted),
        patch.object(Mapper, "finish", last_noted),
    ):
        yield


def report(clocks: Clocks, frames: int) -> None:
    """One line a thread."""
    print("| thread | CPU ms a frame |\n| --- | --- |")
    for name, seconds in sorted(clocks.seconds.items(), key=lambda item: -item[1]):
        print(f"| {name} | {1e3 * seconds / frames:.1f} |")
    rate = frames / (clocks.ended - clocks.started)
    print(f"\n{rate:.1f} frames a second; settling the map {clocks.settling:.1f} s of CPU, once")


if __name__ == "__main__":
    main()

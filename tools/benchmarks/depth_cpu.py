"""CPU of `mapper run` with a depth camera: this tree against another commit, and fast motion.

    python tools benchmarks.depth_cpu [SEQUENCE] [--against COMMIT] [--repeats N] [--head-worn SEED]

Whole runs are measured from outside, user and system time of the process and all it starts, with
the settings that everyone gets. --against checks the commit out beside and runs both in turns: the
ratio of their medians is what a busy machine disturbs least. --head-worn makes up a walk with a
camera on the head, 8 cm a frame at 640x480, and compares what a frame of it costs with a frame of
the sequence: the difference of a long and a short run, so that starting and ending count in
neither.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeVar

import numpy as np

from mapper.rooms import RoomSequence, SequenceSpec, draw_sequence
from mapper.rooms.writing import write_sequence

TREE: Final = Path(__file__).parents[2]
DEFAULT: Final = TREE / "../shared/data/7scenes/redkitchen/seq-01"
STEP: Final = 0.08  # metres a frame
LONG, SHORT = 200, 50  # frames, whose difference is judged

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds of a process and its children. placed: share of the frames that were."""

    user: float
    system: float
    placed: float = 1.0

    @property
    def both(self) -> float:
        """User and system time."""
        return self.user + self.system


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sequence", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--against", metavar="COMMIT")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--head-worn", type=int, metavar="SEED", dest="seed")
    options = parser.parse_args()
    sequence = options.sequence.resolve()
    if options.against:
        with checked_out(options.against) as other:
            compare(sequence, other, options.repeats)
    elif options.seed is None:
        print(f"{in_words([run(TREE, sequence) for _ in range(options.repeats)])} seconds of CPU")
    if options.seed is not None:
        with tempfile.TemporaryDirectory() as folder:
            fast = write_sequence(Path(folder) / "worn", head_worn(options.seed))
            compare_motion(sequence, fast, options.repeats)


def compare(sequence: Path, other: Path, repeats: int) -> None:
    """Prints seconds of this tree and of another, and their ratio."""
    now, before = in_turns(lambda: run(TREE, sequence), lambda: run(other, sequence), repeats)
    ratio = median(each.both for each in now) / median(each.both for each in before)
    print("| | seconds of CPU, median (user, system) |\n| --- | --- |")
    print(f"| before | {in_words(before)} |\n| now | {in_words(now)} |\n| ratio | {ratio:.2f} |")


def compare_motion(sequence: Path, fast: Path, repeats: int) -> None:
    """Prints what a frame of each costs in this tree, and their ratio."""
    slow, quick = in_turns(lambda: a_frame(sequence), lambda: a_frame(fast), repeats)
    slow_ms, fast_ms = (1e3 * median(each.both for each in runs) for runs in (slow, quick))
    print("| | ms of CPU a frame | placed |\n| --- | --- | --- |")
    print(f"| {sequence.parent.name} | {slow_ms:.0f} | {slow[0].placed:.0%} |")
    print(f"| head-worn | {fast_ms:.0f} | {quick[0].placed:.0%} |")
    print(f"| ratio | {fast_ms / slow_ms:.2f} | |")


def in_turns(
    first: Callable[[], A], second: Callable[[], B], repeats: int
) -> tuple[list[A], list[B]]:
    """What both give, called alternately."""
    pairs = [(first(), second()) for _ in range(repeats)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def a_frame(sequence: Path) -> Cpu:
    """What one more frame costs."""
    long, short = (run(TREE, sequence, "--max-frames", str(n)) for n in (LONG, SHORT))
    more = LONG - SHORT
    return Cpu((long.user - short.user) / more, (long.system - short.system) / more, long.placed)


def run(tree: Path, sequence: Path, *options: str) -> Cpu:
    """What one run of a tree costs. CalledProcessError where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "mapper", "run", str(sequence), "--no-save-rrd", *options]
        before = os.times()
        subprocess.run(
            [*command, "--out", f"{folder}/out"],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree)},
            check=True,
            capture_output=True,
        )
        after = os.times()
        metrics = json.loads((Path(folder) / "out/metrics.json").read_text())
    return Cpu(
        after.children_user - before.children_user,
        after.children_system - before.children_system,
        metrics["tracked"] / metrics["frames"],
    )


def head_worn(seed: int) -> SequenceSpec:
    """A walk as fast as asked for: the same way as drawn, at another rate."""
    fixed: dict[str, Any] = {"path": "head_worn", "kind": "structured-light", "layout": "open"}
    fixed |= {"moving": "nothing", "richness": 0.8, "width": 640, "height": 480, "frames": LONG}
    positions = RoomSequence(draw_sequence(seed, **fixed, rate=10.0)).ground_truth.positions
    step = float(np.linalg.norm(np.diff(positions, axis=0), axis=1).mean())
    return draw_sequence(seed, **fixed, rate=10.0 * step / STEP)


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A folder with that commit's files, for as long as it lasts."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(TREE), "worktree"]
        subprocess.run(
            [*git, "add", "--detach", str(tree), commit], check=True, capture_output=True
        )
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def in_words(runs: list[Cpu]) -> str:
    """The median run in words."""
    user, system = median(each.user for each in runs), median(each.system for each in runs)
    return f"{median(each.both for each in runs):.1f} ({user:.1f}, {system:.1f})"


if __name__ == "__main__":
    main()

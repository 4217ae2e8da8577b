"""Time and memory of STream3R's and StreamVGGT's streams, frame by frame.

    python tools benchmarks.streaming --model stream3r --size 518x392 --frames 200
    python tools benchmarks.streaming --long 2000
    python tools benchmarks.streaming --config tiny --long 10000 --policy tokens
    python tools benchmarks.streaming --policies ../shared/golden/vggt

Random weights: the published sizes on a GPU, those of specs/vggt_cost.json on a CPU (one thread,
CPU time). Beside ours, in the same run and on the same machine: our network made to do the
reference's work (reference_vggt.py), each stream in a process of its own; the reference's figures
from other machines, published for an H200, recorded for the mid size; and what the arithmetic alone
would take.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import torch

from benchmarks.parts.streaming_measures import (
    BASELINE,
    CONFIGS,
    OURS,
    SIZES,
    STREAMVGGT,
    Arithmetic,
    Row,
    Stream,
    cpu_flops,
    measured,
)
from benchmarks.parts.streaming_policies import print_policies
from mapper.frontends.vggt.cache.session_options import ALL_POLICIES

ROWS: Final = (1, 20, 40, 80, 100, 120, 140, 180, 200)
COMPARED_FRAME: Final = 16  # at which the mid-size reference was recorded
WINDOW_SEEN: Final = 7  # the first frame, five past ones and the new one
GIB: Final = 2**30
# STream3R's README: seconds a frame and GB of one H200, float32, "518x384", by ROWS; transcribed in
# specs/vggt_evaluation.md. The GB are GiB by all appearances (specs/vggt_cost.json).
PUBLISHED: Final = {
    "causal": (
        (0.1164, 0.2034, 0.3060, 0.4986, 0.5945, 0.6947, 0.7916, 0.9911, 1.1703),
        (5.49, 9.02, 12.92, 21.00, 25.03, 29.10, 33.21, 41.31, 45.41),
    ),
    "window": (
        (0.1167, 0.1528, 0.1523, 0.1517, 0.1515, 0.1512, 0.1482, 0.1443, 0.1463),
        (5.49, *(6.53,) * 8),
    ),
}
# The reference's mid-size seconds at frames 1 and 16, recorded in specs/vggt_cost.json on another,
# busy machine: good to a quarter.
RECORDED: Final = {
    "causal": {1: 0.547, COMPARED_FRAME: 0.568},
    "window": {1: 0.583, COMPARED_FRAME: 0.526},
}


@dataclass(frozen=True, slots=True)
class Floor:
    """The arithmetic of a frame at the speed of a machine. rate: operations a second of this CPU;
    None: an H200."""

    arithmetic: Arithmetic
    rate: float | None

    def seconds(self, seen: int) -> float:
        if self.rate is None:
            return self.arithmetic.h200_seconds(seen)
        return self.arithmetic.flops(seen) / self.rate

    def gib(self, seen: int) -> float:
        """Weights and cache."""
        return self.arithmetic.bytes(seen, 2 if self.rate is None else 4) / GIB


def main(arguments: Sequence[str] | None = None) -> None:
    options = parsed(arguments)
    if options.policies:
        print_policies(options.policies)
        return
    stream = stream_of(options)
    if options.long:
        print_long(stream, options.long)
        return
    floor = floor_of(stream)
    describe(stream, floor)
    for mode in options.modes.split(","):
        compare(replace(stream, mode=mode), floor, options.baseline, options.repeats)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", choices=("stream3r", STREAMVGGT), default="stream3r")
    parser.add_argument("--config", choices=tuple(CONFIGS), help="mid on a CPU, else published")
    parser.add_argument("--size", metavar="WxH", help="of the images (that of the configuration)")
    parser.add_argument("--frames", type=int, default=200, metavar="N")
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="keep the fastest")
    parser.add_argument("--modes", default="causal,window", metavar="A,B")
    parser.add_argument("--device", choices=("cpu", "cuda"))
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), help="bfloat16 on a GPU")
    parser.add_argument("--no-baseline", dest="baseline", action="store_false")
    parser.add_argument("--long", type=int, metavar="N", help="only N frames in window mode")
    parser.add_argument(
        "--policy",
        choices=ALL_POLICIES,
        default="",
        help="of --long: in causal mode, with a cache of nine frames' worth",
    )
    parser.add_argument(
        "--policies",
        type=Path,
        metavar="DIR",
        help="only what a bounded or rounded cache costs, on the recorded tiny networks there",
    )
    return parser.parse_args(arguments)


def stream_of(options: argparse.Namespace) -> Stream:
    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    config = options.config or ("mid" if device == "cpu" else "published")
    size = SIZES[config]
    if options.size:
        width, height = (int(side) for side in options.size.split("x"))
        size = (width, height)
    return Stream(
        who=OURS,
        model=options.model,
        config=config,
        size=size,
        mode="causal",
        device=device,
        dtype=options.dtype or ("float32" if device == "cpu" else "bfloat16"),
        rows=tuple(n for n in sorted({*ROWS, COMPARED_FRAME}) if n <= options.frames),
        policy=options.policy,
    )


def apart(stream: Stream) -> list[Row]:
    """Measured in a process of its own."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(measured, (stream,))


def floor_of(stream: Stream) -> Floor:
    arithmetic = Arithmetic.of(CONFIGS[stream.config], stream.size)
    return Floor(arithmetic, cpu_flops() if stream.device == "cpu" else None)


def describe(stream: Stream, floor: Floor) -> None:
    width, height = stream.size
    where = torch.cuda.get_device_name() if stream.device == "cuda" else "CPU, one thread"
    machine = "an H200" if floor.rate is None else f"{floor.rate / 1e9:.0f} GFLOP/s, as here"
    print(
        f"{stream.model}, {stream.config} sizes ({floor.arithmetic.weights / 1e6:.1f} M "
        f"parameters), {width}x{height}, {stream.dtype}, {where}; baseline in float32\n"
        f"floor: {floor.arithmetic.fixed / 1e9:.1f} GFLOP a frame and "
        f"{floor.arithmetic.attended / 1e9:.2f} for each other frame that it sees, on {machine}; "
        "memory: weights and cache"
    )


def compare(stream: Stream, floor: Floor, baseline: bool, repeats: int) -> None:
    """One mode's table; of several runs, the baseline's and ours in turn, the fastest each."""
    theirs: list[Row] = []
    ours: list[Row] = []
    for _ in range(repeats):
        if baseline and stream.model != STREAMVGGT:
            theirs = faster(theirs, apart(replace(stream, who=BASELINE)))
        ours = faster(ours, apart(stream))
    print(
        f"\n| {stream.mode}, frame | s | baseline s | ratio | reference s | floor s | peak GiB | "
        "baseline GiB | reference GiB | floor GiB | cache MB |\n| --- " + "| --- " * 10 + "|"
    )
    for place, row in enumerate(ours):
        print(line(stream, floor, row, theirs[place] if theirs else None))
    if len(ours) > 1:
        first, last = ours[1 if len(ours) > 2 else 0], ours[-1]
        frames = last.frame - first.frame
        grown = (last.peak_bytes - first.peak_bytes) / frames
        cached = (last.cache_bytes - first.cache_bytes) / frames
        print(f"\na frame adds {grown / 1e6:.3f} MB to the peak, {cached / 1e6:.3f} to the cache")


def faster(before: list[Row], now: list[Row]) -> list[Row]:
    pairs = zip(before or now, now, strict=True)
    return [min(pair, key=lambda row: row.seconds) for pair in pairs]


def line(stream: Stream, floor: Floor, row: Row, theirs: Row | None) -> str:
    seen = min(row.frame, WINDOW_SEEN) if stream.mode == "window" else row.frame
    told, held = reference(stream, row.frame)
    cells = (
        str(row.frame),
        f"{row.seconds:.4f}",
        f"{theirs.seconds:.4f}" if theirs else "",
        f"{theirs.seconds / row.seconds:.2f}" if theirs else "",
        f"{told:.4f}" if told else "",
        f"{floor.seconds(seen):.4f}",
        f"{row.peak_bytes / GIB:.3f}",
        f"{theirs.peak_bytes / GIB:.3f}" if theirs else "",
        f"{held:.2f}" if held else "",
        f"{floor.gib(seen):.3f}",
        f"{row.cache_bytes / 1e6:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def reference(stream: Stream, frame: int) -> tuple[float | None, float | None]:
    """Seconds and GiB of the reference, where there are any for this configuration."""
    if stream.model == STREAMVGGT or stream.config == "tiny":
        return None, None
    if stream.config == "mid":
        return RECORDED[stream.mode].get(frame), None
    if frame not in ROWS:
        return None, None
    seconds, gib = PUBLISHED[stream.mode]
    place = ROWS.index(frame)
    return seconds[place], gib[place]


def print_long(stream: Stream, frames: int) -> None:
    """Whether a long stream of bounded memory stays as fast and as large as it was."""
    rows = tuple(sorted({1, WINDOW_SEEN, *(max(frames * k // 8, 1) for k in range(1, 9))}))
    mode = "causal" if stream.policy else "window"
    found = apart(replace(stream, mode=mode, rows=rows))
    print(
        f"| {stream.policy or mode}, frame | s | peak MiB | cache MB |\n| --- | --- | --- | --- |"
    )
    for row in found:
        peak = row.peak_bytes / 2**20
        print(f"| {row.frame} | {row.seconds:.4f} | {peak:.1f} | {row.cache_bytes / 1e6:.2f} |")
    settled = next(row for row in found if row.frame >= min(rows[2], frames))
    grown = found[-1].peak_bytes - settled.peak_bytes
    print(
        f"\nfrom frame {settled.frame} to {frames} the peak grew by {grown / 2**20:.2f} MiB, the "
        f"cache by {found[-1].cache_bytes - settled.cache_bytes} bytes"
    )


if __name__ == "__main__":
    main()

"""Compares our models with recorded runs of the reference ones.

    python tools/check_golden.py [PATH...] [--device cuda]

PATH: golden files (NAME.safetensors beside NAME.json) or folders of them; without one, the full
recordings in ../shared/golden where those are at hand, else the parts of them in tests/golden.
Prints the largest absolute and relative error of every tensor; the last line names the worst one.
With another device than the CPU the recorded sequences are repeated there, in float32 without TF32;
what needs no network is left out.
Exit status 1 when one is beyond the tolerance or nothing was compared, 2 when a file cannot be read
or run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch
from golden.recording import CPU, TOLERANCE, Difference, Golden, Verdict, check, golden_files
from golden.runners import RUNNERS

from mapper.errors import MapperError
from mapper.frontends.device_settings import inference_on

ROOT: Final = Path(__file__).resolve().parents[1]
FULL: Final = tuple(
    ROOT.parent / "shared" / "golden" / name
    for name in ("cut3r", "vggt", "wint3r", "da3", "training")
)
# Positions that are rounded to half precision go the other way here and there.
GPU_TOLERANCE: Final = 1e-3
SEQUENCE: Final = "sequence"
COMMITTED: Final = ROOT / "tests" / "golden"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    parser.add_argument("--tolerance", type=float, help="relative; 1e-4, or 1e-3 on a GPU")
    parser.add_argument("--device", type=torch.device, default=CPU, help="cuda, to prove a GPU")
    parser.add_argument("--quiet", action="store_true", help="one line a file")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    verdicts, broken = [], 0
    on_cpu = options.device == CPU
    tolerance = options.tolerance or (TOLERANCE if on_cpu else GPU_TOLERANCE)
    at_hand = [path for path in FULL if path.is_dir()]
    for golden in found(options.paths or at_hand or [COMMITTED]):
        if not on_cpu and golden.kind[1] != SEQUENCE:
            continue
        where = nullcontext() if on_cpu else inference_on(options.device, "float32")
        try:
            with where:
                verdicts.append(check(replace(golden, device=options.device), RUNNERS))
            show(verdicts[-1], tolerance, options.quiet)
        except MapperError as error:
            print(f"{golden.path.stem}: error: {error}", file=sys.stderr)
            broken += 1
    status = conclude(verdicts, tolerance)
    return 2 if broken else status


def found(paths: Sequence[Path]) -> list[Golden]:
    try:
        return golden_files(paths)
    except MapperError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from error


def show(verdict: Verdict, tolerance: float, quiet: bool) -> None:
    """One line a tensor, then one for the file."""
    if not verdict.covered:
        print(f"{verdict.path.stem}: not covered")
        return
    if not quiet:
        for difference in verdict.differences:
            print(line(verdict, difference, tolerance))
        for name in verdict.skipped:
            print(f"{verdict.path.stem}  {name}: not compared")
    worst = verdict.worst
    count = f"{len(verdict.differences)} tensors, {len(verdict.skipped)} not compared"
    print(f"{verdict.path.stem}: {count}" + (f", worst {worst.relative:.1e}" if worst else ""))


def line(verdict: Verdict, difference: Difference, tolerance: float) -> str:
    mark = "" if difference.within(tolerance) else f"  BEYOND {tolerance:g}"
    if difference.fault:
        mark += f" ({difference.fault})"
    errors = f"abs {difference.absolute:.2e}  rel {difference.relative:.2e}"
    return f"{verdict.path.stem}  {difference.name}: {errors}{mark}"


def conclude(verdicts: Sequence[Verdict], tolerance: float) -> int:
    """The last line, and the exit status."""
    rows = [(v, v.worst) for v in verdicts if v.worst is not None]
    if not rows:
        print("error: nothing compared, no file is of a covered kind", file=sys.stderr)
        return 1
    verdict, worst = max(rows, key=lambda row: (bool(row[1].fault), row[1].relative))
    failed = not worst.within(tolerance)
    print(f"worst: {line(verdict, worst, tolerance)}" + ("" if failed else "  ok"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

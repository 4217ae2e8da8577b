"""What a frame of each learned frontend costs on a GPU, counted without one.

    python tools gpu_budgets [NAME...] [--update]

Launches, waits, bytes, memory and operations are counted on a pretended GPU at the published sizes;
milliseconds follow from them by the rates that the last line states: nothing here is measured.
--update lowers the budgets that tests hold, and raises none. Exit status 1 where one is exceeded.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import astuple, fields

from tests.support.pretended_gpu.budgets import budgets, lowered, over, write
from tests.support.pretended_gpu.configurations import CONFIGURATIONS
from tests.support.pretended_gpu.published import Cost, cost
from tests.support.pretended_gpu.tally import Rates


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="all, if none is given")
    parser.add_argument("--update", action="store_true", help="lower the budgets")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(CONFIGURATIONS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(CONFIGURATIONS)}")
    columns = [field.name for field in fields(Cost)]
    print(f"| configuration | {' | '.join(columns)} |")
    print(f"| --- |{' --- |' * len(columns)}")
    costs = {}
    for name in options.names or CONFIGURATIONS:
        costs[name] = cost(CONFIGURATIONS[name])
        print(f"| {name} | {' | '.join(map(str, astuple(costs[name])))} |", flush=True)
    print(f"\n{stated(Rates())}")
    limits = budgets()
    held = {name: spent for name, spent in costs.items() if name in limits}
    exceeded = [line for name, spent in held.items() for line in over(name, spent, limits)]
    for line in exceeded:
        print(f"over budget: {line}", file=sys.stderr)
    if options.update:
        write(lowered(costs))
    return 1 if exceeded else 0


def stated(rates: Rates) -> str:
    """What the milliseconds rest on."""
    return (
        f"Model: a kernel takes the longest of {1e6 * rates.launch:g} us, its bytes at "
        f"{rates.memory / 1e12:g} TB/s, and its operations at {rates.half / 1e12:g} TFLOP/s (half "
        f"precision), {rates.tf32 / 1e12:g} (TF32), {rates.single / 1e12:g} (float32), attention "
        f"{rates.hopper / 1e12:g} (cuDNN, FlashAttention 3), {rates.flash / 1e12:g} (FlashAttention"
        f" 2), {rates.efficient / 1e12:g} (float32); a launch {1e6 * rates.host:g} us of the host."
    )


if __name__ == "__main__":
    sys.exit(main())

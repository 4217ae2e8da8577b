"""Puts small faults into modules, one at a time, and counts how many their own tests notice.

    python tools mutations backend/graph mapper/core/trajectory.py
    python tools mutations backend/graph --each 20 --seed 1
    python tools mutations mapper/core/trajectory.py --show

Each module is changed in a copy of the checkout: a comparison, a sign, a constant, min for max, a
condition turned round. Which ones is drawn by the seed, so that the same mutants come again after
a test was written. A mutant that survives shows a missing test, or changes nothing that counts.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mutation.operators import Mutant, sample
from mutation.trial import ROOT, Copy, load_libraries, own_tests

SLOWER = 5.0  # times as long as without a fault, and the start: then it hangs
START_SECONDS = 60.0


def main() -> int:
    arguments = parsed(sys.argv[1:])
    modules = [path for name in arguments.modules for path in modules_at(name)]
    if not modules:
        print("there is no module in " + " ".join(arguments.modules), file=sys.stderr)
        return 2
    drawn = {path: drawn_from(path, arguments.each, arguments.seed) for path in modules}
    if arguments.show:
        for path, mutants in drawn.items():
            for mutant in mutants:
                print(described(path, mutant))
        return 0
    load_libraries()
    with Copy() as copy:
        counts = [tried(copy, path, mutants) for path, mutants in drawn.items()]
    killed, total = (sum(count[k] for count in counts) for k in (0, 1))
    print(f"{killed} of {total} noticed")
    return 0


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python tools mutations")
    parser.add_argument("modules", nargs="+", help="files or folders, from the checkout's root")
    parser.add_argument("--each", type=int, default=10, help="mutants of a module")
    parser.add_argument("--seed", default="0", help="which ones are drawn")
    parser.add_argument("--show", action="store_true", help="only say what would be tried")
    return parser.parse_args(arguments)


def modules_at(name: str) -> list[Path]:
    """Paths from the root of a file, or of all files of a folder."""
    found = ROOT / name
    files = [found] if found.is_file() else sorted(found.rglob("*.py"))
    return [p.relative_to(ROOT) for p in files if p.name != "__init__.py"]


def drawn_from(path: Path, count: int, seed: str) -> list[Mutant]:
    return sample((ROOT / path).read_text(encoding="utf-8"), count, f"{seed} {path}")


def described(path: Path, mutant: Mutant) -> str:
    return f"  {path}:{mutant.line}  {_one_line(mutant.before)}  ->  {_one_line(mutant.after)}"


def tried(copy: Copy, path: Path, mutants: Sequence[Mutant]) -> tuple[int, int]:
    """(mutants that were noticed, mutants) of one module; prints its line and the survivors."""
    tests = own_tests(copy.root, path)
    source = (copy.root / path).read_text(encoding="utf-8")
    started = time.monotonic()
    if not copy.passes(path, source, tests, 20 * START_SECONDS):
        print(f"{path}: its tests fail without a fault: {' '.join(tests)}", flush=True)
        return 0, 0
    seconds = SLOWER * (time.monotonic() - started) + START_SECONDS
    survivors = [m for m in mutants if copy.passes(path, m.source, tests, seconds)]
    killed = len(mutants) - len(survivors)
    print(f"{path}: {killed} of {len(mutants)}", flush=True)
    for mutant in survivors:
        print(described(path, mutant), flush=True)
    return killed, len(mutants)


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main())

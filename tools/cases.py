"""Runs odd inputs in folders of their own, and says which ones come out as a user expects.

    python tools cases ../shared/cases
    python tools cases ../shared/cases small-images pairs-by-name
    python tools cases ../shared/cases --without far_room --jobs 4

A case is a folder whose README.md has lines `prepare:`, `cmd:`, `exit:`, `contains:` and `check:`.
It is run in a copy, with this Python and its `mapper` on the PATH. `exit` lists the statuses that
are right (0, where it is not there). `contains` lists what must be printed, in upper or lower
case: "a, or: b, then c, then not: d"; or, with a list for each status, "with exit 2: a; with exit
0: b". `check` must end with 0 after a run that did. Folders that begin with `_` are for the others.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

FIELDS: Final = ("prepare", "cmd", "exit", "contains", "check")
SECONDS: Final = 600.0
# As many cases as cores at once: threads of their own would wait for each other's.
ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Case:
    """What the README says. statuses: right ones of `command`. wanted: of the status, see above."""

    folder: Path
    prepare: str
    command: str
    statuses: frozenset[int]
    wanted: dict[int | None, str]
    check: str

    @classmethod
    def at(cls, folder: Path) -> Case:
        text = (folder / "README.md").read_text(encoding="utf-8")
        lines = (line.partition(":") for line in text.splitlines())
        said = {name: value.strip() for name, _, value in lines if name in FIELDS}
        if "cmd" not in said:
            raise ValueError(f"{folder}/README.md: there is no line `cmd:`")
        statuses = frozenset(map(int, re.findall(r"\d+", said.get("exit", "0"))))
        check = said.get("check", "").partition("(")[0].strip()
        return cls(folder, said.get("prepare", ""), said["cmd"], statuses, _wanted(said), check)

    def faults(self) -> Iterator[str]:
        """Everything that is not as the README says; nothing if all is right."""
        with tempfile.TemporaryDirectory(prefix="case-") as top:
            work = Path(top) / self.folder.name
            shutil.copytree(self.folder, work)
            for shared in self.folder.parent.glob("_*"):
                shutil.copytree(shared, Path(top) / shared.name)
            if self.prepare:
                status, told = _sh(self.prepare, work)
                if status:
                    yield f"prepare ended with {status}: {_last_line(told)}"
                    return
            yield from self._faults(work)

    def _faults(self, work: Path) -> Iterator[str]:
        status, told = _sh(self.command, work)
        if status not in self.statuses:
            yield f"exit {status} instead of {sorted(self.statuses)}: {_last_line(told)}"
        if "Traceback (most recent call last)" in told:
            yield "a traceback"
        wanted = self.wanted.get(status, self.wanted.get(None, ""))
        yield from missing(wanted, told)
        if self.check and status == 0:
            wrong, told = _sh(self.check, work)
            if wrong:
                yield f"the check ended with {wrong}: {_last_line(told)}"


def main() -> int:
    arguments = parsed(sys.argv[1:])
    cases = found(arguments.folder, arguments.names, arguments.without)
    if not cases:
        print(f"there is no such case in {arguments.folder}", file=sys.stderr)
        return 2
    failed = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        outcomes = pool.map(lambda case: list(case.faults()), cases)
        for case, faults in zip(cases, outcomes, strict=True):
            failed += bool(faults)
            print("FAILED" if faults else "passed", case.folder.name, *faults, flush=True)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return int(failed > 0)


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python tools cases")
    parser.add_argument("folder", type=Path, help="of the cases")
    parser.add_argument("names", nargs="*", help="all, where none is given")
    parser.add_argument("--without", nargs="+", default=(), metavar="NAME", help="left out")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="cases at once")
    return parser.parse_args(arguments)


def found(folder: Path, names: Sequence[str], without: Sequence[str]) -> list[Case]:
    """The cases of a folder, by name; of these names only, if there are any."""
    folders = [p.parent for p in sorted(folder.glob("[!_.]*/README.md"))]
    chosen = [p for p in folders if (not names or p.name in names) and p.name not in without]
    return [Case.at(p.resolve()) for p in chosen]


def missing(wanted: str, told: str) -> Iterator[str]:
    """What a list like "a, or: b, then not: c" asks for and the text has not."""
    text = told.lower()
    for part in filter(None, wanted.split(", then ")):
        forbidden = part.removeprefix("not: ")
        if part != forbidden:
            if forbidden.strip().lower() in text:
                yield f"it says {forbidden!r}"
        elif not any(each.strip().lower() in text for each in part.split(", or: ")):
            yield f"it does not say {part!r}"


def _wanted(said: dict[str, str]) -> dict[int | None, str]:
    """The list for each status; None: for every one."""
    contains = said.get("contains", "")
    by_status = re.findall(r"with exit (\d+): ([^;]*)", contains)
    return {int(status): text.strip() for status, text in by_status} or {None: contains}


def _sh(line: str, folder: Path) -> tuple[int, str]:
    """(status, what was printed) of a line of shell; 124 after SECONDS."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = os.environ | ONE_THREAD | _libusb() | {"PATH": path}
    try:
        done = subprocess.run(
            line,
            shell=True,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return 124, f"no end after {SECONDS:.0f} s"
    return done.returncode, done.stdout


@cache
def _libusb() -> dict[str, str]:
    """Where the system has no libusb, the packaged one is loaded beforehand: checks import Open3D
    by its name, and not as mapper does."""
    try:
        ctypes.CDLL("libusb-1.0.so.0")
    except OSError:
        found = importlib.util.find_spec("libusb_package")
        package = None if found is None or found.origin is None else Path(found.origin).parent
        for library in () if package is None else package.glob("libusb-1.0*.so*"):
            return {"LD_PRELOAD": str(library)}
    return {}


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it says nothing"])[-1][:200]


if __name__ == "__main__":
    sys.exit(main())

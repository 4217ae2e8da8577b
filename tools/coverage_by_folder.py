"""Prints how much of each folder the last `pytest --cov` ran through, in percent of its lines.

    python tools coverage_by_folder

Kernels that Numba compiles are left out, and so is what runs in processes of their own.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / ".coverage"
DEPTH = 2  # parts of a path that a line of the table stands for


def main() -> int:
    if not DATA.exists():
        print(f"{DATA}: no such file; run python -m pytest --cov first", file=sys.stderr)
        return 2
    print(table(measured(DATA)))
    return 0


def measured(data: Path) -> dict[str, tuple[int, int]]:
    """(lines that ran, lines that could have run) of each source file, by its path."""
    from coverage import Coverage

    coverage = Coverage(data_file=str(data), config_file=str(ROOT / "pyproject.toml"))
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "coverage.json"
        coverage.json_report(outfile=str(path))
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
    return {
        name: (file["summary"]["covered_lines"], file["summary"]["num_statements"])
        for name, file in files.items()
    }


def table(files: Mapping[str, tuple[int, int]]) -> str:
    """A line for each folder, and one for the whole."""
    folders: dict[str, tuple[int, int]] = {}
    for name, (ran, lines) in files.items():
        folder = "/".join(Path(name).parent.parts[:DEPTH])
        before = folders.get(folder, (0, 0))
        folders[folder] = before[0] + ran, before[1] + lines
    folders = {folder: counts for folder, counts in sorted(folders.items()) if counts[1]}
    whole = sum(ran for ran, _ in folders.values()), sum(lines for _, lines in folders.values())
    rows = [f"{'FOLDER':24} {'LINES':>6} {'RAN':>5}"]
    for folder, (ran, lines) in [*folders.items(), ("all", whole)]:
        rows.append(f"{folder:24} {lines:6} {100 * ran / max(lines, 1):4.0f}%")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())

"""Files of a folder in the order that people mean."""

from __future__ import annotations

import re
from pathlib import Path


def by_name(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """Those that end so, hidden ones left out; numbers in names count as numbers: 9 before 10."""
    if not folder.is_dir():
        return []
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in endings and not path.name.startswith(".")
    ]
    return sorted(found, key=lambda path: _key(path.name))


def _key(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]

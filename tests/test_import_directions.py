"""Imports point one way: see DESIGN.md."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHECKING = "TYPE_CHECKING"
ROOMS = ("frontends", "backend", "io")
HEAVY = ("numpy", "torch", "open3d", "cv2", "gtsam", "rerun", "numba", "scipy")
# Modules of the front door that stand above the rooms and must not be reached from inside them.
ABOVE = (
    "cli",
    "commands",
    "pipeline",
    "request",
    "run",
    "saved",
    "slam",
)


def modules(folder: str) -> list[Path]:
    """Source files of a top-level folder; the rooms' symlinks inside mapper/ are left out."""
    linked = [ROOT / "mapper" / room for room in ROOMS]
    return [
        path
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not any(link in path.parents for link in linked)
    ]


def imports(path: Path, while_running: bool = False) -> set[str]:
    """Absolute names of everything that a file imports, `from a import b` as a.b.

    while_running: leave out what stands under `if TYPE_CHECKING`.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[ast.AST] = set()
    found: set[str] = set()
    for node in ast.walk(tree):
        if while_running and isinstance(node, ast.If) and ast.unparse(node.test) == CHECKING:
            skipped.update(inner for body in node.body for inner in ast.walk(body))
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def reaches(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def test_there_is_something_to_check() -> None:
    assert all(len(modules(room)) > 3 for room in (*ROOMS, "mapper"))


@pytest.mark.parametrize("room", ROOMS)
def test_the_rooms_do_not_import_one_another(room: str) -> None:
    others = [f"mapper.{other}" for other in ROOMS if other != room]
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(room)
        for name in sorted(imports(path))
        if any(reaches(name, other) for other in others)
    ]
    assert wrong == []


@pytest.mark.parametrize("room", ROOMS)
def test_the_rooms_do_not_import_what_stands_above_them(room: str) -> None:
    above = [f"mapper.{name}" for name in ABOVE]
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(room)
        for name in sorted(imports(path, while_running=True))
        if any(reaches(name, package) for package in above)
    ]
    assert wrong == []


def test_nobody_imports_a_top_level_folder() -> None:
    files = [path for folder in (*ROOMS, "mapper", "tests") for path in modules(folder)]
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in sorted(imports(path))
        if any(reaches(name, room) for room in ("frontends", "backend"))
    ]
    assert wrong == []


def test_core_types_know_no_room() -> None:
    for path in [*sorted((ROOT / "mapper" / "core").glob("*.py")), ROOT / "mapper" / "errors.py"]:
        rooms = [f"mapper.{room}" for room in ROOMS]
        assert not any(reaches(i, room) for i in imports(path) for room in rooms), path


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from mapper.cli import build_parser\n"
        "build_parser(['--help']).format_help()\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == ""

"""Imports point one way: see DESIGN.md. What is allowed is listed; all else is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.imports import (
    ROOMS,
    child_graph,
    circle,
    import_graph,
    imports,
    module_name,
    modules,
    reaches,
)
from tests.support.paths import ROOT

GROUND = ("mapper.core", "mapper.vision", "mapper.runtime", "mapper.errors")
# What each room and each part of the ground may import of the package, besides itself.
ALLOWED = {
    "mapper.frontends": (*GROUND, "mapper.weights"),
    "mapper.backend": GROUND,
    "mapper.io": GROUND,
    "mapper.vision": GROUND,
    "mapper.core": ("mapper.errors", "mapper.runtime"),
    "mapper.runtime": ("mapper.errors",),
    "mapper.weights": ("mapper.errors", "mapper.runtime"),
    "mapper.errors": (),
}
HEAVY = (
    "numpy",
    "torch",
    "pypose",
    "open3d",
    "cv2",
    "gtsam",
    "rerun",
    "numba",
    "scipy",
    "pydantic",
)


def test_there_is_something_to_check() -> None:
    graph = import_graph()
    assert len(graph) > 200
    for room in ALLOWED:
        assert any(reaches(name, room) for name in graph), room
    assert "mapper.core.frame" in graph["mapper.io.sequences.file_sequence"]


def test_rooms_and_ground_import_only_what_they_may() -> None:
    known = import_graph().keys()
    wrong = {
        (module_name(path), name)
        for top in ("mapper", *ROOMS)
        for path in modules(top)
        for room, allowed in ALLOWED.items()
        if reaches(module_name(path), room)
        for name in imports(path) & known  # under TYPE_CHECKING too
        if not any(reaches(name, package) for package in (room, *allowed))
    }
    assert wrong == set()


def test_no_folder_imports_in_circles() -> None:
    """Of what lies in one folder, be it a file or a folder, nothing imports itself in the end."""
    graph = import_graph()
    folders = {name.rsplit(".", 1)[0] for name in graph if "." in name}
    circles = {folder: circle(child_graph(graph, folder)) for folder in folders}
    assert {folder: names for folder, names in circles.items() if names} == {}


def test_a_circle_is_found() -> None:
    graph = {
        "a.b.x": frozenset({"a.c.y"}),
        "a.c.y": frozenset({"a.d"}),
        "a.d": frozenset({"a.b.z"}),
        "a.b.z": frozenset[str](),
    }
    found = circle(child_graph(graph, "a"))
    assert found[0] == found[-1] and sorted(found[1:]) == ["b", "c", "d"]
    assert circle(child_graph(graph, "a.b")) == []


def test_nobody_imports_a_top_level_folder() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for folder in (*ROOMS, "mapper", "tests", "tools")
        for path in modules(folder)
        for name in sorted(imports(path))
        if any(reaches(name, room) for room in ("frontends", "backend"))
    ]
    assert wrong == []


def test_help_imports_nothing_heavy() -> None:
    """It must answer at once; that is told by what it loads, not by a clock."""
    program = (
        "import sys\n"
        "from mapper.cli import build_parser\n"
        "build_parser(['--help']).format_help()\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])\n"
        "print(sum(name.startswith('mapper') for name in sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    heavy, ours = done.stdout.split("\n")[:2]
    assert heavy == "" and int(ours) <= 4


def test_a_depth_camera_is_mapped_without_torch(sample: Path, tmp_path: Path) -> None:
    """It takes a second and 200 MB to load; only networks and the global alignment need it."""
    program = (
        "import sys\n"
        "import pytest\n"
        "from mapper.cli import main\n"
        "from tests.support.quick_outputs import shrink_pictures\n"
        "shrink_pictures(pytest.MonkeyPatch())\n"
        f"command = ['run', {str(sample)!r}, '--out', {str(tmp_path / 'run')!r}]\n"
        "status = main([*command, '--frontend', 'rgbd', '--max-frames', '4', '--no-save-rrd'])\n"
        "print('loaded:', status, *[name for name in ('torch', 'pypose') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.splitlines()[-1] == "loaded: 0"

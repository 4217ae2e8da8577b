"""What the project's source files import, read without importing them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.support.paths import ROOT

CHECKING = "TYPE_CHECKING"
ROOMS = ("frontends", "backend", "io")


def modules(folder: str) -> list[Path]:
    """Source files of a top-level folder; the rooms' symlinks inside mapper/ are left out."""
    linked = [ROOT / "mapper" / room for room in ROOMS]
    return [
        path
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not any(link in path.parents for link in linked)
    ]


def module_name(path: Path) -> str:
    """`mapper.io.live.source` of ROOT/io/live/source.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "mapper" else ("mapper", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path, while_running: bool = False) -> frozenset[str]:
    """Absolute names of everything that a file imports, `from a import b` as a.b.

    while_running: leave out what stands under `if TYPE_CHECKING`.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in _walk(tree, while_running):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(found)


def _walk(node: ast.AST, while_running: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        test = child.test if isinstance(child, ast.If) else None
        if not (while_running and isinstance(test, ast.Name) and test.id == CHECKING):
            yield child
            yield from _walk(child, while_running)


@cache
def import_graph() -> Mapping[str, frozenset[str]]:
    """The modules of the package, and which of them each one imports while it runs."""
    paths = {module_name(path): path for top in ("mapper", *ROOMS) for path in modules(top)}
    return {
        name: frozenset(imports(path, while_running=True) & paths.keys() - {name})
        for name, path in paths.items()
    }


def reaches(name: str, package: str) -> bool:
    """Whether a name is the package or lies in it."""
    return name == package or name.startswith(package + ".")


def child_graph(graph: Mapping[str, frozenset[str]], folder: str) -> dict[str, set[str]]:
    """How the modules and folders that lie directly in a folder import one another."""
    depth = folder.count(".") + 1
    children: dict[str, set[str]] = {}
    for name, imported in graph.items():
        if name.startswith(folder + "."):
            child = name.split(".")[depth]
            others = {
                other.split(".")[depth] for other in imported if other.startswith(folder + ".")
            }
            children.setdefault(child, set()).update(others - {child})
    return children


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """One circle of imports, first and last the same; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []

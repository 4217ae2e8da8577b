"""python tools NAME ...: runs a tool of this folder, like benchmarks.sequence; without a name,
lists them."""

from __future__ import annotations

import ast
import runpy
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
RUNS_ITSELF = '__name__ == "__main__"'


def main() -> int:
    if len(sys.argv) < 2:
        print("python tools NAME ...\n")
        for name, purpose in tools():
            print(f"  {name:28} {purpose}")
        return 2
    name = sys.argv.pop(1)
    if name not in dict(tools()):
        print(f"there is no tool {name}: python tools lists them", file=sys.stderr)
        return 2
    runpy.run_module(name, run_name="__main__", alter_sys=True)
    return 0


def tools() -> list[tuple[str, str]]:
    """(name, first line of what it says of itself) of every module that can be run."""
    found = []
    for path in sorted(FOLDER.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if path.name.startswith("__") or RUNS_ITSELF not in text:
            continue
        name = ".".join(path.relative_to(FOLDER).with_suffix("").parts)
        found.append((name, (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]))
    return found


if __name__ == "__main__":
    sys.exit(main())

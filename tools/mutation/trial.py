"""A copy of the checkout whose modules may be spoilt, and tests that are run in it."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[2]
# Loaded once, and forked: what takes seconds to import does not take them for every mutant.
# Nothing of ours is among them, and so each mutant imports all of ours anew.
LIBRARIES: Final = (
    *("cv2", "gtsam", "matplotlib", "numba", "numpy", "pydantic", "pypose", "pytest", "torch"),
    *("scipy.optimize", "scipy.sparse", "scipy.spatial", "yaml"),
)
OPTIONS: Final = ("-x", "-q", "--numprocesses=0", "-p", "no:cacheprovider", "-p", "no:pytest_cov")


def load_libraries() -> None:
    """Import what the tests need of others; what is not there is left to the tests."""
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except ImportError:
            continue


def own_tests(root: Path, path: Path) -> list[str]:
    """Test files of a module (both from the root), in the folder that mirrors its own.

    Those that are called after it or import it, or one of its folder that imports it; all of
    them, where none does.
    """
    parts = path.parts[1:] if path.parts[0] == "mapper" else path.parts
    every = sorted((root / "tests" / Path(*parts).parent).glob("test_*.py"))
    package, name = ".".join(("mapper", *parts[:-1])), path.stem
    users = [p.stem for p in (root / path).parent.glob("*.py") if _imports(p, package, name)]
    own = [
        p
        for p in every
        if p.stem.startswith(f"test_{name}") or any(_imports(p, package, n) for n in (name, *users))
    ]
    own.sort(key=lambda p: not p.stem.startswith(f"test_{name}"))  # these notice first
    return [str(p.relative_to(root)) for p in own or every]


def _imports(file: Path, package: str, name: str) -> bool:
    text = file.read_text(encoding="utf-8")
    return f"from {package}.{name} import" in text or f"from {package} import {name}\n" in text


class Copy:
    """The files that git knows, or would, in a folder that is removed at the end."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mutants-")
        self.root = Path(self._folder.name) / "copy"
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        for name in filter(None, names.split("\0")):
            if (ROOT / name).is_symlink() or (ROOT / name).exists():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.root / name, follow_symlinks=False)

    def __enter__(self) -> Copy:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def passes(self, path: Path, source: str, tests: list[str], seconds: float) -> bool:
        """Whether the tests pass with that source in the place of a module."""
        original = (self.root / path).read_text(encoding="utf-8")
        self._write(path, source)
        try:
            return self._run(tests, seconds)
        finally:
            self._write(path, original)

    def _write(self, path: Path, source: str) -> None:
        """Bytecode of a file of the same second and size would be taken for this one's."""
        (self.root / path).write_text(source, encoding="utf-8")
        for cached in (self.root / path).parent.glob(f"__pycache__/{path.stem}.*"):
            cached.unlink()

    def _run(self, tests: list[str], seconds: float) -> bool:
        """In a child; what it has started ends with it. Too slow is noticed too."""
        child = os.fork()
        if child == 0:
            os._exit(self._child(tests))
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status) == 0
            time.sleep(0.05)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return False

    def _child(self, tests: list[str]) -> int:
        import pytest

        os.setsid()
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        os.chdir(self.root)
        os.environ["PYTHONPATH"] = str(self.root)  # for what the tests start
        sys.path[:0] = [str(self.root)]
        return int(pytest.main([*OPTIONS, *tests]))

"""A cached kernel is compiled anew when anything that it is made of changes, and only then."""

from __future__ import annotations

import errno
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from numba.core import caching

from mapper.core.depth_noise import depth_sigma
from mapper.runtime.kernels import _sources
from tests.support.imports import imports, modules
from tests.support.paths import ROOT

HEAD = "from mapper.runtime.kernels import kernel, _sources\n_sources.cache_clear()\n"
FILES = {
    "limits": "FAR = 8\n",
    "inner": f"{HEAD}from made_up.limits import FAR\n\n@kernel(inline='always')\n"
    "def inner(x):\n    return x + FAR\n",
    "middle": f"{HEAD}from made_up.inner import inner\n\n@kernel()\n"
    "def middle(x):\n    return 10 * inner(x)\n",
    "outer": f"{HEAD}from made_up.middle import middle\n\n@kernel()\n"
    "def outer(x):\n    return 100 * middle(x)\n",
    "beside": "NOBODY_IMPORTS = 1\n",
}

Outer = Callable[[], tuple[int, bool]]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of kernels, each in a file of its own, that call one another."""
    folder = tmp_path / "made_up"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # its clock is too coarse for us
    yield folder
    forget()


def forget() -> None:
    """As if the process had ended."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "made_up"]:
        del sys.modules[name]
    importlib.invalidate_caches()


def outer_of_one() -> tuple[int, bool]:
    """(what the outermost kernel makes of 1, whether it came from the cache), in a new process."""
    forget()
    outer = importlib.import_module("made_up.outer").outer
    value = int(outer(1))
    return value, bool(outer.stats.cache_hits)


def test_an_unchanged_kernel_comes_from_the_cache(package: Path) -> None:
    assert outer_of_one() == (9000, False)
    assert outer_of_one() == (9000, True)


@pytest.mark.parametrize(
    ("name", "before", "after", "value"),
    [
        ("limits", "8", "9", 10_000),
        ("inner", "x + FAR", "x - FAR", -7000),
        ("middle", "10 *", "20 *", 18_000),
        ("outer", "100 *", "200 *", 18_000),
    ],
)
def test_an_edit_of_whatever_it_is_made_of_counts(
    package: Path, name: str, before: str, after: str, value: int
) -> None:
    outer_of_one()
    text = (package / f"{name}.py").read_text()
    assert before in text
    (package / f"{name}.py").write_text(text.replace(before, after))
    assert outer_of_one() == (value, False)
    assert outer_of_one() == (value, True)


def test_an_edit_beside_it_does_not_count(package: Path) -> None:
    outer_of_one()
    (package / "beside.py").write_text("NOBODY_IMPORTS = 2\n")
    assert outer_of_one() == (9000, True)


def test_without_a_folder_to_write_a_kernel_works_all_the_same(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    assert outer_of_one() == (9000, False)
    assert outer_of_one() == (9000, False)


def test_a_class_of_another_name_is_no_obstacle(package: Path) -> None:
    """Numba's own cache would unpickle the class before it looks whether the source is the same."""
    before = (
        f"from typing import NamedTuple\n{HEAD}\nclass Pair(NamedTuple):\n    x: int\n\n"
        "@kernel()\ndef first(pair):\n    return pair.x\n\n\ndef outer(x):\n"
        "    return first(Pair(x))\n\nouter.stats = first.stats\n"
    )
    (package / "outer.py").write_text(before)
    assert outer_of_one() == (1, False)
    (package / "outer.py").write_text(before.replace("Pair", "Couple"))
    assert outer_of_one() == (1, False)


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
def test_a_damaged_cache_is_compiled_anew(
    package: Path, kind: str, cut: Callable[..., None]
) -> None:
    outer_of_one()
    (file,) = (package / "__pycache__").glob(f"outer.*.{kind}")
    cut(file)
    assert outer_of_one() == (9000, False)
    assert outer_of_one() == (9000, True)


def test_a_disk_without_room_is_no_obstacle(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(caching.IndexDataCacheFile, "_open_for_write", full)
    assert outer_of_one() == (9000, False)


def test_our_kernels_know_their_sources() -> None:
    """The stamp is one of numba's inner parts: a version without it must not pass unnoticed."""
    stamp = depth_sigma._cache._cache_file._source_stamp
    assert stamp == _sources("mapper.core.depth_noise") != _sources("mapper.core.geometry")


def test_nobody_else_compiles_with_numba() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for folder in ("mapper", "frontends", "backend", "io", "tools")
        for path in modules(folder)
        if any(name.partition(".")[0] == "numba" for name in imports(path))
        and path.name not in ("kernels.py", "checks.py")
    ]
    assert wrong == []

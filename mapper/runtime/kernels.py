"""Functions that numba compiles, cached by all the sources that they are made of."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from numba import njit
from numba.core.caching import IndexDataCacheFile

IMPORT: Final = re.compile(r"^(?:from|import) +([\w.]+)", re.MULTILINE)  # at a module's top


def kernel(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """numba.njit without Python's lock, cached on disk. options: of njit.

    Numba judges a cached function by the file that it stands in, but what it calls is compiled
    into it, and what it imports from other files too: an edit there would not count. Here it
    does, in every file of the same package that the function's own file imports, and so on.
    Where no folder for a cache can be written, each process compiles for itself.
    """

    def compiled(function: Callable[..., Any]) -> Any:
        dispatcher = njit(nogil=True, **options)(function)
        try:
            dispatcher.enable_caching()
        except RuntimeError:  # there is no such folder
            return dispatcher
        # The cache of a dispatcher, and what that keeps its files in, have no public names.
        store = dispatcher._cache
        name = store._impl.filename_base
        store._cache_file = _KernelFiles(store.cache_path, name, _sources(function.__module__))
        return dispatcher

    return compiled


class _KernelFiles(IndexDataCacheFile):
    """A kernel's cache on disk, without which it is compiled: no fault of a file is one of ours.

    Numba reads what a cache holds before it judges whether it is out of date, and would fail
    where a class that was compiled into it has another name by now.
    """

    def save(self, key: Any, data: Any) -> None:
        """Unless there is no room."""
        with suppress(OSError):
            super().save(key, data)

    def _load_index(self) -> dict[Any, str]:
        try:
            return dict(super()._load_index())
        except Exception:  # whatever unpickling raises
            return {}

    def _load_data(self, name: str) -> Any:
        try:
            return super()._load_data(name)
        except Exception as error:
            raise FileNotFoundError(name) from error  # which numba takes for none


@cache
def _sources(module: str) -> str:
    """Of a module and all that it imports of its own package, now that it has: a hash."""
    found: dict[str, bytes] = {}
    _collect(module, found)
    return sha256(b"".join(name.encode() + found[name] for name in sorted(found))).hexdigest()


def _collect(module: str, found: dict[str, bytes]) -> None:
    content = _content(module)
    if content is None or module in found:
        return
    found[module] = sha256(content).digest()
    package = module.partition(".")[0]
    for name in IMPORT.findall(content.decode("utf-8")):
        if name.partition(".")[0] == package:
            _collect(name, found)


def _content(module: str) -> bytes | None:
    """The source of a module that is being imported or was; None where it has none on disk."""
    path = getattr(sys.modules.get(module), "__file__", None)
    try:
        return None if path is None else Path(path).read_bytes()
    except OSError:  # in a zip
        return None

"""Reads a small PyTorch checkpoint without PyTorch, and without running anything in it."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from mapper.errors import InputError
from mapper.weights.container import AGAIN, recognise

KINDS: Final = {"FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8"}


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a .pt file by name.

    It must be a flat dictionary of tensors, as torch.save has written them since 2020. InputError
    for whatever else it is, or holds.
    """
    if recognise(path) != "torch-zip":
        raise InputError(f"{path}: not a checkpoint in PyTorch's zip format; {AGAIN}")
    try:
        with zipfile.ZipFile(path) as archive:
            content = _Tensors(archive).load()
    except Exception as error:  # a hostile or damaged pickle can raise anything at all
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"{path}: cannot be read ({reason}); {AGAIN}") from error
    if not isinstance(content, dict) or not all(
        isinstance(tensor, np.ndarray) for tensor in content.values()
    ):
        raise InputError(f"{path}: not a plain dictionary of tensors; {AGAIN}")
    return {str(name): tensor for name, tensor in content.items()}


class _Names(dict[str, Any]):
    """Stands in for collections.OrderedDict, whose attributes a checkpoint sets."""


class _Tensors(pickle.Unpickler):
    """Finds three names and no others, so that nothing else can be called."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        name = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
        super().__init__(archive.open(name))
        self._archive = archive
        self._folder = name.removesuffix("data.pkl") + "data/"

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in, or the type of a storage's numbers."""
        if (module, name) == ("collections", "OrderedDict"):
            return _Names
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in KINDS:
            return KINDS[name]
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which could run code")

    def persistent_load(self, pid: Any) -> np.ndarray:
        """The numbers of a storage, (N,)."""
        _, kind, key, *_ = pid
        return np.frombuffer(self._archive.read(f"{self._folder}{key}"), np.dtype(kind))


def _tensor(
    storage: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> np.ndarray:
    """A copy of the part of a storage that a tensor is; only whole ones, in the order of rows."""
    count = int(np.prod(shape, dtype=np.int64))
    expected = tuple(int(np.prod(shape[k + 1 :], dtype=np.int64)) for k in range(len(shape)))
    if count and strides != expected:
        raise pickle.UnpicklingError("a tensor in it is not stored row by row")
    return storage[offset : offset + count].reshape(shape).copy()

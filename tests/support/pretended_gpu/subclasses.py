"""Subclasses of tensors that lie on the pretended GPU: pypose's similarities."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

PYPOSE = "pypose.lietensor.lietensor"


class _Kind(type):
    """Whatever is a tensor is one of these."""

    def __instancecheck__(cls, x: object) -> bool:
        return isinstance(x, Tensor)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, Tensor)

    def __call__(cls, *data: Any) -> Tensor:
        return Tensor(*data)


class AnyTensor(metaclass=_Kind):
    """torch.Tensor as pypose uses it, whose as_subclass takes PyTorch's fake tensors, too: they
    are a subclass already, and it would refuse them."""

    __torch_function__ = Tensor.__torch_function__

    @staticmethod
    def as_subclass(tensor: Tensor, kind: Any) -> Tensor:
        """The same numbers as a tensor of that kind."""
        kind = Tensor if kind is AnyTensor else kind
        if not isinstance(tensor, FakeTensor):
            return Tensor.as_subclass(tensor, kind)
        fresh = torch.ops.aten.alias(tensor)
        fresh.__class__ = FakeTensor if kind is Tensor else both_of(kind)
        return fresh


@cache
def both_of(kind: type[Tensor]) -> type[Tensor]:
    """A fake tensor that is of that kind, too."""
    return type(kind.__name__, (kind, FakeTensor), {})


@contextmanager
def fake_subclasses() -> Iterator[None]:
    """While it lasts, pypose can be on the GPU, if it is loaded."""
    module = sys.modules.get(PYPOSE)
    if module is None:
        yield
        return
    with patch.object(module, "Tensor", AnyTensor):
        yield

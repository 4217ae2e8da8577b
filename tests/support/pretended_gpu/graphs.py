"""CUDA graphs: what is captured is not computed before it is replayed, then on the same memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from tests.support.pretended_gpu.device import PretendedGpu


class CaptureError(RuntimeError):
    """What a stream that is captured does not allow."""


@dataclass
class Pool:
    """Memory that graphs share. scratch: bytes that stay taken though no tensor is in them."""

    scratch: int = 0


@dataclass
class Tape:
    """kernels: name, operations and seconds. steps: each computes anew into the same tensors.

    made: the tensors that come about, which hold nonsense until the first replay.
    """

    kernels: list[tuple[str, int, float]] = field(default_factory=list)
    steps: list[Callable[[], None]] = field(default_factory=list)
    made: list[Tensor] = field(default_factory=list)

    def compute(self, function: Callable[[], Any], targets: list[Tensor | None] | None) -> None:
        """Note how the values of `targets` come about; None: by what the function alters."""
        outs = targets or []

        def step() -> None:
            found = [x for x in tree_leaves(function()) if isinstance(x, Tensor)]
            for out, value in zip(outs, found, strict=bool(outs)):
                if out is not None:
                    out.copy_(value)

        self.steps.append(step)
        self.made += [out for out in outs if out is not None]


class CudaGraph:
    """Of torch.cuda."""

    gpu: PretendedGpu  # set while the GPU is pretended

    def __init__(self, *_: Any, **__: Any) -> None:
        self.tape: Tape | None = None
        self._pool = Pool()
        self._before: tuple[int, int, int, float, int] = (0, 0, 0, 0.0, 0)

    def capture_begin(self, pool: object = None, capture_error_mode: str = "global") -> None:
        """From here on nothing is computed."""
        gpu, tally = self.gpu, self.gpu.tally
        if gpu.tape is not None:
            raise CaptureError("a capture within a capture")
        self._pool = pool if isinstance(pool, Pool) else Pool()
        self._before = tally.bytes, tally.peak, tally.launches, tally.seconds, tally.flops
        tally.peak = tally.bytes
        gpu.tape = Tape()

    def capture_end(self) -> None:
        """What was captured runs when it is replayed."""
        gpu, tally, tape = self.gpu, self.gpu.tally, self.gpu.tape
        if tape is None:
            raise CaptureError("there is no capture to end")
        gpu.tape = None
        _, peak, tally.launches, tally.seconds, tally.flops = self._before
        scratch = tally.peak - tally.bytes
        tally.bytes += max(scratch - self._pool.scratch, 0)
        self._pool.scratch = max(self._pool.scratch, scratch)
        tally.peak = max(peak, tally.peak, tally.bytes)
        for tensor in tape.made:
            if tensor.is_floating_point():
                tensor.fill_(torch.nan)
        self.tape = tape

    def replay(self) -> None:
        """Everything that was captured, on the tensors that it was captured with."""
        if self.tape is None:
            raise CaptureError("a graph that holds nothing is replayed")
        self.gpu.tally.replayed(self.tape.kernels)
        for step in self.tape.steps:
            step()

    def reset(self) -> None:
        """Forget it."""
        self.tape = None


@contextmanager
def captured(graph: CudaGraph, pool: object = None, **_: Any) -> Iterator[None]:
    """torch.cuda.graph."""
    graph.capture_begin(pool)
    try:
        yield
    finally:
        graph.capture_end()

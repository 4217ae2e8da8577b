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

    def compute(self, function: Callable[[], Any], targets: Any) -> None:
        """Note how the values of `targets` come about; None: by what the function alters."""
        outs = [] if targets is None else [t for t in tree_leaves(targets) if t is not None]

        def step() -> None:
            found = [x for x in tree_leaves(function()) if isinstance(x, Tensor)]
            for out, value in zip(outs, found, strict=bool(outs)):
                out.copy_(value)

        self.steps.append(step)
        self.made += outs


class CudaGraph:
    """Of torch.cuda."""

    gpu: PretendedGpu  # set while the GPU is pretended

    def __init__(self, *_: Any, **__: Any) -> None:
        self.tape: Tape | None = None

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

    def pool(self) -> object:
        """Memory that other graphs may share."""
        return None


@contextmanager
def captured(
    graph: CudaGraph, pool: object = None, stream: object = None, **_: Any
) -> Iterator[None]:
    """torch.cuda.graph."""
    gpu = graph.gpu
    if gpu.tape is not None:
        raise CaptureError("a capture within a capture")
    before, peak = gpu.tally.bytes, gpu.tally.peak
    launches, seconds, flops = gpu.tally.launches, gpu.tally.seconds, gpu.tally.flops
    gpu.tally.peak = before
    gpu.tape = tape = Tape()
    try:
        yield
    finally:
        gpu.tape = None
        # Nothing ran; what was captured runs when it is replayed.
        gpu.tally.launches, gpu.tally.seconds, gpu.tally.flops = launches, seconds, flops
    shared = pool if isinstance(pool, Pool) else Pool()
    scratch = gpu.tally.peak - gpu.tally.bytes
    gpu.tally.bytes += max(scratch - shared.scratch, 0)
    shared.scratch = max(shared.scratch, scratch)
    gpu.tally.peak = max(peak, gpu.tally.peak, gpu.tally.bytes)
    for tensor in tape.made:
        if tensor.is_floating_point():
            tensor.fill_(torch.nan)
    graph.tape = tape

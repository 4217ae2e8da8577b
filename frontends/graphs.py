"""What a network computes of one frame as CUDA graphs: the host starts it at once, not kernel by
kernel, of which there are thousands.

A graph is captured for tensors of fixed shapes, and computes on the memory that it was captured
with. What changes from frame to frame, attention over a cache that grows, interrupts it: there one
graph ends, the work is done as ever, and the next graph takes up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
# Numbers, then query, key and value (B, n, heads, d); returns the mixed values (B, n, heads * d).
Mixer = Callable[..., Tensor]
Function = Callable[..., Result]  # of mixers by name, then of tensors
MOST: Final = 8  # recordings at a time: each keeps its results' memory


class Graphs:
    """Runs functions of tensors, from the second time on with the same key by CUDA graphs.

    The first time shows that everything works, and lets libraries make what they need. Where a
    capture fails, which the log tells, everything is computed as without graphs.
    """

    def __init__(self, device: torch.device, wanted: bool) -> None:
        self.wanted = wanted and device.type == "cuda"
        self._device = device
        self._seen: set[Hashable] = set()
        self._recordings: dict[Hashable, _Recording] = {}
        self._pool: Any = None

    def run(
        self,
        key: Hashable,
        function: Function[Result],
        tensors: Sequence[Tensor],
        mixers: Mapping[str, Mixer] | None = None,
    ) -> Result:
        """function(mixers, *tensors), whose result may hold tensors in dataclasses and containers.

        key: everything that decides what is computed, but for the tensors' numbers. mixers: what
        interrupts the graphs; they are called with the same tensors in the same order each time.
        """
        mixers = mixers or {}
        if not self.wanted:
            return function(mixers, *tensors)
        if key not in self._recordings:
            is_first = key not in self._seen
            self._seen.add(key)
            if is_first or len(self._recordings) == MOST:
                return function(mixers, *tensors)
            if not self._captured(key, function, tensors, mixers):
                return function(mixers, *tensors)
        return self._recordings[key].replayed(tensors, mixers)

    def forget(self) -> None:
        """All recordings: the memory that they read, weights or a cache, is no longer there."""
        self._seen.clear()
        self._recordings.clear()
        self._pool = None

    def _captured(
        self,
        key: Hashable,
        function: Function[Any],
        tensors: Sequence[Tensor],
        mixers: Mapping[str, Mixer],
    ) -> bool:
        """Whether there is a recording now."""
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        recorder = _Recorder(self._pool)
        try:
            with torch.cuda.device(self._device):  # streams belong to the present one
                self._recordings[key] = recorder.recorded(function, tensors, mixers)
        except RuntimeError as error:  # whatever CUDA says of what cannot be captured, or no memory
            logger.warning("CUDA graphs are not used, a frame takes longer: %s", _one_line(error))
            self.wanted = False
        return self.wanted


@dataclass(slots=True, eq=False)
class _Interruption:
    """name: of the mixer. arguments: numbers and tensors. mixed: where its answer goes."""

    name: str
    arguments: tuple[Any, ...]
    mixed: Tensor


@dataclass(slots=True, eq=False)
class _Recording:
    """inputs: the tensors that are read. pieces: graphs and what interrupts them, in order."""

    inputs: list[Tensor]
    pieces: list[Any] = field(default_factory=list)
    result: Any = None

    def replayed(self, tensors: Sequence[Tensor], mixers: Mapping[str, Mixer]) -> Any:
        """The result in memory of its own: the next replay overwrites that of the graphs."""
        for own, given in zip(self.inputs, tensors, strict=True):
            own.copy_(given)
        for piece in self.pieces:
            if isinstance(piece, _Interruption):
                piece.mixed.copy_(mixers[piece.name](*piece.arguments))
            else:
                piece.replay()
        return _copied(self.result)


class _Recorder:
    """Captures one run of a function, during which nothing is computed."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._graph: Any = None
        self._pieces: list[Any] = []
        self._buffers: dict[Hashable, Tensor] = {}

    def recorded(
        self, function: Function[Any], tensors: Sequence[Tensor], mixers: Mapping[str, Mixer]
    ) -> _Recording:
        """The pieces of a function, on copies of the tensors."""
        recording = _Recording([tensor.clone() for tensor in tensors])
        interrupting = {name: partial(self._interrupted, name) for name in mixers}
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            try:
                self._begin()
                recording.result = function(interrupting, *recording.inputs)
                self._end()
            except RuntimeError:
                with suppress(RuntimeError):
                    self._graph.capture_end()
                raise
        torch.cuda.current_stream().wait_stream(stream)
        recording.pieces = self._pieces
        return recording

    def _begin(self) -> None:
        self._graph = torch.cuda.CUDAGraph()
        # Other threads may use the GPU meanwhile.
        self._graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")

    def _end(self) -> None:
        self._graph.capture_end()
        self._pieces.append(self._graph)

    def _interrupted(self, name: str, *arguments: Any) -> Tensor:
        handed = tuple(
            self._shared(place, a) if isinstance(a, Tensor) else a
            for place, a in enumerate(arguments)
        )
        self._end()
        query = next(a for a in handed if isinstance(a, Tensor))
        key = ("mixed", query.shape, query.dtype)
        if key not in self._buffers:
            self._buffers[key] = query.new_empty(*query.shape[:2], query.shape[2:].numel())
        self._pieces.append(_Interruption(name, handed, self._buffers[key]))
        self._begin()
        return self._buffers[key]

    def _shared(self, place: int, tensor: Tensor) -> Tensor:
        """A copy in memory that all interruptions of the kind share, one after the other: what
        each is handed would have to stay by itself else, a quarter of a gigabyte in STream3R."""
        key = (place, tensor.shape, tensor.dtype)
        if key not in self._buffers:
            self._buffers[key] = torch.empty(tensor.shape, dtype=tensor.dtype, device=tensor.device)
        return self._buffers[key].copy_(tensor)


def _copied(result: Any) -> Any:
    """The same with copies of all tensors on a GPU."""
    if isinstance(result, Tensor):
        return result.clone() if result.device.type == "cuda" else result
    if isinstance(result, list | tuple):
        return type(result)(_copied(part) for part in result)
    if is_dataclass(result) and not isinstance(result, type):
        changed = {f.name: _copied(getattr(result, f.name)) for f in fields(result)}
        return replace(result, **changed)
    return result


def _one_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line), type(error).__name__)

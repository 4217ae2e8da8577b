"""The host's side: pinned memory, copies that are under way, streams and events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from weakref import finalize

import torch
from torch import Tensor

from tests.support.pretended_gpu.tally import Tally

NOT_YET: Final = 113  # a byte: what stands in memory that a copy has not reached


class Host:
    """Which memory of the CPU is pinned, and which copies into it nobody has waited for."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._pinned: set[int] = set()
        self._under_way: list[tuple[Tensor, Tensor]] = []

    def pin(self, tensor: Tensor) -> Tensor:
        """The tensor itself, whose memory counts as pinned."""
        storage = tensor.untyped_storage()
        self._pinned.add(storage._cdata)
        finalize(storage, self._pinned.discard, storage._cdata)
        return tensor

    def is_pinned(self, tensor: Tensor) -> bool:
        """Whether its memory is."""
        return tensor.untyped_storage()._cdata in self._pinned

    def send_down(self, target: Tensor, source: Tensor) -> None:
        """Without waiting: what is read before somebody waits is nonsense."""
        self._under_way.append((target, source.clone()))
        if target.numel():
            target.view(-1).view(torch.uint8).fill_(NOT_YET)

    def arrive(self) -> None:
        """Everything under way is there."""
        for target, source in self._under_way:
            target.copy_(source)
        self._under_way.clear()

    def wait(self, what: str) -> None:
        """Until the device has done all that it was told."""
        self._tally.wait(what)
        self.arrive()


class Stream:
    """Of torch.cuda: one after the other here, whatever the stream."""

    host: Host  # set while the GPU is pretended

    def __init__(self, *_: Any, **__: Any) -> None:
        self.cuda_stream = 0

    def wait_stream(self, stream: object) -> None:
        """On the device; the host goes on."""

    def wait_event(self, event: object) -> None:
        """On the device; the host goes on."""

    def record_event(self, event: Event | None = None) -> Event:
        """An event of what was told so far."""
        return event or Event()

    def synchronize(self) -> None:
        """The host waits."""
        self.host.wait("synchronize")

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Event:
    """Of torch.cuda."""

    host: Host

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def record(self, stream: object = None) -> None:
        """Of what was told so far."""

    def wait(self, stream: object = None) -> None:
        """On the device; the host goes on."""

    def query(self) -> bool:
        """Whether the device is so far: a host that does not wait had better not count on it."""
        return False

    def elapsed_time(self, _: Event) -> float:
        """Milliseconds; nothing takes time here."""
        return 0.0

    def synchronize(self) -> None:
        """The host waits."""
        self.host.wait("synchronize")


@contextmanager
def streamed(stream: object) -> Iterator[None]:
    """torch.cuda.stream."""
    yield

"""Reads frames ahead in a background thread, in order."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator

from mapper.core.frame import Frame
from mapper.errors import InputError
from mapper.io.sequences.sequence import Sequence
from mapper.runtime.closing import Closing

QUEUE_LENGTH = 4  # frames read ahead


class Prefetch(Closing):
    """Iterates over the frames from `start`; an unreadable one yields its InputError instead.

    prepare: called with each frame in the reading thread, before it is handed out.

    The thread ends with the sequence, on close(), at the end of a `with` block, or when the object
    is dropped. Any other exception of the reader is raised where its frame was due. The sequence
    itself stays open: close it after this.
    """

    def __init__(
        self,
        sequence: Sequence,
        start: int = 0,
        queue_length: int = QUEUE_LENGTH,
        prepare: Callable[[Frame], None] | None = None,
    ) -> None:
        self._buffer = _Buffer(queue_length)
        # Not self: the thread must not keep a dropped object alive, and ends with it.
        arguments = (sequence, start, self._buffer, prepare)
        self._thread = threading.Thread(
            target=_read_all, args=arguments, name="mapper-prefetch", daemon=True
        )
        self._finalizer = weakref.finalize(self, self._buffer.close)
        self._thread.start()

    def __iter__(self) -> Iterator[Frame | InputError]:
        return self

    def __next__(self) -> Frame | InputError:
        item = self._buffer.take()
        if item is None:
            raise StopIteration
        if isinstance(item, _Failure):
            self.close()
            raise item.cause
        return item

    def close(self) -> None:
        """Stops the thread and waits for the frame that it is reading."""
        self._finalizer()
        self._thread.join()


class _Failure:
    """An exception of the reader that is no InputError."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


class _Buffer:
    """A bounded queue that either side can close."""

    def __init__(self, capacity: int) -> None:
        self._capacity = max(1, capacity)
        self._items: deque[Frame | InputError | _Failure] = deque()
        self._changed = threading.Condition()
        self._ended = self._closed = False

    def put(self, item: Frame | InputError | _Failure) -> bool:
        """Waits for room; False once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._capacity)
            if not self._closed:
                self._items.append(item)
                self._changed.notify_all()
            return not self._closed

    def take(self) -> Frame | InputError | _Failure | None:
        """Waits for an item; None at the end or once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._ended or self._items)
            if self._closed or not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def end(self) -> None:
        """No item follows; those inside can still be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Drops what is inside and lets both sides go."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()


def _read_all(
    sequence: Sequence, start: int, buffer: _Buffer, prepare: Callable[[Frame], None] | None
) -> None:
    for index in range(start, len(sequence)):
        item: Frame | InputError | _Failure
        try:
            item = sequence[index]
            if prepare is not None:
                prepare(item)
        except InputError as error:
            item = error
        except Exception as error:  # handed to the reader's caller, which would wait for ever
            item = _Failure(error)
        if not buffer.put(item) or isinstance(item, _Failure):
            break
    buffer.end()

"""Reads a live source in a thread of its own; whoever takes an image gets the newest."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from mapper.errors import InputError
from mapper.io.live.retry import RetryOptions
from mapper.io.live.source import LiveImage, LiveSource, StreamBroken
from mapper.runtime.closing import Closing
from mapper.runtime.patience import Patience, told

logger = logging.getLogger(__name__)

POLL_S: Final = 0.1  # between looks at whether to stop while no image comes
JOIN_S: Final = 15.0  # longer than any source waits for an image


@dataclass
class CaptureCounts:
    """received: images. dropped: of those, never taken, as a newer one came first. unreadable:
    times that reading one failed in a way that the source does not know.

    breaks: times that the stream broke. reconnections: times that it came back.
    """

    received: int = 0
    dropped: int = 0
    unreadable: int = 0
    breaks: int = 0
    reconnections: int = 0


class LiveCapture(Closing):
    """Holds one image, the newest. A source that breaks is opened again until close().

        with LiveCapture(source) as capture:
            for image in capture.images(lambda: stopped):
                ...

    source: what was given. The first open() is the caller's: it raises what the source raises. A
    fault of the source that opening again cannot mend is raised where the next image was due, as an
    InputError; whatever else it raises costs one image.
    """

    def __init__(self, source: LiveSource, retry: RetryOptions | None = None) -> None:
        self.counts = CaptureCounts()
        self.source = source
        self._retry = retry or RetryOptions()
        self._newest: LiveImage | None = None
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._ended = False
        self._fault: InputError | None = None
        self._patience = Patience(f"{source.name}: an image could not be read")
        self._last_arrival: float | None = None
        source.open()
        self._thread = threading.Thread(target=self._run, name="mapper-capture", daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        """Whether the stream is up, as far as is known."""
        return self.counts.breaks == self.counts.reconnections and not self._ended

    def images(self, stopped: Callable[[], bool]) -> Iterator[LiveImage]:
        """The newest images, one after the other, until the source ends or stopped() is true."""
        while not stopped():
            image = self.take(POLL_S)
            if image is not None:
                yield image
            elif self._ended:
                return

    def take(self, timeout: float) -> LiveImage | None:
        """The newest image that was not taken yet; None if none comes within timeout seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._ended, timeout)
            image, self._newest = self._newest, None
            if image is None and self._fault is not None:
                raise self._fault
            return image

    def close(self) -> None:
        """End the thread, then let the source go."""
        self._stop.set()
        self._thread.join(JOIN_S)
        if self._thread.is_alive():  # closing under it would crash in native code
            logger.warning("%s: does not answer and is left open", self.source.name)
            return
        self._close_source()

    def _close_source(self) -> None:
        """Whatever a device says to that, what it gave is not lost."""
        try:
            self.source.close()
        except Exception as error:
            logger.warning("%s: could not be closed (%s)", self.source.name, told(error))

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and self._read_on():
                pass
        except InputError as fault:  # handed to take(), which would wait for ever
            self._fault = fault
        except BaseException as error:
            self._fault = InputError(f"{self.source.name}: the source failed ({told(error)})")
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _read_on(self) -> bool:
        """One image into the slot; False at the end of the source."""
        try:
            image = self.source.read()
        except StreamBroken as fault:
            self._reconnect(fault)
            return True
        except InputError:
            raise
        except Exception as error:
            self._patience.forgive(error)
            self.counts.unreadable += 1
            return True
        self._patience.well()
        if image is not None:
            self._offer(image)
        return image is not None

    def _offer(self, image: LiveImage) -> None:
        with self._changed:
            self.counts.received += 1
            last = self._last_arrival
            if last is not None and image.timestamp <= last:
                self.counts.dropped += 1  # a clock that stepped back: no second image of a time
                return
            gap = last is not None and image.timestamp - last > self._retry.gap
            if self._newest is not None:
                self.counts.dropped += 1
                gap = gap or self._newest.after_gap
            self._last_arrival = image.timestamp
            self._newest = replace(image, after_gap=gap)
            self._changed.notify_all()

    def _reconnect(self, fault: StreamBroken) -> None:
        """Open the source again, ever more patiently, until it opens or close() is called."""
        self.counts.breaks += 1
        logger.warning("%s; connecting again", fault)
        self._close_source()
        wait = self._retry.first_wait
        while not self._stop.wait(wait):
            try:
                self.source.open()
            except Exception as error:
                logger.info("%s", told(error))
                wait = min(2 * wait, self._retry.longest_wait)
                continue
            self.counts.reconnections += 1
            logger.warning("%s: connected again", self.source.name)
            return

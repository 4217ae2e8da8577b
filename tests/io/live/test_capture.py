"""The capture thread: newest image wins, streams come back, nothing is left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from mapper.core.camera_kinds import CameraKind
from mapper.errors import InputError
from mapper.io.cameras.calibration import Calibration
from mapper.io.live import camera
from mapper.io.live.camera import CameraSource
from mapper.io.live.capture import LiveCapture
from mapper.io.live.retry import RetryOptions
from mapper.io.live.source import LiveImage, StreamBroken
from tests.support.mjpeg_server import Faults, MjpegServer

QUICK = RetryOptions(first_wait=0.02, longest_wait=0.1, gap=0.3)
GREYS = [np.full((48, 64, 3), 4 * i, np.uint8) for i in range(60)]


class Scripted:
    """A source that gives what it is told to: images, faults, or the end."""

    name = "scripted"
    has_depth = False
    camera_kind: CameraKind | None = None
    calibration: Calibration | None = None

    def __init__(self, script: list[LiveImage | Exception | None], refusals: int = 0) -> None:
        self.opened = self.closed = 0
        self._script, self._refusals = iter(script), refusals

    def open(self) -> None:
        self.opened += 1
        if self.opened > 1 and self._refusals > 0:
            self._refusals -= 1
            raise StreamBroken("not yet")

    def read(self) -> LiveImage | None:
        item = next(self._script)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        self.closed += 1


def at(second: float) -> LiveImage:
    return LiveImage(second, np.zeros((2, 2, 3), np.uint8))


def until(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def test_the_newest_image_wins_and_the_others_are_counted() -> None:
    with LiveCapture(Scripted([at(1), at(1.1), at(1.2), None]), QUICK) as capture:
        until(lambda: capture.counts.received == 3)
        (image,) = capture.images(lambda: False)
    assert image.timestamp == 1.2 and not image.after_gap
    assert capture.counts.dropped == 2 and capture.counts.breaks == 0


def test_a_gap_is_told_by_the_first_image_taken_after_it() -> None:
    # The image right after the gap is itself dropped: the next one still says so.
    with LiveCapture(Scripted([at(1), at(9), at(9.1), None]), QUICK) as capture:
        until(lambda: capture.counts.received == 3)
        (image,) = capture.images(lambda: False)
    assert image.timestamp == 9.1 and image.after_gap


def test_an_image_of_no_later_time_is_dropped() -> None:
    with LiveCapture(Scripted([at(5), at(5), at(4), None]), QUICK) as capture:
        (image,) = capture.images(lambda: False)
    assert image.timestamp == 5 and capture.counts.dropped == 2


def test_a_broken_source_is_opened_again_until_it_answers() -> None:
    source = Scripted([at(1), StreamBroken("unplugged"), at(2), None], refusals=2)
    with LiveCapture(source, QUICK) as capture:
        until(lambda: not capture._thread.is_alive())
        assert capture.counts.breaks == capture.counts.reconnections == 1
        assert source.opened == 4  # at first, two refusals, and the one that worked


def test_a_fault_that_opening_again_cannot_mend_is_raised() -> None:
    broken = Scripted([at(1), InputError("no codec")])
    with LiveCapture(broken, QUICK) as capture, pytest.raises(InputError, match="no codec"):
        list(capture.images(lambda: False))


def test_closing_ends_the_search_for_a_lost_camera() -> None:
    source = Scripted([StreamBroken("unplugged")], refusals=10**6)
    before = threading.active_count()
    capture = LiveCapture(source, QUICK)
    until(lambda: source.opened > 2)
    assert not capture.connected
    capture.close()
    assert threading.active_count() == before and source.closed >= 2


def test_a_source_that_is_not_there_is_said_at_once() -> None:
    before = threading.active_count()
    with pytest.raises(InputError, match="no camera or stream answers"):
        LiveCapture(CameraSource("http://127.0.0.1:9/none.mjpg"), QUICK)
    assert threading.active_count() == before


def test_images_of_a_network_camera_come_in_their_order() -> None:
    with MjpegServer(GREYS) as server, LiveCapture(CameraSource(server.url), QUICK) as capture:
        images: list[LiveImage] = []
        for image in capture.images(lambda: len(images) == 20):
            images.append(image)
    assert images[0].image.shape == (48, 64, 3)
    steps = np.diff([image.image.mean() / 4 for image in images]) % len(GREYS)
    assert (steps > 0.5).all()  # none twice, none out of its turn; some may be left out
    times = [image.timestamp for image in images]
    assert times == sorted(times)


def test_an_image_of_another_shape_arrives_in_its_shape() -> None:
    # FFmpeg's own images would all be stretched to the first one's shape.
    with MjpegServer(GREYS, Faults(crop_at=6)) as server:
        source = CameraSource(server.url)
        source.open()
        images = [source.read() for _ in range(12)]
        source.close()
    shapes = [image.image.shape for image in images if image is not None]
    assert shapes == [(48, 64, 3)] * 6 + [(24, 64, 3)] * 6


def test_a_slow_taker_gets_new_images_not_old_ones() -> None:
    with MjpegServer(GREYS) as server, LiveCapture(CameraSource(server.url), QUICK) as capture:
        levels = []
        for _ in range(3):
            image = capture.take(300.0)
            assert image is not None
            levels.append(image.image.mean() / 4)
            due = capture.counts.received + 5
            until(lambda due=due: capture.counts.received >= due)  # type: ignore[misc]
        assert capture.counts.dropped >= 6
    assert (np.diff(levels) % len(GREYS) > 4).all()  # at least the five that came meanwhile


FAULTS = {
    "dropped connection": Faults(drop_at=(8, 16), away_s=0.1),
    "garbage": Faults(garbage_every=8),
    "another size": Faults(resize_at=10, drop_at=(15,)),
    "silence": Faults(stall_at=(10,), stall_s=1.0),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_of_a_network_camera_is_survived(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only silence is told by a clock, and then a busy machine may be silent more than once.
    monkeypatch.setattr(camera, "READ_TIMEOUT_MS", 400 if name == "silence" else 300_000)
    monkeypatch.setattr(camera, "OPEN_TIMEOUT_MS", 300_000)
    before = threading.active_count()
    near_the_end = threading.Event()
    with (
        MjpegServer(GREYS, FAULTS[name], rate=60) as server,
        LiveCapture(CameraSource(server.url), QUICK) as capture,
    ):
        for image in capture.images(near_the_end.is_set):
            if image.image.mean() > 4 * 28:
                near_the_end.set()
        counts = capture.counts
    assert near_the_end.is_set()
    if name == "garbage":
        assert counts.breaks == 0 and counts.received < server.sent
    else:
        assert counts.reconnections == counts.breaks == server.connections - 1
        expected = {"dropped connection": 2}.get(name, 1)
        assert counts.breaks == expected or (name == "silence" and counts.breaks > expected)
    until(lambda: threading.active_count() == before)

"""A network camera on loopback: motion JPEG over HTTP, with the faults of real ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

BOUNDARY = b"--frame\r\n"


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, by the number of the image since the server began.

    drop_at: the connection is cut before these. stall_at: silence of stall_s before these.
    garbage_every: every so many images a body of noise. resize_at: from here on half the size.
    crop_at: from here on the upper half alone. away_s: after a cut the server refuses for so long.
    """

    drop_at: tuple[int, ...] = ()
    stall_at: tuple[int, ...] = ()
    stall_s: float = 0.0
    garbage_every: int = 0
    resize_at: int | None = None
    crop_at: int | None = None
    away_s: float = 0.0


class MjpegServer:
    """Plays images, uint8 (H, W, 3) RGB, at a rate; goes on where it was after a new connection.

    count: images to send; None = round and round for ever. Then the stream stays silent.
    """

    def __init__(
        self,
        images: Sequence[np.ndarray],
        faults: Faults | None = None,
        *,
        rate: float = 30.0,
        count: int | None = None,
    ) -> None:
        self.sent = 0
        self.connections = 0
        self._encoded = [_jpeg(image) for image in images]
        self._small = [_jpeg(cv2.resize(image, None, fx=0.5, fy=0.5)) for image in images]
        self._upper = [_jpeg(image[: len(image) // 2]) for image in images]
        self._faults = faults or Faults()
        self._rate, self._count = rate, count
        self._away_until = 0.0
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._serve))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/stream.mjpg"

    def __enter__(self) -> MjpegServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        if time.monotonic() < self._away_until:
            request.send_error(503)
            return
        self.connections += 1
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        request.end_headers()
        due = time.monotonic()
        while not self._closing.is_set():
            if self.sent == self._count:
                self._closing.wait()
                return
            number, self.sent = self.sent, self.sent + 1
            if number in self._faults.drop_at:
                self._away_until = time.monotonic() + self._faults.away_s
                return
            if number in self._faults.stall_at:
                self._closing.wait(self._faults.stall_s)
                due = time.monotonic()
            if not _send(request, self._body(number)):
                return
            due += 1 / self._rate
            self._closing.wait(max(0.0, due - time.monotonic()))

    def _body(self, number: int) -> bytes:
        bodies = self._encoded
        for since, changed in (
            (self._faults.resize_at, self._small),
            (self._faults.crop_at, self._upper),
        ):
            bodies = changed if since is not None and number >= since else bodies
        body = bodies[number % len(bodies)]
        if self._faults.garbage_every and number % self._faults.garbage_every == 5:
            return np.random.default_rng(number).bytes(len(body))
        return body


def _send(request: BaseHTTPRequestHandler, body: bytes) -> bool:
    head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(body)
    try:
        request.wfile.write(BOUNDARY + head + body + b"\r\n")
    except OSError:  # the client has gone
        return False
    return True


def _handler(serve: Callable[[BaseHTTPRequestHandler], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            serve(self)

        def log_message(self, *_: object) -> None:
            """Tests print nothing."""

    return Handler


def _jpeg(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()

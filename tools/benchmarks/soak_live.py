"""Maps a looped network stream for a long time: does memory grow, is a thread left behind?

    python tools benchmarks.soak_live --minutes 30 [--rate 30] [--warm-up 5]

A server on loopback plays the sample room there and back, 320x240, for ever, and cuts the
connection every minute. `run_live` maps it with the true poses and depths (a frontend that costs
nothing, so that everything else is what is measured). Memory is sampled every five seconds; the
slope is a least-squares line through what follows the warm-up.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from mapper import MapperConfig
from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.io.cameras.calibration import Calibration
from mapper.io.cameras.camera import Camera
from mapper.io.live.camera import CameraSource
from mapper.io.live.capture import LiveCapture
from mapper.io.viewer.rerun_logger import RerunLogger
from mapper.live import run_live
from mapper.live_job import LiveJob
from mapper.run.directory import RunDirectory
from mapper.runtime.process_health import resident_mb
from tests.support.mjpeg_server import Faults, MjpegServer
from tests.support.room_stream import RoomFrontend, marked
from tests.support.room_views import Room

SAMPLE_S = 5.0
VIEWS = 120


class ForgetfulFrontend(RoomFrontend):
    """Keeps no list of what it has seen, which would grow like a leak of the mapper's."""

    def step(self, frame: Frame) -> list[Prediction]:
        self.numbers.clear()
        self.moments.clear()
        return super().step(frame)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument(
        "--warm-up", type=float, default=5.0, help="minutes before the slope counts"
    )
    parser.add_argument("--rate", type=float, default=30.0, help="images a second")
    arguments = parser.parse_args()
    before = {thread.name for thread in threading.enumerate()}
    samples: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        metrics = soak(Path(folder) / "run", arguments.minutes * 60, arguments.rate, samples)
    left = {thread.name for thread in threading.enumerate()} - before
    minutes, memory = np.array(samples).T
    settled = (minutes >= arguments.warm_up) & (
        minutes <= arguments.minutes
    )  # settling comes after
    slope = np.polyfit(minutes[settled], memory[settled], 1)[0]
    print(
        f"{metrics['received']} images came, {metrics['frames']} tracked, "
        f"{metrics['dropped']} dropped, {metrics['left_out']} left out of the map"
    )
    print(f"{metrics['reconnections']} reconnections, {metrics['keyframes']} keyframes")
    print(
        f"memory {memory[settled][0]:.0f} MB after the warm-up, {memory[settled][-1]:.0f} MB when "
        f"stopped: {slope:+.2f} MB a minute"
    )
    print(f"threads left behind: {', '.join(sorted(left)) or 'none'}")


def soak(
    out: Path, seconds: float, rate: float, samples: list[tuple[float, float]]
) -> dict[str, float]:
    """The metrics of the run; memory (minutes, MB) is added to `samples` as it goes."""
    room = Room()
    numbers = [*range(0, VIEWS), *range(VIEWS - 1, 0, -1)]
    images = [marked(room.frame(number).image, number) for number in numbers]
    for number in range(VIEWS):
        room.prediction(number)
    run = RunDirectory.create(out, False)
    source = {"name": "soak", "kind": "live", "path": "0", "fingerprint": "live"}
    description = {"sequence": source, "frontend": "room", "config": {}}
    run.write_description(description)
    cuts = tuple(range(int(60 * rate), int(seconds * rate) + 1, int(60 * rate)))
    stop = threading.Event()
    sampler = threading.Thread(target=sample, args=(samples, stop), name="sampler")
    with MjpegServer(images, Faults(drop_at=cuts), rate=rate) as server:
        sampler.start()
        try:
            with LiveCapture(CameraSource(server.url)) as capture:
                camera = Calibration(Camera(room.intrinsics))
                job = LiveJob(ForgetfulFrontend(room), MapperConfig(), run, camera)
                show = RerunLogger(run.recording, image_every=30)
                return run_live(capture, job, show, seconds)
        finally:
            stop.set()
            sampler.join()


def sample(samples: list[tuple[float, float]], stop: threading.Event) -> None:
    start = time.monotonic()
    while not stop.wait(SAMPLE_S):
        samples.append(((time.monotonic() - start) / 60, resident_mb()))
        print(f"{samples[-1][0]:.1f} min: {samples[-1][1]:.0f} MB", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

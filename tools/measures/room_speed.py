"""Measures what a made-up room and its frames cost, on one core, by kind of camera.

    python tools measures.room_speed [--seeds N] [--width PIXELS]

CPU seconds to make a room ready (layout, shadows, the choice of a walk), and CPU milliseconds of a
frame with all that a camera does to it: motion blur, rolling shutter, noise, depth.
"""

from __future__ import annotations

import argparse
import time

import cv2
import numpy as np

from mapper.core.camera_kinds import CAMERA_KINDS
from mapper.rooms import RoomSequence, draw_sequence

FRAMES = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--width", type=int, default=640)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    size = (options.width, round(0.75 * options.width))
    print("| camera | room, mean | worst | frame, mean | worst |\n| --- | --- | --- | --- | --- |")
    for kind in CAMERA_KINDS:
        measure(kind, 999, size)  # compiles
        rows = np.array([measure(kind, seed, size) for seed in range(options.seeds)])
        room, frame = rows.T
        print(
            f"| {kind} | {room.mean():.2f} s | {room.max():.2f} s "
            f"| {1e3 * frame.mean():.0f} ms | {1e3 * frame.max():.0f} ms |"
        )


def measure(kind: str, seed: int, size: tuple[int, int]) -> tuple[float, float]:
    """CPU seconds of a room and of a frame."""
    spec = draw_sequence(seed, kind=kind, width=size[0], height=size[1], frames=60)
    started = time.process_time()
    sequence = RoomSequence(spec)
    ready = time.process_time()
    for index in np.linspace(0, len(sequence) - 1, FRAMES).astype(int):
        sequence[int(index)]
    return ready - started, (time.process_time() - ready) / FRAMES


if __name__ == "__main__":
    main()

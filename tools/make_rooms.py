"""Renders rooms to learn from: a file each of images, depth, poses and intrinsics.

    python tools make_rooms --rooms 300 --out DIR [--split train|validation|test] [--first N]
        [--walk 200]

Rooms that are there already are left as they are.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2

from mapper.train.data.room_files import FIRST_SEEDS, RoomFiles


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rooms", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="number of the first room")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--split", choices=tuple(FIRST_SEEDS), default="train")
    parser.add_argument("--size", type=int, nargs=2, default=(112, 84), metavar=("W", "H"))
    parser.add_argument("--frames", type=int, default=48, help="of each room")
    parser.add_argument(
        "--walk", type=int, default=0, metavar="N",
        help="frames of the walk, of which a file holds a stretch: the longer, the more of it is "
        "moving, not turning; 0 = as many as a file",
    )  # fmt: skip
    options = parser.parse_args()
    if options.walk and options.walk < options.frames:
        parser.error(f"--walk {options.walk}: fewer than the {options.frames} frames of a file")
    cv2.setNumThreads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    files = RoomFiles(options.split, tuple(options.size), options.frames, options.walk)
    started = time.process_time()
    made = 0
    for number in range(options.first, options.first + options.rooms):
        if not files.path(number, options.out).exists():
            files.write(number, options.out)
            made += 1
    seconds = (time.process_time() - started) / max(made, 1)
    print(f"{options.out}: {made} rooms made, {seconds:.2f} s of CPU each")


if __name__ == "__main__":
    main()

"""Write the sample sequence: a loop through a made-up room, TUM RGB-D format, exact poses."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mapper.errors import MapperError
from mapper.rooms.sample.sequence import make_sample


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="new folder to write")
    parser.add_argument("--frames", type=int, default=240, help="frames in the loop")
    parser.add_argument("--width", type=int, default=640, help="pixels")
    parser.add_argument("--height", type=int, default=480, help="pixels")
    parser.add_argument("--seed", type=int, default=0, help="of the cameras' noise")
    parser.add_argument("--clean", action="store_true", help="no noise, no holes in depth")
    options = vars(parser.parse_args())
    try:
        folder = make_sample(**options, progress=_show)
    except MapperError as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 1
    print(f"\nwrote {folder}")
    return 0


def _show(done: int, total: int) -> None:
    print(f"\rframe {done}/{total}", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""Frames a second of a whole run, from images to a map, with a network on this machine's GPU.

    python tools benchmarks.gpu_run [--frontend cut3r-ttsa] [--frames 300] [--tiny]

The sample room is walked through. Where the frontend's weights are at hand (mapper weights fetch),
the map is a map; else they are random, and so is it: the network takes as long, the backend other
times. --tiny: a tiny network, few frames, for a try on a CPU.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

from benchmarks.gpu_frames import random_networks
from mapper.config.settings import MapperConfig
from mapper.errors import MapperError
from mapper.frontends.registry import create_frontend
from mapper.io.sequences.open_sequence import open_sequence
from mapper.rooms.sample.sequence import make_sample
from mapper.slam.mapper import Mapper
from mapper.vision.orb import OrbMatcher
from mapper.weights.registry import resolve_weights

WARM_UP = 10  # frames that are not counted


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frontend", default="cut3r-ttsa")
    parser.add_argument("--frames", type=int, default=300, metavar="N")
    parser.add_argument("--tiny", action="store_true", help="for a try on a CPU")
    options = parser.parse_args(arguments)
    size, frames = ((64, 48), 16) if options.tiny else ((640, 480), options.frames)
    random = options.tiny or not has_weights(options.frontend)
    with tempfile.TemporaryDirectory() as folder:
        make_sample(Path(folder), frames, *size)
        with random_networks(options.tiny) if random else nullcontext():
            seconds = mapped(options.frontend, Path(folder), frames)
    rate = (frames - WARM_UP) / seconds
    weights = "random weights" if random else "published weights"
    print(f"{options.frontend}, {weights}, {frames} images of {size[0]}x{size[1]}: {rate:.1f} fps")
    return 0


def has_weights(frontend: str) -> bool:
    """Whether the frontend's own are on this machine."""
    try:
        return resolve_weights(None, frontend).exists()
    except MapperError:
        return False


def mapped(name: str, folder: Path, frames: int) -> float:
    """Seconds from the first frame that counts to the finished map."""
    mapper = Mapper(frontend=create_frontend(MapperConfig(), name, OrbMatcher()))
    start = time.perf_counter()
    sequence = open_sequence(folder)
    for number, frame in enumerate(islice(sequence, frames)):
        if number == WARM_UP:
            start = time.perf_counter()
        mapper.step(frame)
    mapper.finish()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())

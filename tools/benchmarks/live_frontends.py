"""What a learned frontend of the published size costs on this machine, image by image.

    python tools benchmarks.live_frontends SEQUENCE [--frontends cut3r-ttsa] [--frames 8]
    python tools benchmarks.live_frontends SEQUENCE --frontends da3 --live 60

Random weights of the published shapes are written to a temporary file (up to 5 GB) and opened by
the frontend, as `mapper live` would open trained ones: the arithmetic is the same, the poses mean
nothing. Each frontend has a process of its own. Seconds are of wall time, so leave the machine
alone; the first image, which warms up, is told apart. With --live the images come round and round
from a network camera on loopback (motion JPEG, 30 a second) for so many seconds, and are mapped as
`mapper live` does, backend included: told is what became of them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import torch
from torch import nn

from mapper import MapperConfig, open_sequence
from mapper.frontends.cut3r.config import Cut3rConfig
from mapper.frontends.cut3r.model import Cut3r
from mapper.frontends.da3.config import PUBLISHED
from mapper.frontends.da3.network import Da3
from mapper.frontends.registry import create_frontend
from mapper.frontends.vggt.config import TrackConfig, VggtConfig
from mapper.frontends.vggt.network import Vggt
from mapper.frontends.wint3r.config import Wint3rConfig
from mapper.frontends.wint3r.network import Wint3r
from mapper.live import map_camera
from mapper.request import LiveRequest
from mapper.runtime.process_health import peak_memory_mb
from mapper.vision.orb import OrbMatcher
from mapper.weights.checkpoint import Checkpoint
from mapper.weights.convert import write_safetensors
from mapper.weights.registry import model_of
from tests.support.mjpeg_server import MjpegServer

NETWORKS: Final[dict[str, Callable[[], nn.Module]]] = {
    "cut3r": lambda: Cut3r(Cut3rConfig()),
    "wint3r": lambda: Wint3r(Wint3rConfig()),
    "stream3r": lambda: Vggt(VggtConfig()),
    "streamvggt": lambda: Vggt(VggtConfig(track=TrackConfig())),
    "da3": lambda: Da3(PUBLISHED["small"]),
}
DEFAULT: Final = ("cut3r", "cut3r-ttsa", "wint3r", "stream3r", "streamvggt", "da3")
PLAYED: Final = 90  # images of the sequence that the camera plays
# What is noise to the network: in coarse voxels it takes little room, and is not aligned.
NOISE: Final = ("backend.align=off", "backend.fusion.tsdf.voxel_size=0.2")


@dataclass(frozen=True, slots=True)
class Cost:
    """load_s: until the first image could come. seconds: of each image. peak_mb: of the process."""

    load_s: float
    seconds: list[float]
    peak_mb: float

    def row(self, name: str) -> str:
        # The mean: WinT3R takes in image after image, then works on the whole window, as DA3 does.
        usual = statistics.mean(self.seconds[1:] or self.seconds)
        return (
            f"{name:12} opens in {self.load_s:5.1f} s, first image {self.seconds[0]:6.2f} s, then "
            f"{usual:6.2f} s an image (longest {max(self.seconds):.2f}), {self.peak_mb:.0f} MB"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sequence", type=Path, help="whose colour images are used")
    parser.add_argument("--frontends", nargs="+", choices=DEFAULT, default=list(DEFAULT))
    parser.add_argument("--frames", type=int, default=8, help="images after the first")
    parser.add_argument("--live", type=float, metavar="SECONDS", help="from a network camera")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        for name in options.frontends:
            weights = Path(folder) / f"{model_of(name)}.safetensors"
            if not weights.exists():
                write_random(NETWORKS[model_of(name)], weights)
            with get_context("spawn").Pool(1) as process:
                if options.live is None:
                    job = (name, weights, options.sequence, options.frames, options.threads)
                    print(process.apply(cost, job).row(name), flush=True)
                else:
                    asked = (name, weights, options.sequence, options.live, options.threads)
                    print(process.apply(live, asked), flush=True)


def write_random(build: Callable[[], nn.Module], path: Path) -> None:
    """Weights at which a deep network neither dies nor explodes."""
    torch.manual_seed(0)
    network = build()
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1 and "norm" not in name:
            nn.init.normal_(parameter, std=0.02)
    write_safetensors(Checkpoint(network.state_dict(), None, "random"), path)


def cost(name: str, weights: Path, sequence: Path, frames: int, threads: int) -> Cost:
    """Of the first images, one after the other."""
    torch.set_num_threads(threads)
    images = [replace(frame, depth=None) for frame in islice(open_sequence(sequence), 1 + frames)]
    start = time.perf_counter()
    frontend = create_frontend(replace(MapperConfig(), weights=str(weights)), name, OrbMatcher())
    load_s = time.perf_counter() - start
    seconds = []
    for image in images:
        start = time.perf_counter()
        frontend.step(image)
        seconds.append(time.perf_counter() - start)
    return Cost(load_s, seconds, peak_memory_mb())


def live(name: str, weights: Path, sequence: Path, seconds: float, threads: int) -> str:
    """What became of the images of a network camera."""
    torch.set_num_threads(threads)
    images = [frame.image for frame in islice(open_sequence(sequence), PLAYED)]
    out = weights.parent / f"live_{name}"
    spent = time.process_time()
    with MjpegServer(images + images[::-1]) as server:
        request = LiveRequest(
            camera=server.url,
            out=out,
            frontend=name,
            weights=str(weights),
            changes=NOISE,
            max_seconds=seconds,
        )
        _, told = map_camera(request)
    spent = time.process_time() - spent
    return (
        f"{name}: {told['received']} images came, {told['frames']} tracked "
        f"({told['frames'] / seconds:.2f} a second), {told['dropped']} dropped, "
        f"{told['left_out']} left out of the map, {told['keyframes']} keyframes, "
        f"{spent / told['frames']:.2f} CPU seconds a frame in all, {peak_memory_mb():.0f} MB"
    )


if __name__ == "__main__":
    main()

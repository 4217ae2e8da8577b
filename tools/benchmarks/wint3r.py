"""What WinT3R costs, beside our own network made to compute all that the reference computes.

    python tools benchmarks.wint3r [--frames 16] [--long 500] [--cuda-frames 1000]

On the CPU: one thread, float32, random weights, the configuration of specs/wint3r_cost.json
(19.9 M parameters, 128x96), CPU time (not wall time: other programs may be running). With a CUDA
device also the published configuration at 512x384: frames a second, and memory over frames.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from reference.wint3r import ReferenceStream, reference_camera_poses, reference_work
from torch import Tensor, nn

from benchmarks.parts.trunks import trunk
from mapper.frontends.layers.packed_linear import CAN_PACK, pack_linears
from mapper.frontends.wint3r.camera_head import CameraHead
from mapper.frontends.wint3r.camera_pool import PoolOptions
from mapper.frontends.wint3r.config import PointHeadConfig, Wint3rConfig
from mapper.frontends.wint3r.network import Wint3r
from mapper.frontends.wint3r.prediction import FramePrediction
from mapper.frontends.wint3r.session import Wint3rSession
from mapper.frontends.wint3r.windows import StreamOptions

WIDTH, HEIGHT = 128, 96
PUBLISHED_WIDTH, PUBLISHED_HEIGHT = 512, 384
REFERENCE_SECONDS: Final = 0.1833  # a frame at 16 frames, specs/wint3r_cost.json
MID_SIZE: Final = Wint3rConfig(
    state_size=256,
    **trunk(enc=(256, 6, 4), dec=(192, 4, 4)),
    state_dec_num_heads=8,
    pts_head=PointHeadConfig(192, (96, 32, 32), 32),
)
OPTIONS: Final = StreamOptions()
POOL_BLOCK: Final = 4
SAMPLES: Final = 8  # pool sizes at which the camera heads are timed
PAIRS: Final = 3  # ours then the baseline, so often
BOUND: Final = 64  # slots of the bounded pool
ROWS: Final = 4  # printed of a long stream
IMAGES: Final = 16  # different ones in it


@dataclass(frozen=True)
class Row:
    """One measured point of a long stream. seconds: a frame since the last row."""

    frames: int
    seconds: float
    megabytes: float


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--long", type=int, default=500, metavar="N", help="of the long stream")
    parser.add_argument("--cuda-frames", type=int, default=1000)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    published = random_model(MID_SIZE)
    published.pts_head.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    model = random_model(MID_SIZE)
    if CAN_PACK:
        pack_linears(model.cam_head)
    count = sum(parameter.numel() for parameter in published.parameters())
    print(f"CPU: {count / 1e6:.1f} M parameters, {WIDTH}x{HEIGHT}, one thread, CPU seconds")
    with torch.inference_mode():
        compare_streams(model, published, options.frames)
        compare_camera_heads(model.cam_head, published.cam_head, options.long)
        measure_long_stream(model, options.long)
        if torch.cuda.is_available():
            measure_cuda(options.cuda_frames)


def random_model(config: Wint3rConfig) -> Wint3r:
    """Weights of a size at which neither the state nor the maps explode."""
    torch.manual_seed(0)
    model = Wint3r(config).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and "norm" not in name:
            nn.init.normal_(parameter, std=0.02)
        if name.endswith("gamma"):
            nn.init.ones_(parameter)  # or the camera head's attention would not matter
    return model


def random_images(count: int, width: int = WIDTH, height: int = HEIGHT) -> list[Tensor]:
    return [torch.randn(1, 3, height, width) for _ in range(count)]


def compare_streams(model: Wint3r, published: Wint3r, frames: int) -> None:
    """Seconds a frame of a whole short stream, flush included; the best of some runs each."""
    images = random_images(frames)
    ours, theirs = [], []
    expected: list[FramePrediction] = []
    found: list[FramePrediction] = []
    for _ in range(PAIRS):
        start = time.process_time()
        found = run(Wint3rSession(model, OPTIONS), images)
        ours.append(time.process_time() - start)
        with reference_work():
            start = time.process_time()
            expected = run(ReferenceStream(published, OPTIONS), images)
            theirs.append(time.process_time() - start)
    fast, slow = min(ours) / frames, min(theirs) / frames
    print(
        f"{frames} frames: {fast:.4f} s a frame, {fast / slow:.2f} of the same-run baseline "
        f"({slow:.4f}), {fast / REFERENCE_SECONDS:.2f} of the reference's recorded "
        f"{REFERENCE_SECONDS:.3f}; largest relative difference {difference(expected, found):.1e}"
    )


def run(
    session: Wint3rSession | ReferenceStream, images: Sequence[Tensor]
) -> list[FramePrediction]:
    predictions = [p for image in images for p in session.step(image)]
    return predictions + session.flush()


def difference(expected: Sequence[FramePrediction], found: Sequence[FramePrediction]) -> float:
    """Largest error of pointmaps, confidence and poses, relative to each one's scale."""
    worst = 0.0
    for a, b in zip(expected, found, strict=True):
        pairs = ((a.pointmap, b.pointmap), (a.confidence, b.confidence), (a.poses, b.poses))
        worst = max(worst, *(float((x - y).abs().max() / x.abs().max()) for x, y in pairs))
    return worst


def compare_camera_heads(head: CameraHead, published: CameraHead, frames: int) -> None:
    """A window's share of the camera head as the pool grows, and the sum over the stream."""
    window, step = OPTIONS.window, OPTIONS.step
    windows = (frames - window) // step + 1
    tokens = torch.randn(1, windows * window, head.width)
    pool = head.new_pool(1, PoolOptions(POOL_BLOCK))
    ours = []
    for new in tokens.split(window, 1):
        start = time.process_time()
        poses = head.extend(new, pool)
        ours.append(time.process_time() - start)
    at = [max(windows * k // SAMPLES, 1) for k in range(1, SAMPLES + 1)]
    theirs = []
    for count in at:
        start = time.process_time()
        whole = reference_camera_poses(published, tokens[:, : count * window], POOL_BLOCK)
        theirs.append(time.process_time() - start)
        recent = sorted(ours[max(count - 10, 0) : count])
        ratio = recent[len(recent) // 2] / theirs[-1]
        print(
            f"camera head after {window + (count - 1) * step} frames ({count * window} slots): "
            f"{recent[len(recent) // 2]:.4f} s a window, {ratio:.3f} of recomputing the pool "
            f"({theirs[-1]:.4f})"
        )
    total = sum(theirs) / len(theirs) * windows
    apart = float((whole[:, :, -window:] - poses).abs().max())
    print(
        f"camera head over all {windows} windows: {sum(ours):.1f} s, {sum(ours) / total:.3f} of "
        f"recomputing (about {total:.0f}, from these {len(at)} sizes); poses apart {apart:.1e}"
    )


def measure_long_stream(model: Wint3r, frames: int) -> None:
    """Time and memory of one long stream, without and with a bound on the pool."""
    poses = []
    for limit in (0, BOUND):
        session = Wint3rSession(model, StreamOptions(pool=PoolOptions(POOL_BLOCK, limit)))
        for row in stream_rows(session, frames, torch.device("cpu"), (WIDTH, HEIGHT)):
            print(
                f"pool of {limit or 'all'} slots, after {row.frames} frames: "
                f"{row.seconds:.4f} s a frame, {row.megabytes:.1f} MB held"
            )
        assert session.window is not None
        poses.append(session.window.poses[-1, 0])
    apart = float((poses[0] - poses[1]).norm(dim=-1).max() / poses[0].norm(dim=-1).max())
    print(f"poses of the last window with and without the bound differ by {apart:.1e} relative")


def stream_rows(
    session: Wint3rSession, frames: int, device: torch.device, size: tuple[int, int]
) -> list[Row]:
    """A quarter of the stream a row; the same images again and again."""
    rows, part = [], max(frames // ROWS, 1)
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    torch.manual_seed(1)
    images = [image.to(device) for image in random_images(IMAGES, *size)]
    start = clock()
    for count in range(1, frames + 1):
        session.step(images[count % IMAGES])
        if count % part == 0:
            if device.type == "cuda":
                torch.cuda.synchronize()
            rows.append(Row(count, (clock() - start) / part, session.memory_bytes / 1e6))
            start = clock()
    return rows


def measure_cuda(frames: int) -> None:
    """The published configuration, in float32 with TF32 products and with bfloat16 blocks."""
    device = torch.device("cuda")
    torch.set_float32_matmul_precision("high")
    with device:
        model = random_model(Wint3rConfig())
    for bfloat16 in (False, True):
        torch.cuda.reset_peak_memory_stats()
        with torch.autocast("cuda", torch.bfloat16, enabled=bfloat16):
            session = Wint3rSession(model, OPTIONS)
            size = (PUBLISHED_WIDTH, PUBLISHED_HEIGHT)
            rows = stream_rows(session, frames, device, size)
        for row in rows:
            print(
                f"CUDA {'bfloat16' if bfloat16 else 'TF32'}, after {row.frames} frames: "
                f"{1 / row.seconds:.1f} frames a second, {row.megabytes:.0f} MB held, "
                f"{torch.cuda.max_memory_allocated() / 1e9:.2f} GB at most"
            )


if __name__ == "__main__":
    main()

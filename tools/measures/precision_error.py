"""What coarser products change in the answers of the recorded networks.

    python tools measures.precision_error [--frames 12] [--outliers 30]

The tiny networks of tests/golden on made-up images that move, on this CPU: depths and camera
positions against float32's, relative to the mean of each. Trained transformers have a few channels
of the residual stream that are tens of times larger than the others, which random ones have not:
with --outliers, so many times larger are two channels of all norms that feed a product, and the
weights behind them as many times smaller, so that in exact arithmetic the network is the same.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from golden import cut3r_sequences, vggt_sequences, wint3r_sequences
from golden.recording import Golden
from torch import Tensor, nn

from mapper.frontends.cut3r.model import Cut3r
from mapper.frontends.cut3r.rules.chosen import RULES
from mapper.frontends.cut3r.stepping import StepOptions
from mapper.frontends.layers.linear import Linear
from mapper.frontends.layers.mlp import Mlp
from mapper.frontends.layers.precision import Precision, set_precision
from mapper.frontends.vggt.network import Vggt
from mapper.frontends.vggt.session import StreamSession
from mapper.frontends.wint3r.network import Wint3r
from mapper.frontends.wint3r.session import Wint3rSession
from mapper.frontends.wint3r.windows import StreamOptions

GOLDEN: Final = Path(__file__).resolve().parents[2] / "tests" / "golden"
COARSE: Final[tuple[Precision, ...]] = ("bfloat16", "int8")
CPU: Final = torch.device("cpu")
OUTLIERS: Final = 2  # channels
Answers = list[tuple[Tensor, Tensor]]  # depths and position of each frame
Build = Callable[[], Any]
Run = Callable[..., Answers]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--outliers", type=float, default=1.0, metavar="TIMES")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print("| network | precision | depth | position |\n| --- | --- | --- | --- |")
    for name in NETWORKS:
        for precision, (depth, position) in errors(name, options.frames, options.outliers):
            print(f"| {name} | {precision} | {depth:.4f} | {position:.4f} |")


@torch.inference_mode()
def errors(
    name: str, frames: int, outliers: float = 1.0
) -> Iterator[tuple[Precision, tuple[float, float]]]:
    """Of depths and positions, by precision."""
    build, run, size = NETWORKS[name]
    model = build()
    if outliers > 1:
        enlarge_channels(model, outliers)
    images = moving_images(frames, *size)
    exact = run(model, images)
    for precision in COARSE:
        coarse = copy.deepcopy(model)
        set_precision(coarse, precision, CPU)
        found = run(coarse, images)
        yield precision, (apart(found, exact, 0), apart(found, exact, 1))


def apart(found: Answers, exact: Answers, part: int) -> float:
    """Mean error of a part of the answers, relative to its mean size."""
    pairs = [(a[part].float(), b[part].float()) for a, b in zip(found, exact, strict=True)]
    size = sum(float(b.abs().mean()) for _, b in pairs)
    return sum(float((a - b).abs().mean()) for a, b in pairs) / size


def moving_images(count: int, height: int, width: int) -> list[Tensor]:
    """(1, 3, height, width) in [0, 1]: a smooth random picture that slides by."""
    generator = torch.Generator().manual_seed(5)
    whole = (height, width + 8 * count)
    coarse = torch.rand(1, 3, whole[0] // 4, whole[1] // 4, generator=generator)
    wide = nn.functional.interpolate(coarse, whole, mode="bicubic").clamp(0, 1)
    return [wide[..., 8 * k : 8 * k + width].contiguous() for k in range(count)]


def enlarge_channels(model: nn.Module, times: float) -> None:
    """The same function of exact arithmetic, with channels that stand out as trained ones do."""
    for module in model.modules():
        for norm, layers in _followers(module):
            channels = torch.arange(OUTLIERS) * 7 % len(norm.weight)
            norm.weight[channels] *= times
            norm.bias[channels] *= times
            for layer in layers:
                layer.weight[:, channels] /= times


def _followers(block: nn.Module) -> Iterator[tuple[nn.LayerNorm, list[Linear]]]:
    """The norms of a block that are read by linear layers alone, with those."""
    children = dict(block.named_children())
    for norm_name, reader_name in (("norm1", "attn"), ("norm2", "mlp"), ("norm3", "mlp")):
        norm, reader = children.get(norm_name), children.get(reader_name)
        is_free = norm_name != "norm2" or "norm3" not in children
        if not isinstance(norm, nn.LayerNorm) or reader is None or not is_free:
            continue
        first = reader.fc1 if isinstance(reader, Mlp) else dict(reader.named_children()).get("qkv")
        if isinstance(first, Linear):
            yield norm, [first]


def golden(family: str, name: str) -> Golden:
    return Golden.open(GOLDEN / family / f"{name}.json")


def run_cut3r(model: Cut3r, images: Sequence[Tensor]) -> Answers:
    """With TTSA3R's rule."""
    state, answers = model.initial_state(), []
    for image in images:
        prediction, state = model.step(image * 2 - 1, state, StepOptions(RULES["ttsa3r"]()))
        answers.append((prediction.pointmap[..., 2], prediction.pose[:, :3]))
    return answers


def run_vggt(model: Vggt, images: Sequence[Tensor]) -> Answers:
    """As a causal stream."""
    session, answers = StreamSession(model), []
    for image in images:
        prediction = session.step(image)
        assert prediction.depth is not None
        answers.append((prediction.depth, prediction.pose_encoding[0, :, :3]))
    return answers


def run_wint3r(model: Wint3r, images: Sequence[Tensor]) -> Answers:
    """The final answers of all windows."""
    session = Wint3rSession(model, StreamOptions())
    told = [each for image in images for each in session.step(image * 2 - 1)]
    told += session.flush()
    return [(each.pointmap[..., 2], each.poses[-1][:, :3]) for each in told]


NETWORKS: Final[dict[str, tuple[Build, Run, tuple[int, int]]]] = {
    "cut3r": (
        lambda: cut3r_sequences.build(golden("cut3r", "weights_tiny_dpt")),
        run_cut3r,
        (48, 64),
    ),
    "stream3r": (
        lambda: vggt_sequences.build(golden("vggt", "stream3r_tiny_weights")),
        run_vggt,
        (42, 56),
    ),
    "streamvggt": (
        lambda: vggt_sequences.build(golden("vggt", "streamvggt_tiny_weights")),
        run_vggt,
        (42, 56),
    ),
    "wint3r": (
        lambda: wint3r_sequences.build(golden("wint3r", "tiny_weights")),
        run_wint3r,
        (48, 64),
    ),
}

if __name__ == "__main__":
    main()

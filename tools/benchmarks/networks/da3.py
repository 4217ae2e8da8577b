"""CPU seconds a new frame of Depth Anything 3 in its keyframe loop, against the whole recomputed.

    python tools benchmarks.networks.da3 [--sizes 252x182 504x378] [--repeat 2] [--int8]

SMALL, random weights, one thread, CPU time (not wall time: other programs may be running), the
least of the repetitions. A call of the steady loop: 10 active keyframes and 8 new frames.
"published" computes all of it anew with the branch of rays, of which the reference computes all
four levels; "whole" leaves that branch out. Beside them the floor: multiply-adds of the call at the
rate of one large product, and the reference's recorded seconds of such a call on another machine.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from mapper.frontends.da3.backbone import OwnTokens
from mapper.frontends.da3.config import PUBLISHED
from mapper.frontends.da3.heads import AUX, LEVELS
from mapper.frontends.da3.joint import joined
from mapper.frontends.da3.network import Asked, Da3
from mapper.frontends.layers.int8_linear import AVAILABLE as HAS_INT8
from mapper.frontends.layers.linear import product
from mapper.frontends.layers.precision import set_precision

ACTIVE, NEW, ANCHORS = 10, 8, 2  # of a call: see LoopRules, and Limits
# Of the reference, CPU seconds a view of a call of 18: backbone, head.
REFERENCE: Final = {"252x182": (0.245, 0.135), "504x378": (2.774, 0.676)}
PRODUCTS: Final = 20
Run = Callable[[], object]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", nargs="+", default=list(REFERENCE), metavar="WxH")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--int8", action="store_true", help="linear layers in eight bits, too")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for size in options.sizes:
        width, height = (int(side) for side in size.split("x"))
        model = random_model()
        calls = calls_of(model, images(ACTIVE + NEW, height, width))
        taken = {name: least(call, options.repeat) for name, call in calls.items()}
        show(size, taken)
        if options.int8 and HAS_INT8:
            exact = told(model, images(ACTIVE + NEW, height, width))
            set_precision(model, "int8", torch.device("cpu"))
            coarse = told(model, images(ACTIVE + NEW, height, width))
            seconds = least(calls_of(model, images(ACTIVE + NEW, height, width))["loop"], 1)
            off = float((coarse / exact).log().abs().median() / exact.log().std())
            print(f"{'':9}int8: {seconds / NEW:.3f} s a new frame, off by {off:.1%} of the spread")


def random_model() -> Da3:
    """SMALL, with weights at which nothing explodes."""
    torch.manual_seed(0)
    model = Da3(PUBLISHED["small"]).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and "norm" not in name:
            torch.nn.init.normal_(parameter, std=0.02)
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
    return model


def images(count: int, height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, height, width, generator=generator)


def calls_of(model: Da3, shown: Tensor) -> dict[str, Run]:
    """By name: what computes a call."""
    kept = [own(model, image) for image in shown[:ACTIVE]]

    @torch.inference_mode()
    def loop() -> object:
        views = [*kept, *(own(model, image) for image in shown[ACTIVE:])]
        return model.joint(joined(views), (1, len(views)), Asked("first", NEW + ANCHORS))

    @torch.inference_mode()
    def whole() -> object:
        return model(shown[None], Asked("first"))

    @torch.inference_mode()
    def published() -> object:
        # The levels of the ray branch that the reference computes and drops.
        model(shown[None], Asked("first", rays=True))
        grid = (shown.shape[-2] // 14, shown.shape[-1] // 14)
        features = model.config.head_features
        for level in range(LEVELS - 1):
            scale = 2**level  # the coarse to fine chain's maps
            size = (scale * grid[0], scale * grid[1])
            layer = getattr(model.head.scratch, f"output_conv1{AUX}")[level]
            layer(torch.zeros(len(shown), features, *size))
        return None

    return {"loop": loop, "whole": whole, "published": published}


@torch.inference_mode()
def own(model: Da3, image: Tensor) -> OwnTokens:
    return model.own(image[None])


@torch.inference_mode()
def told(model: Da3, shown: Tensor) -> Tensor:
    """The depths of the new frames."""
    return model(shown[None], Asked("first", NEW)).depth


def least(call: Run, repeat: int) -> float:
    """CPU seconds."""
    if repeat > 1:
        call()  # to warm up
    spent = []
    for _ in range(repeat):
        start = time.process_time()
        call()
        spent.append(time.process_time() - start)
    return min(spent)


def multiply_adds(height: int, width: int) -> float:
    """Of the loop's call, 1e9."""
    with torch.device("meta"):
        model = Da3(PUBLISHED["small"]).eval().requires_grad_(False)
    shown = torch.zeros(ACTIVE + NEW, 3, height, width, device="meta")
    calls = calls_of(model, shown)
    with FlopCounterMode(display=False) as counter:
        calls["loop"]()
    return counter.get_total_flops() / 2e9


def rate() -> float:
    """1e9 multiply-adds a second of one core, in one large product."""
    a, b = torch.rand(4096, 1536), torch.rand(384, 1536)

    def products() -> None:
        for _ in range(PRODUCTS):
            product(a, b)

    return 4096 * 1536 * 384 * PRODUCTS / 1e9 / least(products, 3)


def show(size: str, taken: dict[str, float]) -> None:
    width, height = (int(side) for side in size.split("x"))
    loop = taken["loop"]
    gmac, per_second = multiply_adds(height, width), rate()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{size:9}{loop / NEW:.3f} s a new frame; floor {gmac / per_second / NEW:.3f} s "
        f"({gmac / NEW:.1f} GMAC at {per_second:.0f} a second); {peak:.2f} GB at most"
    )
    for name in ("whole", "published"):
        print(f"{'':9}{loop / taken[name]:.2f} of {name} ({taken[name] / NEW:.3f} s)")
    if size in REFERENCE:
        reference = sum(REFERENCE[size]) * (ACTIVE + NEW) / NEW
        print(f"{'':9}{loop / NEW / reference:.2f} of the reference's {reference:.2f} s")


if __name__ == "__main__":
    main()

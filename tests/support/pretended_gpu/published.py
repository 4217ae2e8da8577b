"""Frontends of the published sizes on the pretended GPU, and what a frame of theirs costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.frontends.cut3r import frontend as cut3r
from mapper.frontends.cut3r.config import Cut3rConfig
from mapper.frontends.cut3r.model import Cut3r
from mapper.frontends.cut3r.options import Cut3rOptions
from mapper.frontends.da3 import frontend as da3
from mapper.frontends.da3 import preparing
from mapper.frontends.da3.config import PUBLISHED
from mapper.frontends.da3.joint import JointDa3
from mapper.frontends.da3.network import Da3
from mapper.frontends.da3.options import Da3Options
from mapper.frontends.keyframe_loop.loop import MappedFrame
from mapper.frontends.keyframe_loop.stream import KeyframeStream, _View
from mapper.frontends.learned import LearnedFrontend
from mapper.frontends.vggt import frontend as vggt
from mapper.frontends.vggt.cache.frame_memory import FrameMemory
from mapper.frontends.vggt.cache.token_memory import TokenMemory
from mapper.frontends.vggt.config import TrackConfig, VggtConfig
from mapper.frontends.vggt.network import Vggt
from mapper.frontends.vggt.options import Stream3rOptions, StreamVggtOptions, VggtOptions
from mapper.frontends.wint3r import frontend as wint3r
from mapper.frontends.wint3r.config import Wint3rConfig
from mapper.frontends.wint3r.network import Wint3r
from mapper.frontends.wint3r.options import Wint3rOptions
from tests.support.pretended_gpu.tally import Tally
from tests.support.pretended_gpu.torch_cuda import pretended_gpu

SIZES: Final = {
    "cut3r": (512, 384),
    "linear": (224, 224),
    "vggt": (518, 392),
    "wint3r": (512, 384),
    "da3": (504, 378),
}
ACTIVE: Final = 10  # keyframes of the loop


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one frame. gflop: 1e9 operations. *_mb, peak_gb: 1e6 and 1e9 bytes. gpu_ms: by Rates.

    launches: what the host starts; captured: kernels in graphs. host_ms: of launches, by Rates.
    """

    launches: int
    captured: int
    waits: int
    up_mb: float
    down_mb: float
    peak_gb: float
    gflop: float
    gpu_ms: float
    host_ms: float


@dataclass(frozen=True, slots=True)
class Configuration:
    """kind: of its images, in SIZES. frames: before the one that is measured; per: frames that the
    measured steps answer. past: frames claimed in the cache without being computed.
    calibrated: the camera is known."""

    kind: str
    build: Callable[[], LearnedFrontend]
    frames: int = 2
    per: int = 1
    past: int = 0
    calibrated: bool = False


def cost(configuration: Configuration) -> Cost:
    """What a frame of it costs, by shapes alone."""
    with without_weights(), pretended_gpu(values=False, memory=141 * 10**9) as gpu:
        frontend = configuration.build()
        shown = frames(configuration)
        for frame in shown[: configuration.frames]:
            frontend.step(frame)
        if configuration.past:
            fill(frontend, configuration.past)
        gpu.tally.forget()
        for frame in shown[configuration.frames :]:
            frontend.step(frame)
        if isinstance(frontend, vggt.OfflineFrontend):
            frontend.flush()
        return _cost(gpu.tally, configuration.per)


def frames(configuration: Configuration) -> list[Frame]:
    """Of the network's own size, black."""
    width, height = SIZES[configuration.kind]
    camera = Intrinsics(400.0, 400.0, width / 2, height / 2, width, height)
    image = np.zeros((height, width, 3), np.uint8)
    return [
        Frame(i, i / 30, image, None, camera if configuration.calibrated else None)
        for i in range(configuration.frames + configuration.per)
    ]


def fill(frontend: LearnedFrontend, past: int) -> None:
    """Frames in the cache that nobody computed."""
    assert isinstance(frontend, vggt.StreamingFrontend)
    session = frontend._session
    memory = session.memory
    assert memory is not None
    for frame in range(session.frames_seen, past):
        if isinstance(memory, FrameMemory):
            memory.frames.claim([frame])
            memory.frames.commit()
        elif not fill_tokens(memory):
            break
        memory.cameras.claim([frame])
        memory.cameras.commit()
        memory.kept[frame] = memory.kept[0]
    session.frames_seen = past


def fill_tokens(memory: TokenMemory) -> bool:
    """As many tokens as a frame has, which were worth nothing; whether they fitted."""
    shape = memory.frames.shape
    if memory.frames.count + shape.tokens > memory.frames.capacity:
        return False
    memory.frames.claim(shape.tokens)
    memory.frames.commit()
    assert memory.important is not None
    shapes = shape.layers, shape.batch, shape.tokens
    memory.important.note(torch.zeros(shapes, device=memory.frames.device))
    return True


def _cost(tally: Tally, per: int) -> Cost:
    return Cost(
        launches=round(tally.launches / per),
        captured=round(tally.captured / per),
        waits=round(sum(tally.waits.values()) / per),
        up_mb=round(tally.up / per / 1e6, 3),
        down_mb=round(tally.down / per / 1e6, 3),
        peak_gb=round(tally.peak / 1e9, 2),
        gflop=round(tally.flops / per / 1e9, 1),
        gpu_ms=round(1e3 * tally.seconds / per, 2),
        host_ms=round(1e3 * tally.launches * tally.rates.host / per, 2),
    )


@contextmanager
def without_weights() -> Iterator[None]:
    """Networks of the published sizes whose weights take no memory: all zero."""
    loaders: dict[Any, tuple[str, Callable[..., nn.Module]]] = {
        cut3r: ("load_cut3r", lambda path: hollow(Cut3r, cut3r_config(path))),
        vggt: ("load_vggt", lambda _, name: hollow(Vggt, vggt_config(name))),
        preparing: ("load_da3", lambda _, size: hollow(Da3, PUBLISHED[size])),
        wint3r: ("load_wint3r", lambda _: hollow(Wint3r, Wint3rConfig())),
    }
    with ExitStack() as stack:
        for module, (name, loader) in loaders.items():
            stack.enter_context(patch.object(module, name, loader))
        known = "mapper.frontends.learned.resolve_weights"
        stack.enter_context(patch(known, lambda weights, _: Path(weights or "zero")))
        yield


def hollow(kind: Callable[[Any], nn.Module], config: object) -> nn.Module:
    """A network of one zero, seen as often as there are weights."""
    with torch.device("meta"):
        model = kind(config)
    one = torch.zeros(1)
    for module in model.modules():
        for name, parameter in list(module._parameters.items()):
            if parameter is not None:
                module._parameters[name] = nn.Parameter(one.expand(parameter.shape), False)
    return model.eval()


def cut3r_config(weights: Path) -> Cut3rConfig:
    """Of the checkpoint with the dense head, or with the linear one."""
    return Cut3rConfig(head_type="linear" if weights.name == "linear" else "dpt")


def vggt_config(name: str) -> VggtConfig:
    """STream3R has no track head."""
    return VggtConfig(track=None if name == "stream3r" else TrackConfig())


def of_cut3r(name: str, weights: str = "dense", **options: Any) -> Callable[[], LearnedFrontend]:
    return lambda: cut3r.Cut3rFrontend(name, Cut3rOptions(device="cuda", **options), weights)


def of_stream3r(**options: Any) -> Callable[[], LearnedFrontend]:
    return lambda: vggt.create("stream3r", Stream3rOptions(device="cuda", **options), "zero")


def of_wint3r(**options: Any) -> Callable[[], LearnedFrontend]:
    return lambda: wint3r.Wint3rFrontend(Wint3rOptions(device="cuda", **options), "zero")


def of_streamvggt(**options: Any) -> Callable[[], LearnedFrontend]:
    return lambda: vggt.create("streamvggt", StreamVggtOptions(device="cuda", **options), "zero")


def of_vggt(**options: Any) -> Callable[[], LearnedFrontend]:
    return lambda: vggt.create("vggt", VggtOptions(device="cuda", **options), "zero")


def of_da3(**options: Any) -> Callable[[], LearnedFrontend]:
    def build() -> LearnedFrontend:
        frontend = da3.Da3Frontend(Da3Options(device="cuda", **options), "zero")
        assert isinstance(frontend._stream, KeyframeStream)
        remember(frontend._stream, frontend)
        return frontend

    return build


def remember(stream: KeyframeStream, frontend: da3.Da3Frontend) -> None:
    """Keyframes of which the network said nothing. It is asked as ever, and what it answers without
    weights is not taken for an answer."""
    width, height = SIZES["da3"]
    image = np.zeros((height, width, 3), np.uint8)
    for number in range(ACTIVE):
        with frontend._inference():
            kept = frontend._joint.own(image)
        stream._views[number] = _View(image, None, kept)
        points = np.zeros((1, 1, 3))
        stream.map.frames[number] = MappedFrame(np.eye(4), points, np.ones((1, 1)))
    stream.map.keyframes = stream.map.active = list(range(ACTIVE))
    stream.frames = ACTIVE
    stream._network = Unheard(frontend._joint)


@dataclass(frozen=True)
class Unheard:
    """A network whose answers do not count."""

    joint: JointDa3

    def own(self, image: np.ndarray) -> Any:
        return self.joint.own(image)

    def together(self, views: Any, cameras: Any, wanted: int) -> None:
        self.joint.together(views, cameras, wanted)

"""Tiny frontends of every family, on whatever device they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.frontends.cut3r.frontend import Cut3rFrontend
from mapper.frontends.cut3r.options import Cut3rOptions
from mapper.frontends.da3.frontend import Da3Frontend
from mapper.frontends.da3.options import Da3Options
from mapper.frontends.learned import LearnedFrontend
from mapper.frontends.vggt.frontend import create
from mapper.frontends.vggt.options import Stream3rOptions, StreamVggtOptions, VggtOptions
from mapper.frontends.wint3r.frontend import Wint3rFrontend
from mapper.frontends.wint3r.options import Wint3rOptions
from tests.support.networks.da3_networks import write_folder as write_da3
from tests.support.networks.tiny_cut3r import write_checkpoint
from tests.support.networks.tiny_wint3r import save_tiny, smooth, tiny_model
from tests.support.networks.vggt_networks import write_flat, write_folder

# Of the frames: one that each network shows as it is, but for WinT3R's, which are 512 wide.
SIZES = {"cut3r": (64, 48), "vggt": (56, 42), "wint3r": (64, 28), "da3": (42, 28)}
LOOP: dict[str, Any] = {"first": 3, "every": 2, "active": 3}  # of da3
VGGT = {"stream3r": Stream3rOptions, "streamvggt": StreamVggtOptions, "vggt": VggtOptions}


class Families:
    """build(name, device, **options): a frontend with weights that are always the same."""

    def __init__(self, folder: Path) -> None:
        self._cut3r = write_checkpoint(folder / "cut3r.pth")
        self._stream3r = write_folder(folder / "stream3r")
        self._flat = write_flat(folder / "flat")
        self._da3 = write_da3(folder / "da3")
        self._wint3r = save_tiny(folder / "wint3r.bin", smooth(tiny_model()))

    def build(self, name: str, device: str, **options: Any) -> LearnedFrontend:
        options = {"precision": "float32", **options}
        if name == "wint3r":
            return Wint3rFrontend(Wint3rOptions(device=device, **options), str(self._wint3r))
        options = {"min_confidence": 0.0, "device": device, **options}
        if name == "da3":
            return Da3Frontend(Da3Options(image_size=42, **LOOP, **options), str(self._da3))
        if name.startswith("cut3r"):
            chosen = Cut3rOptions(image_size=64, **options)
            return Cut3rFrontend(name, chosen, str(self._cut3r))
        weights = self._stream3r if name == "stream3r" else self._flat
        return create(name, VGGT[name](**options), str(weights))


def frames(name: str, count: int, calibrated: bool = False) -> list[Frame]:
    """Noise, of the family's size."""
    kind = next((kind for kind in SIZES if name.startswith(kind)), "vggt")
    rng = np.random.default_rng(3)
    width, height = SIZES[kind]
    camera = Intrinsics(50.0, 52.0, width / 2 - 1, height / 2 - 1, width, height)
    return [
        Frame(
            i,
            i / 30,
            rng.integers(0, 255, (height, width, 3), np.uint8),
            None,
            camera if calibrated else None,
        )
        for i in range(count)
    ]


def answers(frontend: LearnedFrontend, shown: list[Frame]) -> list[Prediction]:
    """Of all frames, in order."""
    return [p for frame in shown for p in frontend.step(frame)] + frontend.flush()


def assert_equal(
    ours: list[Prediction], theirs: list[Prediction], points: float, pose: float
) -> None:
    """points: largest difference, in the points' root mean square. pose: of the matrices, of whose
    largest entry where that is above 1: poses that are chained move on by what was rounded."""
    assert_alike(ours, theirs)
    for a, b in zip(ours, theirs, strict=True):
        both = (a.confidence > 0) & (b.confidence > 0)
        close = points * float(np.sqrt(np.square(b.pointmap).sum(-1).mean()))
        np.testing.assert_allclose(a.pointmap[both], b.pointmap[both], rtol=0, atol=close)
        near = pose * max(1.0, float(np.abs(b.T_world_camera).max()))
        np.testing.assert_allclose(a.T_world_camera, b.T_world_camera, rtol=0, atol=near)
        np.testing.assert_allclose(a.confidence[both], b.confidence[both], rtol=10 * points)
        assert abs(a.intrinsics.fx / b.intrinsics.fx - 1) < 100 * points
        assert a.descriptor is not None and b.descriptor is not None
        np.testing.assert_allclose(a.descriptor, b.descriptor, atol=10 * points)


def assert_alike(ours: list[Prediction], theirs: list[Prediction]) -> None:
    """The same frames in the same segments, and the same points worth mapping but for a few."""
    assert [p.frame_index for p in ours] == [p.frame_index for p in theirs]
    assert [p.segment for p in ours] == [p.segment for p in theirs]
    for a, b in zip(ours, theirs, strict=True):
        assert ((a.confidence > 0) == (b.confidence > 0)).mean() > 0.99
    assert any((b.confidence > 0).any() for b in theirs)


def distance(ours: list[Prediction], theirs: list[Prediction]) -> float:
    """Root mean square of the depths' differences, as a share of that of the depths."""
    a, b = (np.stack([p.depth for p in predictions]) for predictions in (ours, theirs))
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))

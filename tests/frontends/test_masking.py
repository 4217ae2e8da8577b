"""Every frontend leaves out what a mask says, and tracks by the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapper.config.settings import MapperConfig
from mapper.core.frame import Frame
from mapper.core.geometry import umeyama
from mapper.core.prediction import Prediction
from mapper.core.prediction_files import save_prediction
from mapper.frontends.base import Frontend
from mapper.frontends.masking import at_size
from mapper.frontends.mono.config import MonoConfig
from mapper.frontends.mono.frontend import MonoFrontend
from mapper.frontends.predictions.config import PredictionsConfig
from mapper.frontends.registry import BUILT_IN, create_frontend
from mapper.frontends.replay import ReplayConfig
from mapper.frontends.rgbd.frontend import RgbdFrontend
from mapper.frontends.sfm.config import SfmConfig
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.sequence import Sequence
from mapper.vision.orb import OrbMatcher
from tests.support.networks.da3_networks import write_folder as write_da3
from tests.support.networks.exact import EXACT
from tests.support.networks.tiny_cut3r import write_checkpoint
from tests.support.networks.tiny_wint3r import save_tiny, smooth, tiny_model
from tests.support.networks.vggt_networks import write_flat, write_folder

pytestmark = pytest.mark.usefixtures("only_one_thread")

FIRST = 60
SHARE = 0.3  # of the image's width, at the left, that is masked
FEW_PLANES = MonoConfig(depth_width=160, planes=48)
# Frames that each needs before it says anything, and those between them.
ASKED = {"rgbd": (50, 1), "mono": (50, 1), "sfm": (6, 10), "wint3r": (5, 1)}


@pytest.fixture(scope="module")
def walk(sample: Path) -> Sequence:
    return open_sequence(sample)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny random ones, by the beginning of a frontend's name."""
    folder = tmp_path_factory.mktemp("weights")
    return {
        "cut3r": write_checkpoint(folder / "cut3r.pth"),
        "wint3r": save_tiny(folder / "wint3r.bin", smooth(tiny_model())),
        "stream3r": write_folder(folder / "stream3r"),
        "streamvggt": write_flat(folder / "streamvggt"),
        "vggt": write_flat(folder / "vggt"),
        "da3": write_da3(folder / "da3"),
    }


def masked_frames(walk: Sequence, count: int, step: int, with_depth: bool) -> Iterator[Frame]:
    """What is masked goes with the camera, as a dashboard does, and is near and full of texture."""
    rng = np.random.default_rng(5)
    for index in range(count):
        frame = walk[FIRST + index * step]
        height, width = frame.image.shape[:2]
        edge = round(SHARE * width)
        image = frame.image.copy()
        if index == 0:
            sticker = rng.integers(0, 255, (height // 4, edge // 4 + 1, 3), np.uint8)
            sticker = np.kron(sticker, np.ones((4, 4, 1), np.uint8))[:height, :edge]
        image[:, :edge] = sticker
        depth = frame.depth
        if depth is not None:
            depth = depth.copy()
            depth[:, :edge] = 0.7
        mask = np.ones((height, width), bool)
        mask[:, :edge] = False
        frame = replace(frame, index=index, image=image, depth=depth).masked(mask)
        yield frame if with_depth else replace(frame, depth=None)


def answered(frontend: Frontend, frames: Iterator[Frame]) -> list[Prediction]:
    found: list[Prediction] = []
    for frame in frames:
        found += frontend.step(frame)
    return found + frontend.flush()


def made(name: str, weights: dict[str, Path], tmp_path: Path, saved: Prediction) -> Frontend:
    config: dict[str, Any] = {"mono": FEW_PLANES, "sfm": SfmConfig(depth_width=160, planes=48)}
    if name == "replay":
        save_prediction(tmp_path, saved)
        config["replay"] = ReplayConfig(str(tmp_path))
    if name == "predictions":
        save_prediction(tmp_path, saved)
        config["predictions"] = PredictionsConfig(path=str(tmp_path))
    settings = replace(MapperConfig(), **config)
    family = next((family for family in weights if name.startswith(family)), None)
    if family is not None:
        is_mini = name.endswith("-mini")
        key = "cut3r" if family == "cut3r" and not is_mini else name.replace("-", "_")
        options = replace(getattr(settings, key), min_confidence=0.0, **EXACT)
        if key == "cut3r":
            options = replace(options, image_size=64)
        path = "" if is_mini else str(weights[name if name in weights else family])
        settings = replace(settings, weights=path, **{key: options})
    return create_frontend(settings, name, OrbMatcher())


@pytest.fixture(scope="module")
def trackers(walk: Sequence) -> dict[str, list[Prediction]]:
    """What those say that need no weights, of the same frames."""
    built: dict[str, Frontend] = {"rgbd": RgbdFrontend(), "mono": MonoFrontend(FEW_PLANES)}
    return {
        name: answered(frontend, masked_frames(walk, *ASKED[name], BUILT_IN[name].needs_depth))
        for name, frontend in built.items()
    }


@pytest.fixture(scope="module")
def whole(walk: Sequence) -> Prediction:
    """Of an unmasked frame."""
    return RgbdFrontend().step(replace(walk[FIRST], index=0))[0]


@pytest.mark.parametrize("name", sorted(BUILT_IN.keys() - {"da3-posed"}))  # see test_deepening
def test_masked_pixels_have_neither_points_nor_confidence(
    name: str,
    walk: Sequence,
    weights: dict[str, Path],
    tmp_path: Path,
    whole: Prediction,
    trackers: dict[str, list[Prediction]],
) -> None:
    if name == "sfm":
        pytest.importorskip("pycolmap", reason="the extra sfm is not installed")
    if name in trackers:
        found = trackers[name]
    else:
        frames = masked_frames(walk, *ASKED.get(name, (1, 1)), with_depth=False)
        found = answered(made(name, weights, tmp_path, whole), frames)
    told = [p for p in found if p.has_points]
    assert told
    for prediction in told:
        width = prediction.confidence.shape[1]
        edge = int(SHARE * width) - 1
        assert (prediction.confidence[:, :edge] == 0).all()
        assert (prediction.pointmap[:, :edge] == 0).all()
        assert (prediction.confidence[:, edge + 3 :] > 0).any()


def track_error(found: list[Prediction], walk: Sequence, with_scale: bool) -> float:
    """Metres, ATE."""
    assert walk.ground_truth is not None
    truth = walk.ground_truth.T_world_camera[[FIRST + p.frame_index for p in found]][:, :3, 3]
    mine = np.stack([p.T_world_camera[:3, 3] for p in found])
    scale, T = umeyama(mine, truth, with_scale=with_scale)
    off = scale * mine @ T[:3, :3].T + T[:3, 3] - truth
    return float(np.sqrt((off**2).sum(1).mean()))


@pytest.mark.parametrize("name", ["rgbd", "mono"])
def test_what_goes_with_the_camera_does_not_hold_it(
    name: str, walk: Sequence, trackers: dict[str, list[Prediction]]
) -> None:
    """Nearly a third of the image says that the camera stands; masked, it says nothing."""
    found = trackers[name]
    assert len(found) == ASKED[name][0]
    assert track_error(found, walk, with_scale=name == "mono") < 0.02


@pytest.mark.parametrize("size", [(40, 30), (40, 20), (20, 30)])
def test_a_mask_follows_a_cut_about_the_middle(size: tuple[int, int]) -> None:
    mask = np.zeros((60, 80), bool)
    mask[24:36, 32:48] = True  # about the middle, which stays there
    smaller = at_size(mask, *size)
    assert smaller is not None and smaller.shape == size[::-1]
    rows, columns = np.nonzero(smaller)
    assert rows.mean() == pytest.approx((size[1] - 1) / 2)
    assert columns.mean() == pytest.approx((size[0] - 1) / 2)
    assert len(rows) == (12 * 16) // 4

"""STream3R, StreamVGGT and VGGT as frontends, on tiny random checkpoints of both containers."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from mapper.core.depth_noise import LEARNED, DepthNoise
from mapper.core.frame import Frame
from mapper.core.geometry import transform
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.core.settings_model import from_mapping
from mapper.errors import ConfigError, InputError
from mapper.frontends.base import TrackingState
from mapper.frontends.vggt.frontend import OfflineFrontend, StreamingFrontend, VggtFrontend, create
from mapper.frontends.vggt.options import Stream3rOptions, StreamVggtOptions, VggtOptions
from mapper.frontends.vggt.preprocess import as_tensor
from tests.support.networks.exact import EXACT
from tests.support.networks.vggt_networks import (
    HEIGHT,
    WIDTH,
    random_network,
    write_flat,
    write_folder,
)

STREAM3R = Stream3rOptions(min_confidence=0.0, **EXACT)


pytestmark = pytest.mark.usefixtures("only_one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("folder"))


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_flat(tmp_path_factory.mktemp("flat"))


def frames(count: int, intrinsics: Intrinsics | None = None) -> list[Frame]:
    rng = np.random.default_rng(3)
    return [
        Frame(i, i / 30, rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8), None, intrinsics)
        for i in range(count)
    ]


def answers(frontend: VggtFrontend, shown: list[Frame]) -> list[Prediction]:
    """Of all frames, in order."""
    return [p for frame in shown for p in frontend.step(frame)] + frontend.flush()


@pytest.mark.parametrize("mode", ["causal", "window", "full"])
def test_stream3r_answers_every_frame_from_a_hugging_face_folder(
    folder: Path, mode: Literal["causal", "window", "full"]
) -> None:
    options = Stream3rOptions(min_confidence=0.0, **EXACT, mode=mode)
    frontend = create("stream3r", options, str(folder))
    assert isinstance(frontend, OfflineFrontend if mode == "full" else StreamingFrontend)
    predictions = answers(frontend, frames(3))
    assert [p.frame_index for p in predictions] == [0, 1, 2]
    for prediction in predictions:
        assert prediction.pointmap.shape == (HEIGHT, WIDTH, 3)
        assert (prediction.depth > 0).all() and np.isfinite(prediction.pointmap).all()
        assert prediction.descriptor is not None and prediction.descriptor.shape == (32,)
        assert not prediction.is_metric and prediction.segment == 0
    assert frontend.state == TrackingState.TRACKING


def test_the_backend_is_told_how_far_depths_are_off(folder: Path) -> None:
    frame = frames(1)[0]
    (usual,) = create("stream3r", STREAM3R, str(folder)).step(frame)
    assert usual.noise == LEARNED
    options = Stream3rOptions(min_confidence=0.0, **EXACT, depth_error=0.1)
    (coarse,) = create("stream3r", options, str(folder)).step(frame)
    assert coarse.noise == DepthNoise(0.0, 0.1, 0.0)


def test_streamvggt_and_vggt_read_a_flat_pickle(flat: Path) -> None:
    stream = create(
        "streamvggt",
        StreamVggtOptions(min_confidence=0.0, **EXACT),
        str(flat),
    )
    whole = create("vggt", VggtOptions(min_confidence=0.0, **EXACT), str(flat))
    assert isinstance(stream, StreamingFrontend) and isinstance(whole, OfflineFrontend)
    assert len(stream.step(frames(1)[0])) == 1
    assert whole.step(frames(1)[0]) == [] and len(whole.flush()) == 1 and whole.flush() == []


@pytest.mark.parametrize("nested", ["model", "state_dict"])
def test_training_containers_hold_the_same_network(
    folder: Path, tmp_path: Path, nested: str
) -> None:
    tensors = random_network().state_dict()
    if nested == "state_dict":
        tensors = {f"net.{name}": tensor for name, tensor in tensors.items()}
        tensors["epoch_fraction"] = torch.tensor(0.5)
    path = tmp_path / "training.pth"
    torch.save({nested: tensors, "epoch": 3}, path)
    (ours,) = create("stream3r", STREAM3R, str(path)).step(frames(1)[0])
    (expected,) = create("stream3r", STREAM3R, str(folder)).step(frames(1)[0])
    np.testing.assert_array_equal(ours.pointmap, expected.pointmap)


def test_both_sources_of_points_lie_where_the_network_says(folder: Path) -> None:
    frame = frames(1)[0]
    raw = random_network()(as_tensor(frame.image)[None])
    (depth,) = create("stream3r", STREAM3R, str(folder)).step(frame)
    np.testing.assert_allclose(depth.depth, raw.depth[0, 0].detach(), rtol=1e-4)
    columns = np.indices((HEIGHT, WIDTH))[1]
    camera = depth.intrinsics
    x = depth.pointmap[..., 0] / depth.depth * camera.fx + camera.cx
    np.testing.assert_allclose(x, columns, atol=1e-2)
    assert camera.cx == WIDTH / 2
    options = Stream3rOptions(min_confidence=0.0, **EXACT, points="head")
    (head,) = create("stream3r", options, str(folder)).step(frame)
    seen = head.depth > 0
    world = transform(head.T_world_camera, head.pointmap)[seen]
    np.testing.assert_allclose(world, raw.points[0, 0].detach().numpy()[seen], atol=1e-4)


def test_output_that_is_not_finite_loses_the_frame_and_nothing_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frontend = create("stream3r", STREAM3R, str(folder))
    first, second, third = frames(3)
    frontend.step(first)
    broken = np.where(True, np.nan, 0.0)
    monkeypatch.setattr(
        "mapper.frontends.vggt.frontend.as_tensor", lambda image: as_tensor(image) * float(broken)
    )
    assert frontend.step(second) == [] and frontend.state == TrackingState.LOST
    monkeypatch.undo()
    (after,) = frontend.step(third)
    expected = answers(create("stream3r", STREAM3R, str(folder)), [first, third])[1]
    np.testing.assert_allclose(after.pointmap, expected.pointmap, rtol=1e-5)


def test_long_sequences_are_refused_offline(flat: Path) -> None:
    frontend = create("vggt", VggtOptions(**EXACT, max_frames=2), str(flat))
    first, second, third = frames(3)
    frontend.step(first)
    frontend.step(second)
    with pytest.raises(InputError, match="stride"):
        frontend.step(third)


@pytest.mark.parametrize(
    "change",
    [
        "mode=windows",
        "points=cloud",
        "cache=int7",
        "kv_policy=random",
        "kv_budget=much",
        "device=abacus",
    ],
)
def test_unknown_choices_are_refused(folder: Path, change: str) -> None:
    name, value = change.split("=")
    with pytest.raises(ConfigError, match=f"{name}.*expected"):
        create("stream3r", from_mapping(Stream3rOptions, {name: value}), str(folder))


def test_a_budget_means_nothing_to_a_mode_without_a_cache(folder: Path) -> None:
    with pytest.raises(ConfigError, match="full keeps no cache"):
        create("stream3r", Stream3rOptions(mode="full", kv_budget="1GB"), str(folder))


def test_a_budget_beyond_what_is_free_is_told(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        create(
            "stream3r",
            Stream3rOptions(**EXACT, kv_budget="1000000GB"),
            str(folder),
        )
    assert "kv_budget is more than" in caplog.text


def test_a_budget_below_two_frames_is_refused_and_a_small_one_kept(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tiny = Stream3rOptions(min_confidence=0.0, **EXACT, kv_budget=1000)
    with pytest.raises(ConfigError, match=r"kv_budget.*too small"):
        create("stream3r", tiny, str(folder)).step(frames(1)[0])
    room = Stream3rOptions(min_confidence=0.0, **EXACT, kv_budget="200KB")
    frontend = create("stream3r", room, str(folder))
    with caplog.at_level(logging.WARNING):
        assert len(answers(frontend, frames(12))) == 12
    assert frontend.values["cache_mb"] <= 0.2
    assert sum("kv_budget holds" in record.message for record in caplog.records) == 1


def test_weights_that_are_cut_off_or_another_models_are_refused(
    folder: Path, flat: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="STream3R"):
        create("streamvggt", StreamVggtOptions(**EXACT), str(folder))
    broken = tmp_path / "broken.pth"
    broken.write_bytes(flat.read_bytes()[:5000])
    with pytest.raises(InputError, match="cut off"):
        create("streamvggt", StreamVggtOptions(**EXACT), str(broken))
    tensors = random_network().state_dict()
    del tensors["camera_head.trunk_norm.bias"]
    torch.save(tensors, broken)
    with pytest.raises(InputError, match="do not fit"):
        create("stream3r", STREAM3R, str(broken))
    del tensors["aggregator.register_token"]
    torch.save(tensors, broken)
    with pytest.raises(InputError, match="register_token is missing"):
        create("stream3r", STREAM3R, str(broken))


def test_a_track_head_too_many_is_left_out_with_a_warning(
    flat: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert len(create("stream3r", STREAM3R, str(flat)).step(frames(1)[0])) == 1
    assert "track head is left out" in caplog.text

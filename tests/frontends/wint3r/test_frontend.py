"""The WinT3R frontend on a tiny random checkpoint."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mapper.cli import main
from mapper.config.settings import MapperConfig
from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.core.settings_model import from_mapping
from mapper.errors import ConfigError, InputError
from mapper.frontends.base import TrackingState
from mapper.frontends.registry import create_frontend, frontend_spec
from mapper.frontends.wint3r.frontend import Wint3rFrontend
from mapper.frontends.wint3r.loading import load_wint3r
from mapper.frontends.wint3r.options import Wint3rOptions
from mapper.vision.orb import OrbMatcher
from mapper.weights.container import recognise
from tests.support.networks.exact import EXACT
from tests.support.networks.tiny_wint3r import SIZES, frames, save_tiny, smooth, tiny_model

HEIGHT, WIDTH = 224, 512
OPTIONS = Wint3rOptions(**EXACT)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("wint3r") / "tiny.bin", smooth(tiny_model()))


def answers(frontend: Wint3rFrontend, sequence: list[Frame]) -> list[Prediction]:
    found = [p for frame in sequence for p in frontend.step(frame)]
    return found + frontend.flush()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_frame_is_answered_once_and_in_order(tiny: Path, count: int) -> None:
    frontend = Wint3rFrontend(OPTIONS, str(tiny))
    found = answers(frontend, frames(count))
    assert [p.frame_index for p in found] == list(range(count))
    for prediction in found:
        assert prediction.pointmap.shape == (HEIGHT, WIDTH, 3) and not prediction.is_metric
        assert prediction.image.shape == (HEIGHT, WIDTH, 3)
        assert (prediction.confidence > 1).mean() > 0.9
        assert prediction.descriptor is not None and prediction.descriptor.shape == (48,)
        R = prediction.T_world_camera[:3, :3]
        np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(found[0].T_world_camera, np.eye(4), atol=1e-6)
    assert frontend.state == TrackingState.TRACKING


def test_low_latency_answers_with_the_first_window(tiny: Path) -> None:
    quick = Wint3rFrontend(Wint3rOptions(**EXACT, low_latency=True), str(tiny))
    early = [[p.frame_index for p in quick.step(frame)] for frame in frames(6)]
    assert early == [[], [], [], [0, 1, 2, 3], [], [4, 5]]
    assert quick.flush() == []


def test_black_borders_and_edges_do_not_count(tiny: Path) -> None:
    image = np.random.default_rng(1).integers(0, 255, (20, 64, 3), np.uint8)
    (prediction,) = answers(Wint3rFrontend(OPTIONS, str(tiny)), [Frame(0, 0.0, image)])
    rows = np.asarray((prediction.confidence > 0).any(1))
    assert rows.sum() == 160 and not rows[:32].any() and not rows[192:].any()


def test_an_empty_map_is_said_and_is_no_crash(tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    options = Wint3rOptions(**EXACT, farthest=0.1)
    with caplog.at_level(logging.WARNING):
        found = answers(Wint3rFrontend(options, str(tiny)), frames(4))
    assert all((p.confidence == 0).all() for p in found)
    assert sum("not one point is kept" in record.message for record in caplog.records) == 1


def test_a_frame_that_is_not_finite_is_lost(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frontend = Wint3rFrontend(OPTIONS, str(tiny))
    encode = frontend._model.encode

    def broken(image: torch.Tensor, precision: Any) -> Any:
        encoded = encode(image, precision)
        if frontend._session.frames == 5:
            encoded.features[0, 0, 0] = torch.nan
        return encoded

    monkeypatch.setattr(frontend._model, "encode", broken)
    states, found = [], []
    for frame in frames(8):
        found += frontend.step(frame)
        states.append(frontend.state)
    assert frontend.values == {}  # not those of the frame before
    found += frontend.flush()
    assert [p.frame_index for p in found] == [0, 1, 2, 3]
    assert states[-1] == TrackingState.LOST and TrackingState.LOST not in states[:7]


def test_packed_layers_say_the_same(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = answers(Wint3rFrontend(OPTIONS, str(tiny)), frames(4))
    monkeypatch.setattr("mapper.frontends.wint3r.frontend.CAN_PACK", False)
    plain = answers(Wint3rFrontend(OPTIONS, str(tiny)), frames(4))
    for a, b in zip(packed, plain, strict=True):
        # Half-precision positions may round the other way here and there.
        np.testing.assert_allclose(a.pointmap, b.pointmap, rtol=5e-3, atol=5e-3)
        np.testing.assert_allclose(a.T_world_camera, b.T_world_camera, atol=5e-3)


def test_every_container_loads(tiny: Path, tmp_path: Path) -> None:
    expected = load_wint3r(tiny).state_dict()
    tensors = {name: tensor.contiguous() for name, tensor in expected.items()}
    text = f"WinT3R({', '.join(f'{name}={value}' for name, value in SIZES.items())})"
    save_file(tensors, tmp_path / "a.safetensors", {"model_text": text})
    wrapped = {f"module.{name}": tensor for name, tensor in tensors.items()}
    stored = torch.load(tiny, weights_only=False)
    torch.save({"args": stored["args"], "state_dict": wrapped}, tmp_path / "b.pth")
    for name in ("a.safetensors", "b.pth"):
        found = load_wint3r(tmp_path / name).state_dict()
        assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_a_header_that_begins_like_a_pickle_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    for padding in range(0, 256, 8):  # the first byte of the file is the header's length mod 256
        save_file({"a": torch.zeros(1)}, path, {"padding": "x" * padding})
        assert recognise(path) == "safetensors"


def test_foreign_broken_and_missing_weights_are_refused(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = torch.load(tiny, weights_only=False)
    other = tmp_path / "other.pth"
    torch.save({"aggregator.camera_token": torch.zeros(1)}, other)
    with pytest.raises(InputError, match="not a checkpoint of WinT3R"):
        load_wint3r(other)
    torch.save(
        {
            "pose_retriever.x": torch.zeros(1),
            "register_tokens.weight": torch.zeros(1),
            "downstream_head.proj.fc1.weight": torch.zeros(1),
        },
        other,
    )
    with pytest.raises(InputError, match="CUT3R"):
        load_wint3r(other)
    torch.save(stored["model"], other)
    with pytest.raises(InputError, match="stores no configuration"):
        load_wint3r(other)
    torch.save({**stored, "model": {**stored["model"], "cam_token": torch.zeros(1, 1, 7)}}, other)
    with pytest.raises(InputError, match="do not fit"):
        load_wint3r(other)
    monkeypatch.setenv("MAPPER_WEIGHTS", str(tmp_path))
    with pytest.raises(InputError, match="mapper weights fetch wint3r"):
        create_frontend(MapperConfig(), "wint3r", OrbMatcher())


def test_nothing_in_a_pickle_is_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Hostile:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return Path.touch, (marker,)  # type: ignore[return-value]

    torch.save({"cam_token": torch.zeros(1), "x": Hostile()}, tmp_path / "hostile.bin")
    with pytest.raises(InputError, match="nothing in it was run"):
        load_wint3r(tmp_path / "hostile.bin")
    assert not marker.exists()


def test_options_that_make_no_sense_are_refused(tiny: Path) -> None:
    with pytest.raises(ConfigError, match="rotary"):
        from_mapping(Wint3rOptions, {"rotary": "exact"})
    with pytest.raises(ConfigError, match="stride"):
        Wint3rFrontend(Wint3rOptions(**EXACT, stride=9), str(tiny))
    with pytest.raises(ConfigError, match="device='abacus': expected auto, cpu"):
        Wint3rOptions(device="abacus")
    assert frontend_spec("wint3r").sees_raw_images


def test_mapper_run_from_a_folder_of_images(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for frame in frames(5):
        assert cv2.imwrite(str(folder / f"{frame.index}.png"), frame.image[..., ::-1])
    arguments = ["run", str(folder), "--frontend", "wint3r", "--weights", str(tiny)]
    arguments += ["--out", str(tmp_path / "run"), "--set", "wint3r.device=cpu"]
    arguments += ["--set", "backend.fusion.tsdf.voxel_size=0.2"]
    assert main(arguments) == 0
    lines = (tmp_path / "run" / "trajectory.txt").read_text().splitlines()
    assert len([line for line in lines if not line.startswith("#")]) == 5
    assert (tmp_path / "run" / "cloud.ply").stat().st_size > 1000

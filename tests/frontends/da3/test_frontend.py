"""The frontend da3 with a tiny network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.errors import ConfigError, InputError
from mapper.frontends.da3.frontend import Da3Frontend, check_options
from mapper.frontends.da3.network import Asked
from mapper.frontends.da3.options import Da3Options
from mapper.frontends.da3.preprocess import as_tensor
from mapper.frontends.keyframe_loop.stream import NOMINAL_DEPTH
from tests.support.networks.da3_networks import HEIGHT, WIDTH, tiny_network, waves, write_folder

COUNT = 9


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("weights") / "da3")


def options(**changed: Any) -> Da3Options:
    small: dict[str, Any] = {"image_size": WIDTH, "first": 4, "every": 2, "active": 4}
    return Da3Options(**{"device": "cpu", "precision": "float32", **small, **changed})


def frames(count: int, camera: Intrinsics | None = None) -> list[Frame]:
    return [Frame(i, i / 30, image, None, camera) for i, image in enumerate(waves(count))]


def answers(frontend: Da3Frontend, shown: list[Frame]) -> list[Prediction]:
    return [p for frame in shown for p in frontend.step(frame)] + frontend.flush()


def test_answers_come_call_by_call(weights: Path) -> None:
    frontend = Da3Frontend(options(), str(weights))
    counts = [len(frontend.step(frame)) for frame in frames(COUNT)]
    assert counts == [0, 0, 0, 4, 0, 2, 0, 2, 0]
    (last,) = frontend.flush()
    assert last.frame_index == COUNT - 1 and not last.is_metric
    assert last.pointmap.shape == (HEIGHT, WIDTH, 3) and last.segment == 0
    assert last.descriptor is not None and last.descriptor.shape == (64,)


def test_the_first_call_is_what_the_network_says(weights: Path) -> None:
    frontend = Da3Frontend(options(), str(weights))
    said = answers(frontend, frames(4))
    images = torch.cat([as_tensor(image) for image in waves(4)])[None]
    raw = tiny_network()(images, Asked("first"))
    unit = NOMINAL_DEPTH / float(np.median(raw.depth))
    for place, prediction in enumerate(said):
        expected = unit * raw.depth[0, place].numpy()
        np.testing.assert_allclose(prediction.depth, expected, rtol=1e-4)
        np.testing.assert_allclose(prediction.confidence, raw.confidence[0, place], rtol=1e-4)


def test_a_known_camera_counts(weights: Path) -> None:
    camera = Intrinsics(40.0, 41.0, 20.0, 13.0, WIDTH, HEIGHT)
    said = answers(Da3Frontend(options(), str(weights)), frames(4, camera))
    assert all(prediction.intrinsics == camera for prediction in said)
    own = answers(Da3Frontend(options(use_calibration=False), str(weights)), frames(4, camera))
    assert own[0].intrinsics.cx == WIDTH / 2


@pytest.mark.parametrize("cameras", ["decoder", "rays"])
@pytest.mark.parametrize("loop", ["keyframes", "chunks"])
def test_loops_and_cameras_answer_every_frame_once(weights: Path, loop: str, cameras: str) -> None:
    chosen = options(loop=loop, cameras=cameras, chunk=5, overlap=2)
    said = answers(Da3Frontend(chosen, str(weights)), frames(COUNT))
    assert [p.frame_index for p in said] == list(range(COUNT))
    assert all(np.isfinite(p.T_world_camera).all() for p in said)


def test_one_view_is_answered(weights: Path) -> None:
    (said,) = answers(Da3Frontend(options(), str(weights)), frames(1))
    assert (said.depth > 0).all()


def test_a_new_segment_begins_after_a_reset(weights: Path) -> None:
    frontend = Da3Frontend(options(), str(weights))
    first = answers(frontend, frames(4))
    again = answers(frontend, frames(4))
    assert {p.segment for p in first} == {0} and {p.segment for p in again} == {1}
    np.testing.assert_array_equal(first[2].depth, again[2].depth)


def test_what_is_not_finite_is_lost(weights: Path, caplog: pytest.LogCaptureFixture) -> None:
    frontend = Da3Frontend(options(), str(weights))
    frontend._model.head.scratch.output_conv2[2].bias.fill_(torch.nan)
    assert answers(frontend, frames(4)) == []
    assert "not finite" in caplog.text


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_other_precisions_are_near(weights: Path, precision: str) -> None:
    exact = answers(Da3Frontend(options(), str(weights)), frames(4))
    try:
        coarse = answers(Da3Frontend(options(precision=precision), str(weights)), frames(4))
    except ConfigError:
        pytest.skip(f"this processor does not multiply in {precision}")
    off = [np.abs(np.log(c.depth / e.depth)) for c, e in zip(coarse, exact, strict=True)]
    assert 0 < np.median(off) < 0.1


def test_choices_that_make_no_loop_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"less than da3\.chunk, 5"):
        check_options(options(loop="chunks", chunk=5, overlap=5))


def test_weights_are_of_the_size_that_is_asked_for() -> None:
    with pytest.raises(InputError, match="mapper weights fetch da3-base"):
        Da3Frontend(options(model="base"))

"""The small CUT3R starts anew every few frames, in one world and one unit."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mapper.core.frame import Frame
from mapper.core.geometry import inverse
from mapper.core.prediction import Prediction
from mapper.errors import ConfigError
from mapper.frontends.base import Frontend
from mapper.frontends.cut3r.frontend import Cut3rMiniFrontend
from mapper.frontends.cut3r.options import Cut3rMiniOptions
from tests.support.networks.exact import EXACT
from tests.support.networks.tiny_cut3r import write_checkpoint

pytestmark = pytest.mark.usefixtures("only_one_thread")

NEVER = Cut3rMiniOptions(
    image_size=64, min_confidence=0.0, reset_every=0, reset_turn=0.0, resume_state=True, **EXACT
)
EVERY_3 = replace(NEVER, reset_every=3)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_checkpoint(tmp_path_factory.mktemp("weights") / "tiny.pth"))


def frames(count: int) -> list[Frame]:
    rng = np.random.default_rng(3)
    images = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(count)]
    return [Frame(k, k / 30, image, None) for k, image in enumerate(images)]


def answered(frontend: Frontend, seen: list[Frame]) -> list[Prediction]:
    return [prediction for frame in seen for prediction in frontend.step(frame)]


def step_between(first: Prediction, second: Prediction) -> np.ndarray:
    return inverse(first.T_world_camera) @ second.T_world_camera


@pytest.mark.parametrize(("options", "start"), [(EVERY_3, 2), (replace(NEVER, reset_turn=1e-9), 3)])
def test_every_state_goes_on_in_the_world_and_unit_of_the_first(
    tiny: str, options: Cut3rMiniOptions, start: int
) -> None:
    """Each begins with the last frame of the one before: what it says is what a new frontend says
    of those frames, scaled by one number and moved."""
    seen = frames(5)
    found = answered(Cut3rMiniFrontend("cut3r-mini", options, tiny), seen)
    assert [each.frame_index for each in found] == [0, 1, 2, 3, 4]
    assert {each.segment for each in found} == {0} and not any(each.is_metric for each in found)
    alone = answered(Cut3rMiniFrontend("cut3r-mini", NEVER, tiny), seen[start:])
    unit = np.median(found[start].depth / alone[0].depth)
    np.testing.assert_allclose(found[-1].depth, unit * alone[-1].depth, rtol=1e-4, atol=1e-6)
    ours, theirs = step_between(found[start], found[-1]), step_between(alone[0], alone[-1])
    np.testing.assert_allclose(ours[:3, :3], theirs[:3, :3], atol=1e-5)
    np.testing.assert_allclose(ours[:3, 3], unit * theirs[:3, 3], atol=1e-4)
    assert np.abs(theirs[:3, 3]).max() > 1e-3


def test_where_they_are_not_chained_each_state_is_a_segment(tiny: str) -> None:
    apart = replace(EVERY_3, chain_resets=False)
    found = answered(Cut3rMiniFrontend("cut3r-mini", apart, tiny), frames(4))
    assert [(each.frame_index, each.segment) for each in found] == [
        *((0, 0), (1, 0), (2, 0)),
        *((2, 1), (3, 1)),
    ]


def test_a_resumed_run_keeps_the_unit(tiny: str) -> None:
    seen = frames(5)
    whole, killed, resumed = (Cut3rMiniFrontend("cut3r-mini", EVERY_3, tiny) for _ in range(3))
    answered(whole, seen[:4]), answered(killed, seen[:4])
    memory = killed.snapshot()
    assert memory is not None and memory.scale != 1
    resumed.restore(json.loads(json.dumps(memory.note())), seen.__getitem__)
    (expected,), (found,) = whole.step(seen[4]), resumed.step(seen[4])
    np.testing.assert_array_equal(found.pointmap, expected.pointmap)
    np.testing.assert_array_equal(found.T_world_camera, expected.T_world_camera)


def test_the_backend_is_told_how_wrong_its_depths_are(tiny: str) -> None:
    told = replace(NEVER, depth_error=0.07)
    (found,) = Cut3rMiniFrontend("cut3r-mini", told, tiny).step(frames(1)[0])
    assert found.noise.sigma(2.0) == pytest.approx(0.14)


def test_rays_are_nothing_to_a_network_that_never_saw_any(tiny: str) -> None:
    with pytest.raises(ConfigError, match=r"cut3r_mini\.known_poses"):
        Cut3rMiniFrontend("cut3r-mini", replace(NEVER, known_poses=True), tiny)


def test_the_first_image_is_one_unit_deep(tiny: str) -> None:
    (found,) = Cut3rMiniFrontend("cut3r-mini", NEVER, tiny).step(frames(1)[0])
    assert np.median(found.depth) == pytest.approx(1, rel=1e-5)


def test_a_state_that_cannot_begin_is_a_segment_that_ends(
    tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frontend = Cut3rMiniFrontend("cut3r-mini", EVERY_3, tiny)
    real, calls = frontend._model.step, []

    def fourth_fails(*arguments: object) -> object:
        prediction, state = real(*arguments)  # type: ignore[arg-type]
        calls.append(1)
        if len(calls) == 4:
            prediction.pointmap[0, 0, 0, 0] = float("nan")
        return prediction, state

    monkeypatch.setattr(frontend._model, "step", fourth_fails)
    found = answered(frontend, frames(4))
    assert [(each.frame_index, each.segment) for each in found] == [(0, 0), (1, 0), (2, 0), (3, 1)]

"""Steps and posts come again: a place a period on is looked at before the first one is believed."""

from __future__ import annotations

from functools import cache

import numpy as np

from mapper.core.geometry import exp_se3, inverse
from mapper.core.intrinsics import Intrinsics
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.frontend import RgbdFrontend
from mapper.frontends.rgbd.hypotheses import Hypothesis, HypothesisMaker
from mapper.frontends.rgbd.placement import place
from mapper.frontends.rgbd.repeats import repeats
from mapper.frontends.rgbd.track import Track
from mapper.frontends.rgbd.view import PlacedView, View, known
from mapper.rooms import RoomSequence, draw_sequence
from mapper.vision.dense_alignment import AlignmentConfig, PosePrior
from mapper.vision.orb import OrbMatcher

CAMERA = Intrinsics(150, 150, 79.5, 59.5, 160, 120)
PERIOD = 0.4  # metres from post to post
STEP = 0.3  # metres, of the camera in a frame


def right(metres: float) -> np.ndarray:
    return exp_se3(np.array([0, 0, 0, metres, 0, 0.0]))


@cache
def posts(x: float) -> View:
    """A wall 2 m ahead with posts before it, and a floor, from x metres to the right."""
    columns, rows = (np.arange(160) - 79.5) / 150, (np.arange(120) - 59.5) / 150
    z = np.arange(1.5, 2.2, 0.004)
    across = columns[:, None] * z + x
    ahead = np.where(np.abs(np.mod(across, PERIOD) - PERIOD / 2) < 0.05, 1.85, 2.0)
    reached = z[np.argmax(z >= ahead, axis=1)]
    floor = np.where(rows > 0, 0.6 / np.maximum(rows, 1e-6), np.inf)
    depth = np.minimum(reached, floor[:, None]).astype(np.float32)
    grey = np.where(depth < 1.95, 170.0, 90.0)
    grey[depth == floor[:, None].astype(np.float32)] = 130.0
    image = np.repeat(grey.astype(np.uint8)[..., None], 3, 2)
    return View(0, 0.0, image, depth, CAMERA, OrbMatcher())


def expecting(metres: float, sigma: float) -> PosePrior:
    return PosePrior(right(metres), np.diag([1 / 0.05**2] * 3 + [1 / sigma**2] * 3))


def going(metres: float) -> Track:
    """From the first view on, so far to the right a frame."""
    first = PlacedView(posts(0.0), np.eye(4), known(posts(0.0)))
    return Track(first, first, right(metres), np.zeros((6, 6)))


def placed(prior: PosePrior, start: float) -> tuple[Hypothesis, list[Hypothesis]]:
    """The view from STEP to the right, aligned with the one from 0, and where else it may be."""
    maker = HypothesisMaker(
        posts(0.0).pyramid, posts(STEP).pyramid, AlignmentConfig(), (0.025, 0.02), prior
    )
    found = maker(right(start), prior)
    return found, repeats(maker, found, np.eye(4), prior)


def test_the_next_post_is_found_before_and_behind() -> None:
    _, again = placed(expecting(STEP, 0.3), STEP)
    at = sorted(each.T_reference_camera[0, 3] for each in again)
    np.testing.assert_allclose(at, [STEP - PERIOD, STEP + PERIOD], atol=0.02)


def test_among_posts_a_step_of_most_of_a_period_is_not_known() -> None:
    """The view is the same a period back, where more of it would be seen again."""
    assert place(going(STEP), posts(STEP), RgbdConfig()) is None


def test_among_posts_a_short_step_is_known() -> None:
    found = place(going(0.02), posts(0.02), RgbdConfig())
    assert found is not None
    np.testing.assert_allclose(found.T_reference_camera[:3, 3], [0.02, 0, 0], atol=0.01)


def test_a_camera_too_slow_for_the_next_post_is_not_asked() -> None:
    assert placed(expecting(STEP, 0.03), STEP)[1] == []


def test_stairs_in_long_steps_are_not_climbed_one_step_off() -> None:
    """Bare stairs, five frames a second: the first frame fits a step back as well, and from there
    on each is a step off the one before, with the best of surfaces and light."""
    sequence = RoomSequence(
        draw_sequence(
            1012,
            kind="structured-light",
            path="stairs",
            rate=5.0,
            richness=0.0,
            frames=8,
        )
    )
    frontend, truth = RgbdFrontend(), sequence.ground_truth.T_world_camera
    predictions = [p for each in sequence for p in frontend.step(each.frame)]
    predictions += frontend.flush()
    before = {p.frame_index: p for p in predictions}
    compared = 0
    for p in predictions:
        earlier = before.get(p.frame_index - 1)
        if earlier is None or earlier.segment != p.segment:
            continue
        told = inverse(earlier.T_world_camera) @ p.T_world_camera
        true = inverse(truth[p.frame_index - 1]) @ truth[p.frame_index]
        assert np.linalg.norm((inverse(true) @ told)[:3, 3]) < 0.1
        compared += 1
    assert compared >= 2

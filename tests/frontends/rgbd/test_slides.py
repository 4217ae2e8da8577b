"""An alignment that may lie elsewhere as well is found by shifting it; another comes back."""

from __future__ import annotations

import numpy as np

from mapper.core.frame import Frame
from mapper.core.geometry import exp_se3
from mapper.core.intrinsics import Intrinsics
from mapper.frontends.rgbd.hypotheses import HypothesisMaker
from mapper.frontends.rgbd.slides import beside, weakest_of
from mapper.vision.alignment_evidence import Comparison
from mapper.vision.dense_alignment import AlignmentConfig, PosePrior, align
from mapper.vision.depth_pyramid import DepthPyramid, build_pyramid
from tests.support.room_views import Room, pyramid_of

CAMERA = Intrinsics(150, 150, 79.5, 59.5, 160, 120)
CONFIG = AlignmentConfig()


def corner(index: int) -> DepthPyramid:
    """Two bare walls that meet in an upright edge two metres ahead, as a noisy camera sees them:
    nothing tells how high it is."""
    rng = np.random.default_rng(index)
    x = (np.arange(160) - 79.5) / 150
    depth = np.tile(2.0 / (1.0 + np.abs(x)), (120, 1))
    depth = depth * rng.normal(1.0, 0.002, depth.shape)
    grey = np.where(x < 0, 90.0, 140.0) + rng.normal(0, 1.5, depth.shape)
    image = np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, 2)
    frame = Frame(index, index / 30, image, depth.astype(np.float32), CAMERA)
    return build_pyramid(frame.depth, frame.image, CAMERA)  # type: ignore[arg-type]


def places_beside(views: tuple[DepthPyramid, DepthPyramid], T: np.ndarray) -> tuple[bool, int]:
    """Whether the alignment from T is doubtful, and in how many other places it may lie."""
    compared, aligned = Comparison.of(*views), align(*views, T, CONFIG)
    weakest = weakest_of(aligned, compared.typical_depth)
    found = beside(views, compared, aligned.S_reference_source, weakest, CONFIG)
    return weakest.is_doubtful, len(found)


def test_a_room_full_of_things_brings_the_camera_back(room: Room) -> None:
    views = pyramid_of(room.frame(0)), pyramid_of(room.frame(4))
    assert places_beside(views, room.relative(0, 4))[1] == 0


def test_along_a_bare_edge_the_camera_stays_where_it_is_put() -> None:
    is_doubtful, others = places_beside((corner(0), corner(1)), np.eye(4))
    assert is_doubtful and others > 0


def test_the_motion_so_far_holds_what_slides() -> None:
    """The camera stood still; the start is 6 cm further up the edge, where it would stay."""
    tight = np.diag([1 / 0.01**2] * 3 + [1 / 0.01**2] * 3)
    prior = PosePrior(np.eye(4), tight)
    maker = HypothesisMaker(corner(0), corner(1), CONFIG, (0.025, 0.02), prior)
    tried = maker(exp_se3(np.array([0, 0, 0, 0, 0.06, 0])), prior)
    assert tried.is_held
    assert np.linalg.norm(tried.T_reference_camera[:3, 3]) < 0.02
    sigma = np.sqrt(np.linalg.eigvalsh(tried.aligned.covariance[3:, 3:])[-1])
    assert 0.005 < sigma < 0.02


def test_what_views_tell_along_a_slide_is_not_trusted() -> None:
    views = corner(0), corner(1)
    prior = np.diag([1e2] * 6)
    up = np.array([[0, 0, 0, 0, 1.0, 0]])
    free = align(*views, np.eye(4), CONFIG, prior=PosePrior(np.eye(4), prior))
    held = align(*views, np.eye(4), CONFIG, prior=PosePrior(np.eye(4), prior, up))
    share = 100.0 / held.inliers
    assert up[0] @ held.information[:6, :6] @ up[0] * share < 1.01e2
    assert up[0] @ free.information[:6, :6] @ up[0] * share > 1.5e2

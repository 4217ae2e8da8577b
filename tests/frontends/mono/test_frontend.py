"""The frontend mono on the sample room in colour alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapper.core.frame import Frame
from mapper.core.geometry import umeyama
from mapper.core.prediction import Prediction
from mapper.core.sim3 import scale_of
from mapper.frontends.base import CorrectingFrontend, TrackingState
from mapper.frontends.mono.config import MonoConfig
from mapper.frontends.mono.frontend import MonoFrontend
from mapper.frontends.mono.tracking.levels import Levels
from mapper.frontends.mono.tracking.starting import Starter
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.sequence import Sequence

FIRST, FRAMES = 60, 70
FEW_PLANES = MonoConfig(depth_width=160, planes=48)


@pytest.fixture(scope="module")
def walk(sample: Path) -> Sequence:
    return open_sequence(sample)


def colour(walk: Sequence, indices: Iterable[int], known: bool = True) -> list[Frame]:
    """Frames without depth, numbered from 0."""
    frames = [replace(walk[i], depth=None) for i in indices]
    intrinsics = walk.intrinsics if known else None
    return [replace(f, index=i, intrinsics=intrinsics) for i, f in enumerate(frames)]


def answers(frontend: MonoFrontend, frames: list[Frame]) -> list[Prediction]:
    found: list[Prediction] = []
    for frame in frames:
        found += frontend.step(frame)
    return found + frontend.flush()


def ate(found: list[Prediction], walk: Sequence, first: int) -> float:
    """Metres, up to scale; the truth's frames are the walk's from `first` on."""
    assert walk.ground_truth is not None
    truth = walk.ground_truth.T_world_camera[[first + p.frame_index for p in found]][:, :3, 3]
    mine = np.stack([p.T_world_camera[:3, 3] for p in found])
    scale, T = umeyama(mine, truth, with_scale=True)
    off = scale * mine @ T[:3, :3].T + T[:3, 3] - truth
    return float(np.sqrt((off**2).sum(1).mean()))


@pytest.fixture(scope="module")
def mapped(walk: Sequence) -> tuple[MonoFrontend, list[Prediction]]:
    frontend = MonoFrontend(FEW_PLANES)
    return frontend, answers(frontend, colour(walk, range(FIRST, FIRST + FRAMES)))


def test_every_frame_is_answered_once_and_in_order(
    mapped: tuple[MonoFrontend, list[Prediction]],
) -> None:
    frontend, found = mapped
    assert [p.frame_index for p in found] == list(range(FRAMES))
    assert frontend.recovered == 0 and frontend.state == TrackingState.TRACKING
    assert {p.segment for p in found} == {0} and not any(p.is_metric for p in found)


def test_poses_are_right_up_to_scale(
    mapped: tuple[MonoFrontend, list[Prediction]], walk: Sequence
) -> None:
    assert ate(mapped[1], walk, FIRST) < 0.01


def test_depth_agrees_with_the_poses(
    mapped: tuple[MonoFrontend, list[Prediction]], walk: Sequence
) -> None:
    """One scale for all: that of the poses."""
    found = mapped[1]
    assert found[0].has_points  # or nobody would know its units
    with_depth = [p for p in found[1:] if p.has_points]
    assert len(with_depth) >= 3
    ratios = []
    for p in with_depth:
        true = walk[FIRST + p.frame_index].depth
        assert true is not None
        true = true[::2, ::2]
        both = (p.depth > 0) & (true > 0.2)
        ratios.append(float(np.median(true[both] / p.depth[both])))
        errors = np.abs(p.depth[both] * ratios[-1] / true[both] - 1)
        assert np.median(errors) < 0.02
        assert (p.depth > 0).mean() > 0.25
    assert np.std(ratios) < 0.02 * np.mean(ratios)


def test_poses_say_how_well_they_are_known(
    mapped: tuple[MonoFrontend, list[Prediction]],
) -> None:
    known = [p.uncertainty for p in mapped[1][5:]]
    assert all(u is not None and 1e-5 < u.sigma_rotation < 1e-2 for u in known)


def test_the_same_images_are_answered_the_same(walk: Sequence) -> None:
    frames = colour(walk, range(FIRST, FIRST + 30))
    first, second = (answers(MonoFrontend(FEW_PLANES), frames) for _ in range(2))
    assert len(first) == 30
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.T_world_camera, b.T_world_camera)
        assert np.array_equal(a.pointmap, b.pointmap)


def test_a_turning_camera_never_starts(walk: Sequence) -> None:
    """Images of one place, cut out at different places, are those of a camera that turns."""
    frame = colour(walk, [FIRST])[0]
    wide = np.pad(frame.image, ((0, 0), (0, 40), (0, 0)), mode="edge")
    turning = [replace(frame, index=i, image=wide[:, i : i + 320].copy()) for i in range(20)]
    frontend = MonoFrontend()
    assert answers(frontend, turning) == [] and frontend.recovered == -20
    assert "turned but did not move" in frontend.explain()


def test_each_frame_is_offered_to_the_start_once(
    walk: Sequence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the camera is known before: offered again, the first would seem to follow the
    last, and no track would live through that."""
    offered: list[Levels] = []
    offer = Starter.offer

    def counted(self: Starter, levels: Levels, *rest: Any) -> Any:
        offered.append(levels)
        return offer(self, levels, *rest)

    monkeypatch.setattr(Starter, "offer", counted)
    frame = colour(walk, [FIRST])[0]
    frames = [replace(frame, index=i) for i in range(9)]
    assert answers(MonoFrontend(), frames) == [] and len(offered) == len(frames)


@pytest.mark.parametrize(
    ("image", "why"),
    [(np.full((240, 320, 3), 90, np.uint8), "too little texture"), (None, "did not move")],
)
def test_what_cannot_be_mapped_is_explained(
    walk: Sequence, image: np.ndarray | None, why: str
) -> None:
    frame = colour(walk, [FIRST], known=False)[0]
    frames = [replace(frame, index=i) for i in range(8)]
    if image is not None:
        frames = [replace(f, image=image) for f in frames]
    frontend = MonoFrontend()
    assert answers(frontend, frames) == []
    assert why in frontend.explain()


def test_black_frames_are_lost_and_another_segment_begins(walk: Sequence) -> None:
    seen = colour(walk, range(FIRST, FIRST + 25))
    black = [replace(seen[0], image=np.zeros_like(seen[0].image)) for _ in range(35)]
    again = colour(walk, range(FIRST + 120, FIRST + 150))
    frames = [replace(f, index=i) for i, f in enumerate([*seen, *black, *again])]
    frontend = MonoFrontend(FEW_PLANES)
    found: list[Prediction] = []
    states = []
    for frame in frames:
        found += frontend.step(frame)
        states.append(frontend.state)
    found += frontend.flush()
    assert states[30] == TrackingState.LOST
    assert {p.segment for p in found} == {0, 1}
    placed = {p.frame_index for p in found}
    assert not placed & set(range(25, 60)) and placed >= set(range(25))
    assert len(placed) >= 45


def test_all_poses_are_told_again_in_the_end_and_better(
    mapped: tuple[MonoFrontend, list[Prediction]], walk: Sequence
) -> None:
    frontend, found = mapped
    assert isinstance(frontend, CorrectingFrontend)
    corrections = frontend.corrections()
    assert corrections.keys() == {(0, i) for i in range(FRAMES)}
    scales = [float(scale_of(S)) for S in corrections.values()]
    assert all(0.9 < scale < 1.1 for scale in scales)
    corrected = [replace(p, T_world_camera=corrections[0, p.frame_index]) for p in found]
    assert ate(corrected, walk, FIRST) < 1.2 * ate(found, walk, FIRST)

"""Photographs of the sample room, far apart and in disorder."""

from __future__ import annotations

import sys
from collections.abc import Sequence as Many
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mapper.core.frame import Frame
from mapper.core.geometry import umeyama
from mapper.core.prediction import Prediction
from mapper.errors import ConfigError, InputError
from mapper.frontends.sfm.config import SfmConfig
from mapper.frontends.sfm.frontend import SfmFrontend
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.sequences.sequence import Sequence

VIEWS = [int(view) for view in np.random.default_rng(3).permutation(np.arange(60, 180, 10))]
ROOM = 2.3  # metres, of the walk; the room around it is larger


@pytest.fixture(scope="module")
def walk(sample: Path) -> Sequence:
    return open_sequence(sample)


def photographs(walk: Sequence, views: Many[int], known: bool = False) -> list[Frame]:
    intrinsics = walk.intrinsics if known else None
    return [
        replace(walk[int(view)], index=k, depth=None, intrinsics=intrinsics)
        for k, view in enumerate(views)
    ]


def answers(frontend: SfmFrontend, frames: list[Frame]) -> list[Prediction]:
    for frame in frames:
        assert frontend.step(frame) == []
    return frontend.flush()


def aligned(walk: Sequence, found: list[Prediction], views: Many[int]) -> tuple[float, float]:
    """(ATE in metres, metres a unit), by the best similarity."""
    assert walk.ground_truth is not None
    truth = np.stack([walk.ground_truth.T_world_camera[views[p.frame_index]][:3, 3] for p in found])
    mine = np.stack([p.T_world_camera[:3, 3] for p in found])
    scale, T = umeyama(mine, truth, with_scale=True)
    off = scale * mine @ T[:3, :3].T + T[:3, 3] - truth
    return float(np.sqrt((off**2).sum(1).mean())), float(scale)


@pytest.fixture(scope="module")
def mapped(walk: Sequence) -> tuple[SfmFrontend, list[Prediction]]:
    pytest.importorskip("pycolmap", reason="the extra sfm is not installed")
    frontend = SfmFrontend(SfmConfig(depth_width=160, planes=48))
    black = replace(walk[0], image=np.zeros_like(walk[0].image), index=12, depth=None)
    return frontend, answers(frontend, [*photographs(walk, VIEWS), replace(black, intrinsics=None)])


def test_photographs_in_disorder_are_placed(
    mapped: tuple[SfmFrontend, list[Prediction]], walk: Sequence
) -> None:
    found = mapped[1]
    assert [p.frame_index for p in found] == list(range(12))
    assert {p.segment for p in found} == {0} and not any(p.is_metric for p in found)
    assert aligned(walk, found, VIEWS)[0] < 0.02 * ROOM


def test_what_has_no_place_is_lost(mapped: tuple[SfmFrontend, list[Prediction]]) -> None:
    frontend = mapped[0]
    assert frontend.recovered == -1
    assert "12 of 13 images have a place" in frontend.notes()[0]


def test_the_camera_is_found(mapped: tuple[SfmFrontend, list[Prediction]], walk: Sequence) -> None:
    camera = mapped[0].metrics()["found_camera"]
    assert camera["source"] == "found" and camera["fx"] == pytest.approx(262.5, rel=0.04)
    assert mapped[1][0].intrinsics.fx == pytest.approx(camera["fx"] / 2)


def test_depth_has_the_scale_of_the_poses(
    mapped: tuple[SfmFrontend, list[Prediction]], walk: Sequence
) -> None:
    found = mapped[1]
    scale = aligned(walk, found, VIEWS)[1]
    with_depth = [p for p in found if (p.confidence > 0).mean() > 0.2]
    assert found[0].has_points and len(with_depth) >= 6
    for p in with_depth:
        true = walk[int(VIEWS[p.frame_index])].depth
        assert true is not None
        true = true[::2, ::2]
        both = (p.depth > 0) & (true > 0.2)
        ratios = scale * p.depth[both] / true[both]
        assert np.median(ratios) == pytest.approx(1, abs=0.08)
        assert np.median(np.abs(ratios / np.median(ratios) - 1)) < 0.03


def test_poses_say_how_well_they_are_known(
    mapped: tuple[SfmFrontend, list[Prediction]],
) -> None:
    first, *others = [p.uncertainty for p in mapped[1]]
    assert first is None
    for k, known in enumerate(others):
        assert known is not None and known.reference_index == k
        assert 1e-5 < known.sigma_rotation < 3e-2


def test_a_camera_that_is_known_stays(walk: Sequence) -> None:
    pytest.importorskip("pycolmap", reason="the extra sfm is not installed")
    assert walk.intrinsics is not None
    frontend = SfmFrontend(SfmConfig(planes=8, depth_width=64))
    found = answers(frontend, photographs(walk, VIEWS, known=True))
    assert len(found) == 12 and aligned(walk, found, VIEWS)[0] < 0.02 * ROOM
    camera = frontend.metrics()["found_camera"]
    assert camera["source"] == "given" and camera["k1"] == 0
    assert camera["fx"] == pytest.approx(walk.intrinsics.fx)
    assert camera["cx"] == pytest.approx(walk.intrinsics.cx)


def test_many_are_matched_with_those_that_come_soon_after(walk: Sequence) -> None:
    pytest.importorskip("pycolmap", reason="the extra sfm is not installed")
    views = list(range(60, 156, 6))
    frontend = SfmFrontend(SfmConfig(exhaustive=15, planes=8, depth_width=64))
    found = answers(frontend, photographs(walk, views))
    assert len(found) == 16 and aligned(walk, found, views)[0] < 0.02 * ROOM
    assert frontend.metrics()["compared_pairs"] < 16 * 15 / 2
    assert "--set sfm.exhaustive=16" in frontend.notes()[-1]


def test_what_cannot_be_placed_is_explained_in_numbers(walk: Sequence) -> None:
    pytest.importorskip("pycolmap", reason="the extra sfm is not installed")
    frontend = SfmFrontend()
    grey = [replace(f, image=np.full_like(f.image, 90)) for f in photographs(walk, range(4))]
    assert answers(frontend, grey) == [] and frontend.recovered == -4
    assert "0 of 6 pairs of the 4 images match" in frontend.explain()
    assert answers(frontend, grey[:2]) == [] and "there are 2 images" in frontend.explain()


def test_one_place_seen_again_is_no_map(walk: Sequence) -> None:
    """All pairs match, and nothing tells how far anything is."""
    pytest.importorskip("pycolmap", reason="the extra sfm is not installed")
    frontend = SfmFrontend()
    assert answers(frontend, photographs(walk, [60] * 5)) == []
    assert "10 of 10 pairs of the 5 images match" in frontend.explain()


def test_too_many_and_two_sizes_are_refused(walk: Sequence) -> None:
    pytest.importorskip("pycolmap", reason="the extra sfm is not installed")
    one, two = photographs(walk, [0, 1])
    frontend = SfmFrontend(SfmConfig(max_frames=1))
    frontend.step(one)
    with pytest.raises(InputError, match="matches all images in the end"):
        frontend.step(two)
    frontend = SfmFrontend()
    frontend.step(one)
    with pytest.raises(InputError, match="another size"):
        frontend.step(replace(two, image=two.image[:100]))


def test_without_pycolmap_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycolmap", None)
    with pytest.raises(ConfigError, match="pip install pycolmap"):
        SfmFrontend()

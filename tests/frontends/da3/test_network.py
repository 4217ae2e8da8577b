"""The networks of Depth Anything 3: what they compute, and what need not be computed again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from mapper.errors import InputError
from mapper.frontends.da3.cameras import encoding_of, intrinsics_of, normalised_poses, poses_of
from mapper.frontends.da3.joint import joined
from mapper.frontends.da3.network import SKY, Asked, Da3
from mapper.frontends.da3.preprocess import as_tensor
from mapper.vision.rotations import inverse_rigid
from tests.support.networks.da3_networks import HEIGHT, WIDTH, tiny_network, tiny_single, waves

# What this network says of these images. The same code agrees with the recorded runs of the
# reference to 3e-6 where those are at hand (see test_golden); here it must not have changed since.
DEPTHS = [[0.456542, 0.22672], [0.244338, 1.093545], [0.242492, 0.391062], [0.576826, 0.232898]]
PIXELS = ([3, 20], [5, 30])


@pytest.fixture(scope="module")
def model() -> Da3:
    return tiny_network()


@pytest.fixture(scope="module")
def images() -> Tensor:
    """(1, 4, 3, H, W)."""
    return torch.cat([as_tensor(image) for image in waves(4)])[None]


def test_a_fresh_clone_computes_what_the_reference_did(model: Da3, images: Tensor) -> None:
    raw = model(images, Asked(rays=True))
    np.testing.assert_allclose(raw.depth[0][:, PIXELS[0], PIXELS[1]], DEPTHS, rtol=1e-4)
    first = [-0.1878, -0.7037, 0.1548, 0.2818, -0.5303, 0.1272, 3.4322, 1.4936, 0.6147]
    np.testing.assert_allclose(raw.pose_encoding[0, 0], first, atol=1e-4)
    assert raw.reference.tolist() == [0]
    assert raw.rays is not None and raw.ray_confidence is not None
    assert raw.rays.shape == (1, 4, 16, 24, 6)
    np.testing.assert_allclose(raw.rays.abs().max(), 2.9708, rtol=1e-4)
    np.testing.assert_allclose(raw.ray_confidence.max(), 3.1203, rtol=1e-4)
    depth, sky = tiny_single()(images[0])
    np.testing.assert_allclose([depth.min(), depth.max()], [0.3198, 0.9822], rtol=2e-4)
    np.testing.assert_allclose([(sky >= SKY).float().mean(), sky.max()], [0.034, 0.5768], atol=1e-4)


def test_what_a_view_shows_by_itself_may_be_kept(model: Da3, images: Tensor) -> None:
    apart = [model.own(image[None]) for image in images[0]]
    own = joined(apart)
    assert own.as_others is not None
    kept, whole = model.joint(own, (1, 4), Asked()), model(images)
    anew = model.joint(replace(own, as_others=None), (1, 4), Asked())
    torch.testing.assert_close(kept.depth, anew.depth, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(kept.depth, whole.depth, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(kept.pose_encoding, whole.pose_encoding, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("wanted", [1, 3])
def test_maps_of_the_last_views_alone_are_the_same(model: Da3, images: Tensor, wanted: int) -> None:
    whole = model(images, Asked("first"))
    part = model(images, Asked("first", wanted=wanted))
    torch.testing.assert_close(part.depth, whole.depth[:, -wanted:], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(part.pose_encoding, whole.pose_encoding, rtol=1e-5, atol=1e-6)


def test_views_see_one_another(model: Da3, images: Tensor) -> None:
    alone = model(images[:, :1])
    together = model(images, Asked("first"))
    assert float((alone.depth[:, 0] - together.depth[:, 0]).abs().max()) > 1e-3


def test_the_order_of_the_other_views_is_nothing(model: Da3, images: Tensor) -> None:
    there, back = model(images, Asked("first")), model(images[:, [0, 3, 2, 1]], Asked("first"))
    torch.testing.assert_close(back.depth[:, [0, 3, 2, 1]], there.depth, rtol=1e-4, atol=1e-5)


def test_sequences_of_a_batch_are_apart(model: Da3, images: Tensor) -> None:
    both = model(torch.cat([images[:, :2], images[:, 2:]]))
    torch.testing.assert_close(both.depth[1:], model(images[:, 2:]).depth, rtol=1e-4, atol=1e-5)


def test_known_cameras_are_listened_to(model: Da3, images: Tensor) -> None:
    T = torch.eye(4).repeat(1, 4, 1, 1)
    T[0, :, 0, 3] = torch.arange(4.0)
    K = torch.tensor([[30.0, 0, 21], [0, 30, 14], [0, 0, 1]]).expand(1, 4, 3, 3)
    given = encoding_of(inverse_rigid(normalised_poses(T)), K, HEIGHT, WIDTH)
    posed = model(images, cameras=given)
    assert posed.reference.tolist() == [0]
    assert float((posed.depth - model(images).depth).abs().max()) > 1e-3


def test_images_must_be_whole_patches(model: Da3) -> None:
    with pytest.raises(InputError, match="multiples of 14"):
        model(torch.zeros(1, 1, 3, 28, 40))


def test_cameras_there_and_back() -> None:
    encoding = torch.tensor([[0.1, -0.2, 0.3, 0.1, 0.2, -0.3, 0.9, 0.8, 1.1]])
    K, T = intrinsics_of(encoding, 60, 80), poses_of(encoding)
    again = encoding_of(T, K, 60, 80)
    unit = encoding.clone()
    unit[:, 3:7] /= unit[:, 3:7].norm()
    torch.testing.assert_close(again, unit, rtol=1e-5, atol=1e-6)


def test_a_field_of_view_of_zero_is_a_huge_focal_length() -> None:
    encoding = torch.zeros(1, 9)
    encoding[0, 6] = 1
    encoding[0, 8] = 4.0  # beyond pi
    K = intrinsics_of(encoding, 60, 80)
    assert K[0, 0, 0] == 40e6 and K[0, 1, 1] == 30e6


def test_two_given_views_are_scaled_by_ten_whatever_their_distance() -> None:
    for distance in (0.05, 1.0, 30.0):
        T = torch.eye(4).repeat(1, 2, 1, 1)
        T[0, 1, 0, 3] = distance
        assert float(normalised_poses(T)[0, 1, 0, 3]) == pytest.approx(10 * distance)

"""Point tracks in a stream against those of a whole sequence."""

from __future__ import annotations

import pytest
import torch
from golden.recording import Golden, load_tensors
from golden.vggt_sequences import build

from mapper.errors import ConfigError, InputError
from mapper.frontends.vggt.cache.session_options import SessionOptions
from mapper.frontends.vggt.network import Vggt
from mapper.frontends.vggt.session import StreamSession
from tests.support.networks.vggt_networks import TRACK, random_images, random_network
from tests.support.paths import COMMITTED_GOLDEN

FOLDER = COMMITTED_GOLDEN / "vggt"
QUERY = torch.tensor([[[20.0, 15.0], [30.0, 30.0], [5.0, 8.0]]])


pytestmark = pytest.mark.usefixtures("without_gradients")


@pytest.fixture(scope="module")
def model() -> Vggt:
    return random_network(TRACK)


def test_streamed_tracks_are_those_of_the_batch_so_far(model: Vggt) -> None:
    images = random_images(5)
    session = StreamSession(model, query_points=QUERY)
    for number, image in enumerate(images):
        ours = session.step(image[None]).tracks
        batch = model(images[None, : number + 1], "causal", query_points=QUERY).tracks
        assert ours is not None and batch is not None
        torch.testing.assert_close(ours.xy[:, 0], batch.xy[:, -1], atol=1e-2, rtol=1e-3)
        torch.testing.assert_close(
            ours.visibility[:, 0], batch.visibility[:, -1], atol=1e-3, rtol=1e-3
        )
    assert ours is not None and (ours.xy[0, 0] - QUERY[0]).abs().max() > 1e-2  # they move


def test_tracks_keep_the_company_of_a_few_frames(model: Vggt) -> None:
    session = StreamSession(model, SessionOptions(track_window=0), QUERY)
    images = random_images(4)
    for image in images[:3]:
        session.step(image[None])
    ours = session.step(images[3:]).tracks
    features = model.track_features(model(images[None], "causal").aggregated)
    alone = model.track(features[:, [0, 3]], QUERY)
    assert ours is not None
    torch.testing.assert_close(ours.xy[:, 0], alone.xy[:, -1], atol=1e-2, rtol=1e-3)


def test_tracks_need_a_track_head() -> None:
    with pytest.raises(ConfigError, match="no track head"):
        StreamSession(random_network(), query_points=QUERY).step(random_images(1))


def test_images_too_small_for_the_pyramid_are_refused(model: Vggt) -> None:
    with pytest.raises(InputError, match="at least 8 pixels"):
        model.track(torch.zeros(1, 1, 16, 2, 3), QUERY)


def test_recorded_points_move_in_a_stream_as_in_the_batch() -> None:
    network = build(Golden.open(FOLDER / "streamvggt_tiny_weights.json"))
    inputs = load_tensors(FOLDER / "streamvggt_tiny_inputs.safetensors")
    batch = Golden.open(FOLDER / "streamvggt_tiny_batch.json").tensors["track"]
    session = StreamSession(
        network, SessionOptions(shared_camera_cache=True), inputs["query_points"][None]
    )
    for image in inputs["images"]:
        tracks = session.step(image[None]).tracks
    assert tracks is not None
    # With all nine frames in sight the last answer is the batch's, which is sure to 2e-3 pixels.
    torch.testing.assert_close(tracks.xy[0, 0], batch[-1], atol=5e-3, rtol=0)
    assert (batch[-1] - inputs["query_points"]).norm(dim=1).min() > 0.5

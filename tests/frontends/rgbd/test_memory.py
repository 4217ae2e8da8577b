"""What a tracker knew is read again, whoever wrote it down."""

from __future__ import annotations

import json

import numpy as np

from mapper.frontends.rgbd.frontend import RgbdFrontend
from tests.support.room_views import Room


def test_a_note_of_an_older_run_is_taken_up_where_it_was(room: Room) -> None:
    """It must not go on as if the next frame were where the segment began."""
    whole = RgbdFrontend()
    for index in range(20):
        whole.step(room.frame(index))
    note = json.loads(json.dumps(whole.snapshot().note()))
    track = note.pop("track")
    older = {
        **{name: note[name] for name in ("segment", "landmarks")},
        **{name: track[name] for name in ("reference", "velocity", "lost_frames")},
        "last": track["last"]["frame"],
        "T_world_last": track["last"]["T_world_camera"],
    }
    again = RgbdFrontend()
    again.restore(older, room.frame)
    (prediction,), (expected,) = again.step(room.frame(20)), whole.step(room.frame(20))
    assert prediction.segment == expected.segment
    np.testing.assert_allclose(prediction.T_world_camera, expected.T_world_camera, atol=1e-6)

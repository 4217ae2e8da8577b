"""An empty or nearly empty map is told, with the reason; a whole one is not spoken of."""

from __future__ import annotations

from typing import Any

import pytest

from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.report.shortfall import shortfalls

WHOLE = {
    "frames": 100,
    "tracked": 98,
    "skipped": 1,
    "image_size": (640, 480),
    "mesh_vertices": 90_000,
    "units": "metres",
}
FINE = TsdfConfig()


def test_a_whole_map_is_not_spoken_of() -> None:
    assert shortfalls(WHOLE, FINE) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tracked": 12}, "only 12 of 100 frames could be placed, as the camera was lost"),
        ({"tracked": 12, "image_size": (64, 48)}, "images of 64x48 pixels are too small"),
        ({"frames": 2, "tracked": 1, "skipped": 0}, "only 1 of 2 frames"),
        ({"frames": 1, "tracked": 1, "skipped": 0}, "a single frame"),
        ({"tracked": 20, "skipped": 80}, "80 of 100 frames could not be read"),
        ({"without_depth": 400}, "400 of 500"),
        ({"mesh_vertices": 0}, "The mesh is empty"),
        ({"mesh_vertices": 4}, "nearly empty, 4 vertices: almost no depth"),
    ],
)
def test_what_is_missing_is_told_with_its_reason(change: dict[str, Any], words: str) -> None:
    (sentence,) = shortfalls({**WHOLE, **change}, FINE)
    assert words in sentence


@pytest.mark.parametrize(
    ("fusion", "units", "words"),
    [
        (TsdfConfig(voxel_size=0.65), "metres", "voxels of 0.65 m are too large"),
        (TsdfConfig(max_depth=0.3), "metres", "within 0.3 m,"),
        (TsdfConfig(max_depth=0.3), "units", "within 0.3 units,"),
    ],
)
def test_the_settings_that_emptied_the_mesh_are_named(
    fusion: TsdfConfig, units: str, words: str
) -> None:
    (sentence,) = shortfalls({"mesh_vertices": 4, "units": units}, fusion)
    assert words in sentence


def test_frames_left_out_to_keep_up_with_a_camera_are_no_shortfall() -> None:
    assert shortfalls({**WHOLE, "tracked": 30, "left_out": 60}, FINE) == []

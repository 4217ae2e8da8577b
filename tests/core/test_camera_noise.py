"""What a depth camera is taken for: asked for, told, or as a run noted it."""

from __future__ import annotations

import pytest

from mapper.core.camera_kinds import AUTO, CAMERA_KINDS
from mapper.core.camera_noise import CameraNoise, known_noise, noted_noise
from mapper.core.depth_noise import LIDAR, NOISE_BY_KIND, STRUCTURED_LIGHT, DepthNoise
from mapper.errors import ConfigError


def test_what_is_asked_for_goes_before_what_the_input_tells() -> None:
    asked, told = known_noise("lidar", "stereo"), known_noise(AUTO, "stereo")
    assert asked is not None and told is not None
    assert (asked.kind, asked.noise, told.kind) == ("lidar", LIDAR, "stereo")
    assert known_noise(AUTO, None) is None
    with pytest.raises(ConfigError, match="did you mean stereo"):
        known_noise("sterio", None)


def test_every_kind_has_a_noise_that_grows() -> None:
    assert tuple(NOISE_BY_KIND) == CAMERA_KINDS
    for noise in NOISE_BY_KIND.values():
        assert 0 < noise.sigma(0.5) < noise.sigma(2.0) < noise.sigma(5.0)


def test_a_run_notes_it_and_an_older_one_was_made_with_the_first_kinect() -> None:
    noise = DepthNoise(0.001, 0.002, 0.003)
    noted = CameraNoise("estimated", noise, "by its scatter about planes")
    again = noted_noise(noted.kind, noted.coefficients)
    assert (again.kind, again.noise) == ("estimated", noise)
    assert noted_noise(None, None).noise == STRUCTURED_LIGHT
    assert noted.told_kind is None and noted_noise(None, None).told_kind == "structured-light"


def test_in_words_and_in_numbers() -> None:
    camera = CameraNoise("stereo", DepthNoise(0.001, 0.001, 0.0), "as asked")
    assert camera.in_words == "stereo depth (as asked): off by 2, 3, 5 mm at 1, 2, 4 m"
    assert camera.as_metrics["sigma_mm"] == {"1": 2.0, "2": 3.0, "4": 5.0}

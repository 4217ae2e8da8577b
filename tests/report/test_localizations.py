"""Places and refusals in words and as values."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mapper.core.geometry import pose
from mapper.core.intrinsics import Intrinsics
from mapper.localization.localization import Localization, Reason
from mapper.report.localizations import WHY, localization_as_values, localization_in_words

FOUND = Localization(
    pose(np.eye(3), np.array([1.0, -0.5, 2.25])),
    None,
    Intrinsics(530.0, 530.0, 320.0, 240.0, 640, 480),
    inliers=212,
    keyframes=(3, 4),
    sigma_translation=0.004,
    sigma_rotation=0.002,
)


def test_a_place_says_how_surely_it_is_known_in_the_maps_unit() -> None:
    metres, units = (localization_in_words(FOUND, unit) for unit in ("metres", "units"))
    assert metres.startswith("at 1.000 -0.500 2.250 (known to 0.4 cm, 0.11 deg)")
    assert "known to 0.004 units" in units
    assert "by features: 212 agree, 2 keyframes" in metres and "focal length" not in metres


def test_what_was_found_out_or_carried_is_told() -> None:
    estimated = localization_in_words(replace(FOUND, is_estimated=True), "metres")
    assert estimated.endswith("focal length 530 px (estimated)")
    assert "by depth and features" in localization_in_words(replace(FOUND, by_depth=True), "metres")
    carried = localization_in_words(replace(FOUND, is_carried=True), "metres")
    assert "by the step from the next frame" in carried


@pytest.mark.parametrize("reason", list(Reason))
def test_each_refusal_has_words_and_values_that_json_takes(reason: Reason) -> None:
    refused = Localization(None, reason, None)
    assert localization_in_words(refused, "metres") == f"not in this map: {WHY[reason]}"
    values = json.loads(json.dumps(localization_as_values(refused), allow_nan=False))
    assert values["found"] is False and values["sigma_translation"] is None

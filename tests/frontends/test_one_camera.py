"""What all frames together say of their camera."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from mapper.core.intrinsics import Intrinsics
from mapper.frontends.one_camera import UNSEEN, OneCamera

IMPLIED = Intrinsics(100.0, 110.0, 32.0, 24.0, 64, 48)


def seen(focals: list[float]) -> OneCamera:
    known = UNSEEN
    for fx in focals:
        known = known.after(replace(IMPLIED, fx=fx, fy=1.1 * fx))
    return known


def test_it_is_the_mean_of_logarithms() -> None:
    camera = seen([90.0, 100.0, 95.0]).camera(IMPLIED)
    mean = float(np.exp(np.log([90.0, 100.0, 95.0]).mean()))
    assert (camera.fx, camera.fy) == pytest.approx((mean, 1.1 * mean))
    assert replace(camera, fx=IMPLIED.fx, fy=IMPLIED.fy) == IMPLIED


def test_a_frame_of_nonsense_moves_it_by_little() -> None:
    usual = [100.0] * 20
    assert seen([*usual, 5000.0]).camera(IMPLIED).fx == pytest.approx(100.0, rel=0.01)
    first = seen([150.0, *usual]).camera(IMPLIED).fx  # has been all that was known
    assert 100.0 < first < 120.0


def test_a_zoom_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    known = UNSEEN
    with caplog.at_level(logging.WARNING):
        for fx in [*[100.0] * 100, *[160.0] * 60]:
            known = known.after(replace(IMPLIED, fx=fx)).told("cut3r.one_camera")
    (record,) = caplog.records
    assert "zooms" in record.message and "cut3r.one_camera=false" in record.message


def test_a_network_that_errs_is_not_told_to_zoom(caplog: pytest.LogCaptureFixture) -> None:
    rng = np.random.default_rng(0)
    known = UNSEEN
    with caplog.at_level(logging.WARNING):
        for fx in 100.0 * np.exp(rng.normal(0, 0.07, 300)):
            known = known.after(replace(IMPLIED, fx=float(fx))).told("x.one_camera")
    assert not caplog.records


def test_a_note_of_it_is_exact() -> None:
    known = seen([90.0, 101.0])
    assert OneCamera.of(known.note()) == known
    assert OneCamera.of(None) == UNSEEN

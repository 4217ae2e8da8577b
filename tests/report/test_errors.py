"""Errors are told by what the camera did."""

from __future__ import annotations

from mapper.report.errors import errors_text

MOTION = {"rpe_translation_rmse": 0.004, "rpe_rotation_rmse_deg": 0.12, "coverage": 0.5}


def test_a_moving_camera_is_told_its_ate_and_a_standing_one_its_spread() -> None:
    moved = MOTION | {"ate_se3": {"rmse": 0.021}, "ate_sim3": {"rmse": 0.018}}
    end = "RPE 4.00 mm 0.120 deg a frame, coverage 50%"
    assert errors_text(moved, True) == f"ATE 2.10 cm, {end}"
    assert errors_text(moved, False) == f"ATE 1.80 cm up to scale, {end}"
    stood = MOTION | {
        "spread_translation": 0.0015,
        "spread_rotation_deg": 0.02,
        "drift_translation": 0.003,
        "drift_rotation_deg": 0.05,
    }
    assert errors_text(stood, True) == (
        f"the camera stood still: spread 1.50 mm 0.020 deg, drift 3.00 mm 0.050 deg, {end}"
    )

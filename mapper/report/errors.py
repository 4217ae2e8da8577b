"""A run's errors against ground truth in words, for the terminal and the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def stood_still(evaluation: Mapping[str, Any]) -> bool:
    """Whether what was judged is a camera that did not move, which has no ATE."""
    return "spread_translation" in evaluation


def errors_text(evaluation: Mapping[str, Any], is_metric: bool) -> str:
    """evaluation: metrics["evaluation"], of a camera that moved or of one that stood still."""
    motion = (
        f"RPE {evaluation['rpe_translation_rmse'] * 1000:.2f} mm "
        f"{evaluation['rpe_rotation_rmse_deg']:.3f} deg a frame, "
        f"coverage {evaluation['coverage']:.0%}"
    )
    if stood_still(evaluation):
        return f"{standstill_text(evaluation)}, {motion}"
    error = evaluation["ate_se3" if is_metric else "ate_sim3"]["rmse"]
    return f"ATE {error * 100:.2f} cm{'' if is_metric else ' up to scale'}, {motion}"


def standstill_text(evaluation: Mapping[str, Any]) -> str:
    """How steadily a camera that stood still was placed."""
    return (
        f"the camera stood still: spread {evaluation['spread_translation'] * 1000:.2f} mm "
        f"{evaluation['spread_rotation_deg']:.3f} deg, "
        f"drift {evaluation['drift_translation'] * 1000:.2f} mm "
        f"{evaluation['drift_rotation_deg']:.3f} deg"
    )

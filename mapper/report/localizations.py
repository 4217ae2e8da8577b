"""Where an image was taken in a map, or why nobody can say, in words."""

from __future__ import annotations

from typing import Final

import numpy as np

from mapper.localization.localization import Localization, Reason

WHY: Final = {
    Reason.FEATURELESS: "there is next to nothing in it to recognise a place by",
    Reason.UNSEEN: "no keyframe shows what it shows",
    Reason.FEW: "too little of it agrees with any place",
    Reason.ELSEWHERE: "another place of the map explains it as well",
    Reason.LOOSE: "what agrees is in a small part of the image, or on one line",
    Reason.CONTRADICTED: "what the map shows there looks otherwise",
}


def localization_in_words(found: Localization, units: str) -> str:
    """A line of a few words. units: of the map, "metres" or "units"."""
    if found.T_world_camera is None:
        assert found.reason is not None
        return f"not in this map: {WHY[found.reason]}"
    x, y, z = found.T_world_camera[:3, 3]
    off = (
        f"{100 * found.sigma_translation:.1f} cm"
        if units == "metres"
        else f"{found.sigma_translation:.3f} units"
    )
    by = "by depth and features" if found.by_depth else "by features"
    where = (
        f"at {x:.3f} {y:.3f} {z:.3f} (known to {off}, {np.degrees(found.sigma_rotation):.2f} deg)"
    )
    if found.is_carried:
        return f"{where}, by the step from the next frame and {len(found.keyframes)} keyframes"
    text = f"{where}, {by}: {found.inliers} agree, {len(found.keyframes)} keyframes"
    if found.is_estimated and found.intrinsics is not None:
        text += f", focal length {found.intrinsics.fx:.0f} px (estimated)"
    return text


def localization_as_values(found: Localization) -> dict[str, object]:
    """As JSON is written."""
    T = found.T_world_camera
    camera = found.intrinsics
    return {
        "found": found.is_found,
        "reason": found.reason,
        "T_world_camera": None if T is None else T.tolist(),
        "sigma_translation": found.sigma_translation if found.is_found else None,
        "sigma_rotation_deg": np.degrees(found.sigma_rotation) if found.is_found else None,
        "inliers": found.inliers,
        "keyframes": list(found.keyframes),
        "by_depth": found.by_depth,
        "is_carried": found.is_carried,
        "focal_px": None if camera is None else camera.fx,
        "focal_is_estimated": found.is_estimated,
    }

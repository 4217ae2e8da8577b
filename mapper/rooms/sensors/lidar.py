"""A telephone's LiDAR: few points, filled in to a small, smooth image."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from mapper.rooms.sensors.sensor import Scene, noise_field, patches

FLOOR: Final = 0.004  # metres of noise
RELATIVE: Final = 0.004  # of the depth
LUMP: Final = 0.012  # of the depth: error that whole patches share
SMEARED: Final = 1.1  # pixels of the small image, deviation, over which edges run out
NEAREST: Final = 0.25  # metres


def sense(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """float32 (H, W), metres, 0 = no reading, at the size of the scene, which is a small one.

    Some hundred points are measured and filled in between, so that what is small vanishes, edges
    run out over a few pixels and errors are alike over patches. Source: Luetzenburg, Kroon, Bjork,
    "Evaluation of the Apple iPhone 12 Pro LiDAR for an application in geosciences", Scientific
    Reports 2021 (1 cm at 1 m, 1 % beyond, 5 m of range, small things lost).
    """
    camera, depth = scene.camera, scene.depth
    kept: np.ndarray = cv2.medianBlur(depth, 5)
    smeared: np.ndarray = cv2.GaussianBlur(kept, (0, 0), SMEARED)
    points = depth.shape[1] / 24  # pixels from one measured point to the next
    lumps = noise_field(depth.shape, rng, 0.6 * points)
    grain = noise_field(depth.shape, rng, 1.0)
    sigma = FLOOR + RELATIVE * smeared
    result = smeared + np.float32(camera.noise) * (
        sigma * grain + np.float32(0.5 * LUMP) * smeared * lumps
    )
    failed = (result > camera.range) | (result < NEAREST) | (depth <= 0)
    failed |= patches(depth.shape, 4, rng) < 0.3 * scene.dropout
    result[failed] = 0
    return result.astype(np.float32)

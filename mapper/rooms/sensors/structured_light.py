"""Structured light, such as the first Kinect: steps of disparity, shadows, failing surfaces."""

from __future__ import annotations

from typing import Final

import numpy as np

from mapper.rooms.sensors.sensor import Scene, noise_field, normals, patches, unlit, warp
from mapper.runtime.kernels import kernel

FOCAL_BASELINE: Final = 580.0 * 0.075  # pixels of a 640 pixel wide image times metres
STEP: Final = 0.125  # pixels of disparity
DISPARITY_NOISE: Final = 1.0 / 6.0  # steps
SHIFT: Final = 0.5  # pixels by which a reading is misplaced sideways
WINDOW: Final = 1.5  # pixels, deviation: matching compares windows of 9 x 9
WARP: Final = 0.0015  # share of depth per metre by which calibration is off
NEAREST: Final = 0.45  # metres
MIN_COSINE: Final = 0.16  # below it the surface is too slanted to send light back
BLOB: Final = 4  # pixels


def sense(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """float32 (H, W), metres, 0 = no reading.

    Disparity is found in a shifted place, noisy, and in steps of an eighth of a pixel. Sources:
    Barron, Malik, "Intrinsic scene properties from a single RGB-D image", CVPR 2013 (shift by half
    a pixel, noise of a sixth of a step); Khoshelham, Elberink, "Accuracy and resolution of Kinect
    depth data", Sensors 2012 (noise of half a step over several sensors: `camera.noise` scales);
    Teichman, Miller, Thrun, "Unsupervised intrinsic calibration of depth sensors via SLAM", RSS
    2013 (a smooth factor on depth that grows with it). Steps are of a 640 pixels wide image, for
    smaller ones are sampled from it.
    """
    depth, camera = scene.depth, scene.camera
    shape = depth.shape
    shifted, steps = np.empty_like(depth), np.empty_like(depth)
    shifts = normals((2, *shape), rng)
    off = np.float32(WARP) * warp(shape, camera_seed(scene))
    _look(depth, shifts, np.float32(SHIFT * scene.scale * camera.noise), off, shifted, steps)
    noise = noise_field(shape, rng, WINDOW * scene.scale)
    steps += np.float32(DISPARITY_NOISE * camera.noise) * noise
    result = np.float32(FOCAL_BASELINE / STEP) / np.maximum(np.round(steps), 1)
    size = max(2, round(BLOB * scene.scale))
    failed = patches(shape, size, rng) < scene.dropout
    failed |= patches(shape, size, rng) > scene.slant / MIN_COSINE
    failed |= unlit(depth, FOCAL_BASELINE * scene.scale)
    failed |= (shifted > camera.range) | (shifted < NEAREST)
    result[failed] = 0
    return result.astype(np.float32)


def camera_seed(scene: Scene) -> int:
    """The same for all pictures of a camera."""
    return int(1000 * scene.camera.range)


@kernel(error_model="numpy", fastmath=True)
def _look(depth, shifts, size, off, shifted, steps):
    """Depth at a place nearby, of a camera that is off by a share of it, and steps of disparity."""
    height, width = depth.shape
    for row in range(height):
        for column in range(width):
            v = min(max(row + round(size * shifts[0, row, column]), 0), height - 1)
            u = min(max(column + round(size * shifts[1, row, column]), 0), width - 1)
            z = depth[v, u]
            z *= 1 + off[row, column] * z
            shifted[row, column] = z
            steps[row, column] = np.float32(FOCAL_BASELINE / STEP) / max(z, np.float32(0.1))

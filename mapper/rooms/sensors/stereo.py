"""Stereo with a pattern of dots, such as RealSense: holes without texture, steps of disparity."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from mapper.rooms.sensors.sensor import Scene, noise_field, patches, unlit

FOCAL_BASELINE: Final = 385.0 * 0.05  # pixels of a 640 pixels wide image times metres
DISPARITY_NOISE: Final = 0.08  # pixels, RMS, where there is texture
STEP: Final = 1 / 32  # pixels
WINDOW: Final = 2.5  # pixels, deviation: neighbours are matched by much the same window
FATTENED: Final = 5  # pixels by which near things grow over what is behind them, both sides
DOTS: Final = 22.0  # grey levels of contrast that the projected dots add at 1 m
CONTRAST: Final = 2.5  # grey levels below which matching fails
USUAL_CONTRAST: Final = 8.0  # grey levels, with which the noise above was measured
NEAREST: Final = 0.3  # metres


def sense(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """float32 (H, W), metres, 0 = no reading.

    What tells two windows apart is the picture's own contrast and that of projected dots, which
    fades with the square of the distance; where both are weak the match is noisier, and then there
    is none. Sources: Keselman et al., "Intel RealSense stereoscopic depth cameras", CVPRW 2017
    (dots, windows, holes); Grunnet-Jepsen, Sweetser, Woodfill, "Best-known-methods for tuning Intel
    RealSense D400 depth cameras", 2018 (subpixel noise and the depth it makes); Scharstein,
    Szeliski, "A taxonomy and evaluation of dense two-frame stereo correspondence algorithms", IJCV
    2002 (fattening at edges).
    """
    camera, shape = scene.camera, scene.depth.shape
    disparity = np.float32(FOCAL_BASELINE) / np.maximum(scene.depth, 0.1)
    size = max(1, round(FATTENED * scene.scale))
    fat: np.ndarray = cv2.dilate(disparity, np.ones((size, size), np.uint8))
    contrast = _contrast(scene)
    noise = DISPARITY_NOISE * camera.noise * np.maximum(USUAL_CONTRAST / contrast, 1.0)
    fat = fat + noise * noise_field(shape, rng, WINDOW * scene.scale)
    steps = np.maximum(np.round(fat / np.float32(STEP)), 1)
    result = np.float32(FOCAL_BASELINE / STEP) / steps
    blob = max(2, round(6 * scene.scale))
    failed = contrast < CONTRAST * (0.6 + 0.8 * patches(shape, blob, rng))
    failed |= patches(shape, blob, rng) < 0.5 * scene.dropout
    failed |= unlit(scene.depth, FOCAL_BASELINE * scene.scale)
    failed |= (result > camera.range) | (result < NEAREST) | (scene.depth <= 0)
    result[failed] = 0
    return result.astype(np.float32)


def _contrast(scene: Scene) -> np.ndarray:
    """float32 (H, W), grey levels: deviation within the matching window, dots included."""
    gray = scene.image.astype(np.float32)
    window = (0, 0), max(1.0, 2 * WINDOW * scene.scale)
    mean = cv2.GaussianBlur(gray, *window)
    variance = np.maximum(cv2.GaussianBlur(gray * gray, *window) - mean * mean, 0)
    dots = DOTS * scene.reflectance * scene.slant / np.maximum(scene.depth, 0.3) ** 2
    return np.sqrt(variance + dots**2) + np.float32(0.05)

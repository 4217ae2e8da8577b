"""Colours changed by chance, the same way for all views of a sequence."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

STRENGTH: Final = 0.5  # of brightness, contrast and saturation: factors 0.5 to 1.5
HUE: Final = 0.1  # of the whole circle, to either side
GRAY: Final = np.array([0.299, 0.587, 0.114], np.float32)


class Jitter:
    """Brightness, contrast, saturation and hue in a drawn order, as torchvision's ColorJitter."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._order = rng.permutation(4)
        self._factors = rng.uniform(1 - STRENGTH, 1 + STRENGTH, 3).astype(np.float32)
        self._turn = float(rng.uniform(-HUE, HUE))

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """uint8 (H, W, 3) to the same."""
        changed = image.astype(np.float32)
        for which in self._order:
            if which == 0:
                changed = changed * self._factors[0]
            elif which == 1:
                mean = np.float32((changed @ GRAY).mean())
                changed = mean + (changed - mean) * self._factors[1]
            elif which == 2:
                gray = (changed @ GRAY)[..., None]
                changed = gray + (changed - gray) * self._factors[2]
            else:
                changed = _turned(changed, self._turn)
            changed = changed.clip(0, 255)
        return changed.astype(np.uint8)


def _turned(image: np.ndarray, turn: float) -> np.ndarray:
    hsv = cv2.cvtColor(image / np.float32(255), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + 360 * turn) % 360
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * np.float32(255))

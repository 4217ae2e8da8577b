"""What is a threshold in pixels for larger images shrinks with small ones."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.vision.image_sizes import sampling_step, smallness


@pytest.mark.parametrize("size", [(640, 480), (320, 240), (256, 192), (224, 224)])
def test_usual_images_are_not_small(size: tuple[int, int]) -> None:
    assert smallness(*size) == 1.0
    assert sampling_step(np.empty(size), 8) == 8


def test_a_small_image_is_sampled_more_closely() -> None:
    assert smallness(80, 60) == pytest.approx(np.sqrt(10))
    assert sampling_step(np.empty((96, 128)), 8) == 4
    assert sampling_step(np.empty((72, 96)), 8) == 3
    assert sampling_step(np.empty((1, 1)), 8) == 1

"""A frame is refused where its image or its depth is not what all others count on."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.frame import Frame
from mapper.errors import InputError

IMAGE = np.zeros((6, 8, 3), np.uint8)


def test_a_frame_is_an_image_with_or_without_depth_of_its_size() -> None:
    assert Frame(3, 0.1, IMAGE).depth is None
    assert Frame(3, 0.1, IMAGE, np.ones((6, 8), np.float32)).depth is not None


@pytest.mark.parametrize("image", [IMAGE[0], IMAGE[..., :2], IMAGE[None], IMAGE.astype(np.uint16)])
def test_an_image_of_another_kind_is_named(image: np.ndarray) -> None:
    with pytest.raises(InputError, match="frame 3: image is"):
        Frame(3, 0.1, image)


@pytest.mark.parametrize("shape", [(8, 6), (6, 7), (3, 4)])
def test_depth_of_another_size_is_named(shape: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="frame 3: depth"):
        Frame(3, 0.1, IMAGE, np.ones(shape, np.float32))

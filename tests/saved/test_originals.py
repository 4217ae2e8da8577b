"""Original images, and how the maps of what frontends made of them lie in them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.frontends.cut3r.preprocess import layout_of as cut3r_layout
from mapper.frontends.cut3r.preprocess import preprocessed
from mapper.frontends.images import Layout
from mapper.frontends.vggt.preprocess import layout_of as vggt_layout
from mapper.saved.originals import Original, Originals, original_camera

LAYOUTS = [
    cut3r_layout(640, 480, 512),
    cut3r_layout(480, 640, 224),
    vggt_layout(480, 640, 518),
    Layout((320, 240), (0, 0), (320, 240)),
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_original_camera_is_undone_exactly(layout: Layout) -> None:
    original = Intrinsics(600.0, 610.0, 330.0, 250.0, 640, 480)
    back = original_camera(layout.intrinsics(original), layout, (640, 480))
    got = np.array([back.fx, back.fy, back.cx, back.cy, back.width, back.height])
    assert np.allclose(got, [600.0, 610.0, 330.0, 250.0, 640, 480], atol=1e-9)


def test_depth_lies_where_it_was_seen_and_nowhere_else() -> None:
    layout = cut3r_layout(480, 640, 224)  # the middle of a portrait image
    width, height = layout.size
    depth = np.ones((height, width), np.float32)
    depth[height // 2 :] = 2.0
    mapped = Original(np.zeros((640, 480, 3), np.uint8), layout).mapped(depth)
    assert mapped.shape == (640, 480)
    rows = np.flatnonzero(mapped[:, 240])
    assert rows[0] > 0 and rows[-1] < 639 and np.isclose(len(rows), 480, atol=3)
    assert mapped[318, 240] == 1.0 and mapped[322, 240] == 2.0


class OneImage:
    """A sequence of one image, as Originals reads it."""

    kind, has_depth, intrinsics = "images", False, None

    def __init__(self, image: np.ndarray) -> None:
        self._image = image

    def __getitem__(self, index: int):
        from mapper.core.frame import Frame

        return Frame(index, 0.0, self._image)


def originals_of(image: np.ndarray, frontend: str) -> Originals:
    made = Originals.__new__(Originals)
    made._sequence, made._frontend = OneImage(image), frontend  # type: ignore[assignment]
    made._k1, made._one_size, made._layouts = 0.0, None, {}
    return made


def test_the_crop_of_a_network_is_recognised_and_another_image_refused() -> None:
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 256, (24, 20, 3), dtype=np.uint8), (300, 400))
    worked = preprocessed(image, 224)
    rows, columns = worked.shape[:2]
    camera = Intrinsics(200.0, 200.0, columns / 2, rows / 2, columns, rows)
    nothing = np.zeros((rows, columns), np.float32)
    view = KeyframeMap(nothing, nothing, np.asarray(worked), camera)
    originals = originals_of(image, "cut3r-ttsa")
    originals.check(0, view)
    assert originals.read(0, camera).layout == cut3r_layout(300, 400, 224)
    assert originals.camera(0, camera).width == 300
    with pytest.raises(InputError, match="do not look like"):
        originals_of(255 - image, "cut3r").check(0, view)

"""The matrix of a camera projects as its docstring says."""

from __future__ import annotations

import numpy as np

from mapper.core.intrinsics import Intrinsics


def test_the_matrix_projects_a_point_to_its_pixel() -> None:
    camera = Intrinsics(100.0, 120.0, 31.0, 23.0, 64, 48)
    x, y, w = camera.matrix @ np.array([0.3, -0.2, 2.0])
    assert (x / w, y / w) == (100 * 0.3 / 2 + 31, 120 * -0.2 / 2 + 23)
    np.testing.assert_array_equal(np.tril(camera.matrix, -1), 0)
    assert camera.matrix[0, 1] == 0 and camera.matrix[2, 2] == 1

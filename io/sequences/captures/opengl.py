"""Camera axes of OpenGL and ARKit: x right, y up, z backward."""

from __future__ import annotations

from typing import Final

import numpy as np

# Behind a pose T_world_camera of one kind of axes it makes one of the other.
OPENCV_FROM_OPENGL: Final = np.diag([1.0, -1.0, -1.0, 1.0])
OPENCV_FROM_OPENGL.setflags(write=False)

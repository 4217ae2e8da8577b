"""Which frames stay in a cache of keyframes: those that see what the last of them does not."""

from __future__ import annotations

from torch import Tensor

from mapper.frontends.vggt.cache.later_anchors import seen_share, world_points
from mapper.frontends.vggt.network import VggtPrediction


class NewViews:
    """Told of every frame once it was answered, in order; of a batch, the first sequence decides.

    A frame is new by what the network itself says of it: its camera, and the points that it and the
    last frame that stayed see. They overlap by the share of the one's points that lie in the
    other's image, or of the other's in the one's, whichever is less: a camera that went closer sees
    nothing new in the first sense, and less in the second.
    """

    def __init__(self, overlap: float) -> None:
        """overlap: share, below which a frame is new; 0 = all frames are."""
        self._overlap = overlap
        self._points: Tensor | None = None  # (n, 3) in the world, of the last frame that stayed
        self._camera: Tensor | None = None  # (9,), its pose encoding

    def is_new(self, prediction: VggtPrediction, place: int) -> bool:
        """Whether the frame, the place-th of the prediction, is to stay, which is then the last.

        The first is, and so are all where no dense head says what they see.
        """
        if not self._overlap:
            return True
        points, camera = world_points(prediction, place), prediction.pose_encoding[0, place]
        if points is not None and self._points is not None and self._camera is not None:
            there, back = seen_share(self._points, camera), seen_share(points, self._camera)
            if float(there.minimum(back)) >= self._overlap:
                return False
        self._points, self._camera = points, camera
        return True

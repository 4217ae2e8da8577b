"""Metres by a network that knows them: METRIC of Depth Anything 3, of a few keyframes' images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeVar

import cv2
import numpy as np
import torch

from mapper.core.intrinsics import Intrinsics
from mapper.frontends.da3.loading import load_single
from mapper.frontends.da3.metric import metric_depth
from mapper.frontends.da3.network import SKY
from mapper.frontends.da3.preprocess import Fit, as_tensor, layout_of, preprocessed
from mapper.weights.registry import resolve_weights

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8

METRIC: Final = "da3-metric"
SIZE: Final = 504  # of the images' longer side, as published
FIT: Final[Fit] = "upper_bound_resize"  # which leaves nothing out
MOST: Final = 12  # keyframes that are looked at: each takes seconds, and all have the same bias
# By which share all of the network's depths may be off together: an assumption, for its authors'
# figures are of other cameras and places than yours.
BIASED: Final = 0.1

Entry = TypeVar("Entry")


class MetricDepth:
    """choice: METRIC, or a file or folder of its weights. InputError where there are none."""

    def __init__(self, choice: str) -> None:
        self._network = load_single(resolve_weights(choice, METRIC))

    @torch.inference_mode()
    def depth(
        self, image: UInt8[np.ndarray, "h w 3"], camera: Intrinsics
    ) -> Float32[np.ndarray, "h w"]:
        """Metres along z, at the image's size; 0 in the sky."""
        height, width = image.shape[:2]
        layout = layout_of(width, height, SIZE, FIT)
        raw, sky = self._network(as_tensor(preprocessed(image, SIZE, FIT)))
        worked = layout.intrinsics(camera)
        metres = metric_depth(raw[0].numpy(), (worked.fx + worked.fy) / 2)
        metres = np.where(sky[0].numpy() < SKY, metres, 0).astype(np.float32)
        return cv2.resize(metres, (width, height), interpolation=cv2.INTER_NEAREST)


def spread_out(entries: Sequence[Entry]) -> list[Entry]:
    """At most MOST of them, evenly."""
    places = np.linspace(0, len(entries) - 1, min(MOST, len(entries)))
    return [entries[place] for place in np.rint(places).astype(int)]

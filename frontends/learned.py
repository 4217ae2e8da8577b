"""What all learned frontends share: device and precision, images, answers, predictions.

A model's own frontend says how an image becomes the network's and what the network answers; that
the images keep their size, whose camera counts, which points are kept, what is plotted and what
becomes of an answer that is not finite stands here.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from mapper.core.depth_noise import LEARNED, DepthNoise
from mapper.core.frame import Frame
from mapper.core.geometry import backproject, orthonormalised
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.errors import InputError
from mapper.frontends.base import TrackingState
from mapper.frontends.device_settings import inference_on
from mapper.frontends.images import Layout
from mapper.frontends.masking import masked
from mapper.frontends.one_camera import UNSEEN
from mapper.frontends.precision import choose_precision
from mapper.runtime.torch_device import choose_device
from mapper.weights.registry import resolve_weights

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32, UInt8

logger = logging.getLogger(__name__)

# Images prepared ahead of their step: what a reading thread has read ahead, and the one in hand.
PREPARED: Final = 8


class LearnedOptions(Protocol):
    """What the settings of every learned frontend have."""

    @property
    def device(self) -> str:
        """Such as cuda:0; "auto": the best there is."""

    @property
    def precision(self) -> str:
        """Of the products of encoder and decoder; "auto": the fastest whose error is harmless."""

    @property
    def use_calibration(self) -> bool:
        """Whether a known camera's rays replace the network's."""

    @property
    def one_camera(self) -> bool:
        """Whether all frames are of one camera."""

    @property
    def min_confidence(self) -> float:
        """Below it a point is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A frame as the network sees it, without the frame's own image.

    size: (width, height) of the frame's own image. image: RGB, at the network's size. camera: the
    user's, at that size; None where it is unknown or not to be used. mask: at that size, too.
    """

    index: int
    timestamp: float
    size: tuple[int, int]
    image: UInt8[np.ndarray, "h w 3"]
    layout: Layout
    camera: Intrinsics | None
    mask: Bool[np.ndarray, "h w"] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a network says of one frame, before it is judged.

    points: in the camera, of any type; or depths along z, which the camera's rays carry.
    T_world_camera: whose rotation need not be orthonormal to the last digit. camera: the one that
    the network implies, asked for only where the user's is not taken. kept: points worth mapping.
    values: further numbers worth a plot.
    """

    points: Float[np.ndarray, "h w 3"] | Float[np.ndarray, "h w"]
    confidence: Float[np.ndarray, "h w"]
    T_world_camera: Float[np.ndarray, "4 4"]
    camera: Callable[[], Intrinsics]
    descriptor: Float32[np.ndarray, " d"]
    kept: Bool[np.ndarray, "h w"] | None = None
    values: dict[str, float] = field(default_factory=dict)


class PreparedImages:
    """Images on their way from the thread that reads and prepares them to the one that steps.

    Bounded: of images that nobody takes, as of frames that are left out, the oldest go.
    """

    def __init__(self, prepared: Callable[[np.ndarray], np.ndarray]) -> None:
        self._prepared = prepared
        self._lock = threading.Lock()
        self._images: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def prepare(self, frame: Frame) -> None:
        """Called from the reading thread, ahead of `take`."""
        image = self._prepared(frame.image)
        with self._lock:
            self._images[frame.index] = frame.image, image
            while len(self._images) > PREPARED:
                del self._images[next(iter(self._images))]

    def take(self, frame: Frame) -> np.ndarray:
        """The prepared image of this very frame; prepared now where that was not done ahead."""
        with self._lock:
            original, image = self._images.pop(frame.index, (None, None))
        if image is None or original is not frame.image:
            return self._prepared(frame.image)
        return image


class LearnedFrontend(ABC):
    """A network as a frontend; subclasses say what the network sees and answers.

    noise: of its depths.
    """

    is_metric = False
    noise: DepthNoise = LEARNED

    def __init__(
        self, name: str, settings: str, options: LearnedOptions, weights: str | None
    ) -> None:
        """settings: the part of the configuration that `options` are, for messages."""
        self.name = name
        self.weights = resolve_weights(weights or None, name)
        self.state = TrackingState.LOST
        self.values: dict[str, float] = {}
        self._common = options
        self._settings = settings
        self._camera = UNSEEN
        self._camera_layout: Layout | None = None  # of its images; kept over a reset
        self._device = choose_device(options.device, f"{settings}.device", mps=True)
        self.precision = choose_precision(options.precision, self._device, f"{settings}.precision")
        logger.info("%s: computes in %s; heads in float32", name, self.precision)
        self._images = PreparedImages(self._preprocessed)
        self._layout: Layout | None = None
        self._segment = -1

    def prepare(self, frame: Frame) -> None:
        """Resize and crop a frame ahead of its step."""
        self._images.prepare(frame)

    def step(self, frame: Frame) -> list[Prediction]:
        """The predictions that the frame makes possible; none, and no trace, where the network's
        answer is not finite. InputError where the frame's size is a new one."""
        return self._see(self._shown(frame))

    def flush(self) -> list[Prediction]:
        """Nothing waits inside, unless a subclass says so."""
        return []

    def reset(self) -> None:
        """Forget the past; the next frame starts a new segment."""
        self._segment += 1
        self._layout = None
        self._forget()

    @abstractmethod
    def _layout_of(self, width: int, height: int) -> Layout:
        """How an image of this size becomes the network's."""

    @abstractmethod
    def _preprocessed(self, image: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """The image at the network's size; called from the reading thread, too."""

    @abstractmethod
    def _see(self, shown: Shown) -> list[Prediction]:
        """What the frame makes possible, by `_predicted`."""

    @abstractmethod
    def _forget(self) -> None:
        """Drop what is remembered of frames."""

    def _shown(self, frame: Frame) -> Shown:
        height, width = frame.image.shape[:2]
        layout = self._layout_of(width, height)
        if self._layout not in (None, layout):
            raise InputError(
                f"frame {frame.index} is {width}x{height}, unlike the frames before it: "
                f"{self.name} needs frames of one size"
            )
        self._layout = layout
        if self._camera_layout not in (None, layout):
            self._camera = UNSEEN
        self._camera_layout = layout
        camera = None
        if frame.intrinsics is not None and self._common.use_calibration:
            camera = layout.intrinsics(frame.intrinsics)
        image = self._images.take(frame)
        mask = None if frame.mask is None else layout.mask(frame.mask)
        return Shown(frame.index, frame.timestamp, (width, height), image, layout, camera, mask)

    def _inference(self) -> AbstractContextManager[None]:
        """Around whatever the network computes."""
        return inference_on(self._device, self.precision)

    def _predicted(self, shown: Shown, answer: Answer | None) -> list[Prediction]:
        """The prediction of a frame, or none where the answer, None, is not finite."""
        if answer is None:
            logger.warning("frame %d: the network's output is not finite", shown.index)
            self.state, self.values = TrackingState.LOST, {}
            return []
        intrinsics = shown.camera or self._implied(answer.camera())
        points = answer.points
        if points.ndim == 2:
            points = backproject(points, intrinsics)
        elif shown.camera is not None or self._common.one_camera:
            points = backproject(points[..., 2].astype(np.float32), intrinsics)
        behind = points[..., 2] <= 0  # a dense head can put points there; no camera sees them
        ignored = behind | (answer.confidence < self._common.min_confidence)
        if answer.kept is not None:
            ignored |= ~answer.kept
        prediction = Prediction(
            frame_index=shown.index,
            timestamp=shown.timestamp,
            pointmap=np.where(behind[..., None], np.float32(0), points).astype(np.float32),
            confidence=np.where(ignored, 0, answer.confidence).astype(np.float32),
            T_world_camera=orthonormalised(answer.T_world_camera),
            intrinsics=intrinsics,
            image=np.ascontiguousarray(shown.image),
            is_metric=self.is_metric,
            segment=self._segment,
            descriptor=answer.descriptor,
            noise=self.noise,
            shares_camera=shown.camera is None and self._common.one_camera,
        )
        prediction = masked(prediction, shown.mask)
        self.state = TrackingState.TRACKING
        self.values = {
            "confidence": float(prediction.confidence.mean()),
            "focal": intrinsics.fx,
            "depth": float(np.median(prediction.depth)),
            **answer.values,
        }
        return [prediction]

    def _implied(self, camera: Intrinsics) -> Intrinsics:
        """The camera of a frame of which the network implies this one."""
        if not self._common.one_camera:
            return camera
        self._camera = self._camera.after(camera).told(f"{self._settings}.one_camera")
        return self._camera.camera(camera)


def finite(*arrays: Float[np.ndarray, ...]) -> bool:
    """Whether every entry of all of them is."""
    return all(bool(np.isfinite(array).all()) for array in arrays)

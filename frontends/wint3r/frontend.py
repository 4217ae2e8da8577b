"""WinT3R as a frontend: answers when the last window that a frame is in has been decoded."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from mapper.core.prediction import Prediction
from mapper.frontends.base import TrackingState
from mapper.frontends.graphs import Graphs, Mixer
from mapper.frontends.images import Layout
from mapper.frontends.layers.block import compile_blocks
from mapper.frontends.layers.packed_linear import CAN_PACK, pack_linears
from mapper.frontends.layers.precision import set_precision
from mapper.frontends.learned import Answer, LearnedFrontend, Shown
from mapper.frontends.pointmap_camera import camera_with, focal_of
from mapper.frontends.transfer import brought, sent
from mapper.frontends.wint3r.blocks import WindowBlock
from mapper.frontends.wint3r.camera_pool import PoolOptions
from mapper.frontends.wint3r.edges import kept_points
from mapper.frontends.wint3r.loading import load_wint3r
from mapper.frontends.wint3r.network import Wint3r
from mapper.frontends.wint3r.options import NAME, Wint3rOptions
from mapper.frontends.wint3r.poses import pose_matrix
from mapper.frontends.wint3r.positions import RotaryPrecision
from mapper.frontends.wint3r.prediction import FramePrediction
from mapper.frontends.wint3r.preprocess import as_tensor, layout_of, preprocessed
from mapper.frontends.wint3r.session import Wint3rSession
from mapper.frontends.wint3r.windows import StreamOptions

logger = logging.getLogger(__name__)


class Wint3rFrontend(LearnedFrontend):
    """Poses and pointmaps of overlapping windows, up to one scale for the whole sequence.

    Source: Li et al., WinT3R, 2025, arXiv 2509.05296.
    """

    def __init__(self, options: Wint3rOptions, weights: str | None = None) -> None:
        super().__init__(NAME, NAME, options, weights)
        self.options = options
        model = load_wint3r(self.weights)
        set_precision(model, self.precision, self._device)
        self._model = model.to(self._device)
        self._stream = _stream_options(options, self._model)
        if options.compile == "on":
            compile_blocks(self._model, WindowBlock)
        if CAN_PACK and self._device.type == "cpu":
            pack_linears(self._model.cam_head)  # which sees four tokens at a time
        self._graphs = Graphs(self._device, options.compile != "off")
        self._said_empty = False
        self.reset()
        logger.info(
            "%s: %s on %s, windows of %d frames, rotary positions as in the %s",
            self.name,
            self.weights,
            self._device,
            self._stream.window,
            self._stream.precision.value,
        )

    def flush(self) -> list[Prediction]:
        """The frames that still wait; the stream ends here."""
        with self._inference():
            final = self._session.flush()
        predictions = self._answered(final)
        self.reset()
        return predictions

    def _layout_of(self, width: int, height: int) -> Layout:
        return layout_of(width, height)

    def _preprocessed(self, image: np.ndarray) -> np.ndarray:
        return preprocessed(image)

    def _forget(self) -> None:
        self._session = Wint3rSession(self._model, self._stream, self._graphs)
        self._waiting: dict[int, Shown] = {}

    def _see(self, shown: Shown) -> list[Prediction]:
        """What the frame completes: as many predictions as the stride where it fills a window."""
        self._waiting[self._session.frames] = shown
        with self._inference():
            final = self._session.step(as_tensor(sent(shown.image, self._device)))
        return self._answered(final)

    def _answered(self, final: list[FramePrediction]) -> list[Prediction]:
        """The predictions of a step, and what the frames that it settled leave behind."""
        answers = self._session.newest if self.options.low_latency else final
        self.state = TrackingState.TRACKING
        predictions = []
        for raw in answers:
            shown = self._waiting[raw.position]
            predictions += self._predicted(shown, self._answer(shown, raw))
        for position in self._session.lost:
            self._predicted(self._waiting[position], None)
        for position in (*(raw.position for raw in final), *self._session.lost):
            del self._waiting[position]
        return predictions

    def _answer(self, shown: Shown, raw: FramePrediction) -> Answer:
        with self._inference():
            told = self._told(raw, has_camera=shown.camera is not None)
            points, signed, descriptor, *focal = brought(told)
        confidence, kept = np.abs(signed), self._kept(shown, signed > 0)
        worth = kept & (confidence >= self.options.min_confidence)
        return Answer(
            points=points,
            confidence=confidence,
            # The quaternion's length is anything: the matrix of it is a rotation all the same.
            T_world_camera=pose_matrix(raw.poses[-1].double())[0].numpy(),
            camera=lambda: camera_with(float(focal[0][0]), confidence.shape),
            descriptor=descriptor.copy(),  # which stays, when all that came with it can go
            kept=kept,
            values={"kept": float(worth.mean())},
        )

    def _told(self, raw: FramePrediction, has_camera: bool) -> list[Tensor]:
        """Points, or depths where the camera's rays carry them, confidence, descriptor, and the
        focal length where it is asked for. Confidence, which is above 1, is negative where the
        published filter does not keep the point."""

        def computed(_: Mapping[str, Mixer], pointmap: Tensor, confidence: Tensor) -> list[Tensor]:
            depth = pointmap[..., 2].float()
            kept = kept_points(depth, self.options.edge, self.options.farthest)
            signed = torch.where(kept, confidence, -confidence)[0]
            return [signed] if has_camera else [signed, focal_of(pointmap)]

        key = ("answer", raw.pointmap.shape, has_camera)
        signed, *focal = self._graphs.run(key, computed, [raw.pointmap, raw.confidence])
        points = raw.pointmap[0, ..., 2] if has_camera else raw.pointmap[0]
        return [points, signed, raw.descriptor[0], *focal]

    def _kept(self, shown: Shown, kept: np.ndarray) -> np.ndarray:
        """bool (H, W): points worth mapping within the image."""
        kept = kept & shown.layout.inside()
        if not kept.any() and not self._said_empty:
            self._said_empty = True
            logger.warning(
                "frame %d and perhaps others: not one point is kept, all are at depth edges or too "
                "far; wint3r.edge=0 keeps edges",
                shown.index,
            )
        return kept


def _stream_options(options: Wint3rOptions, model: Wint3r) -> StreamOptions:
    """A window is a block of the camera pool: so it is published for windows of 4, and in the
    authors' training code for all. No pose of an old window changes then."""
    window = options.window or model.config.window_size
    return StreamOptions(
        window=window,
        stride=options.stride,
        first_pose=options.low_latency,
        precision=RotaryPrecision(options.rotary),
        pool=PoolOptions(block=window, limit=options.pool_slots),
    )

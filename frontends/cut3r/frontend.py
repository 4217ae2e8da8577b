"""CUT3R as a frontend: a recurrent state of constant size, one prediction a frame."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from mapper.core.depth_noise import DepthNoise
from mapper.core.frame import Frame
from mapper.core.geometry import inverse, orthonormalised, transform
from mapper.core.image_pairs import ImagePair
from mapper.core.prediction import Prediction
from mapper.core.trajectory import Trajectory
from mapper.errors import ConfigError, InputError
from mapper.frontends.anchors import Anchor, in_own_unit, next_anchor
from mapper.frontends.cut3r.frame_step import FrameStep, FrameStepper
from mapper.frontends.cut3r.loading import load_cut3r
from mapper.frontends.cut3r.memory import Cut3rMemory
from mapper.frontends.cut3r.model import Cut3r
from mapper.frontends.cut3r.options import MINI, VARIANTS, Cut3rMiniOptions, Cut3rOptions
from mapper.frontends.cut3r.pose_encoding import pose_matrix
from mapper.frontends.cut3r.preprocess import as_tensor, layout_of, preprocessed
from mapper.frontends.cut3r.rays import known_at, rays_of
from mapper.frontends.cut3r.rollouts import rollout_pairs
from mapper.frontends.cut3r.rules.chosen import BRAKED, chosen_rule
from mapper.frontends.cut3r.state import Cut3rState
from mapper.frontends.cut3r.stepping import FRAME_BY_FRAME, FRAME_BY_FRAME_TTT3R, StepOptions
from mapper.frontends.graphs import Graphs
from mapper.frontends.images import Layout
from mapper.frontends.layers.block import compile_blocks
from mapper.frontends.layers.precision import set_precision
from mapper.frontends.learned import Answer, LearnedFrontend, Shown, finite
from mapper.frontends.loading import move
from mapper.frontends.pointmap_camera import camera_with
from mapper.frontends.transfer import brought, sent

logger = logging.getLogger(__name__)

# Modules that a frame needs none of: they stay on the CPU.
CROSS_VIEW: Final = tuple(
    f"downstream_head.{name}" for name in ("dpt_cross", "cross_proj", "final_transform")
)
UNASKED: Final = ("downstream_head.dpt_rgb", "downstream_head.rgb_proj")
OF_RAYS: Final = ("patch_embed_ray_map", "enc_blocks_ray_map", "enc_norm_ray_map")


# Whose frame loop is TTT3R's, not CUT3R's.
AS_TTT3R: Final = ("cut3r-ttt", BRAKED)


class Cut3rFrontend(LearnedFrontend):
    """One of the CUT3R systems, told apart by the rule that updates the state.

    Source: Wang et al., CUT3R, 2025; the rules of TTT3R and TTSA3R, 2025, and FILT3R, 2026.
    """

    is_metric = True

    def __init__(self, name: str, options: Cut3rOptions, weights: str | None = None) -> None:
        if name not in (*VARIANTS, MINI):
            raise ConfigError(f"unknown variant of CUT3R {name!r}; known: {', '.join(VARIANTS)}")
        settings = "cut3r_mini" if name == MINI else "cut3r"
        super().__init__(name, settings, options, weights)
        self.options = options
        model = load_cut3r(self.weights)
        rule = chosen_rule(name, options, model.config.state_size)
        rollout = FRAME_BY_FRAME_TTT3R if name in AS_TTT3R else FRAME_BY_FRAME
        self._step_options = StepOptions(rule, rollout, world=options.cross_view)
        set_precision(model, self.precision, self._device)
        self._model = model
        resting = [*UNASKED, *(() if options.cross_view else CROSS_VIEW)]
        move(model, self._device, resting if options.known_poses else [*resting, *OF_RAYS])
        self._image_size = options.image_size or _native_size(self._model)
        if options.compile == "on":
            compile_blocks(self._model)
        graphs = Graphs(self._device, options.compile != "off")
        self._stepper = FrameStepper(self._model, self._step_options, graphs)
        self._memory: Cut3rState | None = None
        self._known: Trajectory | None = None
        self._T_known_first: np.ndarray | None = None
        self.reset()
        logger.info(
            "%s: %s on %s, images at %d", name, self.weights, self._device, self._image_size
        )

    def guide(self, poses: Trajectory | None) -> None:
        """Raises ConfigError where it is to show the network poses, and there are none."""
        if self.options.known_poses and poses is None:
            raise ConfigError(
                "cut3r.known_poses: there are no known poses in metres; --poses gives them, or "
                "leave the setting out"
            )
        self._known = poses if self.options.known_poses else None

    def rollout_pairs(
        self, images: Sequence[np.ndarray], progress: Callable[[int], None] | None = None
    ) -> list[ImagePair]:
        """Pairs of images (h, w, 3), prepared already as those of its predictions are."""
        self._model.to(self._device)  # the cross-view head, too
        tensors = [as_tensor(image)[0] for image in images]
        with self._inference():
            return rollout_pairs(self._model, tensors, self._step_options.rule, progress)

    def snapshot(self) -> Cut3rMemory | None:
        """The state and what else a frame leaves, if `resume_state` asks for it."""
        if not self.options.resume_state:
            return None
        return Cut3rMemory(
            repr(self._step_options.rule),
            self._segment,
            self._frames_in_segment,
            self._anchor.T_world_sequence,
            self._memory,
            self._T_known_first,
            self._anchor.scale,
            self._camera,
        )

    def restore(self, note: dict[str, Any], read_frame: Callable[[int], Frame]) -> None:
        """Go on as if there had been no interruption; no frame is read again.

        Raises InputError where the update rule is another one.
        """
        memory = Cut3rMemory.of(note, self._device)
        if memory.rule != repr(self._step_options.rule):
            raise InputError(
                f"the run's state was written by {memory.rule}, not by "
                f"{self._step_options.rule}: resume with the settings that it had"
            )
        self._segment, self._memory = memory.segment, memory.state
        self._frames_in_segment = memory.frames_in_segment
        self._anchor = Anchor(memory.T_world_segment, memory.scale)
        self._T_known_first = memory.T_known_first
        self._camera = memory.camera

    def _layout_of(self, width: int, height: int) -> Layout:
        patch = self._model.config.patch_size
        return layout_of(width, height, self._image_size, patch=patch)

    def _preprocessed(self, image: np.ndarray) -> np.ndarray:
        patch = self._model.config.patch_size
        return preprocessed(image, self._image_size, patch=patch)

    def _forget(self) -> None:
        self._frames_in_segment = 0
        self._anchor = Anchor()
        self._memory = None
        self._T_known_first = None

    def _see(self, shown: Shown) -> list[Prediction]:
        """The frame's prediction; two at a reset, which begins the next segment with it."""
        predictions = self._predicted(shown, self._infer(shown))
        every = self.options.reset_every
        if predictions and every and self._frames_in_segment >= every:
            self._begin_segment(predictions[0])
            predictions += self._predicted(shown, self._infer(shown))
        return predictions

    def _begin_segment(self, last: Prediction) -> None:
        """The state starts anew; the frame that was just seen is its first one too."""
        self._memory, self._frames_in_segment = None, 0
        if self.options.chain_resets:
            self._anchor = Anchor(last.T_world_camera)
        else:
            self._segment += 1

    def _infer(self, shown: Shown) -> Answer | None:
        """One step of the network; None, and the state as it was, where that is not finite."""
        with self._inference():
            state = self._memory or self._model.initial_state(1)
            pixels, rays = sent(shown.image, self._device), self._rays(shown)
            step = self._stepper.step(pixels, state, shown.camera is None, rays)
            points, *rest = brought(self._asked_for(shown, step))
        confidence, pose, descriptor, *focal = rest
        if not finite(points, confidence, pose):
            return None
        self._memory = step.state
        self._frames_in_segment += 1
        T_segment_camera = pose_matrix(torch.from_numpy(pose).double()).numpy()
        if self.options.cross_view:
            points = transform(inverse(orthonormalised(T_segment_camera)), points)
        said = Answer(
            points=points,
            confidence=confidence,
            T_world_camera=T_segment_camera,
            camera=lambda: camera_with(float(focal[0][0]), confidence.shape),
            descriptor=descriptor.copy(),  # which stays, when all that came with it can go
        )
        return self._anchor.placed(said)

    def _rays(self, shown: Shown) -> Tensor | None:
        """Of a frame whose pose is known, in the frame of the state's first one; which shows none,
        as in the training."""
        if self._known is None:
            return None
        if shown.camera is None:
            raise InputError("cut3r.known_poses: rays need the camera's intrinsics; give --calib")
        T = known_at(self._known, shown.timestamp)
        if self._memory is None:
            self._T_known_first = T
            return None
        if T is None or self._T_known_first is None:
            return None
        return rays_of(inverse(self._T_known_first) @ T, shown.camera).to(self._device)

    def _asked_for(self, shown: Shown, step: FrameStep) -> list[Tensor]:
        """Points or depths, confidence, pose, descriptor; and the focal length where there is one.

        Where the camera is known, its rays carry the depths.
        """
        raw = step.prediction
        points, confidence = raw.pointmap[0], raw.confidence[0]
        if raw.pointmap_world is not None and raw.confidence_world is not None:
            points, confidence = raw.pointmap_world[0], raw.confidence_world[0]
        elif shown.camera is not None:
            points = points[..., 2]
        told = [points, confidence, raw.pose[0], raw.descriptor[0]]
        return told if step.focal is None else [*told, step.focal]


class Cut3rMiniFrontend(Cut3rFrontend):
    """The small one that comes with the package, whose unit is each state's own: trained on a few
    views, it starts anew in time, and goes on in the same world."""

    is_metric = False

    def __init__(self, name: str, options: Cut3rMiniOptions, weights: str | None = None) -> None:
        if options.known_poses:
            raise ConfigError("cut3r_mini.known_poses: this network was never shown rays")
        self._turn = options.reset_turn
        super().__init__(name, options, weights)
        self.noise = DepthNoise(0.0, options.depth_error, 0.0)

    def _see(self, shown: Shown) -> list[Prediction]:
        if not self.options.chain_resets:
            return super()._see(shown)
        placed = self._infer(shown)
        if placed is not None and self._frames_in_segment == 1:  # of the first state
            self._anchor = in_own_unit(placed)
            placed = self._anchor.placed(placed)
        predictions = self._predicted(shown, placed)
        if placed is not None and self._is_far(placed):
            self._begin_anew(shown, placed)
        return predictions

    def _is_far(self, placed: Answer) -> bool:
        """Whether the frame is to be the first of the next state."""
        every, seen = self.options.reset_every, self._frames_in_segment
        turned = self._anchor.turned(placed)
        return seen > 1 and bool((every and seen >= every) or (self._turn and turned > self._turn))

    def _begin_anew(self, shown: Shown, placed: Answer) -> None:
        """The frame again, as the first of the next state."""
        self._memory, self._frames_in_segment = None, 0
        self._anchor = Anchor()
        fresh = self._infer(shown)
        if fresh is None:  # as it was seen a moment ago: a new segment, as after being lost
            self.reset()
        else:
            self._anchor = next_anchor(placed, fresh)


def _native_size(model: Cut3r) -> int:
    """512 for the dense head, 224 for the linear one, as published."""
    if model.config.img_size:
        return model.config.img_size
    return 512 if model.config.head_type == "dpt" else 224

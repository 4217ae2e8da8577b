"""The published ways of walking through a sequence, and what is computed of each frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mapper.frontends.cut3r.update_rules import ReplaceRule, UpdateRule


@dataclass(frozen=True, slots=True)
class Rollout:
    """Where the published frame loops differ, apart from the update rule.

    masked_tokens: a frame without an image gets the learned masked-image token in its place.
    masked_rays: a frame without a ray map gets the learned masked-ray token added.
    learned_pose_after_reset: a frame after a reset starts from the learned pose token, as the very
    first frame does, and not from the memory.
    plain_gate_after_reset: a frame after a reset replaces the state whatever the rule, likewise.
    """

    masked_tokens: bool = False
    masked_rays: bool = False
    learned_pose_after_reset: bool = False
    plain_gate_after_reset: bool = True


# CUT3R and TTSA3R, frame by frame; after a reset they read the pose token from the empty memory.
FRAME_BY_FRAME: Final = Rollout()
# TTT3R's frame loop issues the learned pose token again.
FRAME_BY_FRAME_TTT3R: Final = Rollout(learned_pose_after_reset=True)


def whole_sequence(any_ray_map: bool) -> Rollout:
    """All frames known in advance; a single ray map adds the masked-ray token to all the others."""
    return Rollout(
        masked_tokens=True,
        masked_rays=any_ray_map,
        learned_pose_after_reset=False,
        plain_gate_after_reset=False,
    )


@dataclass(frozen=True, slots=True)
class StepOptions:
    """rule: of the state update. rollout: the frame loop. world, rgb: compute these heads too."""

    rule: UpdateRule = field(default_factory=ReplaceRule)
    rollout: Rollout = FRAME_BY_FRAME
    world: bool = False
    rgb: bool = False

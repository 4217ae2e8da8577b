"""The settings of the frontend rgbd."""

from __future__ import annotations

from dataclasses import field

from mapper.core.quantities import Frames, Metres, Radians, Share, Whole
from mapper.core.settings_model import settings
from mapper.frontends.rgbd.choosing import EvidenceConfig
from mapper.vision.dense_alignment import AlignmentConfig


def _of_frames() -> AlignmentConfig:
    """Between frames near readings count little more than others: a wearer's arms are near."""
    return AlignmentConfig(evenness=0.9)


@settings
class RgbdConfig:
    """The frontend rgbd: dense tracking of a depth camera.

    alignment: of a frame with its reference.
    evidence: what that must show to be believed.
    weak_translation: a place known worse than this from the views is held by the motion before it.
    weak_rotation: so is a direction known worse.
    lost_translation: a place known worse than this, with all there is, is not known.
    lost_rotation: nor is a direction.
    guessed_translation: where a whole run of lost frames is not found again it is tied to the map
        by a guess of where its first one is, if that is known no worse than this.
    guessed_rotation: nor any direction.
    sure_translation: a view whose place is known worse than this is no reference for others.
    sure_rotation: nor one whose direction is.
    reference_overlap: the frame becomes the new reference where less than this share of its points
        lands in the reference's image or agrees with it; of a noisy camera less has to agree.
    min_depth_ratio: share of pixels with depth below which features alone place a frame.
    restart_after: lost frames after which a new segment is started rather than waited for.
    max_landmarks: earlier references kept for relocalisation (about 0.6 MB each).
    """

    alignment: AlignmentConfig = field(default_factory=_of_frames)
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    weak_translation: Metres = 0.025
    weak_rotation: Radians = 0.02
    lost_translation: Metres = 0.05
    lost_rotation: Radians = 0.12
    guessed_translation: Metres = 0.08
    guessed_rotation: Radians = 0.07
    sure_translation: Metres = 0.06
    sure_rotation: Radians = 0.05
    reference_overlap: Share = 0.7
    min_depth_ratio: Share = 0.03
    restart_after: Frames = 30
    max_landmarks: Whole = 150

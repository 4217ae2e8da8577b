"""What the poses are worth that come along with a sequence."""

from __future__ import annotations

from mapper.errors import ConfigError
from mapper.io.sequences.pose_choices import AUTO, OFF, POSE_CHOICES, PRIOR, TRUTH
from mapper.io.sequences.sequence import Sequence


def judge_by(sequence: Sequence, poses: str) -> None:
    """Keep the ground truth of a sequence that was just opened, or take it away.

    poses: one of POSE_CHOICES. ConfigError where there are none to compare with or to tie it to.
    """
    if poses not in POSE_CHOICES:
        raise ConfigError(f"poses `{poses}` are unknown; choose {', '.join(POSE_CHOICES)}")
    if poses in (TRUTH, PRIOR) and sequence.ground_truth is None:
        told = next((note for note in sequence.notes if "comparing" in note), "no poses come along")
        raise ConfigError(f"{sequence.path}: --poses {poses}: {told}")
    author = getattr(sequence, "poses_by", None)
    if poses in (OFF, PRIOR) or (poses == AUTO and author is not None):
        if author is not None and poses == AUTO and sequence.ground_truth is not None:
            sequence.notes += (
                f"its poses are {author}'s own estimate and left out; --poses truth compares "
                "the map with them, --poses prior ties it to them",
            )
        sequence.ground_truth = None

"""What the poses are worth that come along with a sequence."""

from __future__ import annotations

from typing import Final

from mapper.errors import ConfigError
from mapper.io.sequences.sequence import Sequence

AUTO: Final = "auto"  # measured poses are the truth; estimates by another program are left out
TRUTH: Final = "truth"  # whatever they are, the map is compared with them
OFF: Final = "off"  # they are left out
POSE_CHOICES: Final = (AUTO, TRUTH, OFF)


def judge_by(sequence: Sequence, poses: str) -> None:
    """Keep the ground truth of a sequence that was just opened, or take it away.

    poses: one of POSE_CHOICES. ConfigError where there is no truth to compare with.
    """
    if poses not in POSE_CHOICES:
        raise ConfigError(f"poses `{poses}` are unknown; choose {', '.join(POSE_CHOICES)}")
    if poses == TRUTH and sequence.ground_truth is None:
        told = next((note for note in sequence.notes if "comparing" in note), "no poses come along")
        raise ConfigError(f"{sequence.path}: --poses truth: {told}")
    author = getattr(sequence, "poses_by", None)
    if poses == OFF or (poses == AUTO and author is not None):
        if author is not None and poses == AUTO and sequence.ground_truth is not None:
            sequence.notes += (
                f"its poses are {author}'s own estimate and left out; --poses truth compares "
                "the map with them",
            )
        sequence.ground_truth = None

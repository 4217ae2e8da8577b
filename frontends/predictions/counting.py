"""Whether predictions are of as many frames as the sequence has."""

from __future__ import annotations

from mapper.errors import InputError


def check_count(path: str, predicted: int | None, frames: int) -> None:
    """Raises InputError unless they are. predicted: None where frames may be missing."""
    if predicted is not None and predicted != frames:
        raise InputError(
            f"{path}: predictions of {predicted} frames, and the sequence has {frames}: choose "
            "the frames that the model saw with --start, --stride and --max-frames"
        )

"""The figures of a merged run, in a few lines."""

from __future__ import annotations

from typing import Any


def print_merged(metrics: dict[str, Any]) -> None:
    """The figures of a merged run that matter most, in a few lines."""
    from mapper.report.errors import errors_text
    from mapper.report.sessions import sessions_in_words

    for line in sessions_in_words(metrics):
        print(f"  {line}")
    print(
        f"  {metrics['tracked']} of {metrics['frames']} frames placed; {metrics['keyframes']} "
        f"keyframes ({metrics['wall_time_s']:.1f} s)"
    )
    if "evaluation" in metrics:
        told = errors_text(metrics["evaluation"], metrics["units"] == "metres")
        print(f"  against ground truth: {told}")

"""Would whoever lost the camera have kept it, had he known where to look?

    python tools measures.rgbd.lost_frames [--half tune|seen] [--only TEXT]

Tracks the gauntlet's sequences. Each frame that is the first to be lost is aligned with the track's
reference once more, from where the camera truly is: what is not believed even there, or is known
too badly to be told from its neighbourhood, no better search could have placed.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from gauntlet.cases import DATA, HALVES, Case, Selection
from gauntlet.judging import WRONG_DEGREES, WRONG_METRES, differences
from gauntlet.running import open_case, true_poses

from mapper.config.settings import MapperConfig
from mapper.core.geometry import inverse
from mapper.frontends.base import TrackingState
from mapper.frontends.rgbd.choosing import is_believable
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.frontend import RgbdFrontend
from mapper.frontends.rgbd.hypotheses import HypothesisMaker, is_known_worse
from mapper.frontends.rgbd.motion_prior import motion_prior
from mapper.frontends.rgbd.track import Track
from mapper.frontends.rgbd.view import View
from mapper.slam.matchers import choose_matcher

DARK: Final = "no depth"
UNBELIEVED: Final = "not believed where it is"
UNKNOWN: Final = "believed, but not known well enough"
WRONG: Final = "believed and known, but wrong"
MISSED: Final = "would have been placed rightly"
ENDS: Final = (DARK, UNBELIEVED, UNKNOWN, WRONG, MISSED)


def main() -> None:
    """Track, and print a line a sequence that lost the camera, and the sum."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--half", choices=[h for h in HALVES if h != "final"], default="tune")
    parser.add_argument("--only", default="", metavar="TEXT", help="names that contain it")
    parser.add_argument("--data", type=Path, default=DATA)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    sums = Counter[str]()
    print("| sequence | " + " | ".join(ENDS) + " |\n| --- " + "| --- " * len(ENDS) + "|")
    for case in Selection(arguments.half, arguments.only, arguments.data).cases():
        ends = Counter(ends_of(case))
        sums += ends
        if ends:
            print(row(case.name, ends), flush=True)
    print(row("all", sums))


def row(name: str, ends: Counter[str]) -> str:
    return f"| {name} | " + " | ".join(str(ends[end]) for end in ENDS) + " |"


def ends_of(case: Case) -> Iterator[str]:
    """Of each frame that was the first to be lost, what would have come of it."""
    config = MapperConfig()
    sequence = open_case(case, config.images.max_side)
    truth, matcher = true_poses(sequence), choose_matcher(config.matcher)
    frontend = RgbdFrontend(matcher=matcher)
    for frame in sequence:
        track = frontend.snapshot().track
        frontend.step(frame)
        if frontend.state == TrackingState.LOST and track is not None and not track.lost_frames:
            there = inverse(truth[track.reference.view.frame_index]) @ truth[frame.index]
            yield end_of(track, View.of(frame, matcher), there, frontend.config)


def end_of(track: Track, view: View, T_reference_camera: np.ndarray, config: RgbdConfig) -> str:
    """T_reference_camera: (4, 4), where the view truly is."""
    if not view.has_depth(config.min_depth_ratio):
        return DARK
    views = track.reference.view.pyramid, view.pyramid
    weak, motion = (config.weak_translation, config.weak_rotation), motion_prior(track)
    tried = HypothesisMaker(*views, config.alignment, weak, motion)(T_reference_camera, motion)
    if not is_believable(tried, config.evidence):
        return UNBELIEVED
    if is_known_worse(tried.aligned, config.lost_translation, config.lost_rotation):
        return UNKNOWN
    metres, degrees = differences(tried.T_reference_camera[None], T_reference_camera[None])
    is_wrong = metres[0] > WRONG_METRES or degrees[0] > WRONG_DEGREES
    return WRONG if is_wrong else MISSED


if __name__ == "__main__":
    main()

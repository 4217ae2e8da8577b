"""Everything that the frontend rgbd knows at one moment, to be written down and taken up again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mapper.core.pose_uncertainty import PoseUncertainty
from mapper.frontends.rgbd.lost_run import LostRun
from mapper.frontends.rgbd.relocaliser import Landmark
from mapper.frontends.rgbd.track import Track, noted
from mapper.frontends.rgbd.view import PlacedView, View


@dataclass(frozen=True, slots=True)
class TrackMemory:
    """track: None before a segment's first frame.

    landmarks: the references that a lost camera is looked for among. run: of lost frames.
    """

    segment: int
    track: Track | None
    landmarks: tuple[Landmark, ...]
    run: LostRun = field(default_factory=LostRun)

    def note(self) -> dict[str, Any]:
        """As plain values: poses, and the indices of the frames they refer to."""
        run = self.run
        return {
            "segment": self.segment,
            "track": None if self.track is None else self.track.note(),
            "landmarks": [(m.frame_index, m.T_world_camera.tolist()) for m in self.landmarks],
            "run": None if run.track is None else run.track.note(),
            "run_placed": [noted(each) for each in run.placed],
            "run_references": [each.view.frame_index for each in run.references],
            "run_guess": None if run.T_world_first is None else run.T_world_first.tolist(),
        }


class Recollection:
    """Makes views and tracks of a note again, from the frames that it names."""

    def __init__(self, read_view: Callable[[int], View]) -> None:
        self._read_view = read_view
        self._views: dict[int, View] = {}

    def view(self, frame_index: int) -> View:
        """Read once; those of one frame are one view."""
        if frame_index not in self._views:
            self._views[frame_index] = self._read_view(frame_index)
        return self._views[frame_index]

    def placed(self, note: dict[str, Any]) -> PlacedView:
        """Of what `noted` wrote."""
        covariance, is_held = np.array(note["covariance"]), bool(note["is_held"])
        uncertainty = PoseUncertainty(int(note["reference"]), covariance, is_held)
        view, T = self.view(int(note["frame"])), np.array(note["T_world_camera"])
        # An older note does not tell.
        light, leaves_out = float(note.get("light", 1.0)), bool(note.get("leaves_out"))
        return PlacedView(view, T, uncertainty, light=light, leaves_out=leaves_out)

    def track(self, note: dict[str, Any], references: dict[int, PlacedView]) -> Track:
        """references: by the indices of their frames."""
        reference, last = references[int(note["reference"])], self.placed(note["last"])
        if last.view is reference.view:
            last = reference
        velocity, covariance = np.array(note["velocity"]), np.array(note["covariance"])
        shared = float(note.get("most_shared", 0.0))  # an older note does not tell
        return Track(reference, last, velocity, covariance, int(note["lost_frames"]), shared)

    def run(self, note: dict[str, Any]) -> LostRun:
        """Of lost frames; none where the note has none."""
        if not note.get("run"):
            return LostRun()
        placed = tuple(self.placed(each) for each in note["run_placed"])
        by_index = {each.view.frame_index: each for each in placed}
        references = {i: by_index[i] for i in map(int, note["run_references"])}
        track = self.track(note["run"], references)
        guess = note.get("run_guess")  # an older note has none
        T_world_first = None if guess is None else np.array(guess)
        return LostRun(track, placed, tuple(references.values()), T_world_first)


def up_to_date(note: dict[str, Any]) -> dict[str, Any]:
    """A note of today's form, of one that a run wrote before tracks knew how surely."""
    if "track" in note:
        return note
    if note["reference"] is None:
        return {**note, "track": None}
    nothing = np.zeros((6, 6)).tolist()
    last = {
        "frame": note["last"],
        "T_world_camera": note["T_world_last"],
        "reference": note["reference"],
        "covariance": nothing,
        "is_held": False,
    }
    kept = {name: note[name] for name in ("reference", "velocity", "lost_frames")}
    return {**note, "track": {**kept, "last": last, "covariance": nothing}}

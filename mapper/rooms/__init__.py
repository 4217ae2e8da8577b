"""Rooms that are made up: their surfaces, pictures, cameras and walks, with exact truth.

    spec = draw_sequence(seed=4, kind="time-of-flight", path="head_worn", rate=15.0)
    for each in RoomSequence(spec):
        mapper.step(each.frame)  # and each.T_world_camera is where it was taken

The room of `mapper demo` is in `sample`; all others are drawn by a seed.
"""

from mapper.rooms.sequence import RoomFrame, RoomSequence
from mapper.rooms.spec import CameraSpec, RoomSpec, SequenceSpec, draw_sequence
from mapper.rooms.writing import write_sequence

__all__ = [
    "CameraSpec",
    "RoomFrame",
    "RoomSequence",
    "RoomSpec",
    "SequenceSpec",
    "draw_sequence",
    "write_sequence",
]

"""Where the images of a bag stand, by the stamps of their headers."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mapper.errors import InputError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands. stamp: by its header; recorded: by the recorder; nanoseconds.

    number: in its topic. behind: how many of the topic were recorded before it at that very moment.
    """

    stamp: int
    recorded: int
    number: int
    behind: int


def places_of(reader: Any, topics: Iterable[str]) -> dict[str, list[Place]]:
    """Every message of each topic, in the order of the recorder. The bag is gone through once."""
    found: dict[str, list[Place]] = {topic: [] for topic in topics}
    wanted = [c for c in reader.connections if c.topic in found]
    for connection, recorded, raw in reader.messages(wanted):
        places = found[connection.topic]
        same = bool(places) and places[-1].recorded == recorded
        behind = places[-1].behind + 1 if same else 0
        places.append(Place(_stamp(raw, reader.is2), recorded, len(places), behind))
    return found


def _stamp(raw: bytes, is_ros2: bool) -> int:
    """Nanoseconds of the header with which a message begins."""
    order = "<" if not is_ros2 or raw[1:2] != b"\0" else ">"  # of ROS 2 the second byte says it
    seconds, nanoseconds = struct.unpack_from(order + ("iI" if is_ros2 else "II"), raw, 4)
    return int(seconds) * 10**9 + int(nanoseconds)


def ordered(places: list[Place], topic: str) -> tuple[list[Place], tuple[str, ...]]:
    """By stamp, each stamp once; by the recorder where the headers hold no times."""
    stamps = np.array([place.stamp for place in places], np.int64)
    if len(stamps) == 0:
        raise InputError(f"{topic}: no images in this bag")
    if len(stamps) > 1 and stamps.min() == stamps.max():
        places = _by_recorder(places)
        stamps = np.array([place.stamp for place in places], np.int64)
    _, first = np.unique(stamps, return_index=True)
    repeated = len(places) - len(first)
    note = f"{topic}: {repeated} of {len(places)} images repeat a time: passed over"
    return [places[i] for i in first], (note,) if repeated else ()


def on_one_clock(color: list[Place], depth: list[Place]) -> tuple[list[Place], list[Place]]:
    """Both by their headers, or both by the recorder where the headers are of different clocks."""
    apart = max(color[0].stamp, depth[0].stamp) > min(color[-1].stamp, depth[-1].stamp)
    if not apart:
        return color, depth
    return ordered(_by_recorder(color), "")[0], ordered(_by_recorder(depth), "")[0]


def _by_recorder(places: list[Place]) -> list[Place]:
    return [replace(place, stamp=place.recorded) for place in places]


def seconds_of(places: list[Place]) -> np.ndarray:
    """float64 (N,), of their stamps."""
    return np.array([place.stamp for place in places], np.int64) * 1e-9

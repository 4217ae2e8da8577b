"""The ways of moving: each makes a Course from the free space, its length and a generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.rooms.stairs import Stairs
from mapper.rooms.walks.free_space import FreeSpace
from mapper.rooms.walks.loop import Loop, draw_loop
from mapper.rooms.walks.walk import Course, knots, smoothed, tremor

MAX_TURN: Final = np.radians(60.0)  # a second, of a way around a loop


@dataclass(frozen=True, slots=True)
class Outing:
    """seconds: how long it takes. pace: factor on the usual speed. corridor: a long, narrow room,
    in which one looks along it. stairs: what is gone up and down, if any."""

    space: FreeSpace
    seconds: float
    pace: float
    corridor: bool
    stairs: Stairs | None = None


def hand_held(outing: Outing, rng: np.random.Generator) -> Course:
    """A phone or camera in the hand: 0.4 m/s, 20 degrees a second, the tremor of a hand."""
    times = knots(outing.seconds)
    height = float(rng.uniform(1.2, 1.6))
    speed = 0.4 * outing.pace
    loop = draw_loop(outing.space, height, _wished(speed, outing, rng), 0.35, rng)
    way = _slowed(speed, loop) * (times + 0.25 * _waves(times, 0.25, rng))
    points, phase = loop.at(way)
    yaw = _heading(loop, points, phase, outing, rng) + 0.45 * _waves(times, 0.12, rng)
    pitch = rng.uniform(-0.35, -0.05) + 0.18 * _waves(times, 0.15, rng)
    z = height + 0.05 * _waves(times, 0.2, rng) + 0.008 * np.sin(2 * np.pi * 1.7 * times)
    return _shaken(times, np.column_stack([points, z]), yaw, pitch, (0.003, 0.006), rng)


def head_worn(outing: Outing, rng: np.random.Generator) -> Course:
    """Walking at 0.8 m/s with the head turning by up to 90 degrees in less than a second.

    Source of speeds: Hirasaki et al., "Effects of walking velocity on vertical head and body
    movements during locomotion", Experimental Brain Research 1999 (bob of 2 to 4 cm at 2 Hz);
    heads turn at 100 to 200 degrees a second in everyday shifts of gaze.
    """
    times = knots(outing.seconds)
    height = float(rng.uniform(1.5, 1.75))
    speed = 0.8 * outing.pace
    loop = draw_loop(outing.space, height, _wished(speed, outing, rng), 0.35, rng)
    way = _slowed(speed, loop) * (times + 0.2 * _waves(times, 0.2, rng))
    points, phase = loop.at(way)
    yaw = _heading(loop, points, phase, outing, rng) + _glances(times, 1.0, outing.pace, rng)
    pitch = -0.2 + _glances(times, 0.25, outing.pace, rng)
    z = height + 0.02 * np.sin(2 * np.pi * 1.8 * times) + 0.015 * _waves(times, 0.5, rng)
    return _shaken(times, np.column_stack([points, z]), yaw, pitch, (0.002, 0.004), rng)


def _slowed(speed: float, loop: Loop) -> float:
    """Metres a second around a loop: in a room with little space nobody spins at full speed."""
    return min(speed, MAX_TURN * loop.length / (2 * np.pi))


def robot(outing: Outing, rng: np.random.Generator) -> Course:
    """A low robot at 0.4 m/s: flat, smooth, with a little vibration; it sees mostly floor."""
    times = knots(outing.seconds)
    height = float(rng.uniform(0.2, 0.5))
    speed = 0.4 * outing.pace
    loop = draw_loop(outing.space, height, _wished(speed, outing, rng), 0.3, rng)
    points, _ = loop.at(_slowed(speed, loop) * times)
    tangent = np.unwrap(np.arctan2(np.gradient(points[:, 1]), np.gradient(points[:, 0])))
    yaw = smoothed(tangent, 0.6)
    pitch = np.full_like(times, rng.uniform(-0.35, 0.0))
    z = height + 0.0005 * _waves(times, 8.0, rng)
    return _shaken(times, np.column_stack([points, z]), yaw, pitch, (0.0003, 0.001), rng)


def rotation(outing: Outing, rng: np.random.Generator) -> Course:
    """On the spot: 30 degrees a second to and fro, or all around."""
    times = knots(outing.seconds)
    place = outing.space.freest(float(rng.uniform(1.0, 1.6)), rng)
    start = rng.uniform(-np.pi, np.pi)
    turning = np.radians(30) * outing.pace
    around = turning * times * rng.choice((-1, 1))
    swing = rng.uniform(0.5, 1.2)
    yaw = start + (around if rng.random() < 0.5 else swing * np.sin(turning / swing * times))
    pitch = -0.12 + 0.1 * _waves(times, 0.2, rng)
    positions = place + 0.01 * np.stack([_waves(times, 0.4, rng) for _ in range(3)], 1)
    return _shaken(times, positions, yaw, pitch, (0.002, 0.005), rng)


def still(outing: Outing, rng: np.random.Generator) -> Course:
    """Standing, as still as a person can."""
    times = knots(outing.seconds)
    place = outing.space.freest(float(rng.uniform(1.2, 1.6)), rng)
    positions = place + 0.004 * np.stack([_waves(times, 0.3, rng) for _ in range(3)], 1)
    yaw = rng.uniform(-np.pi, np.pi) + 0.02 * _waves(times, 0.2, rng)
    pitch = rng.uniform(-0.3, -0.05) + 0.01 * _waves(times, 0.2, rng)
    return _shaken(times, positions, yaw, pitch, (0.001, 0.002), rng)


def stairs(outing: Outing, rng: np.random.Generator) -> Course:
    """Up and down at 0.45 m/s along the flight, with the bob of steps; turning at the landings."""
    assert outing.stairs is not None
    times = knots(outing.seconds)
    flight, speed = outing.stairs, 0.45 * outing.pace
    low, high = 0.7, flight.length - 0.7
    laps, rest = np.divmod(speed * times + rng.uniform(0, 2 * (high - low)), high - low)
    upwards = laps.astype(int) % 2 == 0
    x = smoothed(np.where(upwards, low + rest, high - rest), 0.35)
    y = flight.width / 2 + 0.12 * _waves(times, 0.3, rng)
    bob = 0.02 * np.abs(np.sin(2 * np.pi * 0.9 * times))
    z = smoothed(flight.height_at(x), 0.12) + rng.uniform(1.3, 1.6) + bob
    yaw = smoothed(np.where(upwards, 0.0, np.pi), 0.35) + 0.25 * _waves(times, 0.25, rng)
    pitch = smoothed(np.where(upwards, -0.15, -0.45), 0.35) + 0.1 * _waves(times, 0.2, rng)
    return _shaken(times, np.column_stack([x, y, z]), yaw, pitch, (0.003, 0.006), rng)


MOTIONS: Final[dict[str, Callable[[Outing, np.random.Generator], Course]]] = {
    "hand_held": hand_held,
    "head_worn": head_worn,
    "robot": robot,
    "rotation": rotation,
    "stairs": stairs,
    "still": still,
    "kidnap": hand_held,
    "cut": hand_held,
}


def _wished(speed: float, outing: Outing, rng: np.random.Generator) -> float:
    """Metres around: often a place is seen again before the end."""
    return max(0.5, speed * outing.seconds * rng.uniform(0.6, 1.3))


def _heading(
    loop: Loop, points: np.ndarray, phase: np.ndarray, outing: Outing, rng: np.random.Generator
) -> np.ndarray:
    """Yaw (N,): inwards, outwards where the room is wide, ahead; along a corridor."""
    if outing.corridor:
        x = points - points[0]
        along = np.unwrap(np.arctan2(np.gradient(x[:, 1]), np.gradient(x[:, 0])))
        return smoothed(along, 0.8)
    choice = int(rng.integers(3))
    if choice == 0:
        return phase + np.pi
    if choice == 1 and outing.space.size[:2].min() > 3.5:
        return phase
    tangent = np.unwrap(np.arctan2(np.gradient(points[:, 1]), np.gradient(points[:, 0])))
    return smoothed(tangent, 0.4)


def _glances(times: np.ndarray, size: float, pace: float, rng: np.random.Generator) -> np.ndarray:
    """Angles (N,): held for a second or so, then quickly turned to another one."""
    result = np.zeros_like(times)
    at, angle = times[0] + rng.uniform(0.2, 1.0), 0.0
    while at < times[-1]:
        target = float(np.clip(rng.normal(0, size), -1.6 * size, 1.6 * size))
        lasts = (0.35 + 0.3 * abs(target - angle)) / pace
        s = np.clip((times - at) / lasts, 0, 1)
        result += (target - angle) * s**3 * (10 - 15 * s + 6 * s * s)  # least jerk
        angle, at = target, at + lasts + rng.uniform(0.3, 1.4)
    return result


def _waves(times: np.ndarray, frequency: float, rng: np.random.Generator) -> np.ndarray:
    """float64 (N,): slow irregular waves within about -1 .. 1."""
    total = np.zeros_like(times)
    for factor, size in ((1.0, 0.6), (1.7, 0.3), (2.6, 0.15)):
        pitch = frequency * factor * rng.uniform(0.85, 1.15)
        total += size * np.sin(2 * np.pi * pitch * times + rng.uniform(0, 2 * np.pi))
    return total


def _shaken(
    times: np.ndarray,
    positions: np.ndarray,
    yaw: np.ndarray,
    pitch: np.ndarray,
    sizes: tuple[float, float],
    rng: np.random.Generator,
) -> Course:
    """With a tremor of 2 to 7 Hz. sizes: its deviation in metres and in radians."""
    shift = np.stack([tremor(times, (2.0, 7.0), sizes[0], rng) for _ in range(3)], 1)
    yaw, pitch = (angle + tremor(times, (2.0, 7.0), sizes[1], rng) for angle in (yaw, pitch))
    roll = tremor(times, (2.0, 7.0), sizes[1], rng)
    roll += 5 * sizes[1] * _waves(times, 0.3, rng)
    return Course(times, positions + shift, yaw, pitch, roll)

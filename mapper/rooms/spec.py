"""What a seed draws: a room, a camera and a walk, all of it written down."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from mapper.core.camera_kinds import CAMERA_KINDS, CameraKind
from mapper.errors import ConfigError

LAYOUTS: Final = ("open", "divided", "corridor", "stairs")
PATHS: Final = (
    "hand_held",
    "head_worn",
    "robot",
    "rotation",
    "stairs",
    "still",
    "kidnap",
    "cut",
)
MOVING: Final = ("nothing", "person", "arms")
RATES: Final = (30.0, 15.0, 10.0, 5.0)


@dataclass(frozen=True, slots=True)
class RoomSpec:
    """seed: of all that is not said here. size: metres along x, y and up. layout: of LAYOUTS.

    furniture: 0 (empty) to 1 (full). richness: of the textures, 0 (bare white) to 1. brightness:
    of the lamps, 1 = well lit.
    """

    seed: int
    size: tuple[float, float, float]
    layout: str
    furniture: float
    richness: float
    brightness: float


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """kind: of CAMERA_KINDS, how depth is measured. width, height: pixels of the image.

    view: degrees from left to right. range: metres beyond which there is no reading. noise: factor
    on the usual noise of depth. readout: seconds from the first row of the image to the last.
    exposure: seconds. gain_swing: by how much the exposure wanders and jumps, share. misplaced: of
    the depth camera from where its registration says, metres along x, y, z and degrees about
    them. delay: of depth behind colour, seconds.
    """

    kind: CameraKind
    width: int
    height: int
    view: float
    range: float
    noise: float
    readout: float
    exposure: float
    gain_swing: float
    misplaced: tuple[float, float, float, float, float, float]
    delay: float


@dataclass(frozen=True, slots=True)
class SequenceSpec:
    """path: of PATHS. rate: frames a second. pace: factor on the usual speed of such a path.

    watchful: the way avoids views in which nothing tells where the camera is, as people do.
    moving: of MOVING, what goes through the picture: a person, or the wearer's own arms.
    """

    seed: int
    room: RoomSpec
    camera: CameraSpec
    path: str
    rate: float
    pace: float
    watchful: bool
    moving: str
    frames: int


def draw_sequence(seed: int, **fixed: Any) -> SequenceSpec:
    """What a seed draws; any field of the three may be fixed by its name.

    `kind` is the camera's, `room_seed` the room's seed. A field that is fixed changes no other
    draw, but for those that depend on its value.
    """
    draw = _Draw(seed, fixed)
    camera = _draw_camera(draw)
    path = draw("path", lambda rng: str(rng.choice(PATHS)))
    room = _draw_room(draw, path)
    spec = SequenceSpec(
        seed,
        room,
        camera,
        path,
        draw("rate", lambda rng: float(rng.choice(RATES, p=(0.4, 0.3, 0.2, 0.1)))),
        draw("pace", lambda rng: float(rng.uniform(0.6, 1.2))),
        draw("watchful", lambda rng: bool(rng.random() < 0.75)),
        draw("moving", lambda rng: _draw_moving(path, rng)),
        draw("frames", lambda rng: int(rng.integers(60, 101))),
    )
    draw.check_all_used()
    _check(spec)
    return spec


def seeded(seed: int, what: str, *more: int) -> np.random.Generator:
    """A generator of its own for each thing that is drawn, so that one changes no other."""
    return np.random.default_rng([seed, zlib.crc32(what.encode()), *more])


# What a field that is a word may be.
CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "path": PATHS,
    "layout": LAYOUTS,
    "kind": CAMERA_KINDS,
    "moving": MOVING,
}


class _Draw:
    """Draws fields by name, unless they are fixed."""

    def __init__(self, seed: int, fixed: dict[str, Any]) -> None:
        self._seed, self._fixed, self._used = seed, fixed, set[str]()

    def __call__(self, name: str, drawn: Callable[[np.random.Generator], Any]) -> Any:
        self._used.add(name)
        drawn_value = drawn(seeded(self._seed, name))
        value = self._fixed.get(name, drawn_value)
        allowed = CHOICES.get(name)
        if allowed is not None and value not in allowed:  # here, for other draws depend on it
            raise ConfigError(f"{name} `{value}` is unknown; choose {', '.join(allowed)}")
        if isinstance(drawn_value, int | float) and not isinstance(value, int | float):
            raise ConfigError(f"{name} `{value}` is no number")
        return value

    def check_all_used(self) -> None:
        if unknown := set(self._fixed) - self._used:
            raise ConfigError(
                f"a room has no {', '.join(sorted(unknown))}; what can be fixed: "
                f"{', '.join(sorted(self._used))}"
            )


def _draw_moving(path: str, rng: np.random.Generator) -> str:
    """Where the camera stands still something moves; else it seldom does."""
    something = rng.random() < (1.0 if path == "still" else 0.15)
    what = str(rng.choice(MOVING[1:]))
    if not something or (path == "stairs" and what == "person"):  # who would walk through steps
        return MOVING[0]
    return what


def _draw_room(draw: _Draw, path: str) -> RoomSpec:
    def chosen(rng: np.random.Generator) -> str:
        layout = str(rng.choice(LAYOUTS[:3], p=(0.6, 0.25, 0.15)))
        return "stairs" if path == "stairs" else layout

    layout = draw("layout", chosen)

    def size(rng: np.random.Generator) -> tuple[float, float, float]:
        width, depth = np.exp(rng.uniform(np.log(2.4), np.log(12.0))), rng.uniform(0.6, 1.0)
        height = float(rng.uniform(2.3, 3.0))
        if layout == "corridor":
            return float(rng.uniform(6.0, 12.0)), float(rng.uniform(1.5, 2.4)), height
        if layout == "stairs":
            return float(rng.uniform(6.0, 9.0)), float(rng.uniform(1.4, 2.4)), height + 2.0
        return float(width), float(max(2.0, width * depth)), height

    return RoomSpec(
        draw("room_seed", lambda rng: int(rng.integers(1 << 31))),
        draw("size", size),
        layout,
        draw("furniture", lambda rng: float(rng.uniform(0.2, 1.0))),
        draw("richness", lambda rng: float(rng.choice((0.0, 0.2, 0.5, 0.8, 1.0)))),
        draw("brightness", lambda rng: float(rng.uniform(0.5, 1.2))),
    )


def _draw_camera(draw: _Draw) -> CameraSpec:
    kind = draw("kind", lambda rng: str(rng.choice(CAMERA_KINDS)))

    def misplaced(rng: np.random.Generator) -> tuple[float, ...]:
        if rng.random() < 0.5:
            return (0.0,) * 6
        return (*rng.normal(0, 0.003, 3).tolist(), *rng.normal(0, 0.15, 3).tolist())

    return CameraSpec(
        kind,
        draw("width", lambda rng: 320),
        draw("height", lambda rng: 240),
        draw("view", lambda rng: float(rng.uniform(55, 75))),
        draw("range", lambda rng: float(rng.uniform(*RANGES[kind]))),
        draw("noise", lambda rng: float(rng.uniform(0.7, 1.5))),
        draw("readout", lambda rng: float(rng.choice((0.0, rng.uniform(0.008, 0.03))))),
        draw("exposure", lambda rng: float(rng.uniform(0.002, 0.02))),
        draw("gain_swing", lambda rng: float(rng.choice((0.0, rng.uniform(0.1, 0.5))))),
        draw("misplaced", misplaced),
        draw("delay", lambda rng: float(rng.choice((0.0, rng.uniform(-0.015, 0.015))))),
    )


# Metres: shortest and longest limit of each kind of camera that is drawn.
RANGES: Final = {
    "structured-light": (3.5, 5.5),
    "time-of-flight": (4.0, 6.5),
    "stereo": (5.0, 8.0),
    "lidar": (4.5, 5.0),
}


def _check(spec: SequenceSpec) -> None:
    if (spec.path == "stairs") != (spec.room.layout == "stairs"):
        raise ConfigError("the path `stairs` and the layout `stairs` go with each other only")
    if spec.frames < 2 or spec.camera.width < 16 or spec.camera.height < 16:
        raise ConfigError("a sequence needs 2 frames of 16x16 at least")
    if not (spec.rate > 0 and spec.pace > 0):
        raise ConfigError(f"rate and pace are above 0, not {spec.rate:g} and {spec.pace:g}")


def described(spec: SequenceSpec) -> dict[str, Any]:
    """All fields as plain values, for a YAML file."""

    def plain(value: Any) -> Any:
        if isinstance(value, RoomSpec | CameraSpec):
            return described_part(value)
        return list(value) if isinstance(value, tuple) else value

    def described_part(part: Any) -> dict[str, Any]:
        return {field.name: plain(getattr(part, field.name)) for field in fields(part)}

    return described_part(spec)

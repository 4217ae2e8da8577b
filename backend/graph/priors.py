"""What other sensors and the user's tape say of a map, as the pose graph takes it.

Poses are said in a world of their source's own. One unknown similarity ties that to the map, its
anchor: S_world_source, whose scale is how many of the map's units a unit of the source is. Lengths
are said in metres, of which an anchor knows the size too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class PosePrior:
    """One frame's pose by one source.

    source: number of the source, which has an anchor. keyframe: whose frame it is.
    S_keyframe_camera: (4, 4), where the frame is in it, in its units. position: (3,), of the
    camera in the source's world; None = not told. R_source_camera: (3, 3) or None. sigma: of the
    position in each direction, in the source's units, and in the third one `vertical` times that.
    sigma_rad: of the rotation about each axis.
    """

    source: int
    keyframe: int
    S_keyframe_camera: np.ndarray
    position: np.ndarray | None
    R_source_camera: np.ndarray | None
    sigma: float
    sigma_rad: float
    weight: float = 1.0
    vertical: float = 1.0

    @property
    def sigmas(self) -> np.ndarray:
        """(3,), of the position."""
        return self.sigma * np.array([1.0, 1.0, self.vertical])

    @property
    def dof(self) -> int:
        """How many numbers it tells."""
        return 3 * ((self.position is not None) + (self.R_source_camera is not None))


@dataclass(frozen=True, slots=True)
class ScalePrior:
    """How many metres a unit of a keyframe is.

    log_metres: logarithm of that. sigma: of the logarithm, about the share that it may be off.
    name: what the sentences call it. is_certain: it is taken at its word; else it is one of many of
    its name, some of which may be wrong.
    """

    name: str
    keyframe: int
    log_metres: float
    sigma: float
    is_certain: bool = True

    dof = 1


@dataclass(frozen=True, slots=True, eq=False)
class LengthPrior:
    """How far it is from a point that one keyframe knows to a point that another one knows.

    point_i, point_j: (3,), in the frame and the units of keyframe i and of keyframe j, which may
    be the same. sigma: of the length's logarithm, about the share that it may be off.
    """

    name: str
    i: int
    point_i: np.ndarray
    j: int
    point_j: np.ndarray
    metres: float
    sigma: float

    dof = 1


@dataclass(frozen=True, slots=True, eq=False)
class TagSighting:
    """A tag of known size that a keyframe saw; whoever sees the same one sees the same place.

    tag: its number. S_keyframe_tag: (4, 4), metres of the tag into the keyframe's units.
    information: (7, 7), inverse covariance, perturbed on the right as an edge's.
    """

    name: str
    tag: int
    keyframe: int
    S_keyframe_tag: np.ndarray
    information: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class MotionPrior:
    """How a camera moved from a frame of keyframe i to one of keyframe j, by odometry in metres.

    S_i_camera, S_j_camera: (4, 4), where the frames are in their keyframes. T_first_second: (4, 4).
    sigmas: (6,), of the rotation [rad] and the way [m].
    """

    name: str
    i: int
    S_i_camera: np.ndarray
    j: int
    S_j_camera: np.ndarray
    T_first_second: np.ndarray
    sigmas: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class UpPrior:
    """Which way is up, as a camera of a keyframe sees it.

    R_keyframe_camera: (3, 3), how that camera is turned in its keyframe. up: (3,), unit, in the
    camera. sigma_rad: that the direction is off, either way. axes_are_told: how what sees up is
    mounted is known; else the camera is taken to be held upright.
    """

    name: str
    keyframe: int
    R_keyframe_camera: np.ndarray
    up: np.ndarray
    sigma_rad: float
    axes_are_told: bool = True


Measured = ScalePrior | LengthPrior


@dataclass(frozen=True, slots=True)
class SourceTraits:
    """What is known of a source's world. is_metric: its unit is the metre. drifts: as a tracker;
    else it jumps now and then, as a receiver. is_upright: its third axis is up."""

    name: str
    is_metric: bool
    drifts: bool
    is_upright: bool = False


@dataclass(frozen=True, slots=True)
class Priors:
    """sources: by number. poses: of them. measured: lengths and scales. sightings: of tags.
    motions: by odometry. ups: directions that are up."""

    sources: tuple[SourceTraits, ...] = ()
    poses: tuple[PosePrior, ...] = ()
    measured: tuple[Measured, ...] = ()
    sightings: tuple[TagSighting, ...] = ()
    motions: tuple[MotionPrior, ...] = ()
    ups: tuple[UpPrior, ...] = ()

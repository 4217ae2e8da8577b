"""Bundle adjustment of a map's keyframes by pycolmap, with the map's own poses as priors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mapper.backend.tracks.triangulation import placed_again
from mapper.backend.tracks.view import Cameras
from mapper.core.geometry import inverse, pose, rotation_angle
from mapper.core.intrinsics import Intrinsics
from mapper.core.sparse_points import SparsePoints
from mapper.errors import ConfigError, InputError

if TYPE_CHECKING:
    from jaxtyping import Float64

LEAST_SEEN: Final = 20  # points, without which an image keeps its pose
LEAST_IMAGES: Final = 3  # for the positions to say where and how large the map is
PRIOR_SHARE: Final = 0.01  # of the depth of what is seen: how well a position is known
INDEPENDENT: Final = 20  # of an image's observations: lens, shutter and matcher err in common
MOST_MOVED: Final = 5.0  # times that; more is not explained by what the map may be off by
MOST_TURNED: Final = MOST_MOVED * PRIOR_SHARE  # radians: as far as that moves what is seen
LEAST_NOISE: Final = 0.5  # pixels, of a feature's place in an image of usual size
SEED: Final = 7
ERRORS_ONLY: Final = 2


@dataclass(frozen=True, slots=True)
class Refined:
    """T_world_camera: (V, 4, 4). points: where they are then. before, after: mean reprojection
    error of the same observations [pixels]. moved: in the map's units, the farthest of a camera."""

    T_world_camera: Float64[np.ndarray, "v 4 4"]
    points: SparsePoints
    before: float
    after: float
    moved: float

    @property
    def told(self) -> dict[str, float]:
        """In numbers, for those who asked for it."""
        return {"before_px": self.before, "after_px": self.after, "moved": self.moved}


def import_pycolmap() -> Any:
    """The module; ConfigError, with the remedy, where it is not installed."""
    try:
        import pycolmap
    except ImportError as error:
        raise ConfigError(
            f"--refine needs the package pycolmap of the extra sfm ({error}); pip install pycolmap"
        ) from error
    return pycolmap


def refine(
    T_world_camera: Float64[np.ndarray, "v 4 4"],
    intrinsics: Sequence[Intrinsics],
    points: SparsePoints,
) -> Refined:
    """Poses and points of least reprojection error; intrinsics are held, and so is the scale.

    Each position is a prior, known to a hundredth of the depth, against which an image's
    observations count as INDEPENDENT ones. InputError where there is too
    little to adjust, and where the result is worse by its own measure: the error of the same
    observations, and no camera further away than the map may be off.
    """
    pycolmap = import_pycolmap()
    before = placed_again(Cameras.of(T_world_camera, list(intrinsics)), points)
    seen = np.bincount(points.views, minlength=len(T_world_camera))
    free = seen >= LEAST_SEEN
    if int(free.sum()) < LEAST_IMAGES:
        raise InputError(
            f"too little to refine: {LEAST_IMAGES} images that see {LEAST_SEEN} points in common "
            f"with others are wanted, and there are {int(free.sum())}"
        )
    sigma = PRIOR_SHARE * _depth(T_world_camera, before)
    weight = max(1.0, float(seen[free].mean()) / INDEPENDENT)
    adjusted = before.with_observations(free[points.views])
    model = _reconstruction(pycolmap, T_world_camera, intrinsics, adjusted)
    noise = max(LEAST_NOISE, float(np.median(before.errors)))
    _adjust(pycolmap, model, np.flatnonzero(free), sigma / np.sqrt(weight), noise)
    turned = T_world_camera.copy()
    turned[free] = _back_in_place(_poses(model, len(turned))[free], T_world_camera[free])
    after = placed_again(Cameras.of(turned, list(intrinsics)), before)
    return _checked(T_world_camera, turned, before, after, sigma)


def _depth(T_world_camera: np.ndarray, points: SparsePoints) -> float:
    """The median of how far away the points are that the cameras see."""
    offset = points.positions[points.of] - T_world_camera[points.views, :3, 3]
    return float(np.median(np.linalg.norm(offset, axis=1)))


def _reconstruction(
    pycolmap: Any,
    T_world_camera: np.ndarray,
    intrinsics: Sequence[Intrinsics],
    points: SparsePoints,
) -> Any:
    """COLMAP's model of it; its pixels' centres lie half a pixel further, which is the same here
    for the principal point and for what is seen."""
    model = pycolmap.Reconstruction()
    numbers = {camera: number for number, camera in enumerate(dict.fromkeys(intrinsics), 1)}
    for camera, number in numbers.items():
        parameters = [camera.fx, camera.fy, camera.cx, camera.cy]
        model.add_camera_with_trivial_rig(
            pycolmap.Camera(
                camera_id=number,
                model="PINHOLE",
                width=camera.width,
                height=camera.height,
                params=parameters,
            )
        )
    T_camera_world = inverse(T_world_camera)
    place = np.zeros(len(points.views), int)  # of an observation in its image
    for number, camera in enumerate(intrinsics):
        rows = np.flatnonzero(points.views == number)
        place[rows] = np.arange(len(rows))
        image = pycolmap.Image(
            name=f"{number:06d}",
            keypoints=points.pixels[rows],
            camera_id=numbers[camera],
            image_id=number + 1,
        )
        model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(T_camera_world[number, :3]))
    for index, position in enumerate(points.positions):
        part = slice(points.starts[index], points.starts[index + 1])
        track = pycolmap.Track()
        for view, where in zip(points.views[part].tolist(), place[part].tolist(), strict=True):
            track.add_element(view + 1, where)
        model.add_point3D(position, track, points.colors[index])
    return model


def _adjust(pycolmap: Any, model: Any, free: np.ndarray, sigma: float, noise: float) -> None:
    """Move the images `free` and the points, which are seen by them alone.

    sigma: of a position, units. noise: of an observation, pixels; what misses by more loses weight
    (Cauchy). COLMAP counts pixels as deviations, so that the prior's are told in noises.
    """
    pycolmap.logging.minloglevel = ERRORS_ONLY
    pycolmap.set_random_seed(SEED)
    config = pycolmap.BundleAdjustmentConfig()
    priors = []
    for number in (free + 1).tolist():
        config.add_image(number)
        image = model.images[number]
        priors.append(
            pycolmap.PosePrior(
                pose_prior_id=number,
                corr_data_id=image.data_id,
                position=image.cam_from_world().inverse().translation,
                position_covariance=(sigma / noise) ** 2 * np.eye(3),
                coordinate_system=pycolmap.PosePriorCoordinateSystem.CARTESIAN,
            )
        )
    for number in model.cameras:
        config.set_constant_cam_intrinsics(number)
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
    options.ceres.loss_function_scale = noise
    options.ceres.solver_options.num_threads = 1
    adjuster = pycolmap.create_pose_prior_bundle_adjuster(
        options, pycolmap.PosePriorBundleAdjustmentOptions(), config, priors, model
    )
    if not adjuster.solve().is_solution_usable():
        raise InputError("refining found no solution; export without --refine")


def _poses(model: Any, count: int) -> np.ndarray:
    T_world_camera = np.tile(np.eye(4), (count, 1, 1))
    for number, image in model.images.items():
        T_world_camera[number - 1, :3] = image.cam_from_world().inverse().matrix()
    return T_world_camera


def _back_in_place(T_world_camera: np.ndarray, priors: np.ndarray) -> np.ndarray:
    """The cameras, turned and shifted together to where their priors are on the whole.

    Positions on a line do not say how the map lies about it, and COLMAP puts it on its priors'
    positions alone; orientations say it.
    """
    relative = priors[:, :3, :3] @ np.swapaxes(T_world_camera[:, :3, :3], 1, 2)
    U, _, Vt = np.linalg.svd(relative.sum(0))
    R = U @ np.diag([1, 1, np.linalg.det(U @ Vt)]) @ Vt
    t = (priors[:, :3, 3] - T_world_camera[:, :3, 3] @ R.T).mean(0)
    return np.asarray(pose(R, t) @ T_world_camera)


def _checked(
    priors: np.ndarray,
    T_world_camera: np.ndarray,
    before: SparsePoints,
    after: SparsePoints,
    sigma: float,
) -> Refined:
    """The result; InputError where it is none."""
    was, now = float(before.errors.mean()), float(after.errors.mean())
    change = inverse(priors) @ T_world_camera
    moved = np.linalg.norm(change[:, :3, 3], axis=1)
    turned = max(rotation_angle(each[:3, :3]) for each in change)
    told = f"{was:.2f} px before, {now:.2f} px after"
    if not np.isfinite(now) or now > was:
        raise InputError(f"refining did not help ({told}); export without --refine")
    if moved.max() > MOST_MOVED * sigma or turned > MOST_TURNED:
        raise InputError(
            f"refining moved a camera by {moved.max():.3g} units and one by "
            f"{np.degrees(turned):.2g} deg, and the map is not off by more than "
            f"{MOST_MOVED * sigma:.2g} and {np.degrees(MOST_TURNED):.2g} ({told}); export without "
            "--refine"
        )
    return Refined(T_world_camera, after, was, now, float(moved.max()))

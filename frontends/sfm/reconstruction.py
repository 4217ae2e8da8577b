"""Where photographs were taken, by pycolmap: features, matches, incremental mapping.

Source: Schoenberger and Frahm, "Structure-from-Motion Revisited", CVPR 2016.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.errors import ConfigError
from mapper.frontends.mono.calibration.known import SIGMAS, Source
from mapper.frontends.mono.geometry.bundle import FocalPrior, Observations, Scene
from mapper.frontends.mono.geometry.firmness import place_uncertainty
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.sfm.config import SfmConfig
from mapper.frontends.sfm.photographs import Photographs

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

# Two images fit one another in many wrong ways, and no third one contradicts.
LEAST_PLACED: Final = 3
LEAST_POINTS: Final = 20  # of an image: with fewer its place is a guess
LEAST_MATCHES: Final = 15  # of a pair
# Pixels by which a point may be off, of images with FULL pixels along their longer side; in small
# ones what is that far off is wrong, and bends what is found.
MOST_OFF: Final = 4.0
LEAST_OFF: Final = 2.0
FULL: Final = 1280
ERRORS_ONLY: Final = 2  # of the library's own log
SEED: Final = 0


@dataclass(frozen=True, slots=True, eq=False)
class PlacedPhotograph:
    """T: T_camera_world. points: that it sees, in the world's units; ids: their names, the same in
    all images; pixels: where, as the lens has them."""

    T: Float64[np.ndarray, "3 4"]
    ids: Int64[np.ndarray, " n"]
    points: Float64[np.ndarray, "n 3"]
    pixels: Float64[np.ndarray, "n 2"]


@dataclass(frozen=True, slots=True, eq=False)
class Reconstruction:
    """placed: by the photographs' places in their order; fewer than LEAST_PLACED: none.

    lens: of the images as they are worked on. pairs: that match; tried: that were compared.
    rms: pixels, of the points. models: that did not join; the largest is told. uncertainty: see
    place_uncertainty.
    """

    placed: dict[int, PlacedPhotograph]
    lens: Lens | None
    pairs: int
    tried: int
    rms: float = 0.0
    models: int = 0
    uncertainty: float = 0.0


def import_pycolmap() -> Any:
    """The module; ConfigError, with the remedy, where it is not installed."""
    try:
        import pycolmap
    except ImportError as error:
        raise ConfigError(
            "the frontend sfm needs pycolmap, which is not installed: pip install pycolmap"
        ) from error
    return pycolmap


def reconstruct(photographs: Photographs, config: SfmConfig) -> Reconstruction:
    """Place as many photographs as belong together."""
    pycolmap = import_pycolmap()
    pycolmap.logging.minloglevel = ERRORS_ONLY
    pycolmap.set_random_seed(SEED)
    database = photographs.folder / "database"
    _extract(pycolmap, database, photographs, config)
    limit = float(np.clip(MOST_OFF * max(photographs.size) / FULL, LEAST_OFF, MOST_OFF))
    tried = _match(pycolmap, database, len(photographs.all) <= config.exhaustive, limit)
    with pycolmap.Database.open(database) as opened:
        counts = opened.read_two_view_geometry_num_inliers()[1]
    pairs = sum(count >= LEAST_MATCHES for count in counts)
    if pairs < LEAST_PLACED - 1:
        return Reconstruction({}, None, pairs, tried)
    models = _models(pycolmap, database, photographs, limit)
    if not models:
        return Reconstruction({}, None, pairs, tried)
    model = max(models, key=lambda m: (m.num_reg_images(), m.num_points3D()))
    (camera,) = model.cameras.values()
    lens = _lens(camera)
    names = {photograph.name: place for place, photograph in enumerate(photographs.all)}
    placed = {}
    for image in model.images.values():
        each = _placed(model, image)
        if each is not None:
            placed[names[image.name]] = each
    if len(placed) < LEAST_PLACED:
        return Reconstruction({}, None, pairs, tried)
    rms = _rms(lens, placed)
    unsure = model_uncertainty(lens, placed, rms, photographs.camera is not None)
    return Reconstruction(placed, lens, pairs, tried, rms, len(models), unsure)


def _extract(pycolmap: Any, database: Path, photographs: Photographs, config: SfmConfig) -> None:
    reader = pycolmap.ImageReaderOptions()
    if photographs.camera is None:
        reader.camera_model = "SIMPLE_RADIAL"
    else:
        reader.camera_model = "PINHOLE"
        reader.camera_params = _parameters(photographs.camera)
    if photographs.masks.is_dir():
        reader.mask_path = photographs.masks
    extraction = pycolmap.FeatureExtractionOptions()
    extraction.use_gpu = False
    extraction.sift.max_num_features = config.max_features
    pycolmap.extract_features(
        database,
        photographs.folder,
        [photograph.name for photograph in photographs.all],
        camera_mode=pycolmap.CameraMode.SINGLE,
        reader_options=reader,
        extraction_options=extraction,
        device=pycolmap.Device.cpu,
    )


def _match(pycolmap: Any, database: Path, exhaustive: bool, limit: float) -> int:
    """Write the matches down; returns how many pairs were compared. limit: pixels."""
    verification = pycolmap.TwoViewGeometryOptions()
    verification.min_num_inliers = LEAST_MATCHES
    verification.ransac.random_seed = SEED
    verification.ransac.max_error = limit
    matching = pycolmap.FeatureMatchingOptions()
    matching.use_gpu = False
    match = pycolmap.match_exhaustive if exhaustive else pycolmap.match_sequential
    match(
        database,
        matching_options=matching,
        verification_options=verification,
        device=pycolmap.Device.cpu,
    )
    with pycolmap.Database.open(database) as opened:
        return int(opened.num_matched_image_pairs())


def _models(pycolmap: Any, database: Path, photographs: Photographs, limit: float) -> list[Any]:
    """Each of images that belong together. limit: pixels."""
    options = pycolmap.IncrementalPipelineOptions()
    options.min_model_size = LEAST_PLACED
    options.extract_colors = False
    options.random_seed = SEED
    options.mapper.filter_max_reproj_error = limit
    options.triangulation.merge_max_reproj_error = limit
    options.triangulation.complete_max_reproj_error = limit
    if photographs.camera is not None:
        options.ba_refine_focal_length = False
        options.ba_refine_extra_params = False
        options.mapper.abs_pose_refine_focal_length = False
        options.mapper.abs_pose_refine_extra_params = False
    out = photographs.folder / "models"
    out.mkdir(exist_ok=True)
    models = pycolmap.incremental_mapping(database, photographs.folder, out, options)
    return list(models.values())


def _parameters(camera: Intrinsics) -> str:
    """fx, fy, cx, cy with the middle of the first pixel at 0.5."""
    return f"{camera.fx},{camera.fy},{camera.cx + 0.5},{camera.cy + 0.5}"


def _lens(camera: Any) -> Lens:
    """The first pixel's middle is at 0 again."""
    k1 = float(camera.params[3]) if camera.model_name == "SIMPLE_RADIAL" else 0.0
    return Lens(
        float(camera.focal_length_x),
        float(camera.focal_length_y),
        float(camera.principal_point_x) - 0.5,
        float(camera.principal_point_y) - 0.5,
        k1,
        int(camera.width),
        int(camera.height),
    )


def _placed(model: Any, image: Any) -> PlacedPhotograph | None:
    """None of an image without a pose, or with too few points for one."""
    if not image.has_pose:
        return None
    seen = [p for p in image.points2D if p.has_point3D()]
    if len(seen) < LEAST_POINTS:
        return None
    points = np.stack([model.points3D[p.point3D_id].xyz for p in seen])
    pixels = np.stack([p.xy for p in seen]) - 0.5
    ids = np.array([p.point3D_id for p in seen], np.int64)
    return PlacedPhotograph(np.array(image.cam_from_world().matrix()), ids, points, pixels)


def _rms(lens: Lens, placed: dict[int, PlacedPhotograph]) -> float:
    """Pixels, in each direction."""
    squares = []
    for each in placed.values():
        inside = each.points @ each.T[:, :3].T + each.T[:, 3]
        squares.append(((lens.pixels(inside[:, :2] / inside[:, 2:]) - each.pixels) ** 2).ravel())
    return float(np.sqrt(np.concatenate(squares).mean()))


def model_uncertainty(
    lens: Lens, placed: dict[int, PlacedPhotograph], rms: float, is_given: bool
) -> float:
    """As mono asks it of its keyframes; few images with few points in common are unsure."""
    views = list(placed.values())
    numbers = np.repeat(np.arange(len(views)), [len(view.ids) for view in views])
    names, first, rows = np.unique(
        np.concatenate([view.ids for view in views]), return_index=True, return_inverse=True
    )
    pixels = np.concatenate([view.pixels for view in views])
    seen, _ = Observations.sorted_by(rows, len(names), numbers, pixels, np.ones(len(pixels)))
    points = np.concatenate([view.points for view in views])[first]
    poses = np.stack([view.T for view in views])
    scene = Scene(lens, poses, points, np.arange(len(views)) > 0)
    prior = None if is_given else FocalPrior(lens.fx, SIGMAS[Source.GUESSED])
    return place_uncertainty(scene, seen, rms, prior)

"""A truncated signed distance field in sparse blocks, from which views can be taken out again."""

from __future__ import annotations

import logging

import numpy as np

from mapper.backend.fusion.tsdf_kernels import (
    BLOCK,
    Band,
    FusedView,
    Pool,
    allocate_blocks,
    half_widths,
    integrate_blocks,
    rehash,
)
from mapper.core.depth_noise import STRUCTURED_LIGHT, DepthNoise, trusted_depth
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.core.quantities import (
    Megabytes,
    NonNegative,
    SigmasOrZero,
    Units,
    UnitsOrZero,
    Voxels,
    VoxelsOrZero,
)
from mapper.core.settings_model import settings
from mapper.vision.reprojection import Motion, camera_of, motion_of

logger = logging.getLogger(__name__)

VOXELS = BLOCK**3
BYTES_PER_BLOCK = VOXELS * (4 + 4 + 4 * 4)
FIRST_CAPACITY = 2048
GRAZING = 4.0  # a surface seen from a flat angle is this much longer than it looks


@settings
class TsdfConfig:
    """The truncated signed distance field.

    voxel_size: side of a voxel.
    max_depth: what is farther is not fused. 0 fits the frontend: a depth camera counts up to where
        its noise is 4 cm and at least 5 m, a network up to 2.5 times the median depth of each
        keyframe and at least 5 units. With a larger one the frontend rgbd tracks as far too (else 8
        m, and on to where readings deviate by 11 cm), and keyframes are compared that are further
        apart than 0.8 times what fits the frontend.
    truncation_voxels: half width of the band around a surface, near the camera.
    truncation_sigmas: that width in deviations of the depth, which take over far away.
    truncation_across: that width in voxels across the surface, which take over where it is seen
        from the side.
    max_truncation_voxels: the band never gets wider than this.
    min_weight: a surface needs this much summed confidence to appear in the mesh.
    max_memory_mb: once the blocks fill it no new surface is added; what is there is kept.
    """

    voxel_size: Units = 0.02
    max_depth: UnitsOrZero = 0.0
    truncation_voxels: Voxels = 3.0
    truncation_sigmas: SigmasOrZero = 3.0
    truncation_across: VoxelsOrZero = 1.75
    max_truncation_voxels: Voxels = 15.0
    min_weight: NonNegative = 0.004
    max_memory_mb: Megabytes = 1200.0


class TsdfVolume:
    """Weighted sums of signed distance and colour in blocks of 8x8x8 voxels, hashed by position.

    Sums instead of running means let a view be subtracted exactly as it was added, which is how
    the map follows the pose graph (Dai et al., BundleFusion, 2017). The distance is projective,
    in metres, positive in front of the surface (Curless and Levoy, 1996).
    """

    def __init__(self, config: TsdfConfig | None = None) -> None:
        self.config = config or TsdfConfig()
        self._max_blocks = max(64, int(self.config.max_memory_mb * 2**20 / BYTES_PER_BLOCK))
        self._count = 0
        self._stamp = 0
        self._full = False
        self._pool = _empty_pool(np.float32(self.config.voxel_size))
        self._reserve(min(FIRST_CAPACITY, self._max_blocks))

    def __len__(self) -> int:
        """Number of allocated blocks."""
        return self._count

    @property
    def memory_bytes(self) -> int:
        """What the voxels of all blocks take up."""
        pool = self._pool
        return pool.distance.nbytes + pool.weight.nbytes + pool.color.nbytes

    def integrate(
        self,
        depth: np.ndarray,
        weight: np.ndarray,
        image: np.ndarray,
        intrinsics: Intrinsics,
        T_world_camera: np.ndarray,
        sign: int = 1,
        noise: DepthNoise = STRUCTURED_LIGHT,
        color_weight: float = 1.0,
    ) -> None:
        """Add (sign = 1) or take out again (sign = -1) one view.

        depth, weight: float32 (H, W), metres along z (0 = none) and confidence.
        image: uint8 (H, W, 3). T_world_camera: (4, 4). color_weight: by how much less its colours
        count. To take a view out, hand in exactly what was added.
        """
        camera, band = camera_of(intrinsics), self._band(depth, noise)
        widths = half_widths(depth, camera, band)
        view = FusedView(depth, weight, image, camera, widths, np.float32(color_weight))
        motion = motion_of(T_world_camera)
        touched = self._touched_blocks(view, motion, band)
        back = Motion(np.ascontiguousarray(motion.R.T), -(motion.R.T @ motion.t))
        integrate_blocks(touched, self._pool, view, back, band, np.float32(sign))

    def extract_mesh(self) -> Mesh:
        """The zero surface as a coloured triangle mesh, by Open3D's marching cubes."""
        from mapper.backend.fusion.tsdf_mesh import extract_mesh

        used = slice(self._count)
        pool = self._pool
        return extract_mesh(
            pool.coordinates[used],
            pool.distance[used],
            pool.weight[used],
            pool.color[used],
            self.config,
        )

    def _band(self, depth: np.ndarray, noise: DepthNoise) -> Band:
        config = self.config
        return Band(
            np.float32(config.truncation_voxels * config.voxel_size),
            np.float32(config.truncation_sigmas),
            np.float32(config.truncation_across * config.voxel_size),
            np.float32(config.max_truncation_voxels * config.voxel_size),
            np.float32(config.max_depth or trusted_depth(depth, noise)),
            noise.coefficients,
        )

    def _touched_blocks(self, view: FusedView, motion: Motion, band: Band) -> np.ndarray:
        """Indices of all blocks near the view's surface; new ones are allocated."""
        step = self._pixel_step(float(view.camera.fx), float(band.max_depth))
        while True:
            self._stamp += 1
            state = (self._count, self._stamp)
            touched, self._count, complete = allocate_blocks(
                view, motion, band, self._pool, state, step
            )
            if complete:
                return touched
            capacity = len(self._pool.coordinates)
            if capacity >= self._max_blocks:
                self._warn_full()
                return touched
            self._reserve(min(2 * capacity, self._max_blocks))

    def _pixel_step(self, focal_length: float, max_depth: float) -> int:
        """How many pixels apart rays may be and still meet every block, grazing views included."""
        config = self.config
        block_pixels = BLOCK * config.voxel_size * focal_length / max_depth
        return int(np.clip(block_pixels / GRAZING, 1, 3))

    def _reserve(self, capacity: int) -> None:
        """Grow the pools to `capacity` blocks and rebuild the hash table at half load."""
        n, old = self._count, self._pool
        table = 1 << int(np.ceil(np.log2(2 * capacity)))
        self._pool = Pool(
            _grown(old.coordinates, capacity, n),
            _grown(old.distance, capacity, n),
            _grown(old.weight, capacity, n),
            _grown(old.color, capacity, n),
            _grown(old.stamps, capacity, n),
            np.full(table, -1, np.int64),
            np.zeros(table, np.int32),
            old.voxel_size,
        )
        rehash(self._pool, n)

    def _warn_full(self) -> None:
        if not self._full:
            self._full = True
            logger.warning(
                "the map fills its %d MB: new surface is left out. Raise "
                "fusion.tsdf.max_memory_mb or fusion.tsdf.voxel_size",
                self.config.max_memory_mb,
            )


def _empty_pool(voxel_size: np.float32) -> Pool:
    return Pool(
        np.zeros((0, 3), np.int32),
        np.zeros((0, VOXELS), np.float32),
        np.zeros((0, VOXELS), np.float32),
        np.zeros((0, VOXELS, 4), np.float32),
        np.zeros(0, np.int64),
        np.zeros(0, np.int64),
        np.zeros(0, np.int32),
        voxel_size,
    )


def _grown(pool: np.ndarray, capacity: int, count: int) -> np.ndarray:
    """The pool with room for `capacity` blocks; the first `count` are kept."""
    grown = np.zeros((capacity, *pool.shape[1:]), pool.dtype)
    grown[:count] = pool[:count]
    return grown

"""The inner loops of the TSDF, compiled by numba; they release the interpreter's lock."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from mapper.core.depth_noise import depth_sigma
from mapper.runtime.kernels import kernel
from mapper.vision.reprojection import Camera, f32, moved

BLOCK: Final = 8  # voxels along the side of a block
KEY_BITS = 21  # of a block coordinate: +-1 million blocks
KEY_OFFSET = 1 << (KEY_BITS - 1)
FAST_BUT_FOR_NAN = {"reassoc", "nsz", "arcp", "contract", "afn"}  # NaN stands for no reading
NEAREST: Final = f32(0.1)  # metres: a voxel nearer to the camera is not seen by it
CELL_BITS: Final = 2
CELL: Final = 1 << CELL_BITS  # pixels along the side of the cells that share the width of the band
REACH: Final = 3  # pixels to both sides, by which a surface's slant is told
BENT: Final = f32(0.25)  # of what differs between them, by which the middle may be off a plane


class FusedView(NamedTuple):
    """depth, weight: float32 (H, W), metres along z and confidence. image: uint8 (H, W, 3).

    half_width: see half_widths. color_weight: factor on the weight, for the colours alone.
    """

    depth: np.ndarray
    weight: np.ndarray
    image: np.ndarray
    camera: Camera
    half_width: np.ndarray
    color_weight: np.float32


class Band(NamedTuple):
    """Half width of what is written around a surface. float32, metres but for sigmas.

    narrowest: near the camera. sigmas: of the depth's noise, where that is more. across: measured
    across the surface, where that is more. widest: the most. max_depth: readings beyond it are not
    fused. noise: (3,), see depth_sigma.
    """

    narrowest: np.float32
    sigmas: np.float32
    across: np.float32
    widest: np.float32
    max_depth: np.float32
    noise: np.ndarray


class Pool(NamedTuple):
    """Room for blocks, of which the first ones are in use, and a hash table of where they are.

    coordinates: int32 (N, 3), blocks from the origin. distance, weight: float32 (N, 512), color:
    float32 (N, 512, 4), the last its weight: sums over views. stamps: int64 (N,), when a block was
    last touched. keys: int64 (M,), -1 = free. slots: int32 (M,), the block of a key. voxel_size:
    float32, metres.
    """

    coordinates: np.ndarray
    distance: np.ndarray
    weight: np.ndarray
    color: np.ndarray
    stamps: np.ndarray
    keys: np.ndarray
    slots: np.ndarray
    voxel_size: np.float32


@kernel(inline="always")
def _key(x, y, z):
    return (
        (np.int64(x + KEY_OFFSET) << (2 * KEY_BITS))
        | (np.int64(y + KEY_OFFSET) << KEY_BITS)
        | np.int64(z + KEY_OFFSET)
    )


@kernel(inline="always")
def _first_slot(key, mask):
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64(mixed >> np.uint64(32)) & mask


@kernel()
def rehash(pool, count):
    """Enter the first `count` blocks into an empty hash table (open addressing)."""
    keys, coordinates = pool.keys, pool.coordinates
    mask = len(keys) - 1
    for block in range(count):
        key = _key(coordinates[block, 0], coordinates[block, 1], coordinates[block, 2])
        slot = _first_slot(key, mask)
        while keys[slot] != -1:
            slot = (slot + 1) & mask
        keys[slot] = key
        pool.slots[slot] = block


@kernel(inline="always")
def _counts(d, band):
    """Whether a reading is fused; NaN is none."""
    return d > 0 and d <= band.max_depth


@kernel(fastmath=FAST_BUT_FOR_NAN)
def half_widths(depth, camera, band):
    """float32 (H / CELL, W / CELL) rounded up, metres along z: half width of the band around what
    each cell of pixels sees; 0 where that is nothing.

    A surface that is seen from the side is thin along the ray: a band of a few voxels in depth is
    then less than one across it, where marching cubes finds nothing but crumbs.
    """
    height, width = depth.shape
    widths = np.zeros(((height + CELL - 1) // CELL, (width + CELL - 1) // CELL), np.float32)
    for i in range(widths.shape[0]):
        for j in range(widths.shape[1]):
            row, column = _reading(depth, band, i * CELL, j * CELL)
            if row < 0:
                continue
            z = depth[row, column]
            half = max(band.narrowest, band.sigmas * depth_sigma(z, band.noise))
            if REACH <= row < height - REACH and REACH <= column < width - REACH:
                half = max(half, band.across * _stretch(depth, camera, row, column))
            widths[i, j] = min(half, band.widest)
    return widths


@kernel(inline="always")
def _reading(depth, band, top, left):
    """Row and column of a reading in a cell, the middle one if it counts; -1, -1 without one."""
    bottom, right = min(top + CELL, depth.shape[0]), min(left + CELL, depth.shape[1])
    row, column = min(top + CELL // 2, bottom - 1), min(left + CELL // 2, right - 1)
    if _counts(depth[row, column], band):
        return row, column
    for v in range(top, bottom):
        for u in range(left, right):
            if _counts(depth[v, u], band):
                return v, u
    return -1, -1


@kernel(inline="always")
def _stretch(depth, camera, row, column):
    """How much further along z than across the surface that a pixel sees; 1 = seen straight on."""
    z = depth[row, column]
    inverse = f32(1) / z
    left, right = depth[row, column - REACH], depth[row, column + REACH]
    above, below = depth[row - REACH, column], depth[row + REACH, column]
    A = camera.fx * _slope(left, inverse, right)
    B = camera.fy * _slope(above, inverse, below)
    x = (f32(column) - camera.cx) / camera.fx
    y = (f32(row) - camera.cy) / camera.fy
    C = inverse - A * x - B * y
    # The plane is (A, B, C) . X = 1, and along the ray X grows with z.
    return z * np.sqrt(A * A + B * B + C * C)


@kernel(inline="always")
def _slope(before, inverse, after):
    """Change of inverse depth a pixel, in which a plane is even; 0 where the three are on none."""
    if not (before > 0 and after > 0):
        return f32(0)
    first, last = f32(1) / before, f32(1) / after
    if abs(first + last - f32(2) * inverse) > BENT * abs(last - first):
        return f32(0)
    return (last - first) / f32(2 * REACH)


@kernel()
def allocate_blocks(view, motion, band, pool, state, pixel_step):
    """Blocks that the truncation band of every pixel_step-th pixel's ray passes through.

    motion: camera to world. state: (blocks in use, stamp of this call). Returns (indices of the
    touched blocks, blocks in use, whether all fitted into the pool).
    """
    depth, camera, coordinates = view.depth, view.camera, pool.coordinates
    block_size = pool.voxel_size * f32(BLOCK)
    mask = len(pool.keys) - 1
    count, stamp = state
    touched = np.empty(len(coordinates), np.int32)
    n_touched = 0
    complete = True
    for row in range(pixel_step // 2, depth.shape[0], pixel_step):
        for column in range(pixel_step // 2, depth.shape[1], pixel_step):
            z = depth[row, column]
            if not _counts(z, band):
                continue
            half = view.half_width[row >> CELL_BITS, column >> CELL_BITS]
            x_ray = (f32(column) - camera.cx) / camera.fx
            y_ray = (f32(row) - camera.cy) / camera.fy
            steps = int(np.ceil(f32(2) * half / (f32(0.5) * block_size)))
            last = np.int64(-1)
            for step in range(steps + 1):
                s = z - half + f32(2) * half * f32(step) / f32(steps)
                X = moved(motion, (x_ray * s, y_ray * s, s))
                bx = int(np.floor(X[0] / block_size))
                by = int(np.floor(X[1] / block_size))
                bz = int(np.floor(X[2] / block_size))
                key = _key(bx, by, bz)
                if key == last:
                    continue
                last = key
                slot = _first_slot(key, mask)
                while pool.keys[slot] != -1 and pool.keys[slot] != key:
                    slot = (slot + 1) & mask
                if pool.keys[slot] == -1:
                    if count >= len(coordinates):
                        complete = False
                        continue
                    pool.keys[slot] = key
                    pool.slots[slot] = count
                    coordinates[count, 0], coordinates[count, 1], coordinates[count, 2] = bx, by, bz
                    count += 1
                block = pool.slots[slot]
                if pool.stamps[block] != stamp:
                    pool.stamps[block] = stamp
                    touched[n_touched] = block
                    n_touched += 1
    return touched[:n_touched], count, complete


@kernel(fastmath=FAST_BUT_FOR_NAN)
def integrate_blocks(touched, pool, view, motion, band, sign):
    """Add sign * (weight, weight * distance, weight * colour) of one view to the touched blocks.

    motion: world to camera.
    """
    depth, half_width, image = view.depth, view.half_width, view.image
    camera, R = view.camera, motion.R
    coordinates, voxel_size = pool.coordinates, pool.voxel_size
    height, width = depth.shape
    cx, cy = camera.cx + f32(0.5), camera.cy + f32(0.5)
    # One voxel further along the world's x axis moves this far in the camera.
    dx, dy, dz = R[0, 0] * voxel_size, R[1, 0] * voxel_size, R[2, 0] * voxel_size
    for block in touched:
        x0 = f32(coordinates[block, 0] * BLOCK) * voxel_size
        distances, weights, colors = pool.distance[block], pool.weight[block], pool.color[block]
        for vz in range(BLOCK):
            wz = f32(coordinates[block, 2] * BLOCK + vz) * voxel_size
            for vy in range(BLOCK):
                wy = f32(coordinates[block, 1] * BLOCK + vy) * voxel_size
                x, y, z = moved(motion, (x0, wy, wz))
                base = (vz * BLOCK + vy) * BLOCK
                for vx in range(BLOCK):
                    zv = z + f32(vx) * dz
                    if zv <= NEAREST:
                        continue
                    inverse_z = f32(1) / zv
                    uf = camera.fx * (x + f32(vx) * dx) * inverse_z + cx
                    vf = camera.fy * (y + f32(vx) * dy) * inverse_z + cy
                    if uf < 0 or vf < 0 or uf >= width or vf >= height:
                        continue
                    u, v = int(uf), int(vf)
                    d = depth[v, u]
                    if not _counts(d, band):
                        continue
                    sdf = d - zv
                    half = half_width[v >> CELL_BITS, u >> CELL_BITS]
                    if sdf < -half:
                        continue
                    if sdf > half:
                        sdf = half
                    w = sign * view.weight[v, u]
                    voxel = base + vx
                    weights[voxel] += w
                    distances[voxel] += w * sdf
                    w *= view.color_weight
                    colors[voxel, 0] += w * f32(image[v, u, 0])
                    colors[voxel, 1] += w * f32(image[v, u, 1])
                    colors[voxel, 2] += w * f32(image[v, u, 2])
                    colors[voxel, 3] += w

"""The inner loops of the TSDF, compiled by numba; they release the interpreter's lock."""

from __future__ import annotations

import numpy as np
from numba import njit

from mapper.core.depth_noise import depth_sigma

BLOCK = 8  # voxels along the side of a block
KEY_BITS = 21  # of a block coordinate: +-1 million blocks
KEY_OFFSET = 1 << (KEY_BITS - 1)
FAST_BUT_FOR_NAN = {"reassoc", "nsz", "arcp", "contract", "afn"}  # NaN stands for no reading


@njit(cache=True, nogil=True, inline="always")
def _key(x, y, z):
    return (
        (np.int64(x + KEY_OFFSET) << (2 * KEY_BITS))
        | (np.int64(y + KEY_OFFSET) << KEY_BITS)
        | np.int64(z + KEY_OFFSET)
    )


@njit(cache=True, nogil=True, inline="always")
def _first_slot(key, mask):
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64(mixed >> np.uint64(32)) & mask


@njit(cache=True, nogil=True)
def rehash(keys, slots, coordinates, count):
    """Enter the first `count` blocks into an empty hash table (open addressing)."""
    mask = len(keys) - 1
    for block in range(count):
        key = _key(coordinates[block, 0], coordinates[block, 1], coordinates[block, 2])
        slot = _first_slot(key, mask)
        while keys[slot] != -1:
            slot = (slot + 1) & mask
        keys[slot] = key
        slots[slot] = block


@njit(cache=True, nogil=True, inline="always")
def _truncation(z, truncation, noise):
    return min(max(truncation[0], truncation[1] * depth_sigma(z, noise)), truncation[2])


@njit(cache=True, nogil=True)
def allocate_blocks(
    depth, camera, R, t, truncation, noise, voxel_size, keys, slots, coordinates, stamps, stamp,
    count, capacity, pixel_step,
):  # fmt: skip
    """Blocks that the truncation band of every pixel_step-th pixel's ray passes through.

    Returns (indices of the touched blocks, blocks in use, whether all fitted into the capacity).
    """
    f32 = np.float32
    block_size = voxel_size * f32(BLOCK)
    mask = len(keys) - 1
    touched = np.empty(capacity, np.int32)
    n_touched = 0
    complete = True
    for row in range(pixel_step // 2, depth.shape[0], pixel_step):
        for column in range(pixel_step // 2, depth.shape[1], pixel_step):
            z = depth[row, column]
            if not (z > 0 and z <= truncation[3]):  # or NaN
                continue
            band = _truncation(z, truncation, noise)
            x_ray = (f32(column) - camera[2]) / camera[0]
            y_ray = (f32(row) - camera[3]) / camera[1]
            steps = int(np.ceil(f32(2) * band / (f32(0.5) * block_size)))
            last = np.int64(-1)
            for step in range(steps + 1):
                s = z - band + f32(2) * band * f32(step) / f32(steps)
                cx, cy = x_ray * s, y_ray * s
                x = R[0, 0] * cx + R[0, 1] * cy + R[0, 2] * s + t[0]
                y = R[1, 0] * cx + R[1, 1] * cy + R[1, 2] * s + t[1]
                w = R[2, 0] * cx + R[2, 1] * cy + R[2, 2] * s + t[2]
                bx = int(np.floor(x / block_size))
                by = int(np.floor(y / block_size))
                bz = int(np.floor(w / block_size))
                key = _key(bx, by, bz)
                if key == last:
                    continue
                last = key
                slot = _first_slot(key, mask)
                while keys[slot] != -1 and keys[slot] != key:
                    slot = (slot + 1) & mask
                if keys[slot] == -1:
                    if count >= capacity:
                        complete = False
                        continue
                    keys[slot] = key
                    slots[slot] = count
                    coordinates[count, 0], coordinates[count, 1], coordinates[count, 2] = bx, by, bz
                    count += 1
                block = slots[slot]
                if stamps[block] != stamp:
                    stamps[block] = stamp
                    touched[n_touched] = block
                    n_touched += 1
    return touched[:n_touched], count, complete


@njit(cache=True, nogil=True, fastmath=FAST_BUT_FOR_NAN)
def integrate_blocks(
    touched, coordinates, distance, weight_sum, color_sum, voxel_size, depth, weight, image, camera,
    R, t, truncation, noise, sign,
):  # fmt: skip
    """Add sign * (weight, weight * distance, weight * colour) of one view to the touched blocks.

    R, t: world to camera.
    """
    f32 = np.float32
    height, width = depth.shape
    fx, fy, cx, cy = camera[0], camera[1], camera[2] + f32(0.5), camera[3] + f32(0.5)
    max_depth = truncation[3]
    # One voxel further along the world's x axis moves this far in the camera.
    dx, dy, dz = R[0, 0] * voxel_size, R[1, 0] * voxel_size, R[2, 0] * voxel_size
    for i in range(len(touched)):
        block = touched[i]
        x0 = f32(coordinates[block, 0] * BLOCK) * voxel_size
        distances, weights, colors = distance[block], weight_sum[block], color_sum[block]
        for vz in range(BLOCK):
            wz = f32(coordinates[block, 2] * BLOCK + vz) * voxel_size
            for vy in range(BLOCK):
                wy = f32(coordinates[block, 1] * BLOCK + vy) * voxel_size
                x = R[0, 0] * x0 + R[0, 1] * wy + R[0, 2] * wz + t[0]
                y = R[1, 0] * x0 + R[1, 1] * wy + R[1, 2] * wz + t[1]
                z = R[2, 0] * x0 + R[2, 1] * wy + R[2, 2] * wz + t[2]
                base = (vz * BLOCK + vy) * BLOCK
                for vx in range(BLOCK):
                    zv = z + f32(vx) * dz
                    if zv <= f32(0.1):
                        continue
                    inverse_z = f32(1) / zv
                    uf = fx * (x + f32(vx) * dx) * inverse_z + cx
                    vf = fy * (y + f32(vx) * dy) * inverse_z + cy
                    if uf < 0 or vf < 0 or uf >= width or vf >= height:
                        continue
                    u, v = int(uf), int(vf)
                    d = depth[v, u]
                    if not (d > 0 and d <= max_depth):  # or NaN
                        continue
                    sdf = d - zv
                    band = _truncation(d, truncation, noise)
                    if sdf < -band:
                        continue
                    if sdf > band:
                        sdf = band
                    w = sign * weight[v, u]
                    voxel = base + vx
                    weights[voxel] += w
                    distances[voxel] += w * sdf
                    colors[voxel, 0] += w * f32(image[v, u, 0])
                    colors[voxel, 1] += w * f32(image[v, u, 1])
                    colors[voxel, 2] += w * f32(image[v, u, 2])

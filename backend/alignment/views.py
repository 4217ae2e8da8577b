"""The keyframes as tensors of one size, with the samples that are looked for in other views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from mapper.backend.alignment.config import GlobalAlignmentConfig
from mapper.backend.alignment.correction import CorrectionGrid
from mapper.backend.keyframes.flying_pixels import mask_unreliable
from mapper.backend.keyframes.keyframe_map import KeyframeMap

EDGE_STEP = 0.05  # relative depth step beyond which a pixel lies on an edge
LEVELS = 3  # of the image pyramid, each half the one before
PATCH_RADIUS = 3
BORDER = 4  # pixels: no sample nearer to the image's edge
MIN_CONFIDENCE = 0.3  # of the median: below it a point is not trusted with a pose


@dataclass(frozen=True, slots=True)
class Views:
    """N keyframes at h x w.

    images: per level (3, N, h / 2^l, w / 2^l): intensity 0..1 and its derivatives along u and v.
    log_depth: (N, 1, h, w), NaN where there is none; filled_log_depth: there as at the nearest
    pixel that has some. weight: (N, 1, h, w), confidence relative to the view's median. cameras:
    (N, 4), fx fy cx cy. samples: (N, M, 2), u v; sample_log_depth: (N, M), NaN where a sample is
    missing; sample_weight: (N, M). is_corner: (M,), the samples that can be recognised. patches:
    per level (N, M, K). depth_sigma: (N,), relative noise of the depth at the view's median. All
    float32. grid: of the depth corrections.
    """

    images: tuple[Tensor, ...]
    log_depth: Tensor
    filled_log_depth: Tensor
    weight: Tensor
    cameras: Tensor
    samples: Tensor
    sample_log_depth: Tensor
    sample_weight: Tensor
    is_corner: Tensor
    patches: tuple[Tensor, ...]
    depth_sigma: Tensor
    grid: CorrectionGrid

    def __len__(self) -> int:
        return len(self.cameras)

    @property
    def size(self) -> tuple[int, int]:
        """(h, w)."""
        height, width = self.log_depth.shape[-2:]
        return int(height), int(width)

    def basis(self, pixels: Tensor) -> Tensor:
        """(..., G) of the depth correction at pixels (..., 2)."""
        return self.grid.basis(pixels, self.size)


def load_views(
    keyframe_ids: Sequence[int],
    map_of: Callable[[int], KeyframeMap],
    config: GlobalAlignmentConfig,
    device: torch.device,
) -> Views:
    """All views in memory at the working size, which is the first one's: 2.5 MB at 320x240."""
    height, width = map_of(keyframe_ids[0]).depth.shape
    scale = min(1.0, config.width / width)
    size = (round(width * scale), round(height * scale))
    prepared = [_prepare(map_of(k), size, config) for k in keyframe_ids]
    images = torch.from_numpy(np.stack([p.gray for p in prepared]))[:, None].to(device)
    log_depth = torch.from_numpy(np.stack([p.log_depth for p in prepared]))[:, None].to(device)
    filled = torch.from_numpy(np.stack([_filled(p.log_depth) for p in prepared]))[:, None]
    samples = torch.from_numpy(np.stack([p.samples for p in prepared])).float().to(device)
    pyramid = _pyramid(images)
    corners = torch.arange(samples.shape[1], device=device) < config.corners
    weight = torch.from_numpy(np.stack([p.weight for p in prepared]))[:, None].to(device)
    return Views(
        tuple(_stacked(_with_derivatives(level)) for level in pyramid),
        log_depth,
        filled.to(device),
        weight,
        torch.from_numpy(np.stack([p.camera for p in prepared])).float().to(device),
        samples,
        torch.from_numpy(np.stack([p.sample_log_depth for p in prepared])).float().to(device),
        torch.from_numpy(np.stack([p.sample_weight for p in prepared])).to(device),
        corners,
        tuple(_patches(level, samples, number) for number, level in enumerate(pyramid)),
        torch.tensor([p.depth_sigma for p in prepared], device=device),
        CorrectionGrid(config.correction_columns, config.correction_rows),
    )


@dataclass(frozen=True, slots=True)
class _Prepared:
    gray: np.ndarray
    log_depth: np.ndarray
    weight: np.ndarray
    camera: np.ndarray
    samples: np.ndarray
    sample_log_depth: np.ndarray
    sample_weight: np.ndarray
    depth_sigma: float


def _prepare(
    source: KeyframeMap, size: tuple[int, int], config: GlobalAlignmentConfig
) -> _Prepared:
    intrinsics = source.intrinsics.resized(*size)
    gray = cv2.cvtColor(source.image, cv2.COLOR_RGB2GRAY)
    gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    depth = mask_unreliable(source.depth, EDGE_STEP)
    depth = cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST)
    weight = cv2.resize(source.weight, size, interpolation=cv2.INTER_NEAREST)
    believed = weight[depth > 0]
    middle = float(np.median(believed)) if len(believed) else 1.0
    weight = np.clip(weight / max(middle, 1e-12), 0, 2).astype(np.float32)
    usable = (depth > 0) & (weight > MIN_CONFIDENCE)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_depth = np.where(usable, np.log(depth), np.nan).astype(np.float32)
    samples, values = _choose_samples(gray, log_depth, config)
    typical = float(np.median(depth[usable])) if usable.any() else 1.0
    return _Prepared(
        gray,
        log_depth,
        weight,
        np.array([intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy]),
        samples,
        values,
        weight[tuple(samples.astype(int).T[::-1])],
        source.noise.sigma(typical) / typical,
    )


def _choose_samples(
    gray: np.ndarray, log_depth: np.ndarray, config: GlobalAlignmentConfig
) -> tuple[np.ndarray, np.ndarray]:
    """(M, 2) pixels and (M,) log depths: corners first, then a grid; missing ones are NaN deep."""
    height, width = gray.shape
    usable = np.isfinite(log_depth)
    usable[:BORDER] = usable[-BORDER:] = False
    usable[:, :BORDER] = usable[:, -BORDER:] = False
    found = cv2.goodFeaturesToTrack(
        gray, config.corners, 0.003, width / 45, mask=usable.astype(np.uint8), blockSize=5
    )
    corners = np.zeros((0, 2)) if found is None else found.reshape(-1, 2)
    columns = config.grid_columns
    rows = max(2, round(columns * height / width))
    u = np.rint(np.linspace(BORDER, width - 1 - BORDER, columns))
    v = np.rint(np.linspace(BORDER, height - 1 - BORDER, rows))
    grid = np.stack(np.meshgrid(u, v), -1).reshape(-1, 2)
    samples = np.full((config.corners + len(grid), 2), float(BORDER))
    samples[: len(corners)] = np.rint(corners)
    samples[config.corners :] = grid
    columns_of, rows_of = samples.astype(int).T
    values = np.where(usable[rows_of, columns_of], log_depth[rows_of, columns_of], np.nan)
    values[len(corners) : config.corners] = np.nan
    return samples, values.astype(np.float64)


def _filled(log_depth: np.ndarray) -> np.ndarray:
    """Holes with the value of the nearest pixel that is none; a map without any stays NaN."""
    known = np.isfinite(log_depth)
    if known.all() or not known.any():
        return log_depth
    _, label = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    value_of = np.zeros(label.max() + 1, np.float32)
    value_of[label[known]] = log_depth[known]
    return value_of[label]


def _pyramid(images: Tensor) -> list[Tensor]:
    levels = [images]
    for _ in range(LEVELS - 1):
        levels.append(torch.nn.functional.avg_pool2d(levels[-1], 2))
    return levels


def _with_derivatives(images: Tensor) -> Tensor:
    """(N, 3, h, w): intensity and central differences."""
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1), mode="replicate")
    du = 0.5 * (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2])
    dv = 0.5 * (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1])
    return torch.cat((images, du, dv), 1)


def patch_offsets(device: torch.device) -> Tensor:
    """(K, 2) float32: u v of a patch's pixels about its centre."""
    r = torch.arange(-PATCH_RADIUS, PATCH_RADIUS + 1, dtype=torch.float32, device=device)
    v, u = torch.meshgrid(r, r, indexing="ij")
    return torch.stack((u.flatten(), v.flatten()), -1)


def at_level(pixels: Tensor, level: int) -> Tensor:
    """Pixel positions of the full size in a level whose pixels are means of 2^level squared."""
    factor = 2.0**level
    return (pixels + 0.5) / factor - 0.5


def _stacked(images: Tensor) -> Tensor:
    """(C, N, h, w) of (N, C, h, w)."""
    return images.transpose(0, 1).contiguous()


def sample_images(images: Tensor, view: Tensor, pixels: Tensor) -> Tensor:
    """Bilinear values (C, n, k) of images (C, N, h, w), each row of its view (n,), at pixels
    (n, k, 2); edges are repeated.

    All views at once, as one tall image: a loop over them would be many small operations, for
    each of which another thread may hold the interpreter.
    """
    channels, count, height, width = images.shape
    u = pixels[..., 0].clamp(0, width - 1)
    v = pixels[..., 1].clamp(0, height - 1) + (view * height)[:, None]
    grid = torch.stack((u * (2 / (width - 1)) - 1, v * (2 / (count * height - 1)) - 1), -1)
    tall = images.reshape(1, channels, count * height, width)
    return torch.nn.functional.grid_sample(tall, grid[None], align_corners=True)[0]


def _patches(images: Tensor, samples: Tensor, level: int) -> Tensor:
    """(N, M, K) intensities of images (N, 1, h, w) about every sample."""
    count, number = samples.shape[:2]
    centres = at_level(samples, level).reshape(-1, 1, 2)
    view = torch.arange(count, device=samples.device).repeat_interleave(number)
    values = sample_images(_stacked(images), view, centres + patch_offsets(samples.device))
    return values[0].reshape(count, number, -1)

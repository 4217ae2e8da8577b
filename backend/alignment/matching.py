"""Finds a view's samples again in other views: where geometry says, then where they look alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mapper.backend.alignment.geometry import (
    Carried,
    Pairs,
    Picked,
    State,
    carry,
    corrected_log_depth,
    inside,
    project,
)
from mapper.backend.alignment.views import LEVELS, Views, at_level, patch_offsets, sample_images

CHUNK = 8192  # corners tracked at once: 30 MB
ITERATIONS = 4  # Lucas-Kanade steps at each level
# What follows decides little: on the walk that is named at alignment.SETTLED a correlation of 0.7
# or 0.9, or half the contrast, moved no keyframe by more than 1.5 mm and the error by 0.1 mm, half
# or twice the shift none by more than 0.1 mm.
MIN_CORRELATION = 0.8  # of the patches, mean and contrast taken off
MAX_SHIFT = 0.08  # of the image width: what looks alike further away is something else
MAX_LOG_DEPTH = 0.3  # further apart two depths are of different surfaces
MIN_CONTRAST = 0.02  # standard deviation of a patch's intensity


@dataclass(frozen=True, slots=True)
class Matches:
    """n samples of pairs of views, in the order of the pairs.

    picked: the sample and its two views. pixels: (n, 2), where in view j it was recognised, or
    where the others fell. found: (n,), those recognised. same_surface: (n,), those whose depth can
    be compared with view j's. ends: where the samples of each pair end; on the host, so that
    nothing waits for the device to say it.
    """

    picked: Picked
    pixels: Tensor
    found: Tensor
    same_surface: Tensor
    ends: tuple[int, ...]

    def part(self, start: int, end: int) -> Matches:
        """The matches of pairs start <= pair < end."""
        starts = (0, *self.ends)
        first, last = starts[start], starts[end]
        pair, m = self.picked.pair[first:last] - start, self.picked.m[first:last]
        return Matches(
            Picked(self.picked.pairs.part(start, end), pair, m),
            self.pixels[first:last],
            self.found[first:last],
            self.same_surface[first:last],
            tuple(e - first for e in self.ends[start:end]),
        )


def ends_of(picked: Picked) -> tuple[int, ...]:
    """How many samples there are up to each pair and with it."""
    counts = torch.bincount(picked.pair, minlength=len(picked.pairs))
    return tuple(counts.cumsum(0).tolist())


def match(views: Views, state: State, pairs: Pairs, levels: int = LEVELS) -> Matches:
    """Lucas-Kanade from the projected position, coarse to fine over `levels` levels.

    The patch is carried into the other view as a small plane at its depth that faces its own
    camera; the shift that remains is found by Gauss-Newton on intensities less their mean. Kept
    are the corners that were found, and the samples of the grid that fall into the image.
    Source: Baker and Matthews, IJCV 2004 (forward additive).
    """
    present = torch.isfinite(views.sample_log_depth)
    pair, m = torch.nonzero(present[pairs.i], as_tuple=True)
    picked = Picked(pairs, pair, m)
    carried = carry(views, state, picked)
    visible = inside(views, carried.pixels, carried.X_j)
    affine = _stretch(views, state, picked, carried)
    # A patch seen four times as large or as small is not the same patch any more.
    area = torch.linalg.det(affine).abs()
    corner = views.is_corner[m]
    tried = torch.nonzero(visible & corner & (area > 0.25) & (area < 4.0))[:, 0]
    pixels, found = carried.pixels.clone(), torch.zeros_like(visible)
    i, j = picked.i, picked.j
    for rows in tried.split(CHUNK) if len(tried) else ():
        search = _Search(i[rows], j[rows], m[rows], pixels[rows], affine[rows])
        pixels[rows], found[rows] = _track(views, search, levels)
    keep = found | (visible & ~corner)
    picked = Picked(pairs, pair[keep], m[keep])
    matches = Matches(picked, pixels[keep], found[keep], found[keep], ends_of(picked))
    return compared_at(views, state, matches)


def compared_at(views: Views, state: State, matches: Matches) -> Matches:
    """The same matches, with what their depths can be compared with at that state."""
    found, j = matches.found, matches.picked.j
    carried = carry(views, state, matches.picked)
    visible = torch.where(
        found, carried.X_j[:, 2] > 1e-3, inside(views, carried.pixels, carried.X_j)
    )
    pixels = torch.where(found[:, None], matches.pixels, carried.pixels)
    there = corrected_log_depth(views.log_depth, state, j, pixels, views.basis(pixels))
    apart = (carried.X_j[:, 2].clamp(min=1e-6).log() - there).abs()  # NaN where nothing is known
    return replace(matches, pixels=pixels, same_surface=visible & (apart < MAX_LOG_DEPTH))


@dataclass(frozen=True, slots=True)
class _Search:
    """Corners to find. i, j, m: (n,). start: (n, 2), in view j. affine: (n, 2, 2)."""

    i: Tensor
    j: Tensor
    m: Tensor
    start: Tensor
    affine: Tensor


def _stretch(views: Views, state: State, picked: Picked, carried: Carried) -> Tensor:
    """(n, 2, 2): how far a point of view j moves by a pixel along u and v of view i."""
    cameras_j = views.cameras[picked.j]
    columns = []
    for axis in (0, 1):
        step = carried.X_i[:, 2] / views.cameras[picked.i, axis]
        X_j = carried.X_j + carried.sR[:, :, axis] * step[:, None]
        columns.append(project(X_j, cameras_j, state.log_focal) - carried.pixels)
    return torch.stack(columns, -1)


def _track(views: Views, search: _Search, levels: int) -> tuple[Tensor, Tensor]:
    """(pixels (n, 2), whether each was found (n,))."""
    spread = patch_offsets(search.start.device) @ search.affine.transpose(1, 2)  # (n, K, 2)
    pixels = search.start
    for level in reversed(range(levels)):
        template = views.patches[level][search.i, search.m]
        for _ in range(ITERATIONS):
            centre = at_level(pixels, level)
            values = sample_images(views.images[level], search.j, centre[:, None] + spread)
            step, correlation = _step(template, values)
            pixels = pixels + step * 2.0**level
    _, width = views.size
    near = (pixels - search.start).norm(dim=-1) < MAX_SHIFT * width
    return pixels, near & (correlation > MIN_CORRELATION) & (template.std(-1) > MIN_CONTRAST)


def _step(template: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """The shift (n, 2) that brings values (3, n, K) closer to the template (n, K), and how alike
    the patches were before it (n,)."""
    intensity, du, dv = values - values.mean(-1, keepdim=True)
    wanted = template - template.mean(-1, keepdim=True)
    norm, norm_wanted = intensity.norm(dim=-1), wanted.norm(dim=-1)
    correlation = (intensity * wanted).sum(-1) / (norm * norm_wanted).clamp(min=1e-9)
    gain = (norm / norm_wanted.clamp(min=1e-9)).clamp(0.3, 3.0)
    residual = intensity - gain[:, None] * wanted
    uu, uv, vv = (du * du).sum(-1), (du * dv).sum(-1), (dv * dv).sum(-1)
    bu, bv = (du * residual).sum(-1), (dv * residual).sum(-1)
    damping = 0.01 * (uu + vv) + 1e-6
    uu, vv = uu + damping, vv + damping
    determinant = uu * vv - uv * uv
    step = -torch.stack((vv * bu - uv * bv, uu * bv - uv * bu), -1) / determinant[:, None]
    return step.clamp(-2, 2), correlation

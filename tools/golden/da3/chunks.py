"""Runs what golden files of DA3-Streaming's chunks record."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import torch
from reference.da3_streaming import kept_pairs, loop_ranges, optimised, without_duplicates
from torch import Tensor

from golden.recording import Golden
from mapper.core.geometry import inverse
from mapper.errors import InputError
from mapper.frontends.da3.chunks.alignment import (
    Overlap,
    Similarity,
    reweighted,
    scale_of_depths,
    similarity_of,
    threshold_of,
)
from mapper.frontends.da3.chunks.placing import placed_poses, world_points
from mapper.frontends.da3.chunks.ranges import chunk_ranges

FORMS: Final = {"sim3": "sim3", "se3": "se3", "scale_se3": "scale+se3"}
CHUNK_INPUTS: Final = ("chunk.",)


def run_chunks(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Alignments of neighbours by every recorded library and method, and where frames end up."""
    check_tables(golden)
    t = {name: tensor.numpy() for name, tensor in golden.tensors.items()}
    ranges = [(a, b) for a, b in golden.protocol["chunks"]]
    overlap = golden.protocol["overlap"]
    chunks = [
        {name: t[f"chunk.{k}.{name}"] for name in ("depth", "conf", "extrinsics", "intrinsics")}
        for k in range(len(ranges))
    ]
    pairs = [
        (part(a, slice(len(a["depth"]) - overlap, None)), part(b, slice(0, overlap)))
        for a, b in itertools.pairwise(chunks)
    ]
    for k in range(len(chunks)):
        if f"points.{k}" in t:
            shown = part(chunks[k], slice(0, len(t[f"points.{k}"])))
            yield f"points.{k}", torch.from_numpy(shown.points)
    yield "conf_threshold", torch.tensor([threshold_of(*pair) for pair in pairs])
    for recorded, kind in FORMS.items():
        for library in ("numpy", "numba"):
            fits = [fit(library, kind, pair) for pair in pairs]
            yield from parts(f"{library}.{recorded}", fits)
    fits = [similarity_of(*pair) for pair in pairs]
    along = [fits[0]]
    for each in fits[1:]:
        along.append(along[-1].after(each))
    yield from parts("accumulated", along)
    poses = [inverse(square(chunk["extrinsics"].astype(np.float64))) for chunk in chunks]
    identity = Similarity(1.0, np.eye(3), np.zeros(3))
    yield "c2w", torch.from_numpy(placed_poses(poses, [identity, *along], overlap))


def fit(library: str, kind: str, pair: tuple[Overlap, Overlap]) -> Similarity:
    """numpy fits a similarity again inside its loop where the scale was known before."""
    if (library, kind) != ("numpy", "scale+se3"):
        return similarity_of(*pair, kind)  # type: ignore[arg-type]
    earlier, later = pair
    sure = threshold_of(*pair)
    mask = (earlier.confidence > sure) & (later.confidence > sure)
    both = (earlier.confidence[mask] * later.confidence[mask]).astype(np.float64)
    scale = scale_of_depths(earlier.depth[mask], later.depth[mask], both)
    x, y = scale * later.points[mask].astype(np.float64), earlier.points[mask].astype(np.float64)
    found = reweighted(x, y, np.sqrt(both), True)
    return Similarity(scale, found.R, found.t)


def part(chunk: Mapping[str, np.ndarray], frames: slice) -> Overlap:
    depth = chunk["depth"][frames]
    T = inverse(square(chunk["extrinsics"][frames].astype(np.float64)))
    points = world_points(depth, chunk["intrinsics"][frames], T)
    return Overlap(points, depth, chunk["conf"][frames])


def square(T: np.ndarray) -> np.ndarray:
    result = np.broadcast_to(np.eye(4), (*T.shape[:-2], 4, 4)).copy()
    result[..., :3, :] = T[..., :3, :]
    return result


def parts(prefix: str, fits: list[Similarity]) -> Iterator[tuple[str, Tensor]]:
    yield f"{prefix}.s", torch.tensor([f.scale for f in fits])
    yield f"{prefix}.R", torch.from_numpy(np.stack([f.R for f in fits]))
    yield f"{prefix}.t", torch.from_numpy(np.stack([f.t for f in fits]))


def check_tables(golden: Golden) -> None:
    """InputError where a recorded choice is not ours."""

    def agreed(ours: object, expected: object) -> None:
        if ours != expected:
            raise InputError(f"{golden.path}: {ours}, recorded {expected}")

    for row in golden.sidecar.get("chunk_table", []):
        ranges = chunk_ranges(row["frames"], row["chunk_size"], row["overlap"])
        agreed([list(r) for r in ranges], row["chunks"])
    if loops := golden.sidecar.get("loop_table"):
        ours = loop_ranges(loops["chunks"], loops["pairs"], loops["half_window"])
        agreed(ours, loops["ranges"])
        agreed(without_duplicates(ours), loops["after_duplicates"])
    if nms := golden.sidecar.get("nms_table"):
        agreed(kept_pairs(nms["candidates"], nms["nms_threshold"]), nms["kept"])


def run_chunk_graph(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """The minimum of the graph over chunks."""
    t = {name: tensor.numpy() for name, tensor in golden.tensors.items()}

    def read(prefix: str) -> list[Similarity]:
        told = zip(t[f"{prefix}.s"], t[f"{prefix}.R"], t[f"{prefix}.t"], strict=True)
        return [Similarity(float(s), R, tr) for s, R, tr in told]

    sequential = read("sequential")
    ab = sequential[1].after(sequential[0].inverse())
    yield "ab.s", torch.tensor(ab.scale, dtype=torch.float64)
    yield "ab.R", torch.from_numpy(ab.R)
    yield "ab.t", torch.from_numpy(ab.t)
    found = optimised(sequential, list(zip(t["loop.pairs"].tolist(), read("loop"), strict=True)))
    yield from parts("optimised", found)
    yield from parts("optimised_float32", found)  # the same minimum, found to fewer digits

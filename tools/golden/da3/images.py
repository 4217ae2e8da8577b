"""Runs what golden files of Depth Anything 3's preprocessing record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from golden.recording import Golden
from mapper.errors import InputError
from mapper.frontends.da3.preprocess import as_tensor, preprocessed, sizes_of
from mapper.frontends.images import Layout

MIXED = {"target": 84, "fit": "upper_bound_resize"}  # as the batch of two sizes was made
PREPROCESS_INPUTS = ("raw.", "K_in.", "mixed.raw.", "mixed.K_in")


def run_preprocess(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Pixels and intrinsics of every recorded image; InputError for a size that is not ours."""
    check_sizes(golden)
    for row in golden.sidecar.get("rows", []):
        image = golden.tensors[row["raw"]].numpy()
        target, fit = row["process_res"], row["method"]
        pixels = preprocessed(image, target, fit)
        yield row["out"], torch.from_numpy(pixels)
        if "tensor" in row:
            yield row["tensor"], as_tensor(pixels)[0]
        if "intrinsics_in" in row:
            K = golden.tensors[row["intrinsics_in"]]
            layout = sizes_of(image.shape[1], image.shape[0], target, fit)
            yield row["intrinsics_out"], camera(K, image, layout)
    if "mixed.out" in golden.tensors:
        yield from mixed(golden.tensors)


def check_sizes(golden: Golden) -> None:
    for row in golden.sidecar.get("sizes", []):
        width, height = row["in_wh"]
        ours = sizes_of(width, height, row["process_res"], row["method"]).size
        if list(ours) != row["out_wh"]:
            raise InputError(f"{golden.path}: {row}, but ours is {list(ours)}")


def camera(K: Tensor, image: np.ndarray, layout: Layout) -> Tensor:
    """As published: no half pixel is thought of."""
    K = K.clone()
    K[0] *= layout.resized[0] / image.shape[1]
    K[1] *= layout.resized[1] / image.shape[0]
    K[0, 2] -= layout.offset[0]
    K[1, 2] -= layout.offset[1]
    return K


def mixed(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Images of several sizes in one call: all cut to the smallest sides."""
    raws = [tensors[name].numpy() for name in sorted(tensors) if name.startswith("mixed.raw.")]
    layouts = [sizes_of(raw.shape[1], raw.shape[0], **_mixed()) for raw in raws]
    width, height = (min(layout.size[axis] for layout in layouts) for axis in (0, 1))
    images, cameras = [], []
    for raw, layout, K in zip(raws, layouts, tensors["mixed.K_in"], strict=True):
        left, top = (layout.size[0] - width) // 2, (layout.size[1] - height) // 2
        pixels = preprocessed(raw, **_mixed())[top : top + height, left : left + width]
        images.append(as_tensor(pixels))
        cut = Layout(layout.resized, (layout.offset[0] + left, layout.offset[1] + top), (0, 0))
        cameras.append(camera(K, raw, cut))
    yield "mixed.out", torch.cat(images)
    yield "mixed.K_out", torch.stack(cameras)


def _mixed() -> dict[str, Any]:
    return dict(MIXED)

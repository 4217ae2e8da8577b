"""Runs what golden files of training data record: crops, rays, points, and all that is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from golden.recording import Golden
from mapper.errors import InputError
from mapper.frontends.cut3r.rays import ray_maps
from mapper.train.batch import points_of
from mapper.train.data.cropping import Crop
from mapper.train.data.rays import ShownShares, draw_shown
from mapper.train.data.sampling import BatchPlan, resized, stream3r_rows
from mapper.train.data.scene import View
from mapper.train.data.view_selection import ViewRule, choose_views

DATA_INPUTS: Final = ("ray.pose0", "ray.pose1", "ray.intrinsics", "unproject.depth")
CROPS: Final = tuple(f"case{number}.in." for number in range(100))
Draw = tuple[str, Any, Any]


def run_data(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Crops, the ray map and the points; raises InputError for draws that are not as recorded."""
    wrong = [f"{name} {ours}, recorded {theirs}" for name, ours, theirs in draws(golden.sidecar)
             if ours != theirs]  # fmt: skip
    if wrong:
        raise InputError(f"{golden.path}: {len(wrong)} draws differ, the first: {wrong[0]}")
    yield from _crops(golden)
    t = golden.tensors
    poses = torch.stack([t["ray.pose0"], t["ray.pose1"]])[None]
    K = t["ray.intrinsics"].expand(1, 2, 3, 3)
    height, width = t["ray.map"].shape[:2]
    yield "ray.map", ray_maps(poses, K, (height, width))[0, 1]
    points = points_of(t["unproject.depth"][None, None], K[:, 1:], poses[:, 1:])
    yield "unproject.pts3d", points[0, 0]


def _crops(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    t = golden.tensors
    for number, case in enumerate(golden.sidecar["crops"]):
        parts = [t.get(f"case{number}.in.{name}") for name in ("image", "depth", "intrinsics")]
        image, depth, K = parts
        if image is None or depth is None or K is None:  # packed files hold less
            continue
        view = View(image.numpy(), depth.numpy(), np.eye(4), K.double().numpy())
        width, height = case["resolution"]
        crop = Crop((width, height), case["aug_crop"])
        found = crop(view, np.random.default_rng(case["rng_seed"]))
        yield f"case{number}.out.image", torch.from_numpy(found.image.copy())
        yield f"case{number}.out.depth", torch.from_numpy(found.depth.copy())
        yield f"case{number}.out.intrinsics", torch.from_numpy(found.intrinsics).float()


def draws(sidecar: Mapping[str, Any]) -> Iterator[Draw]:
    """(name, ours, recorded) of all that is drawn by a recorded seed."""
    for of in sidecar["view_selection"]:
        yield "view_selection", _views(of), (of["positions"], of["ordered_video"])
    for of in sidecar["image_and_ray_masks"]:
        image, rays, _ = of["p"]
        rng = np.random.default_rng(of["seed"])
        for kind in ("metric", "not_metric"):
            count = len(of[kind])
            shown = draw_shown(count, kind == "metric", ShownShares(image, rays), rng)
            yield f"image_and_ray_masks {kind}", [list(each) for each in shown], of[kind]
    for of in sidecar["sampler"]:
        plan = BatchPlan(of["batch_size"], of["resolutions"], (of["min_views"], of["max_views"]))
        rows = [list(row) for row in plan.rows(of["samples"], of["epoch"])]
        yield "sampler", rows, of["index_resolution_views"]
    for of in sidecar["sampler_stream3r"]:
        pairs = stream3r_rows(of["samples"], of["resolutions"], of["batch_size"], of["epoch"])
        yield "sampler_stream3r", [list(pair) for pair in pairs], of["index_resolution"]
    for of in sidecar["resized"]:
        order = resized(of["dataset_length"], of["size"], of["epoch"])
        yield "resized", order, of["mapping"]


def _views(of: Mapping[str, Any]) -> tuple[list[int], bool]:
    rule = ViewRule(
        (1, of.get("max_interval", 25)),
        of.get("video_prob", 0.5),
        of.get("fix_interval_prob", 0.5),
        of.get("block_shuffle"),
        repeats=True,
    )
    rng = np.random.default_rng(of["seed"])
    chosen = choose_views(of["num_views"], of["start"], of["images"], rule, rng)
    return chosen.positions, chosen.in_order

"""Runs what golden files of Depth Anything 3 sequences record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from golden.recording import Golden
from mapper.errors import ConfigError, InputError
from mapper.frontends.da3.cameras import encoding_of, intrinsics_of, normalised_poses, poses_of
from mapper.frontends.da3.config import Da3Config
from mapper.frontends.da3.loading import without_shared
from mapper.frontends.da3.network import Asked, Da3, Da3Prediction, Da3Single
from mapper.frontends.da3.posed import fit_of, moved
from mapper.frontends.da3.preprocess import as_tensor
from mapper.vision.rotations import inverse_rigid

PREFIX = "model."
PIXELS = "in.raw_uint8"  # (B, S, H, W, 3), of packed recordings, which bring their images


def build(weights: Golden) -> Da3 | Da3Single:
    """The model of the sidecar's configuration with the recorded weights, loaded strictly."""
    if "config" not in weights.sidecar:
        raise InputError(f"{weights.path}: the sidecar has no config")
    tensors = {name.removeprefix(PREFIX): tensor for name, tensor in weights.tensors.items()}
    try:
        config = Da3Config.of(weights.sidecar["config"])
        model = (Da3 if config.sees_views else Da3Single)(config).eval().to(weights.device)
        model.load_state_dict(without_shared(tensors, weights.path), strict=True)
    except (ConfigError, RuntimeError) as error:
        raise InputError(f"{weights.path}: the weights do not fit the model ({error})") from error
    return model


def run_weights(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Strict loading, and every tensor read back under its own name."""
    ours = build(golden).state_dict()
    for name in golden.tensors:
        prefix = PREFIX if name.startswith(PREFIX) else ""
        yield name, ours[name.removeprefix(prefix)]


def run_inputs(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """The images, from the recorded pixels."""
    for name, pixels in golden.tensors.items():
        images = name.replace("raw_uint8", "images")
        if name != images and images in golden.tensors:
            yield images, torch.cat([as_tensor(image) for image in pixels])


@torch.inference_mode()
def run_sequence(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """All views of a sequence at once; every recorded tensor that we can name."""
    protocol = golden.protocol
    model = build(golden.beside(protocol["weights"]))
    inputs: Mapping[str, Tensor] = {}
    if PIXELS in golden.tensors:
        pixels = golden.tensors[PIXELS]
        images = torch.stack([torch.cat([as_tensor(view) for view in views]) for views in pixels])
    else:
        inputs = golden.beside(protocol["inputs"]).tensors
        images = chosen(inputs[protocol.get("images") or "images"], protocol)
    if isinstance(model, Da3Single):
        depth, sky = model(images.flatten(0, 1))
        ours = {"depth": depth.view(*images.shape[:2], *depth.shape[1:])}
        ours["sky"] = sky.view(ours["depth"].shape)
    else:
        ours = any_view(golden, model, images, inputs)
    for name, tensor in ours.items():
        if name in golden.tensors:
            yield name, tensor


def any_view(
    golden: Golden, model: Da3, images: Tensor, inputs: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    protocol, size = golden.protocol, (images.shape[-2], images.shape[-1])
    ours: dict[str, Tensor] = {}
    cameras = None
    if protocol.get("posed"):
        given = chosen(inputs[protocol["extrinsics"]], protocol)
        K = chosen(inputs[protocol["intrinsics"]], protocol)
        normal = normalised_poses(given) if protocol.get("normalise_extrinsics") else given
        cameras = encoding_of(inverse_rigid(normal), K, *size)
        ours |= {"extrinsics_norm": normal, "intrinsics_in": K}
        ours["cam_token_in"] = model.cam_enc(cameras)
    asked = Asked(protocol.get("ref_view_strategy") or "saddle_balanced", rays=True)
    raw = model(images, asked, cameras)
    ours |= outputs(raw, size, model.config.out_layers)
    if protocol.get("align"):
        ours |= aligned(raw, given, K)
    return ours


def outputs(raw: Da3Prediction, size: tuple[int, int], layers: tuple[int, ...]) -> dict[str, Any]:
    found = {
        "depth": raw.depth,
        "depth_conf": raw.confidence,
        "extrinsics": inverse_rigid(poses_of(raw.pose_encoding))[..., :3, :],
        "intrinsics": intrinsics_of(raw.pose_encoding, *size),
        "pose_enc": raw.pose_encoding,
        "ray": raw.rays,
        "ray_conf": raw.ray_confidence,
        "camera_token": raw.tapped.camera_tokens,
        "reference": raw.reference,
    }
    return found | {f"feats.{k}": raw.tapped.taps[layer] for k, layer in enumerate(layers)}


def aligned(raw: Da3Prediction, given: Tensor, K: Tensor) -> dict[str, Tensor]:
    """What the published interface returns of a posed run, for its one sequence."""
    told = np.linalg.inv(given[0].double().cpu().numpy())
    fit = fit_of(poses_of(raw.pose_encoding)[0].double().cpu().numpy(), told)
    return {
        "scale": torch.tensor(fit[0], dtype=torch.float64),
        "aligned.depth": (raw.depth[0] / fit[0]).float(),
        "aligned.extrinsics": given[0, :, :3],
        "aligned.intrinsics": K[0],
        "unscaled.extrinsics": torch.from_numpy(np.linalg.inv(moved(told, fit))),
    }


def chosen(values: Tensor, protocol: Mapping[str, Any]) -> Tensor:
    """(B, S, ...) of the recorded values, by the protocol's lists of frames."""
    sequences = protocol.get("sequences") or [list(range(len(values)))]
    if any(not 0 <= frame < len(values) for frames in sequences for frame in frames):
        raise InputError(f"sequences {sequences}: the recorded inputs have {len(values)}")
    return torch.stack([values[frames] for frames in sequences])

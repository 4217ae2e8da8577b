"""Runs what golden files of WinT3R's single parts record: units, images, its command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from golden.recording import Golden
from golden.wint3r_sequences import build, frame_outputs, images_of, stream
from mapper.frontends.layers.rope import Rope2D
from mapper.frontends.wint3r.camera_head import block_causal_mask
from mapper.frontends.wint3r.edges import depth_edges, kept_points
from mapper.frontends.wint3r.point_head import plane_coordinates
from mapper.frontends.wint3r.poses import pose_matrix, relative
from mapper.frontends.wint3r.positions import RotaryPrecision
from mapper.frontends.wint3r.preprocess import DEVIATION, MEAN, normalised, preprocessed
from mapper.frontends.wint3r.windows import StreamOptions
from mapper.vision.rotations import quaternion_of_rotation

UNIT_INPUTS: Final = ("pose.enc", "pose.E34", "edge.depth", "edge.mask", "rope.")
# The aspect ratios of the images that the recorded planes belong to.
PLANE_ASPECTS: Final = {"w5h3": 80 / 48, "w6h10": 48 / 80, "w32h24": 512 / 384}
BUDGET, MULTIPLE = 255_000, 14  # pixels, and what sides are a multiple of, in Pi3's loader
# The recorded run softened the last layer, or not one pixel would have passed the edge filter.
SOFTENED, SOFTENING = "pts_head.output_block.0.2.weight", 0.05
VERTEX: Final = np.dtype([("point", "<f4", 3), ("normal", "<f4", 3), ("colour", "u1", 3)])
HEADER_END: Final = b"end_header\n"


def run_units(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Rotary positions, masks, planes, poses, depth edges."""
    for name in golden.tensors:
        for pattern, unit in UNITS.items():
            if match := re.fullmatch(pattern, name):
                yield name, unit(match, golden.tensors)
    yield from _poses(golden.tensors)


def _rotary(match: re.Match[str], t: Mapping[str, Tensor]) -> Tensor:
    return _rotated(t[f"rope.{match[1]}.q"], t[f"rope.{match[1]}.pos"][0], match[2])


def _mask(match: re.Match[str], _: Mapping[str, Tensor]) -> Tensor:
    return block_causal_mask(int(match[1]), int(match[2] or 4))


def _plane(match: re.Match[str], _: Mapping[str, Tensor]) -> Tensor:
    width, height = int(match[2]), int(match[3])
    return plane_coordinates(height, width, PLANE_ASPECTS.get(match[1], width / height))


def _edges(match: re.Match[str], t: Mapping[str, Tensor]) -> Tensor:
    limits = {"rtol": (float(match[2]), None), "atol": (None, float(match[2]))}
    mask = t["edge.mask"] if match[3] else None
    return depth_edges(t["edge.depth"], *limits[match[1]], mask)


# What a tensor's name says was computed.
UNITS: Final[Mapping[str, Callable[[re.Match[str], Mapping[str, Tensor]], Tensor]]] = {
    r"rope\.(D\d+)\.out_(\w+)": _rotary,
    r"mask\.n(\d+)(?:_w(\d+))?": _mask,
    r"uv\.(w(\d+)h(\d+))": _plane,
    r"edge\.(rtol|atol)([\d.]+)(_masked)?": _edges,
}


def _rotated(query: Tensor, positions: Tensor, how: str) -> Tensor:
    """query (B, heads, n, D), in one of the recorded precisions."""
    head_dim = query.shape[-1]
    if how == "fp32":
        rope = Rope2D.at(positions, head_dim)
    elif how.endswith(RotaryPrecision.FALLBACK):
        rope = Rope2D.at(positions, head_dim, dtype=torch.float16)
    else:
        exact = Rope2D.at(positions, head_dim)
        rope = Rope2D(exact.cos, exact.sin, rounding=torch.float16)
    result = rope.rotate(query.transpose(1, 2)).transpose(1, 2)
    return result if how == "fp32" else result.half()


def _poses(t: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    if "pose.enc" in t:
        poses = t["pose.enc"]
        yield "pose.extri", pose_matrix(poses)[..., :3, :]
        yield "pose.relative_to_first", relative(poses[:, :1], poses)
        yield "pose.pairwise", _pairwise(poses)
    if "pose.E34" in t:
        T_world_camera = t["pose.E34"]
        quaternion_xyzw = quaternion_of_rotation(T_world_camera[..., :3])
        yield "pose.enc_from_E34", torch.cat([T_world_camera[..., 3], quaternion_xyzw], -1)


def _pairwise(poses: Tensor) -> Tensor:
    """(B, N, N, 7): entry (i, j) turns as pose j seen from camera i; the diagonal is exact.

    Its translation leads from j to i, the other way round than in `relative`, as recorded.
    """
    result = relative(poses[:, :, None], poses[:, None])
    result[..., :3].neg_()
    index = torch.arange(poses.shape[1], device=poses.device)
    result[:, index, index] = poses.new_tensor([0, 0, 0, 0, 0, 0, 1])
    return result


def run_preprocess(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Every recorded image at the network's size, and its values."""
    t = golden.tensors
    for name in t:
        if match := re.fullmatch(r"(pre\.\w+)\.src_u8", name):
            pixels = torch.from_numpy(preprocessed(t[name].numpy()).copy())
            yield f"{match[1]}.cropped_u8", pixels
            rows = normalised(pixels.permute(2, 0, 1) / 255)[:, [0, len(pixels) // 2, -1]]
            yield f"{match[1]}.norm_rows", rows
        elif match := re.fullmatch(r"pi3\.(\w+)\.u8", name):
            yield name, _within_budget(t[f"pre.{match[1]}.src_u8"].numpy())
    if "norm.ramp" in t:
        ramp = torch.arange(256, dtype=torch.uint8).expand(3, 1, 256) / 255
        recovered = recovered_colours(normalised(ramp))
        yield "norm.ramp", normalised(ramp)
        yield "norm.ramp_recovered", recovered
        yield "norm.ramp_recovered_trunc_u8", truncated(recovered)


def _within_budget(image: np.ndarray) -> Tensor:
    """The image at Pi3's size: multiples of 14, at most 255,000 pixels."""
    height, width = image.shape[:2]
    scale = (BUDGET / (width * height)) ** 0.5
    columns, rows = (round(side * scale / MULTIPLE) for side in (width, height))
    while columns * rows * MULTIPLE**2 > BUDGET:
        if columns / rows > width / height:
            columns -= 1
        else:
            rows -= 1
    size = (columns * MULTIPLE, rows * MULTIPLE)
    resized = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(resized).copy())


def recovered_colours(images: Tensor) -> Tensor:
    """Colours in [0, 1] of normalised images (..., 3, H, W), as the reference recovers them."""
    mean, deviation = (torch.tensor(each)[:, None, None] for each in (MEAN, DEVIATION))
    return (images * deviation + mean).clamp(0, 1)


def truncated(colours: Tensor) -> Tensor:
    """uint8, cut off and not rounded: some grey levels come out one too low, as published."""
    return (colours * 255).to(torch.uint8)


@torch.inference_mode()
def run_recon_cli(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """The cloud that the reference's command line writes, and its contact sheet.

    The recorded file is compared by its parts, which join the golden tensors: coordinates differ
    in their last bits, and bytes would not say by how much.
    """
    model = build(golden)
    model.get_parameter(SOFTENED).mul_(SOFTENING)
    images = images_of(golden)
    options = StreamOptions(precision=RotaryPrecision.FALLBACK)
    outputs = frame_outputs(stream(model, images, options).predictions)
    kept = kept_points(outputs["pts_local"][0, ..., 2])
    colours = truncated(recovered_colours(images[0])).permute(0, 2, 3, 1)
    points = outputs["pts3d_in_other_view"][0][kept]
    header, vertices = _read_ply(golden.tensors["ply_bytes"])
    golden.tensors["ply.header"] = header
    golden.tensors["ply.points"] = torch.from_numpy(vertices["point"].copy())
    golden.tensors["ply.normals"] = torch.from_numpy(vertices["normal"].copy())
    golden.tensors["ply.colours"] = torch.from_numpy(vertices["colour"].copy())
    yield "ply.header", _header(len(points), header)
    yield "ply.points", points
    yield "ply.normals", torch.zeros_like(points)
    yield "ply.colours", colours[kept]
    yield "png_rgb", _contact_sheet(colours)


def _read_ply(encoded: Tensor) -> tuple[Tensor, np.ndarray]:
    content = encoded.numpy().tobytes()
    end = content.index(HEADER_END) + len(HEADER_END)
    return encoded[:end], np.frombuffer(content, VERTEX, offset=end)


def _header(points: int, recorded: Tensor) -> Tensor:
    """The recorded header with our number of points."""
    text = recorded.numpy().tobytes().decode()
    text = re.sub(r"element vertex \d+", f"element vertex {points}", text)
    return torch.from_numpy(np.frombuffer(text.encode(), np.uint8).copy())


def _contact_sheet(images: Tensor) -> Tensor:
    """uint8 images (N, H, W, 3) in rows, nearly as many as there are columns; rest black."""
    count, height, width, _ = images.shape
    columns = int(count**0.5)
    rows = -(-count // columns)
    sheet = torch.zeros(rows * columns, height, width, 3, dtype=torch.uint8)
    sheet[:count] = images
    cells = sheet.reshape(rows, columns, height, width, 3).transpose(1, 2)
    return cells.reshape(rows * height, columns * width, 3)

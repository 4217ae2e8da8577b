"""Writes the small golden files of tests/golden from the full ones.

    python tools/pack_golden.py ../shared/golden tests/golden

A packed file holds some of the recorded tensors, unaltered; of maps, those of the last frames alone
where PACKED says so. A recording may bring the pixels that it is of, in place of a file of inputs.
Weights are packed as the draws that made them, exact to the last digit. check_golden.py runs packed
files as it runs full ones.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from golden.drawn_weights import generator, scaled
from golden.recording import Golden
from safetensors.torch import save_file
from torch import Tensor

FIRST_GAINS: Final = (0.1, 0.8, 1.3)  # of layers that were scaled once more afterwards
MAPS: Final = r"out\.(pts3d|conf|rgb).*"  # the dense outputs of a CUT3R recording
LOSS: Final = r"(in|out|grad)\..*"  # of a training loss, or of steps
WEIGHTS: Final = {  # generator and where the sidecar keeps its seed
    "cut3r/weights_tiny_dpt": ("torch", "seed"),
    "cut3r/weights_tiny_linear": ("torch", "seed"),
    "da3/da3_tiny_weights": ("torch", "seed"),
    "vggt/stream3r_tiny_weights": ("numpy", "weight_seed"),
    "vggt/streamvggt_tiny_weights": ("numpy", "weight_seed"),
    "wint3r/tiny_weights": ("torch", "weight_seed"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """What of a file is packed: the tensors whose names match `keep` and not `drop`; of those that
    match MAPS only the last `frames`, 0 = all. images: with the pixels that a recording of Depth
    Anything 3 is of, as in.raw_uint8."""

    keep: str = ".*"
    drop: str = ""
    frames: int = 0
    images: bool = False


# Of CUT3R's images the uint8 ones are enough; decoder layers before the last show in the last.
_SEQUENCE: Final = r"in\.img|dec\.[123]|out\.rgb|.*logits.*"
PACKED: Final[Mapping[str, Part]] = {
    # The state, its resets and the views that may not write; TTSA3R's and TTT3R's gates; frames
    # that have rays instead of an image, which no frontend shows but the network must know.
    "cut3r/cut3r_flags_dpt": Part(drop=_SEQUENCE, frames=3),
    "cut3r/cut3r_raymap_recurrent_dpt": Part(drop=_SEQUENCE, frames=1),
    "cut3r/ttsa3r_landscape_dpt": Part(drop=_SEQUENCE, frames=2),
    "cut3r/ttt3r_landscape_linear": Part(drop=r"in\.img", frames=1),
    "cut3r/geometry": Part(),
    "cut3r/global_alignment": Part(),
    "cut3r/preprocess_224": Part(keep=r"(nocrop224|out224)\.(exif6|rgba|small_landscape)"),
    "cut3r/preprocess_512": Part(keep=r"(raw|png)\.(exif6|rgba|small_landscape)|out512\.rgba"),
    "vggt/pose_encoding": Part(),
    "vggt/head_helpers": Part(),
    "vggt/unproject": Part(),
    "vggt/preprocess_eval_loader518": Part(),
    "vggt/preprocess_load_and_preprocess_images": Part(drop=r".*\.full"),
    "vggt/stream3r_tiny_inputs": Part(drop="square.*"),
    "vggt/stream3r_tiny_session_causal": Part(drop="world_points.*|tokens_last"),
    "vggt/stream3r_tiny_session_window": Part(drop="world_points.*|tokens_last|depth_conf"),
    "vggt/stream3r_tiny_batch_full": Part(keep="pose_enc.*"),
    "vggt/streamvggt_tiny_inputs": Part(),
    "vggt/streamvggt_tiny_stream": Part(
        drop="track_features|depth.*|tokens_last|world_points_conf"
    ),
    "vggt/streamvggt_tiny_batch": Part(keep="track|track_conf|vis"),
    "vggt/vggt_tiny_full": Part(keep="pose_enc.*|depth|track.*|vis", drop="track_features"),
    "vggt/eval_co3d": Part(),
    "vggt/eval_depth": Part(),
    "vggt/eval_relpose": Part(),
    "wint3r/stream11_online": Part(drop=r"in\.images_norm|detail\..*|ptshead.*|out\.pts3d.*"),
    "wint3r/stream11_online_kernelrope": Part(drop=r"out\.pts_local"),
    "wint3r/units": Part(),
    "wint3r/preprocess": Part(keep=r"norm\..*|pre\.300x90\..*"),
    # Two views that see each other, their cameras and both heads.
    "da3/da3_tiny_views2": Part(drop=r"feats.*|depth_conf|ray", images=True),
    # Each criterion once; the flags of CUT3R's samples, and its test criterion.
    "training/cut3r_loss_batchlist_flags": Part(keep=LOSS),
    "training/cut3r_loss_test": Part(keep=LOSS),
    "training/stream3r_loss_small": Part(keep=LOSS),
    "training/streamvggt_distill_eval": Part(keep=LOSS),
    "training/streamvggt_finetune": Part(keep=LOSS),
    "training/vggt_loss_points": Part(keep=LOSS),
    "training/wint3r_loss": Part(keep=LOSS),
    "training/stream3r_steps": Part(keep=LOSS),
    "training/cut3r_steps_dpt": Part(keep=LOSS),
    "training/cut3r_steps_long_linear": Part(drop=r"in\.sky_mask"),
    # A crop with a drawn margin, one of an image that must grow, rays and points.
    "training/data_pipeline": Part(keep=r"case[24]\..*|(ray|unproject)\..*"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    for name, part in PACKED.items():
        golden = Golden.open(options.source / f"{name}.json")
        write(options.target / name, packed(golden, part), dict(golden.sidecar))
    for name, (kind, seed) in WEIGHTS.items():
        golden = Golden.open(options.source / f"{name}.json")
        tensors, sidecar = as_draws(golden, kind, int(golden.sidecar[seed]))
        write(options.target / name, tensors, sidecar)
    size = sum(path.stat().st_size for path in options.target.rglob("*") if path.is_file())
    print(f"{options.target}: {size / 1e6:.1f} MB")


def packed(golden: Golden, part: Part) -> dict[str, Tensor]:
    """The tensors of a file that are packed."""
    found = {}
    for name, tensor in golden.tensors.items():
        if re.fullmatch(part.keep, name) and not re.fullmatch(part.drop, name):
            few = part.frames if re.fullmatch(MAPS, name) else 0
            found[name] = tensor[-few:].clone() if few else tensor
    if part.images:
        shown = golden.protocol["sequences"]
        pixels = golden.beside(golden.protocol["inputs"]).tensors["raw_uint8"]
        found["in.raw_uint8"] = torch.stack([pixels[views] for views in shown])
    return found


def as_draws(golden: Golden, kind: str, seed: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors that no draw explains, and the sidecar that says the others."""
    sidecar, tensors = dict(golden.sidecar), golden.tensors
    order = list(sidecar.pop("key_order", sidecar["tensors"]))
    draw = generator(kind, seed)
    entries: dict[str, dict[str, Any]] = {}
    stored, first = {}, dict[bytes, str]()
    for name in order:
        tensor = tensors[name]
        entry: dict[str, Any] = {"shape": list(tensor.shape)}
        same = first.setdefault(tensor.numpy().tobytes(), name)
        if same != name:
            entries[name] = entry | {"same_as": same}
            continue
        fitted = fit(draw(tuple(tensor.shape)), tensor)
        if fitted is None:
            stored[name] = tensor
        entries[name] = entry | (fitted or {})
    sidecar["tensors"] = entries
    sidecar["drawn"] = {"generator": kind, "seed": seed}
    return stored, sidecar


def fit(numbers: np.ndarray, tensor: Tensor) -> dict[str, Any] | None:
    """The steps by which the draws become the tensor to the last digit, if there are any."""
    if tensor.numel() < 3:  # any two numbers are scale and mean of two draws
        return None
    columns = np.stack([numbers.ravel().astype(float), np.ones(numbers.size)], 1)
    expected = tensor.double().numpy().ravel()
    scale, mean = (float(x) for x in np.linalg.lstsq(columns, expected, rcond=None)[0])
    for steps in ways(scale, tensor):
        entry = {"steps": steps, "mean": round(mean, 4)}
        if torch.equal(scaled(numbers, entry), tensor):
            return entry
    return None


def ways(scale: float, tensor: Tensor) -> Iterator[list[tuple[str, float]]]:
    """Steps that come to this scale: a number, one over the root of the inputs, in some order."""
    yield [("*", float(f"{scale:.4g}"))]
    for inputs in (tensor[0].numel(), len(tensor)):  # of a transposed convolution, the latter
        gain = float(f"{scale * inputs**0.5:.4g}")
        yield [("/", inputs), ("*", gain)]
        yield [("*", gain), ("/", inputs)]
        yield [("*", gain * inputs**-0.5)]
        for first in FIRST_GAINS:
            last = float(f"{scale * inputs**0.5 / first:.4g}")
            yield [("*", first * inputs**-0.5), ("*", last)]
            yield [("/", inputs), ("*", first), ("*", last)]


def write(path: Path, tensors: Mapping[str, Tensor], sidecar: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: t.contiguous() for name, t in tensors.items()}, f"{path}.safetensors")
    Path(f"{path}.safetensors").chmod(0o644)
    text = json.dumps(sidecar, separators=(",", ":"), sort_keys=False)
    Path(f"{path}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

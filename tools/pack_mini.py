"""Packs a training of a small network as a file that comes with the package: float16, one file.

    python tools pack_mini training/ mapper/weights/shipped/stream3r_mini.safetensors

The network's sizes and the licence stand in the file itself. What `mapper run` computes with is
these numbers in float32; the tool loads the file as the frontend does and says how far the largest
number moved. Prints checksum and size for mapper/weights/registry.py.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final

import torch

from mapper.errors import InputError, MapperError
from mapper.frontends.cut3r.loading import load_cut3r
from mapper.frontends.vggt.loading import STREAM3R, load_vggt
from mapper.runtime.atomic_files import atomic_write
from mapper.weights.checkpoint import CONFIG_KEY, Checkpoint, load_checkpoint
from mapper.weights.fetch import sha256

MOST_BYTES: Final = 12_000_000
LICENCE: Final = "Apache-2.0"


def pack(training: Path, target: Path) -> float:
    """The largest share of a number that was lost to float16. Raises InputError for a folder that
    is no training, numbers that float16 does not hold, and a file that would be too large."""
    from safetensors.torch import save

    checkpoint = load_checkpoint(training)
    tensors = _halved(checkpoint, training)
    metadata = {"format": "pt", "licence": LICENCE, CONFIG_KEY: json.dumps(checkpoint.config)}
    content = save(tensors, metadata)
    if len(content) > MOST_BYTES:
        raise InputError(f"{training}: {len(content):,} bytes packed, more than {MOST_BYTES:,}")
    with atomic_write(target, "wb") as file:
        file.write(content)
    assert checkpoint.config is not None
    of_cut3r = "enc_embed_dim" in checkpoint.config
    loaded = (load_cut3r(target) if of_cut3r else load_vggt(target, STREAM3R)).state_dict()
    return max(
        float(((loaded[name] - value.float()).abs() / value.abs().max().clamp(min=1e-12)).max())
        for name, value in checkpoint.tensors.items()
    )


def _halved(checkpoint: Checkpoint, training: Path) -> dict[str, torch.Tensor]:
    if checkpoint.config is None:
        raise InputError(f"{training}: has no config.json; give the --out of mapper train")
    tensors = {name: value.half().contiguous() for name, value in checkpoint.tensors.items()}
    lost = [name for name, value in tensors.items() if not bool(value.isfinite().all())]
    if lost:
        raise InputError(f"{training}: {lost[0]} has numbers that float16 does not hold")
    return tensors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("training", type=Path, help="--out of mapper train")
    parser.add_argument("target", type=Path, metavar="OUT.safetensors")
    arguments = parser.parse_args()
    try:
        moved = pack(arguments.training, arguments.target)
    except MapperError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{arguments.target}: {arguments.target.stat().st_size:,} bytes")
    print(f"  SHA-256 {sha256(arguments.target)}")
    print(f"  no number moved by more than {moved:.1e} of its tensor's largest")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes a checkpoint as safetensors: no pickle, mapped in an instant, readable anywhere."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from torch import Tensor

from mapper.errors import OutputError
from mapper.runtime.atomic_files import atomic_write
from mapper.weights.checkpoint import CONFIG_KEY, Checkpoint


def write_safetensors(checkpoint: Checkpoint, path: Path | str, source: str = "") -> None:
    """Writes all tensors and, as metadata, the sizes and the format that they came with.

    Raises OutputError if `path` has another ending or cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    path = Path(path)
    if path.suffix != ".safetensors":
        raise OutputError(f"{path}: give a name that ends in .safetensors")
    metadata = {"format": "pt", "source_format": checkpoint.format, "source_file": source}
    if checkpoint.model_text is not None:
        metadata["model_text"] = checkpoint.model_text
    if checkpoint.config is not None:
        metadata[CONFIG_KEY] = json.dumps(checkpoint.config)
    try:
        with atomic_write(path, "wb") as file:
            usual = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            save_file(_apart(checkpoint.tensors), file.name, metadata)
            os.chmod(file.name, usual)  # the library makes files that only their owner may read
    except SafetensorError as error:
        reason = " ".join(str(error).split())[:160]
        raise OutputError(f"cannot write {path} ({reason}); check the disk") from error


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, each with its own memory: the format knows no shared storage."""
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        address = tensor.untyped_storage().data_ptr()
        if address in seen and tensor.numel():
            tensor = tensor.clone()
        seen.add(address)
        apart[name] = tensor.contiguous()
    return apart

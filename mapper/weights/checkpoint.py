"""Reads checkpoints of every published container without running anything that is in them."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from mapper.errors import InputError
from mapper.weights.container import AGAIN, recognise
from mapper.weights.inert import only_inert_globals, stored_text

# Where trainers put the weights; of several the first. Averaged ones (EMA) come last.
INNER_NAMES: Final = ("model", "state_dict", "model_state_dict", "model_state", "weights") + (
    ("module", "net", "extractor", "model_ema", "ema", "ema_state_dict", "state_dict_ema")
)
NESTED: Final = 4  # as deep as weights are looked for
# What wraps a model puts before every name: data parallelism, compilation, a trainer of its own.
COMPILED: Final = "_orig_mod."
WRAPPERS: Final = ("module.", COMPILED, "net.", "model.")
TRAINING_COUNTERS: Final = (
    ("epoch_fraction", "train_total_samples", "train_total_images")  # STream3R's
    + ("n_averaged",)  # torch.optim.swa_utils
)
CONFIG_KEY: Final = "config"  # of a safetensors file's metadata
FOLDER_FILES: Final = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "checkpoints.pth",
    "model.pt",
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a file by name, on the CPU, without prefixes that a trainer added.

    model_text: the stored constructor expression, where there is one; see parse_model_text
    format: torch-zip, torch-legacy or safetensors; with -sharded behind it where it is in parts
    config: the content of the config.json beside the weights of a Hugging Face folder, or stored
        in the file itself, as in those that come with this package
    """

    tensors: dict[str, Tensor]
    model_text: str | None
    format: str
    config: dict[str, Any] | None = None


def load_checkpoint(path: Path | str) -> Checkpoint:
    """Reads a .pth, .pt, .bin, .ckpt or .safetensors file, or a Hugging Face folder.

    The content decides, not the ending. Large files are mapped, not read. Raises InputError, in
    one line with a remedy, for whatever is not a checkpoint or holds more than data.
    """
    path = Path(path)
    container = recognise(path)
    if container == "folder":
        return _load_folder(path)
    if container == "index":
        return _load_folder(path.parent, path)
    if container == "safetensors":
        return _load_safetensors(path)
    content = _unpickle(path, mapped=container == "torch-zip")
    text = stored_text(content.get("args"), "model") if isinstance(content, Mapping) else None
    return Checkpoint(_clean(_tensors_in(content, path), path), text, container)


def add_state_decoder(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of CUT3R with dec_blocks_state*, which old files lack, copied from dec_blocks*.

    Other sets of tensors, and complete ones, come back as they are.
    """
    if any(name.startswith("dec_blocks_state") for name in tensors):
        return tensors
    copies = {
        name.replace("dec_blocks", "dec_blocks_state", 1): tensor
        for name, tensor in tensors.items()
        if name.startswith("dec_blocks")
    }
    return {**tensors, **copies}


def _unpickle(path: Path, mapped: bool) -> Any:
    try:
        with only_inert_globals(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if path.suffix == ".safetensors":  # torch.load would go by the name, not the content
                with path.open("rb") as file:
                    return torch.load(file, map_location="cpu", weights_only=True)
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except MemoryError as error:
        raise InputError(f"{path}: does not fit into memory") from error
    except Exception as error:  # a hostile or damaged pickle can raise anything at all
        raise InputError(f"{path}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Why the reader stopped, and the remedy, in one line."""
    text = " ".join(str(error).split())
    foreign = re.search(r"GLOBAL ([\w.]+)", text)
    if foreign:
        return (
            f"refused, nothing in it was run: beside tensors it holds {foreign[1]}, which could "
            "run code; use a file with weights only, from the authors' page"
        )
    if "Unsupported operand" in text:
        return (
            "refused, nothing in it was run: it has pickle instructions beyond those of plain "
            "checkpoints; save it again as torch.save does by default, or use the published file"
        )
    if "reduce for unrecognized" in text or "Can only" in text:
        return (
            "refused, nothing in it was run: it holds more than tensors and plain values; "
            "use a file with weights only, from the authors' page"
        )
    if "magic number" in text:
        return "a pickle, but not one of PyTorch; give the file of weights"
    return f"the file is cut off or damaged ({type(error).__name__}); {AGAIN}"


def _tensors_in(content: Any, path: Path) -> dict[str, Tensor]:
    """The named tensors in a pickled object, inside a name of INNER_NAMES where one exists."""
    for _ in range(NESTED):
        inner = [
            content[name]
            for name in INNER_NAMES
            if isinstance(content, Mapping) and isinstance(content.get(name), Mapping)
        ]
        if not inner:
            break
        content = inner[0]
    tensors = {
        name: tensor.detach()
        for name, tensor in (content.items() if isinstance(content, Mapping) else ())
        if isinstance(name, str) and isinstance(tensor, Tensor)
    }
    if not tensors:
        raise InputError(f"{path}: holds no named tensors; give the file of weights")
    return tensors


def _clean(tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Without the prefixes of what wrapped the model, where all names have them."""
    inner = {name: tensors[name] for name in tensors if name not in TRAINING_COUNTERS}
    while prefix := next((p for p in WRAPPERS if inner and _all_begin(inner, p)), None):
        tensors = inner = {name.removeprefix(prefix): value for name, value in inner.items()}
    # Parts of a model may have been compiled alone.
    tensors = {name.replace(COMPILED, ""): value for name, value in tensors.items()}
    for name, tensor in tensors.items():
        if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta:
            raise InputError(f"{path}: {name} is not a plain tensor; give the original weights")
    return tensors


def _all_begin(tensors: Mapping[str, Tensor], prefix: str) -> bool:
    return all(name.startswith(prefix) for name in tensors)


def _load_safetensors(path: Path) -> Checkpoint:
    tensors, metadata = _safetensors(path)
    config = _stored_config(metadata)
    return Checkpoint(_clean(tensors, path), metadata.get("model_text"), "safetensors", config)


def _stored_config(metadata: Mapping[str, str]) -> dict[str, Any] | None:
    """The network's sizes where the file has them; another's text of that name says nothing."""
    try:
        config = json.loads(metadata.get(CONFIG_KEY, "null"))
    except ValueError:
        return None
    return config if isinstance(config, dict) else None


def _safetensors(path: Path) -> tuple[dict[str, Tensor], Mapping[str, str]]:
    """Tensors by their stored names, and the text beside them."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: the file is cut off or damaged ({reason}); {AGAIN}") from error
    if not tensors:
        raise InputError(f"{path}: holds no tensors; {AGAIN}")
    return tensors, metadata


def _load_folder(folder: Path, index: Path | None = None) -> Checkpoint:
    """A folder as Hugging Face lays it out: config.json, and the weights whole or in parts.

    index: of the parts, where that very file was given.
    """
    found = [folder / name for name in FOLDER_FILES if (folder / name).is_file()]
    found = found if index is None else [index]
    if not found:
        raise InputError(
            f"{folder}: a folder without weights ({', '.join(FOLDER_FILES)}); give the file itself"
        )
    config_path = folder / "config.json"
    config = _read_json(config_path) if config_path.is_file() else None
    if found[0].name.endswith(".index.json"):
        tensors, kind = _load_parts(found[0])
        return Checkpoint(tensors, None, f"{kind}-sharded", config)
    whole = load_checkpoint(found[0])
    return Checkpoint(whole.tensors, whole.model_text, whole.format, config)


def _load_parts(index: Path) -> tuple[dict[str, Tensor], str]:
    """The tensors of all files that an index names, which must all be there, and their format."""
    places = _read_json(index).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise InputError(f"{index}: has no weight_map; {AGAIN}")
    tensors: dict[str, Tensor] = {}
    kind = ""
    for part in sorted({str(part) for part in places.values()}):
        if Path(part).name != part:
            raise InputError(f"{index}: names {part!r}, which is not a file beside it; {AGAIN}")
        found, kind = _load_part(index.parent / part)
        tensors.update(found)
    missing = sorted(set(places) - set(tensors))
    if missing:
        raise InputError(
            f"{index}: {len(missing)} tensors are missing, {missing[0]} first; {AGAIN}"
        )
    return _clean({name: tensors[name] for name in places}, index), kind


def _load_part(path: Path) -> tuple[dict[str, Tensor], str]:
    """The tensors of one part by the names that the index has, and its format."""
    container = recognise(path)
    if container == "safetensors":
        return _safetensors(path)[0], container
    if container in ("folder", "index"):
        raise InputError(f"{path}: a part of the weights should be here; {AGAIN}")
    return _tensors_in(_unpickle(path, mapped=container == "torch-zip"), path), container


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON; {AGAIN}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a JSON object; {AGAIN}")
    return content

"""mapper weights: list, fetch, verify and convert the weights of learned frontends."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapper.errors import InputError

if TYPE_CHECKING:
    from mapper.weights.checkpoint import Checkpoint
    from mapper.weights.registry import Weights

EPILOG = """examples:
  mapper weights list
  mapper weights fetch cut3r-512-dpt
  mapper weights fetch da3-small --commercial
  mapper weights verify downloads/cut3r_512_dpt_4_64.pth
  mapper weights convert cut3r_512_dpt_4_64.pth cut3r.safetensors

Weights are kept in $MAPPER_WEIGHTS, or in ~/.cache/mapper/weights. Only fetch uses the network.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    everywhere = argparse.ArgumentParser(add_help=False)
    everywhere.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print results as JSON"
    )

    def action(name: str, text: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=text, description=text, parents=[everywhere])

    action("list", "published weights, and which of them are on this machine")
    fetch = action("fetch", "download published weights")
    fetch.add_argument("name", metavar="NAME", help="as mapper weights list shows it")
    fetch.add_argument(
        "--accept-licence", action="store_true", help="do not ask; for scripts that may accept it"
    )
    fetch.add_argument(
        "--commercial", action="store_true", help="refuse what is for non-commercial use"
    )
    verify = action(
        "verify", "read weights, without running anything in them, and say what they are"
    )
    verify.add_argument("weights", metavar="NAME|PATH")
    convert = action("convert", "write a checkpoint as safetensors")
    convert.add_argument("source", type=Path, metavar="PATH")
    convert.add_argument("target", type=Path, metavar="OUT.safetensors")
    convert.add_argument("--overwrite", action="store_true", help="replace an existing file")


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    actions = {"list": _list, "fetch": _fetch, "verify": _verify, "convert": _convert}
    result, lines = actions[arguments.action](arguments)
    print(json.dumps(result) if arguments.json else "\n".join(lines))
    return 0


def _list(_: argparse.Namespace) -> tuple[Any, list[str]]:
    from mapper.weights.registry import REGISTRY, find_file, weights_folder

    rows = [("NAME", "MODEL", "SIZE", "LICENCE", "FOUND")]
    result = []
    for entry in REGISTRY:
        path = find_file(entry)
        size = _readable(entry.size) if entry.size else "unknown"
        rows.append((entry.name, entry.model, size, entry.licence, str(path or "no")))
        result.append(
            {
                "name": entry.name,
                "model": entry.model,
                "file": entry.file,
                "size": entry.size,
                "sha256": entry.sha256,
                "licence": entry.licence,
                "commercial": entry.is_commercial,
                "doubt": entry.doubt or None,
                "source": entry.source,
                "page": entry.page,
                "source_verified": entry.verified,
                "path": str(path) if path else None,
            }
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines += ["", "published at:"]
    for entry in REGISTRY:
        doubt = "" if entry.verified else "  (not confirmed by its authors' pages)"
        lines.append(f"  {entry.name.ljust(widths[0])}  {entry.page}{doubt}")
    for doubt in dict.fromkeys(entry.doubt for entry in REGISTRY if entry.doubt):
        names = ", ".join(entry.name for entry in REGISTRY if entry.doubt == doubt)
        lines += ["", f"{names}: {doubt}"]
    lines += ["", f"weights folder: {weights_folder()}"]
    return result, lines


def _fetch(arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    from mapper.weights.fetch import fetch
    from mapper.weights.registry import find_file, published

    entry = published(arguments.name)
    if arguments.commercial and not entry.is_commercial:
        raise InputError(f"--commercial: {entry.name} is published under {entry.licence}")
    path = find_file(entry)
    if path is not None:
        return _fetched(entry, path), [f"{entry.name} is here already: {path}"]
    _settle_licence(entry, arguments.accept_licence)
    path = fetch(entry)
    checked = "checksum as recorded" if entry.sha256 else "no checksum is known for it"
    return _fetched(entry, path), [f"{path} ({_readable(path.stat().st_size)}, {checked})"]


def _readable(size: int) -> str:
    """Bytes in words."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


def _fetched(entry: Weights, path: Path) -> dict[str, str]:
    return {"name": entry.name, "path": str(path), "licence": entry.licence}


def _settle_licence(entry: Weights, accepted: bool) -> None:
    """Shows the licence of weights once, and goes on only if it is accepted."""
    from mapper.weights.fetch import accept_licence, licence_accepted

    if licence_accepted(entry):
        return
    print(f"{entry.name}: {entry.licence}\n  terms: {entry.page}", file=sys.stderr)
    if entry.doubt:
        print(f"  disputed: {entry.doubt}", file=sys.stderr)
    if not accepted:
        if not sys.stdin.isatty():
            raise InputError(
                f"the licence of {entry.name} is not accepted yet; read it, then add "
                "--accept-licence"
            )
        print("accept these terms? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise InputError(f"the licence of {entry.name} was not accepted; nothing was fetched")
    accept_licence(entry)


def _verify(arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    from mapper.weights.checkpoint import add_state_decoder, load_checkpoint
    from mapper.weights.identify import check_model, differences, identify, looks_like

    entry, path = _entry_and_path(arguments.weights)
    checkpoint = load_checkpoint(path)
    tensors = checkpoint.tensors
    signature = identify(tensors)
    if signature is None or not signature.digest:
        what = f"it looks like {signature.title}" if signature else f"{len(tensors)} tensors"
        raise InputError(f"{path}: not weights of a model that mapper runs ({what})")
    if entry is not None and not _is_shipped(entry):
        check_model(tensors, entry.model, path)
    if "cut3r" in signature.models:
        tensors = add_state_decoder(tensors)
    wrong = [] if _is_shipped(entry) else differences(tensors, signature)
    if wrong:
        more = f" (and {len(wrong) - 1} more parts)" if len(wrong) > 1 else ""
        raise InputError(f"{path}: {looks_like(tensors)}; {wrong[0]}{more}")
    broken = [name for name, tensor in tensors.items() if not _finite(tensor)]
    if broken:
        raise InputError(
            f"{path}: {len(broken)} tensors hold values that are not finite, {broken[0]} first; "
            "download it again"
        )
    count = signature.parameters
    if _is_shipped(entry):
        count = sum(tensor.numel() for tensor in tensors.values())
    return _verdict(entry, path, checkpoint, signature.title, count)


def _is_shipped(entry: Weights | None) -> bool:
    """Of sizes of its own: what it is its checksum says."""
    return entry is not None and entry.source == "shipped"


def _entry_and_path(choice: str) -> tuple[Weights | None, Path]:
    from mapper.weights.fetch import by_hand
    from mapper.weights.registry import REGISTRY, find_file

    entry = next((entry for entry in REGISTRY if entry.name == choice), None)
    if entry is None or Path(choice).exists():
        return None, Path(choice)
    path = find_file(entry)
    if path is None:
        raise InputError(
            f"{choice}: not here; run mapper weights fetch {choice}, or {by_hand(entry)}"
        )
    return entry, path


def _verdict(
    entry: Weights | None, path: Path, checkpoint: Checkpoint, title: str, parameters: int
) -> tuple[Any, list[str]]:
    from mapper.weights.fetch import matches_record

    kinds = sorted(
        {str(tensor.dtype).removeprefix("torch.") for tensor in checkpoint.tensors.values()}
    )
    same = matches_record(entry, path) if entry and path.name == entry.file else None
    result = {
        "path": str(path),
        "model": title,
        "tensors": len(checkpoint.tensors),
        "parameters": parameters,
        "dtypes": kinds,
        "format": checkpoint.format,
        "matches_record": same,
    }
    lines = [
        f"{path}: {title}, complete",
        f"  {len(checkpoint.tensors)} tensors, {parameters:,} parameters, {', '.join(kinds)}, "
        f"{checkpoint.format}",
    ]
    if same is not None:
        lines.append(
            f"  size and checksum {'as recorded' if same else 'differ from those recorded'}"
        )
    return result, lines


def _finite(tensor: Any) -> bool:
    """Whether all values are finite; NaN and infinity outlast a sum, which is faster to take."""
    if not tensor.is_floating_point() or tensor.float().sum().isfinite():
        return True
    return bool(tensor.isfinite().all())


def _convert(arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    from mapper.runtime.existing_files import make_way
    from mapper.weights.checkpoint import load_checkpoint
    from mapper.weights.convert import write_safetensors
    from mapper.weights.identify import looks_like

    target: Path = arguments.target
    make_way(target, arguments.overwrite)
    checkpoint = load_checkpoint(arguments.source)
    write_safetensors(checkpoint, target, arguments.source.name)
    model = looks_like(checkpoint.tensors)
    result = {"path": str(target), "tensors": len(checkpoint.tensors), "model": model}
    return result, [f"{target}: {len(checkpoint.tensors)} tensors ({model or 'unknown model'})"]

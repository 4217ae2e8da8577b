"""What kind of file a checkpoint is, told from its content; clear words for what is none."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final, Literal

from mapper.errors import InputError

Container = Literal["torch-zip", "torch-legacy", "safetensors", "folder", "index"]

AGAIN: Final = "delete it and download it again (mapper weights list shows from where)"
MAX_SAFETENSORS_HEADER: Final = 100_000_000  # bytes; the limit of the safetensors library


def recognise(path: Path) -> Container:
    """The container at `path`; InputError if it is missing, empty, cut off or of another kind."""
    try:
        if path.is_dir():
            return "folder"
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(512)
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: no such file; check the path, or see mapper weights list"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    if size == 0:
        raise InputError(f"{path}: the file is empty; {AGAIN}")
    if head.startswith(b"PK\x03\x04"):
        _check_zip(path)
        return "torch-zip"
    # Before pickles: a header's length may begin with the byte that a pickle begins with.
    length = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 2 <= length <= MAX_SAFETENSORS_HEADER:
        if 8 + length > size:
            raise InputError(f"{path}: the file is cut off after {size} bytes; {AGAIN}")
        return "safetensors"
    if head.lstrip()[:1] == b"{" and path.name.endswith(".index.json"):
        return "index"
    if head[:1] == b"\x80":  # the first instruction of a pickle: its protocol
        return "torch-legacy"
    raise InputError(f"{path}: {_describe(head)}")


def _check_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"{path}: the file is cut off or damaged (its directory, which stands at the end, "
            f"cannot be read); {AGAIN}"
        ) from error
    if not any(name.endswith("/data.pkl") for name in names):
        raise InputError(
            f"{path}: a zip archive, but not of PyTorch; unpack it and give the file inside"
        )
    if any(name.endswith("/constants.pkl") for name in names):
        raise InputError(
            f"{path}: a TorchScript program, which would run code; give the file of weights"
        )


def _describe(head: bytes) -> str:
    """What a file is that is no checkpoint, and the remedy."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<"):
        return f"a web page, not weights: the download failed; {AGAIN}"
    if start.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS, not the weights themselves; fetch them with git lfs pull"
    if start.startswith((b"{", b"[")):
        return f"a text file, not weights: perhaps the answer of a server; {AGAIN}"
    if start.startswith((b"\x1f\x8b", b"7z\xbc\xaf", b"rar!", b"\xfd7zxz", b"bzh")):
        return "a compressed archive; unpack it and give the file inside"
    return (
        "not what a .pth, .pt, .bin, .ckpt or .safetensors file begins with; give one of those, or "
        f"if it should be one: {AGAIN}"
    )

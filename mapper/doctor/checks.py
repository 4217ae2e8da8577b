"""What this machine can do, and the remedy for what it cannot."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final, Literal

from mapper.errors import MapperError
from mapper.runtime.distributions import how_to_install
from mapper.runtime.terminal import RED, YELLOW, coloured

Status = Literal["ok", "missing", "warning"]

MIN_PYTHON: Final = (3, 11)
MIN_MEMORY_GB: Final = 4.0
MIN_DISK_GB: Final = 2.0
MARKS: Final = {"ok": "ok", "missing": "MISSING", "warning": "warning"}
COLOURS: Final = {"missing": RED, "warning": YELLOW}
WEIGHT_PATTERNS: Final = ("*.safetensors", "*.pth", "*.pt", "*.bin")
IMAGE_TYPES: Final = (".jpg", ".png", ".webp")


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. status "missing" means that mapping will not work; "warning" that it will.

    remedy: what to type or do; empty where all is well.
    """

    name: str
    status: Status
    detail: str
    remedy: str = ""


def diagnose() -> list[Check]:
    """All findings, each from a real trial rather than from a version number where one is cheap."""
    trials: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("python", _python),
        ("torch", _torch),
        ("open3d", _open3d),
        ("gtsam", _gtsam),
        ("opencv", _opencv),
        ("images", _images),
        ("video", _video),
        ("numba", _numba),
        ("rerun", _rerun),
        ("evo", lambda: _package("evo", "evo", "missing", "")),
        ("attention", _attention),
        ("weights", _weights),
        ("cores", _cores),
        ("memory", _memory),
        ("disk", _disk),
    )
    return [*(_tried(name, trial) for name, trial in trials), *_plugins()]


def print_doctor() -> bool:
    """Prints the findings in columns; True if everything that mapping needs works."""
    checks = diagnose()
    names = max(len(check.name) for check in checks)
    marks = max(len(mark) for mark in MARKS.values())
    for check in checks:
        mark = f"{MARKS[check.status]:<{marks}}"
        if check.status in COLOURS:
            mark = coloured(mark, COLOURS[check.status], sys.stdout)
        print(f"{check.name:<{names}}  {mark}  {check.detail}")
        if check.remedy:
            print(f"{'':<{names}}  {'':<{marks}}  -> {check.remedy}")
    missing = [check.name for check in checks if check.status == "missing"]
    print(f"\nnot ready: {', '.join(missing)}" if missing else "\nready to map")
    return not missing


def _tried(name: str, trial: Callable[[], Check]) -> Check:
    """The trial's finding, or its failure as one: a doctor does not crash on a sick machine."""
    try:
        return trial()
    except MapperError as error:
        return Check(name, "missing", "does not load", str(error))
    except ImportError as error:
        remedy = how_to_install(error.name) or "reinstall it"
        return Check(name, "missing", _one_line(error), remedy)
    except Exception as error:  # whatever a broken library throws is the finding
        return Check(name, "missing", f"{type(error).__name__}: {_one_line(error)}", "reinstall it")


def _python() -> Check:
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < MIN_PYTHON:
        return Check("python", "missing", detail, "use Python 3.11 or later")
    return Check("python", "ok", detail)


def _torch() -> Check:
    import torch

    if torch.cuda.is_available():
        index = torch.cuda.current_device()
        memory = torch.cuda.get_device_properties(index).total_memory / 2**30
        device = f"cuda: {torch.cuda.get_device_name(index)}, {memory:.0f} GB"
    elif torch.backends.mps.is_available():
        device = "mps"
    else:
        detail = f"{torch.__version__}, cpu only"
        return Check("torch", "warning", detail, "learned frontends need a GPU to be fast")
    return Check("torch", "ok", f"{torch.__version__}, {device}")


def _open3d() -> Check:
    from mapper.runtime.open3d_loader import load_open3d

    return Check("open3d", "ok", str(load_open3d().__version__))


def _gtsam() -> Check:
    import gtsam

    gtsam.Pose3()
    return Check("gtsam", "ok", _version("gtsam"))


def _opencv() -> Check:
    import cv2

    return Check("opencv", "ok", cv2.__version__)


def _images() -> Check:
    """Encodes and decodes a small image in each format."""
    import cv2
    import numpy as np

    image = np.full((16, 16, 3), 128, np.uint8)
    broken = []
    for kind in IMAGE_TYPES:
        encoded, content = cv2.imencode(kind, image)
        if not encoded or cv2.imdecode(content, cv2.IMREAD_COLOR) is None:
            broken.append(kind[1:])
    if broken:
        remedy = "pip install --force-reinstall opencv-python-headless"
        return Check("images", "missing", f"cannot read or write {', '.join(broken)}", remedy)
    return Check("images", "ok", ", ".join(kind[1:] for kind in IMAGE_TYPES))


def _video() -> Check:
    """Writes a short mp4 and reads it back."""
    import cv2
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "trial.mp4")
        writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), 30.0, (64, 48))
        for level in (0, 80, 160):
            writer.write(np.full((48, 64, 3), level, np.uint8))
        writer.release()
        capture = cv2.VideoCapture(path)
        count = 0
        while capture.read()[0]:
            count += 1
        capture.release()
    if count != 3:
        remedy = "turn videos into image folders, or reinstall opencv-python-headless"
        return Check("video", "warning", f"mp4: {count} of 3 frames came back", remedy)
    return Check("video", "ok", "mp4 (mp4v) written and read")


def _numba() -> Check:
    """Where compiled kernels are kept, which numba itself decides and NUMBA_CACHE_DIR changes."""
    import numba

    from mapper.core.depth_noise import depth_sigma

    folder = depth_sigma.stats.cache_path
    if folder is None or not os.access(folder, os.W_OK):
        remedy = "set NUMBA_CACHE_DIR to a writable folder, or each start compiles anew"
        return Check("numba", "warning", f"{numba.__version__}, cache not writable", remedy)
    return Check("numba", "ok", f"{numba.__version__}, cache in {folder}")


def _rerun() -> Check:
    import rerun

    return Check("rerun", "ok", rerun.__version__)


def _attention() -> Check:
    """Which kernel attends to what stream3r remembers: the one that solves a small problem."""
    import torch

    if not torch.cuda.is_available():
        return Check("attention", "ok", "the CPU's own")
    from mapper.frontends.vggt.cache.gpu_kernels import first_that_works

    device = torch.device("cuda", torch.cuda.current_device())
    half = torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
    found = first_that_works(device, half)
    if found is None:
        remedy = "stream3r will be slow: reinstall PyTorch for this GPU"
        return Check("attention", "warning", "no kernel works on this GPU", remedy)
    return Check("attention", "ok", found[0])


def _weights() -> Check:
    from mapper.weights.registry import weights_folder

    folder = weights_folder()
    found = sorted({path.name for pattern in WEIGHT_PATTERNS for path in folder.rglob(pattern)})
    if not found:
        remedy = (
            "learned frontends need weights there, or MAPPER_WEIGHTS set; rgbd, mono, sfm need none"
        )
        return Check("weights", "warning", f"none in {folder}", remedy)
    return Check("weights", "ok", f"{len(found)} in {folder}: {', '.join(found)}")


def _cores() -> Check:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Check("cores", "ok", str(usable or "unknown"))


def _memory() -> Check:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return Check("memory", "ok", "not known on this system")
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    if total < MIN_MEMORY_GB:
        return Check("memory", "warning", f"{total:.1f} GB", "use larger voxels or fewer frames")
    return Check("memory", "ok", f"{total:.1f} GB")


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    if free < MIN_DISK_GB:
        return Check("disk", "warning", f"{free:.1f} GB free here", "free space before a long run")
    return Check("disk", "ok", f"{free:.1f} GB free here")


def _plugins() -> list[Check]:
    """What other packages bring: docs/plugins.md. Without one that is broken, mapping works."""
    from mapper.runtime.plugins import all_plugins

    checks = []
    for plugin in all_plugins():
        what = f"{plugin.group.rpartition('.')[2][:-1]} {plugin.name}"
        package = plugin.package or "another package"
        if plugin.fault:
            remedy = f"repair or uninstall {package}; it is passed over"
            checks.append(Check("plugin", "warning", f"{what}: {plugin.fault}", remedy))
        else:
            checks.append(Check("plugin", "ok", f"{what}, by {package}"))
    return checks


def _package(name: str, module: str, without: Status, remedy: str) -> Check:
    """Whether a package is installed, without the seconds that importing it may take."""
    if importlib.util.find_spec(module) is None:
        return Check(name, without, "not installed", remedy or f"pip install {name}")
    return Check(name, "ok", _version(name))


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "version unknown"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]

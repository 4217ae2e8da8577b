"""Installs mapper and what it needs into the environment of the Python that runs this.

    python tools/install.py [--torch-index URL] [--extra dev | --only docs]

PyTorch as PyPI has it for Linux brings CUDA, several GB of it. Where there is no NVIDIA GPU its
CPU build is taken from the index named, if that answers; what is installed already stays.
Needs nothing but Python and pip: it runs before all else is there.
"""

from __future__ import annotations

import argparse
import ctypes
import platform
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
CONSTRAINTS: Final = ROOT / "constraints.txt"
PATIENCE_S: Final = 8.0  # for an answer: who is cut off from an index should not wait for it
ASK: Final = "import sys, urllib.request as u; u.urlopen(sys.argv[1] + '/torch/', timeout=5)"
CPU: Final = "about 0.85 GB to download, 3.2 GB on disk"  # measured on Linux x86-64
CUDA: Final = "6.4 GB on disk, most of it CUDA for PyTorch"
# What Open3D's wheel links to and a bare Debian lacks; mapper/runtime/open3d_loader.py says it too.
LIBRARIES: Final = ("libGL.so.1", "libEGL.so.1", "libX11.so.6", "libgomp.so.1")
PACKAGES: Final = "apt-get install -y libgl1 libegl1 libx11-6 libgomp1"


def main(argv: list[str] | None = None) -> int:
    """Install; the exit code of pip."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch-index", default="", help="of CPU builds; none: PyPI's build")
    parser.add_argument("--extra", default="", help="of setup.cfg, to install too")
    parser.add_argument("--only", default="", help="packages of this extra, and no mapper")
    arguments = parser.parse_args(argv)
    if arguments.only:
        print(f"installing what the extra {arguments.only} needs into {sys.prefix}", flush=True)
        return pip("install", "--quiet", *packages_of(arguments.only))
    if arguments.extra:
        print(f"installing the tools of the tests into {sys.prefix}", flush=True)
        return pip("install", "--quiet", "--editable", f"{ROOT}[{arguments.extra}]")
    warn_of(missing_libraries())
    index, what = torch_source(arguments.torch_index)
    print(f"installing mapper into {sys.prefix}: {what}", flush=True)
    if index:
        # Without what it needs: of that the index has other versions than those tested.
        options = ("--retries", "1", "--timeout", "15", "--no-deps", "--index-url", index)
        if pip("install", *options, "torch"):
            print(f"{index} has no such torch; PyPI's is taken: {CUDA}", flush=True)
    code = pip("install", "--editable", str(ROOT))
    warn_of(missing_libraries())  # again: what was said before the install has scrolled away
    return code


def missing_libraries() -> list[str]:
    """What the linker does not find of the system libraries that mapping needs."""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        return []  # Open3D's other wheels link to others
    return [library for library in LIBRARIES if not _is_loadable(library)]


def _is_loadable(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def warn_of(missing: list[str]) -> None:
    """Say, while an install of minutes goes on, what must be there before anything is mapped."""
    if missing:
        print(
            f"WARNING: mapping needs system libraries that are not here ({', '.join(missing)}); "
            f"on Debian or Ubuntu, as root: {PACKAGES}",
            flush=True,
        )


def packages_of(extra: str) -> list[str]:
    """What setup.cfg lists of an extra."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return setup["options.extras_require"][extra].split()


def torch_source(index: str) -> tuple[str, str]:
    """The index to take PyTorch from, empty where pip's own serves, and what an install takes."""
    if is_installed("torch"):
        return "", "PyTorch is there already"
    if not sys.platform.startswith("linux"):
        return "", CPU  # PyPI has no other build for them
    if has_nvidia_gpu():
        return "", CUDA
    if index and answers(index):
        return index, f"{CPU}; there is no NVIDIA GPU, so PyTorch for the CPU from {index}"
    reason = f"{index} does not answer" if index else "no index of PyTorch's CPU builds is named"
    return "", f"{reason}, so PyTorch as pip has it: with CUDA {CUDA.partition(',')[0]}, else {CPU}"


def has_nvidia_gpu() -> bool:
    """Whether the driver's own tool lists one."""
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--list-gpus"], capture_output=True, timeout=PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and b"GPU" in listed.stdout


def answers(index: str) -> bool:
    """Whether an index of packages can be reached, told in a few seconds at most."""
    try:  # a process of its own: Python itself cannot be told how long to look for an address
        asked = subprocess.run(
            [sys.executable, "-c", ASK, index.rstrip("/")],
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def is_installed(package: str) -> bool:
    """Whether it is there in the version that was tested, whatever its build."""
    try:
        found = version(package)
    except PackageNotFoundError:
        return False
    return f"{package}=={found.partition('+')[0]}" in CONSTRAINTS.read_text().split()


def pip(command: str, *words: str) -> int:
    """Run pip with the versions that were tested; it shows its progress itself."""
    line = [sys.executable, "-m", "pip", command, "--constraint", str(CONSTRAINTS)]
    return subprocess.run([*line, *words], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

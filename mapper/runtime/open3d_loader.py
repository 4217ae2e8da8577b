"""Loading of Open3D on machines that lack the system libraries it links to."""

from __future__ import annotations

import ctypes
import importlib
import re
import sys
from types import ModuleType
from typing import Any, Final

import numpy as np

from mapper.errors import InputError

LIBUSB: Final = "libusb-1.0.so.0"
INSTALL: Final = "apt-get install -y libgl1 libegl1 libx11-6 libgomp1"
# Libraries that the line above does not bring, and the Debian package that does.
OTHER_PACKAGES: Final = {
    LIBUSB: "libusb-1.0-0",
    "libidn2.so.0": "libidn2-0",
    "libudev.so.1": "libudev1",
}


def load_open3d() -> ModuleType:
    """The open3d module; InputError with the line to type where a system library is missing.

    Open3D links to libusb for cameras that we do not use through it. A bare Debian has none, so
    the copy in the Python package libusb_package is loaded first, only where it is needed.
    """
    if "open3d" in sys.modules:
        return sys.modules["open3d"]
    if sys.platform == "linux" and not _is_loadable(LIBUSB):
        _preload_libusb()
    try:
        return importlib.import_module("open3d")
    except ModuleNotFoundError as error:
        raise InputError(
            f"the Python package {error.name} is missing; pip install open3d-cpu"
        ) from error
    except (ImportError, OSError) as error:
        raise InputError(_explanation(str(error))) from error


def own_array(tensor: Any) -> np.ndarray:
    """A copy of an Open3D tensor in numpy's own memory.

    `tensor.numpy()` shares Open3D's buffer, and Open3D ends the whole process with exit code 1
    when one of its buffers is still alive at exit: whatever outlives a function is copied.
    """
    return np.array(tensor.numpy())


def _is_loadable(library: str) -> bool:
    """Whether the dynamic linker finds the library; loads it if so."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _preload_libusb() -> None:
    """Load the packaged libusb; the linker then takes it, by its soname, for Open3D's need.

    Without the package nothing happens here: the import that follows fails and explains itself.
    """
    try:
        libusb_package = importlib.import_module("libusb_package")
        ctypes.CDLL(str(libusb_package.get_library_path()), mode=ctypes.RTLD_GLOBAL)
    except (ImportError, OSError):
        return


def _explanation(message: str) -> str:
    """The linker's message made into the library's name and the remedy."""
    match = re.search(r"(lib[\w.+-]+\.so[\w.]*): cannot open shared object", message)
    if match is None:
        return f"open3d does not load ({message}); on Debian/Ubuntu try: {INSTALL}"
    library = match.group(1)
    package = OTHER_PACKAGES.get(library)
    line = f"{INSTALL} {package}" if package else INSTALL
    return f"open3d needs the system library {library}; on Debian/Ubuntu: {line}"

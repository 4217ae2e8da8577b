"""What pip calls the modules that are imported here: often another name, or another's project."""

from __future__ import annotations

from typing import Final

# By the name that is imported. test_distributions holds them against setup.cfg.
DISTRIBUTIONS: Final = {
    "PIL": "pillow",
    "accelerate": "accelerate",
    "cv2": "opencv-python-headless",
    "evo": "evo",
    "flash_attn": "flash-attn",
    "gdown": "gdown",
    "gpxpy": "gpxpy",
    "gtsam": "gtsam",
    "huggingface_hub": "huggingface_hub",
    "jinja2": "jinja2",
    "laspy": "laspy",
    "libusb_package": "libusb-package",
    "matplotlib": "matplotlib",
    "numba": "numba",
    "numpy": "numpy",
    "open3d": "open3d-cpu",
    "pillow_heif": "pillow-heif",
    "psutil": "psutil",
    "pycolmap": "pycolmap",
    "pydantic": "pydantic",
    "pye57": "pye57",
    "pynmea2": "pynmea2",
    "pypose": "pypose",
    "pyproj": "pyproj",
    "pyrealsense2": "pyrealsense2",
    "ray": "ray",
    "rerun": "rerun-sdk",
    "rosbags": "rosbags",
    "safetensors": "safetensors",
    "scipy": "scipy",
    "tensorboard": "tensorboard",
    "shtab": "shtab",
    "torch": "torch",
    "tqdm": "tqdm",
    "yaml": "pyyaml",
}


def how_to_install(module: str | None) -> str | None:
    """The line to type for a module that is missing; None for one that we do not name.

    A guess could name a stranger's package: rerun and mapper exist there too, and are not these.
    """
    distribution = DISTRIBUTIONS.get((module or "").partition(".")[0])
    return None if distribution is None else f"pip install {distribution}"

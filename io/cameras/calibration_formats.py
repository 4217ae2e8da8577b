"""Calibration files of other programs: OpenCV, ROS, Kalibr, EuRoC, ORB-SLAM, COLMAP."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import yaml

from mapper.core.intrinsics import Intrinsics
from mapper.core.yaml_text import BoundedLoader, parse_yaml
from mapper.errors import ConfigError, shown
from mapper.io.cameras.camera import Camera, polynomial

COLMAP_PIXEL_CENTER: Final = 0.5  # of the first pixel there; 0 with us

# Where the parameters of COLMAP's models stand: fx, fy, cx, cy, then the distortion as OpenCV
# orders it. See github.com/colmap/colmap, src/colmap/sensor/models.h.
_COLMAP: Final[Mapping[str, tuple[int, int, int, int]]] = {
    "SIMPLE_PINHOLE": (0, 0, 1, 2),
    "PINHOLE": (0, 1, 2, 3),
    "SIMPLE_RADIAL": (0, 0, 1, 2),
    "RADIAL": (0, 0, 1, 2),
    "OPENCV": (0, 1, 2, 3),
    "FULL_OPENCV": (0, 1, 2, 3),
    "OPENCV_FISHEYE": (0, 1, 2, 3),
    "SIMPLE_RADIAL_FISHEYE": (0, 0, 1, 2),
    "RADIAL_FISHEYE": (0, 0, 1, 2),
}
_COLMAP_LENGTHS: Final = {
    "SIMPLE_PINHOLE": 3,
    "PINHOLE": 4,
    "SIMPLE_RADIAL": 4,
    "RADIAL": 5,
    "OPENCV": 8,
    "FULL_OPENCV": 12,
    "OPENCV_FISHEYE": 8,
    "SIMPLE_RADIAL_FISHEYE": 4,
    "RADIAL_FISHEYE": 5,
}
# By the numbers that binary files have for them: name and count of parameters.
COLMAP_MODELS: Final[Mapping[int, tuple[str, int]]] = {
    number: (name, _COLMAP_LENGTHS[name])
    for number, name in enumerate(
        (
            "SIMPLE_PINHOLE",
            "PINHOLE",
            "SIMPLE_RADIAL",
            "RADIAL",
            "OPENCV",
            "OPENCV_FISHEYE",
            "FULL_OPENCV",
            "",  # FOV, which OpenCV does not know
            "SIMPLE_RADIAL_FISHEYE",
            "RADIAL_FISHEYE",
        )
    )
    if name
}
_COLMAP_LINE: Final = re.compile(r"\d+\s+[A-Z_]+\s+\d+\s+\d+\s+\S")
_FISHEYES: Final = ("equidistant", "fisheye", "kannala_brandt4", "kannalabrandt8")
_POLYNOMIALS: Final = (
    "",
    "none",
    "plumb_bob",
    "radtan",
    "radial-tangential",
    "rational_polynomial",
    "pinhole",
) + ("brown_conrady", "rectified", "thin_prism", "tilted")


class _Loader(BoundedLoader):
    """Reads OpenCV's matrices too."""


def _opencv_matrix(loader: yaml.SafeLoader, node: Any) -> Any:
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:opencv-matrix", _opencv_matrix)
_Loader.add_constructor("tag:yaml.org,2002:opencv-nd-matrix", _opencv_matrix)


def parse_calibration(text: str) -> Any:
    """The content of a YAML file of any of the programs; ConfigError where it is none."""
    if text.startswith("%YAML:"):  # OpenCV's own spelling
        text = text.partition("\n")[2]
    return parse_yaml(text, _Loader, first=True)  # rostopic ends each message like a document


def camera_of_text(text: str) -> Camera | None:
    """The camera of a file that is no YAML: COLMAP's cameras.txt, or OpenCV's XML; else None."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and lines[0].startswith("<"):
        return _of_opencv(_xml_values(text))
    lines = [line for line in lines if not line.startswith("#")]
    if lines and all(map(_COLMAP_LINE.match, lines)):
        cameras = [colmap_camera(line.split()[1:]) for line in lines]
        if any(camera != cameras[0] for camera in cameras):
            raise ConfigError(
                f"COLMAP's file holds {len(cameras)} cameras that differ; leave the line of one"
            )
        return cameras[0]
    return None


def camera_of_mapping(content: Mapping[Any, Any]) -> Camera | None:
    """The camera that the keys of another program's YAML describe; None where they are ours."""
    if any(key in content for key in ("camera_matrix", "cameraMatrix", "Camera_Matrix")):
        return _of_opencv(content)
    if ("K" in content or "k" in content) and "height" in content:
        return _of_message(content)
    if isinstance(content.get("cam0"), Mapping):
        return _of_kalibr(content["cam0"])
    if "camera_model" in content and "intrinsics" in content:
        return _of_kalibr(content)
    for prefix in ("Camera.", "Camera1."):
        if prefix + "fx" in content:
            return _of_orb_slam(content, prefix)
    return None


def lens(model: str, coefficients: Sequence[float]) -> tuple[tuple[float, ...], bool]:
    """Distortion as a Camera holds it, and whether it is a fisheye's, by the name of a model."""
    name = model.lower()
    if name in _FISHEYES:
        found = tuple(map(float, coefficients))
        return found[:4] + (0.0,) * (4 - len(found)), True
    if name not in _POLYNOMIALS:
        known = ", ".join((*_POLYNOMIALS[1:], *_FISHEYES))
        raise ConfigError(f"the distortion model {shown(model)} is not known here; known: {known}")
    return polynomial(coefficients), False


def _of_opencv(content: Mapping[Any, Any]) -> Camera:
    """OpenCV's calibration sample, and the files of ROS's camera_calibration."""
    K = _matrix(_first(content, "camera_matrix", "cameraMatrix", "Camera_Matrix"), "camera_matrix")
    names = ("distortion_coefficients", "distCoeffs", "dist_coeffs", "Distortion_Coefficients")
    found = _first(content, *names, missing=[])
    coefficients = _numbers(found.get("data", []) if isinstance(found, Mapping) else found)
    fisheye = "fisheye" if content.get("fisheye_model") in (1, "1", True) else ""
    model = str(content.get("distortion_model", fisheye))
    width = _first(content, "image_width", "image_Width", "width", missing=None)
    height = _first(content, "image_height", "image_Height", "height", missing=None)
    if width is None or height is None:
        raise ConfigError(
            "an OpenCV file without image_width and image_height; add them, or write fx, fy, cx, "
            "cy, width, height"
        )
    return _camera((K[0], K[4], K[2], K[5]), (width, height), *lens(model, coefficients))


def _of_message(content: Mapping[Any, Any]) -> Camera:
    """A sensor_msgs/CameraInfo as rostopic prints it."""
    K = _matrix(_first(content, "K", "k"), "K")
    coefficients = _numbers(_first(content, "D", "d", missing=[]))
    model = str(content.get("distortion_model", ""))
    size = content.get("width"), content["height"]
    return _camera((K[0], K[4], K[2], K[5]), size, *lens(model, coefficients))


def _of_kalibr(content: Mapping[Any, Any]) -> Camera:
    """The first camera of Kalibr's camchain, or EuRoC's sensor.yaml."""
    if content.get("camera_model") != "pinhole":
        raise ConfigError(
            f"camera_model {shown(content.get('camera_model'))}; only pinhole is read"
        )
    numbers = _numbers(content.get("intrinsics", []))
    if len(numbers) != 4:
        raise ConfigError("intrinsics must list fx, fy, cx, cy")
    coefficients = _numbers(
        _first(content, "distortion_coeffs", "distortion_coefficients", missing=[])
    )
    size = content.get("resolution")
    if not isinstance(size, Sequence) or len(size) != 2:
        raise ConfigError("resolution must list width, height")
    model = str(content.get("distortion_model", ""))
    return _camera(numbers, size, *lens(model, coefficients))


def _of_orb_slam(content: Mapping[Any, Any], prefix: str) -> Camera:
    """The settings of ORB-SLAM 2 and 3."""
    kind = str(content.get("Camera.type", ""))
    names = (
        ("k1", "k2", "k3", "k4") if kind.lower() in _FISHEYES else ("k1", "k2", "p1", "p2", "k3")
    )
    coefficients = _numbers([content.get(prefix + name, 0.0) for name in names])
    numbers = _numbers([content.get(prefix + name) for name in ("fx", "fy", "cx", "cy")])
    size = content.get("Camera.width"), content.get("Camera.height")
    return _camera(numbers, size, *lens(kind, coefficients))


def colmap_camera(words: list[str]) -> Camera:
    """Of MODEL WIDTH HEIGHT PARAMS, as they follow a camera's number in cameras.txt."""
    model, params = words[0], _numbers(words[3:])
    if model not in _COLMAP:
        raise ConfigError(f"COLMAP's model {model} is not read here; known: {', '.join(_COLMAP)}")
    if len(params) != _COLMAP_LENGTHS[model]:
        raise ConfigError(f"COLMAP's {model} has {_COLMAP_LENGTHS[model]} parameters")
    fx, fy, cx, cy = (params[i] for i in _COLMAP[model])
    rest = params[_COLMAP[model][3] + 1 :]
    name = "fisheye" if model.endswith("FISHEYE") else ""
    if model in ("SIMPLE_RADIAL", "RADIAL"):
        rest = [*rest, 0.0, 0.0][:2] + [0.0, 0.0]
    pinhole = (fx, fy, cx - COLMAP_PIXEL_CENTER, cy - COLMAP_PIXEL_CENTER)
    return _camera(pinhole, words[1:3], *lens(name, rest))


def _camera(
    pinhole: Sequence[float], size: Sequence[Any], distortion: tuple[float, ...], fisheye: bool
) -> Camera:
    width, height = _numbers(size)
    if width != int(width) or height != int(height):
        raise ConfigError("width and height must be whole numbers of pixels")
    fx, fy, cx, cy = pinhole
    return Camera(Intrinsics(fx, fy, cx, cy, int(width), int(height)), distortion, fisheye)


def _xml_values(text: str) -> dict[str, Any]:
    """The values of OpenCV's XML, matrices as mappings with `data`."""
    if "<!" in text.replace("<!--", ""):
        raise ConfigError("the calibration file defines entities of its own, which are not read")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ConfigError(f"the calibration file is no XML: {error}") from error
    values: dict[str, Any] = {}
    for element in root:
        data = element.find("data")
        text = (element.text or "") if data is None else (data.text or "")
        values[element.tag] = text.strip() if data is None else {"data": text.split()}
    return values


def _matrix(content: Any, name: str) -> list[float]:
    """Nine numbers, row by row."""
    if isinstance(content, Mapping):
        content = content.get("data")
    numbers = _numbers(np.ravel(content).tolist() if isinstance(content, list) else [])
    if len(numbers) != 9:
        raise ConfigError(f"{name} must hold three rows of three numbers")
    return numbers


def _first(content: Mapping[Any, Any], *names: str, missing: Any = ()) -> Any:
    return next((content[name] for name in names if name in content), missing)


def finite_number(value: Any) -> float | None:
    """The number, also where it is written as text; None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):  # a whole number of hundreds of digits
        return None
    return None if isinstance(value, bool) or not np.isfinite(number) else number


def _numbers(values: Any) -> list[float]:
    """Finite numbers, also where they are written as text."""
    found = []
    for value in values if isinstance(values, Sequence) and not isinstance(values, str) else []:
        number = finite_number(value)
        if number is None:
            raise ConfigError(f"{shown(value)} in the calibration is no finite number")
        found.append(number)
    return found

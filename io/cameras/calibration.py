"""The calibration file: what `--calib` names, or calibration.yaml in the sequence folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mapper.core.camera_kinds import CAMERA_KINDS, CameraKind
from mapper.core.geometry import is_rigid
from mapper.core.intrinsics import Intrinsics
from mapper.errors import ConfigError, InputError, shown, unknown_name
from mapper.io.cameras.calibration_formats import (
    camera_of_mapping,
    camera_of_text,
    finite_number,
    parse_calibration,
)
from mapper.io.cameras.camera import Camera
from mapper.io.text_files import read_text
from mapper.runtime.atomic_files import atomic_write

CALIBRATION_NAME = "calibration.yaml"

_NUMBERS = ("fx", "fy", "cx", "cy", "width", "height")
_CAMERA_KEYS = (*_NUMBERS, "distortion", "model")
_SHARED_KEYS = ("depth_scale", "camera_kind")
_TOP_KEYS = ("color", "depth", "T_color_depth", *_SHARED_KEYS)
MODELS = ("pinhole", "fisheye")  # of a lens; a pinhole's distortion is OpenCV's polynomial


@dataclass(frozen=True, slots=True)
class Calibration:
    """The cameras of a sequence.

    color: of the colour images. depth: of the depth images, None = registered to colour.
    T_color_depth: float64 (4, 4), depth-camera coordinates to colour-camera; None without depth.
    depth_scale: units of a 16-bit depth image per metre; None = what the format says.
    camera_kind: how the depth camera measures; None = what the format says.
    """

    color: Camera
    depth: Camera | None = None
    T_color_depth: np.ndarray | None = None
    depth_scale: float | None = None
    # Not in the text by which runs know their cameras again: it changes no frame.
    camera_kind: CameraKind | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.depth is None) != (self.T_color_depth is None):
            raise ConfigError("calibration: depth and T_color_depth go together; give both or none")
        scale = self.depth_scale
        if scale is not None and not (np.isfinite(scale) and scale > 0):
            raise ConfigError(f"calibration: depth_scale is {scale}; must be positive")
        T = self.T_color_depth
        if T is not None and not (T.shape == (4, 4) and is_rigid(T)):
            raise ConfigError("calibration: T_color_depth must be a rigid 4x4 transform")


def load_calibration(path: Path) -> Calibration:
    """Reads a calibration file of ours, or of another program (see calibration_formats).

    Ours is nested (color, depth, ...) or flat (fx fy cx cy width height).
    """
    try:
        text = read_text(path)
    except InputError as error:
        raise InputError(f"cannot read the calibration file {error}") from error
    try:
        return _from_text(text)
    except (ConfigError, InputError) as error:
        raise ConfigError(f"{path}: {error}") from error


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Writes the nested form; the file appears whole or not at all."""
    content: dict[str, Any] = {"color": mapping_of(calibration.color)}
    if calibration.depth is not None and calibration.T_color_depth is not None:
        content["depth"] = mapping_of(calibration.depth)
        content["T_color_depth"] = np.asarray(calibration.T_color_depth, float).tolist()
    if calibration.depth_scale is not None:
        content["depth_scale"] = float(calibration.depth_scale)
    if calibration.camera_kind is not None:
        content["camera_kind"] = calibration.camera_kind
    with atomic_write(path) as file:
        yaml.safe_dump(content, file, sort_keys=False)


def find_calibration(path: Path | None, folders: Iterable[Path]) -> Calibration | None:
    """The named file, else the first calibration.yaml in the folders, else None."""
    if path is not None:
        return load_calibration(Path(path))
    for folder in folders:
        if (folder / CALIBRATION_NAME).is_file():
            return load_calibration(folder / CALIBRATION_NAME)
    return None


def _from_text(text: str) -> Calibration:
    camera = camera_of_text(text)
    if camera is not None:
        return Calibration(camera)
    content = parse_calibration(text)
    if not isinstance(content, dict):
        raise ConfigError(f"expected keys {', '.join(_TOP_KEYS)} or {', '.join(_NUMBERS)}")
    camera = camera_of_mapping(content)
    if camera is not None:
        scale = content.get("DepthMapFactor", content.get("RGBD.DepthMapFactor"))  # of ORB-SLAM
        return Calibration(camera, depth_scale=None if scale is None else _number(scale, "scale"))
    return _from_mapping(content)


def _from_mapping(content: dict[str, Any]) -> Calibration:
    if "color" not in content and "fx" in content:
        _refuse_unknown(content, (*_CAMERA_KEYS, *_SHARED_KEYS))
        camera = {key: value for key, value in content.items() if key not in _SHARED_KEYS}
        return Calibration(
            camera_of(camera, "camera"),
            depth_scale=_depth_scale(content),
            camera_kind=_camera_kind(content),
        )
    _refuse_unknown(content, _TOP_KEYS)
    if "color" not in content:
        raise ConfigError("the key `color` is missing; it holds fx, fy, cx, cy, width, height")
    depth = camera_of(content["depth"], "depth") if "depth" in content else None
    T = _matrix(content["T_color_depth"]) if "T_color_depth" in content else None
    color = camera_of(content["color"], "color")
    return Calibration(color, depth, T, _depth_scale(content), _camera_kind(content))


def camera_of(content: Any, name: str) -> Camera:
    """The camera of a mapping of ours: fx, fy, cx, cy, width, height, distortion, model."""
    if not isinstance(content, dict):
        raise ConfigError(f"{name} must hold the keys {', '.join(_NUMBERS)}")
    _refuse_unknown(content, _CAMERA_KEYS)
    missing = [key for key in _NUMBERS if key not in content]
    if missing:
        raise ConfigError(f"{name}: {', '.join(missing)} missing")
    numbers = [_number(content[key], f"{name}.{key}") for key in _NUMBERS]
    distortion = content.get("distortion") or []
    model = content.get("model", MODELS[0])
    if model not in MODELS:
        raise ConfigError(f"{name}.model is {shown(model)}; known: {', '.join(MODELS)}")
    if not isinstance(distortion, list):
        raise ConfigError(f"{name}.distortion must list 4, 5, 8, 12 or 14 numbers: k1 k2 p1 p2 ...")
    coefficients = tuple(_number(value, f"{name}.distortion") for value in distortion)
    if numbers[4] != int(numbers[4]) or numbers[5] != int(numbers[5]):
        raise ConfigError(f"{name}: width and height must be whole numbers of pixels")
    fx, fy, cx, cy = numbers[:4]
    intrinsics = Intrinsics(fx, fy, cx, cy, int(numbers[4]), int(numbers[5]))
    return Camera(intrinsics, coefficients, fisheye=model == "fisheye")


def _number(value: Any, name: str) -> float:
    number = finite_number(value)
    if number is None:
        raise ConfigError(f"{name} is {shown(value)}; must be a finite number")
    return number


def _depth_scale(content: dict[str, Any]) -> float | None:
    return _number(content["depth_scale"], "depth_scale") if "depth_scale" in content else None


def _camera_kind(content: dict[str, Any]) -> CameraKind | None:
    if "camera_kind" not in content:
        return None
    value = content["camera_kind"]
    for kind in CAMERA_KINDS:
        if value == kind:
            return kind
    raise ConfigError(f"camera_kind is {shown(value)}; known: {', '.join(CAMERA_KINDS)}")


def _matrix(content: Any) -> np.ndarray:
    try:
        matrix = np.array(content, np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.shape != (4, 4):
        raise ConfigError("T_color_depth must be four rows of four numbers")
    return matrix


def mapping_of(camera: Camera) -> dict[str, Any]:
    """As camera_of reads it."""
    intrinsics = camera.intrinsics
    content: dict[str, Any] = {key: float(getattr(intrinsics, key)) for key in _NUMBERS[:4]}
    content |= {"width": int(intrinsics.width), "height": int(intrinsics.height)}
    if camera.distortion:
        content["distortion"] = [float(value) for value in camera.distortion]
    if camera.fisheye:
        content["model"] = "fisheye"
    return content


def _refuse_unknown(content: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in content:
        if key not in known:
            raise ConfigError(unknown_name("key", str(key), known))

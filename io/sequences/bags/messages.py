"""Colour and depth images of sensor_msgs, raw and compressed."""

from __future__ import annotations

import struct
from typing import Any, Final

import cv2
import numpy as np

from mapper.errors import InputError
from mapper.io.cameras.camera import MAX_PIXELS
from mapper.io.sequences.decode import (
    AGAIN,
    decode_color,
    decode_raw_depth,
    depth_in_metres,
)

MILLIMETRES: Final = 1000.0  # units of a metre in 16-bit depth, as REP 118 has it
PNG_OFFSET: Final = 12  # bytes of compressedDepth before its image

# Encoding -> NumPy type, channels, and the conversion to RGB.
_COLORS: Final[dict[str, tuple[str, int, int | None]]] = {
    "rgb8": ("u1", 3, None),
    "bgr8": ("u1", 3, cv2.COLOR_BGR2RGB),
    "rgba8": ("u1", 4, cv2.COLOR_RGBA2RGB),
    "bgra8": ("u1", 4, cv2.COLOR_BGRA2RGB),
    "8uc3": ("u1", 3, cv2.COLOR_BGR2RGB),
    "8uc4": ("u1", 4, cv2.COLOR_BGRA2RGB),
    "rgb16": ("u2", 3, None),
    "bgr16": ("u2", 3, cv2.COLOR_BGR2RGB),
    "mono8": ("u1", 1, cv2.COLOR_GRAY2RGB),
    "8uc1": ("u1", 1, cv2.COLOR_GRAY2RGB),
    "mono16": ("u2", 1, cv2.COLOR_GRAY2RGB),
    # OpenCV names a Bayer pattern by its second row and column, ROS by its first.
    "bayer_rggb8": ("u1", 1, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr8": ("u1", 1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg8": ("u1", 1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg8": ("u1", 1, cv2.COLOR_BayerGB2RGB),
    "yuv422": ("u1", 2, cv2.COLOR_YUV2RGB_UYVY),
    "uyvy": ("u1", 2, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": ("u1", 2, cv2.COLOR_YUV2RGB_YUY2),
    "yuyv": ("u1", 2, cv2.COLOR_YUV2RGB_YUY2),
}
_DEPTHS: Final = {"16uc1": "u2", "mono16": "u2", "z16": "u2", "32fc1": "f4", "64fc1": "f8"}
COLORED: Final = frozenset(_COLORS) - {"mono8", "8uc1", "mono16"}
DEEP: Final = frozenset(_DEPTHS)


def encoding_of(message: Any) -> str:
    """In small letters; of a compressed image what its format says of the pixels."""
    text = message.format if hasattr(message, "format") else message.encoding
    return str(text).lower().strip()


def color_image(message: Any, topic: str) -> np.ndarray:
    """uint8 (H, W, 3), RGB, of an Image or CompressedImage; InputError where it is damaged."""
    if hasattr(message, "format"):
        return decode_color(bytes(message.data), topic, as_stored=True)
    encoding = encoding_of(message)
    if encoding not in _COLORS:
        raise InputError(f"{topic}: images are {encoding}; known: {', '.join(_COLORS)}")
    kind, channels, conversion = _COLORS[encoding]
    pixels = _pixels(message, kind, channels, topic)
    if kind == "u2":
        pixels = (pixels >> 8).astype(np.uint8)
    try:
        return pixels if conversion is None else np.asarray(cv2.cvtColor(pixels, conversion))
    except cv2.error as error:
        raise InputError(f"{topic}: {encoding} of an odd size; record it again") from error


def depth_image(message: Any, topic: str, scale: float = MILLIMETRES) -> np.ndarray:
    """float32 (H, W), metres, 0 = no reading; scale: units a metre of whole numbers."""
    if hasattr(message, "format"):
        return _compressed_depth(message, topic, scale)
    encoding = encoding_of(message)
    if encoding not in _DEPTHS:
        raise InputError(f"{topic}: depth images are {encoding}; known: {', '.join(_DEPTHS)}")
    return depth_in_metres(_pixels(message, _DEPTHS[encoding], 1, topic), scale, topic)


def _pixels(message: Any, kind: str, channels: int, topic: str) -> np.ndarray:
    """(H, W) or (H, W, C) of an Image, whose rows may be longer than their pixels."""
    height, width, step = int(message.height), int(message.width), int(message.step)
    dtype = np.dtype(kind).newbyteorder(">" if message.is_bigendian else "<")
    row = width * channels * dtype.itemsize
    encoded = np.asarray(message.data, np.uint8)
    step = step or row  # some drivers leave it out
    if width * height > MAX_PIXELS or min(width, height) < 1 or step < row:
        raise InputError(f"{topic}: an image of {width}x{height} in rows of {step} bytes")
    if len(encoded) < step * (height - 1) + row:
        raise InputError(f"{topic}: the image is cut short; {AGAIN}")
    rows = np.lib.stride_tricks.as_strided(encoded, (height, row), (step, 1), writeable=False)
    pixels = np.ascontiguousarray(rows).view(dtype).astype(np.dtype(kind))
    return pixels if channels == 1 else pixels.reshape(height, width, channels)


def _compressed_depth(message: Any, topic: str, scale: float) -> np.ndarray:
    """Of compressed_depth_image_transport: a header of 12 bytes, then a PNG.

    Floating-point depth is stored by its inverse: depth = a / (number - b).
    """
    content = bytes(message.data)
    if content[:4] == b"\x89PNG":  # some recorders leave the header out
        return depth_in_metres(decode_raw_depth(content, topic), scale, topic)
    if "rvl" in encoding_of(message):
        raise InputError(f"{topic}: compressedDepth by RVL is not read; record it as PNG")
    if len(content) <= PNG_OFFSET:
        raise InputError(f"{topic}: the image is cut short; {AGAIN}")
    raw = decode_raw_depth(content[PNG_OFFSET:], topic)
    if not encoding_of(message).startswith("32fc1"):
        return depth_in_metres(raw, scale, topic)
    a, b = struct.unpack_from("<ff", content, 4)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(raw > 0, a / (raw.astype(np.float32) - b), 0.0)
    return depth_in_metres(depth, 1.0, topic)

"""The network of XFeat as OpenCV runs it: an image in; descriptors, keypoints, reliability out."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.vision.xfeat.onnx import model, node

if TYPE_CHECKING:
    from jaxtyping import Float32

CELL: Final = 8  # pixels a side, of which each has a descriptor
CHANNELS: Final = 64  # of a descriptor
EPSILON: Final = 1e-5  # of the normalisations
# Strides and paddings of the convolutions, block by block; all are 3x3 where they pad, else 1x1.
BLOCK1: Final = ((1, 1), (2, 1), (1, 1), (2, 1))
BLOCK2: Final = ((1, 1), (1, 1))
BLOCK3: Final = ((2, 1), (1, 1), (1, 0))
BLOCK4: Final = ((2, 1), (1, 1), (1, 1))
BLOCK5: Final = ((2, 1), (1, 1), (1, 1), (1, 0))
FUSION: Final = ((1, 1), (1, 1))
HEAD: Final = ((1, 0), (1, 0))

Maps = tuple["Float32[np.ndarray, 'c h w']", ...]


class XFeatNetwork:
    """XFeat (Potje et al., CVPR 2024) without its matcher of dense features.

    PyTorch would take three quarters of a second and 190 MB before the first image; OpenCV is
    there already. An affine change of the intensities changes nothing: they are normalised.
    Called by several threads it serves one after the other.
    """

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        """weights: as published, by name. KeyError if some are missing."""
        self._graph = _Graph(weights)
        self._networks: dict[tuple[int, int], cv2.dnn.Net] = {}  # by (height, width)
        self._lock = threading.Lock()

    def __call__(self, gray: Float32[np.ndarray, "h w"]) -> Maps:
        """Of an image float32 (H, W), sides multiples of 32, with h = H / 8 and w = W / 8.

        Descriptors (64, h, w); logits of keypoints (65, h, w): of each pixel of a cell, row by
        row, and of there being none; reliability (h, w) between 0 and 1.
        """
        mean, deviation = cv2.meanStdDev(gray)
        normalised = (gray - mean.item()) / np.sqrt(deviation.item() ** 2 + EPSILON)
        with self._lock:
            network = self._network(*gray.shape)
            network.setInput(normalised[None, None].astype(np.float32))
            found = network.forward(self._graph.outputs)
        descriptors, keypoints, reliability = (each[0].copy() for each in found)
        return descriptors, keypoints, reliability[0]

    def _network(self, height: int, width: int) -> cv2.dnn.Net:
        network = self._networks.get((height, width))
        if network is None:
            content = np.frombuffer(self._graph.onnx(height, width), np.uint8)
            network = cv2.dnn.readNetFromONNX(content)
            self._networks = {(height, width): network}  # a run has images of one size
        return network


class _Graph:
    """The operations of the network, each called as what it gives.

    outputs: names of descriptors, logits of keypoints, and reliability.
    """

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self._weights = weights
        self._nodes: list[bytes] = []
        self._constants: dict[str, np.ndarray] = {}
        pooled = self._add("AveragePool", ["image"], "pooled", kernel_shape=[4, 4], strides=[4, 4])
        skipped = self._conv(pooled, "skip1.1")
        joined = self._add("Add", [self._block("image", "block1", BLOCK1), skipped], "joined")
        fine = self._block(self._block(joined, "block2", BLOCK2), "block3", BLOCK3)
        middle = self._block(fine, "block4", BLOCK4)
        coarse = self._block(middle, "block5", BLOCK5)
        two = self._add("Add", [fine, self._enlarged(middle, 2)], "two scales")
        three = self._add("Add", [two, self._enlarged(coarse, 4)], "three scales")
        descriptors = self._conv(self._block(three, "block_fusion", FUSION), "block_fusion.2")
        likely = self._conv(self._block(descriptors, "heatmap_head", HEAD), "heatmap_head.2")
        reliability = self._add("Sigmoid", [likely], "reliability")
        # The pixels of a cell as channels, then a 1x1 convolution: that is one of 8x8.
        keypoints = self._layer("image", "keypoint_head.0", CELL, 0, (-1, 1, CELL, CELL))
        for name in ("keypoint_head.1", "keypoint_head.2"):
            keypoints = self._layer(keypoints, name, 1, 0)
        self.outputs = [descriptors, self._conv(keypoints, "keypoint_head.3"), reliability]

    def onnx(self, height: int, width: int) -> bytes:
        """The network for images of that size."""
        cells = height // CELL, width // CELL
        channels = (CHANNELS, CELL * CELL + 1, 1)
        outputs = {n: (1, c, *cells) for n, c in zip(self.outputs, channels, strict=True)}
        image = {"image": (1, 1, height, width)}
        return model(self._nodes, self._constants, image, outputs)

    def _block(self, source: str, name: str, layers: tuple[tuple[int, int], ...]) -> str:
        for number, (stride, padding) in enumerate(layers):
            source = self._layer(source, f"{name}.{number}", stride, padding)
        return source

    def _layer(
        self,
        source: str,
        name: str,
        stride: int,
        padding: int,
        shape: tuple[int, ...] | None = None,
    ) -> str:
        """A convolution with its normalisation folded into it, then ReLU. shape: of its weights."""
        mean = self._weights[f"{name}.layer.1.running_mean"]
        scale = 1 / np.sqrt(self._weights[f"{name}.layer.1.running_var"] + EPSILON)
        weight = self._weights[f"{name}.layer.0.weight"] * scale[:, None, None, None]
        if shape is not None:
            weight = weight.reshape(shape)
        convolved = self._convolved(source, name, weight, -mean * scale, stride, padding)
        return self._add("Relu", [convolved], f"{name}.relu")

    def _conv(self, source: str, name: str) -> str:
        """A 1x1 convolution."""
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return self._convolved(source, name, weight, bias, 1, 0)

    def _convolved(
        self,
        source: str,
        name: str,
        weight: np.ndarray,
        bias: np.ndarray,
        stride: int,
        padding: int,
    ) -> str:
        self._constants[f"{name}.weight"] = weight
        self._constants[f"{name}.bias"] = bias
        return self._add(
            "Conv",
            [source, f"{name}.weight", f"{name}.bias"],
            name,
            kernel_shape=weight.shape[2:],
            strides=[stride, stride],
            pads=[padding] * 4,
        )

    def _enlarged(self, source: str, factor: int) -> str:
        """Bilinear, as PyTorch does it with align_corners=False."""
        scales = f"times {factor}"
        self._constants[scales] = np.array([1, 1, factor, factor], np.float32)
        return self._add(
            "Resize",
            [source, "", scales],
            f"{source} {scales}",
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )

    def _add(self, operator: str, inputs: list[str], output: str, **attributes: object) -> str:
        self._nodes.append(node(operator, inputs, output, **attributes))  # type: ignore[arg-type]
        return output

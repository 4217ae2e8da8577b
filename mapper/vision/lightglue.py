"""DISK's features, matched by LightGlue: slow, and seen again from farthest."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mapper.vision.local_features import LocalFeatures, lifted
from mapper.vision.shown_image import placed, shown

if TYPE_CHECKING:
    from jaxtyping import Float32, Int, UInt8
    from torch import Tensor

CHANNELS: Final = 128  # of a descriptor
WINDOW: Final = 5  # pixels a side, in which a keypoint is above all others
OLD_NAMES: Final = ("self_attn", "cross_attn")  # of layers, as the published file has them
# Of the network, computed and not learned; of the file, of no use to it.
COMPUTED: Final = ("confidence_thresholds",)
UNUSED: Final = ".r"


class LightGlueMatcher:
    """DISK (Tyszkiewicz et al., NeurIPS 2020) and LightGlue (Lindenberger et al., ICCV 2023).

    As kornia has them, in PyTorch, on a GPU where there is one. Descriptors are float16 (N, 128).
    """

    name = "lightglue"

    def __init__(
        self,
        detector: Mapping[str, Tensor],
        matcher: Mapping[str, Tensor],
        max_features: int = 1000,
    ) -> None:
        """detector, matcher: the published tensors by name; RuntimeError where some are missing.

        ImportError without kornia.
        """
        import torch
        from kornia.feature import DISK, LightGlue

        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._disk = DISK().eval().to(self._device)
        self._disk.load_state_dict(detector)
        lightglue = LightGlue(None, input_dim=CHANNELS)  # type: ignore[arg-type]  # no download
        self._lightglue = lightglue.eval().to(self._device)
        _load(self._lightglue, matcher)
        self._max_features = max_features
        self._lock = threading.Lock()  # frontend and backend take turns

    def extract(
        self, image: UInt8[np.ndarray, "h w 3"], pointmap: Float32[np.ndarray, "h w 3"]
    ) -> LocalFeatures:
        """Features of an image uint8 (H, W, 3) and its pointmap float32 (H, W, 3)."""
        import torch

        pixels = torch.from_numpy(np.ascontiguousarray(shown(image)))
        batch = pixels.permute(2, 0, 1)[None].to(self._device).float() / 255
        with self._lock, torch.inference_mode():
            (found,) = self._disk(batch, n=self._max_features, window_size=WINDOW)
        keypoints = placed(found.keypoints.cpu().numpy(), *image.shape[:2])
        return lifted(keypoints, found.descriptors.cpu().numpy().astype(np.float16), pointmap)

    def match(self, a: LocalFeatures, b: LocalFeatures) -> Int[np.ndarray, "m 2"]:
        """Pairs int (M, 2), rows (index in a, in b)."""
        import torch

        if not (len(a) and len(b) and self.made(a) and self.made(b)):
            return np.zeros((0, 2), int)
        views = {"image0": self._view(a), "image1": self._view(b)}
        with self._lock, torch.inference_mode():
            (pairs,) = self._lightglue(views)["matches"]
        return pairs.cpu().numpy().astype(int).reshape(-1, 2)

    def made(self, features: LocalFeatures) -> bool:
        """Whether features are of this kind."""
        descriptors = features.descriptors
        return descriptors.dtype == np.float16 and descriptors.shape[1] == CHANNELS

    def _view(self, features: LocalFeatures) -> dict[str, Tensor]:
        """As LightGlue takes it. The image is as large as leaves equal margins about the pixels."""
        import torch

        pixels = features.pixels
        size = pixels.min(axis=0) + pixels.max(axis=0) + 1
        found = {
            "keypoints": pixels,
            "descriptors": features.descriptors.astype(np.float32),
            "image_size": size.astype(np.float32),
        }
        return {k: torch.from_numpy(v)[None].to(self._device) for k, v in found.items()}


def _load(network: Any, tensors: Mapping[str, Tensor]) -> None:
    """Load LightGlue's tensors by the names that its layers have had since they were published."""
    renamed = {}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        if kind in OLD_NAMES:
            number, _, rest = rest.partition(".")
            name = f"transformers.{number}.{kind}.{rest}"
        if not name.endswith(UNUSED):
            renamed[name] = tensor
    wrong = network.load_state_dict(renamed, strict=False)
    missing = set(wrong.missing_keys) - set(COMPUTED)
    if missing or wrong.unexpected_keys:
        raise RuntimeError(f"LightGlue lacks {missing}, or does not know {wrong.unexpected_keys}")

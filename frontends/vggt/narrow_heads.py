"""Heads on a GPU in float16 instead of TF32.

A product in TF32 rounds what it multiplies to eleven bits, which float16 has as well: the same
digits from half the bytes and at three times the rate. Its range is smaller, and what leaves it
comes out of a head as an infinity or as no number: then the heads are widened, for good. Their
weights stay as they were rounded, which TF32 would do as well, but for those below 6e-5.

The camera head's products are narrow but for the first and the last layers, which read and make the
encoding; the dense heads' but for the layer that answers.
"""

from __future__ import annotations

import logging

import torch
from torch import nn

from mapper.frontends.layers.precision import Precision, set_products
from mapper.frontends.vggt.network import Vggt

logger = logging.getLogger(__name__)


class NarrowHeads:
    """The heads of one network, which it converts in place."""

    def __init__(self, model: Vggt, precision: Precision, device: torch.device) -> None:
        """Narrow where the trunk computes in half precision on a GPU, before it is moved there."""
        self._parts: list[nn.Module] = [*model.dense, *model.camera_head.products]
        self.are_narrow = device.type == "cuda" and precision != "float32"
        if self.are_narrow:
            logger.info("the heads' products in float16, with the digits of TF32")
            set_products(self._parts, "float16")

    def widen(self) -> bool:
        """To float32; whether that changes anything."""
        if not self.are_narrow:
            return False
        logger.warning("a frame leaves the range of float16: heads compute in float32 from here on")
        set_products(self._parts, "float32")
        self.are_narrow = False
        return True

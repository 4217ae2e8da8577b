"""VGGT on its device as keyframe loops ask it: what its encoder says of a view is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mapper.core.geometry import inverse, pose
from mapper.core.intrinsics import Intrinsics
from mapper.frontends.graphs import Graphs, Mixer
from mapper.frontends.keyframe_loop.stream import Together
from mapper.frontends.learned import finite
from mapper.frontends.transfer import brought, sent
from mapper.frontends.vggt.aggregator import normalised
from mapper.frontends.vggt.answers import camera_of
from mapper.frontends.vggt.batch_attention import BatchMixer
from mapper.frontends.vggt.dpt import confidence_exp
from mapper.frontends.vggt.network import Vggt
from mapper.frontends.vggt.pose_encoding import extrinsics
from mapper.frontends.vggt.preprocess import as_tensor

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8


@dataclass(frozen=True, slots=True, eq=False)
class EncodedView:
    """patches: (1, h w, C), which depend on the view alone. grid: (h, w)."""

    patches: Float[Tensor, "1 n c"]
    grid: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class JointVggt:
    """See JointNetwork; the first view is the world."""

    model: Vggt
    graphs: Graphs

    def own(self, image: UInt8[np.ndarray, "h w 3"]) -> EncodedView:
        """What the encoder says of a view."""

        def computed(_: Mapping[str, Mixer], pixels: Tensor) -> Tensor:
            return self.model.aggregator.patch_embed(normalised(pixels))

        pixels = as_tensor(sent(image, self.model.device))
        patches = self.graphs.run(("own", pixels.shape), computed, [pixels])
        return EncodedView(patches, self.model.aggregator.grid(pixels))

    def together(
        self,
        views: Sequence[EncodedView],
        cameras: Sequence[Intrinsics | None],
        wanted: int,
    ) -> Together | None:
        """All views at once; maps of the last ones."""
        patches = torch.cat([view.patches for view in views])
        grid, count = views[0].grid, len(views)

        def computed(_: Mapping[str, Mixer], patches: Tensor) -> list[Tensor]:
            mixer = BatchMixer("full", count)
            aggregated = self.model.aggregator.mixed(patches, (1, count), grid, mixer)
            tokens = aggregated.camera_tokens
            encoding = self.model.camera_head(tokens.float(), mixer.of_cameras)[-1]
            taps = {layer: tap[:, count - wanted :] for layer, tap in aggregated.taps.items()}
            last = replace(aggregated, taps=taps, camera_tokens=tokens[:, count - wanted :])
            maps = self.model.maps(self.model.depth_head, last)[0]
            descriptor = aggregated.descriptor[0, count - wanted :]
            return [maps[..., 0].exp(), confidence_exp(maps[..., 1]), encoding[0], descriptor]

        key = ("joint", patches.shape, wanted)
        told = brought(self.graphs.run(key, computed, [patches]))
        depth, confidence, encoding, descriptors = told
        camera_world = extrinsics(torch.from_numpy(encoding).double()).numpy()
        if not finite(*told, camera_world):
            return None
        T = np.stack([inverse(pose(each[:, :3], each[:, 3])) for each in camera_world])
        found = [camera_of(each[7:].astype(np.float64), depth.shape[1:]) for each in encoding]
        known = [given or camera for given, camera in zip(cameras, found, strict=True)]
        return Together(T, known, depth, confidence, descriptors)

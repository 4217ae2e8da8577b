"""A network of Depth Anything 3 on its device, as streams ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor

from mapper.core.intrinsics import Intrinsics
from mapper.frontends.da3.backbone import OwnTokens
from mapper.frontends.da3.cameras import (
    encoding_of,
    intrinsics_of,
    normalised_poses,
    poses_of,
)
from mapper.frontends.da3.network import Asked, Da3
from mapper.frontends.da3.preprocess import as_tensor
from mapper.frontends.da3.rays import cameras_of_rays
from mapper.frontends.da3.reference_view import Choice
from mapper.frontends.graphs import Graphs, Mixer
from mapper.frontends.keyframe_loop.stream import Together
from mapper.frontends.learned import finite
from mapper.frontends.transfer import brought, sent
from mapper.vision.rotations import inverse_rigid

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8

NO_GRAPHS: Final = Graphs(torch.device("cpu"), wanted=False)
WIDEST: Final = 1e4  # focal lengths in image sizes, beyond which a camera is no camera


@dataclass(frozen=True, slots=True, eq=False)
class JointDa3:
    """choice: of the reference view. rays: take the cameras from the rays of all pixels."""

    model: Da3
    choice: Choice = "first"
    rays: bool = False
    graphs: Graphs = field(default=NO_GRAPHS)

    def own(self, image: UInt8[np.ndarray, "h w 3"]) -> OwnTokens:
        """What a view shows by itself: the layers before the first that sees others."""

        def computed(_: Mapping[str, Mixer], image: Tensor) -> OwnTokens:
            return self.model.own(image)

        pixels = as_tensor(sent(image, self.model.device))
        return self.graphs.run(("own", pixels.shape), computed, [pixels])

    def together(
        self,
        views: Sequence[OwnTokens],
        cameras: Sequence[Intrinsics | None],
        wanted: int,
    ) -> Together | None:
        """See JointNetwork."""
        kept = joined(views)
        grid, count = kept.grid, len(views)
        seen = count if self.rays else wanted
        asked = Asked(self.choice, seen, self.rays)

        def computed(
            _: Mapping[str, Mixer], tokens: Tensor, first: Tensor, *others: Tensor
        ) -> list[Tensor]:
            raw = self.model.joint(OwnTokens(tokens, first, grid, *others), (1, count), asked)
            last = raw.tapped.taps[max(raw.tapped.taps)]
            said = [raw.depth[0], raw.confidence[0], raw.pose_encoding[0], last[0].mean(1)]
            if raw.rays is not None and raw.ray_confidence is not None:
                said += [raw.rays[0], raw.ray_confidence[0]]
            return said

        inputs = [kept.tokens, kept.class_tokens]
        inputs += [] if kept.as_others is None else [kept.as_others]
        key = ("joint", kept.tokens.shape, asked)
        told = brought(self.graphs.run(key, computed, inputs))
        if not finite(*told):
            return None
        depth, confidence, encoding, descriptors, *rays = told
        T, found = self._cameras(encoding, rays, depth.shape[1:])
        if not finite(T):
            return None  # a quaternion of zero
        return Together(
            T,
            [known or camera for known, camera in zip(cameras, found, strict=True)],
            depth[seen - wanted :],
            confidence[seen - wanted :],
            descriptors[seen - wanted :],
        )

    def posed(
        self,
        views: Sequence[OwnTokens],
        T_world_camera: Float[np.ndarray, "n 4 4"],
        cameras: Sequence[Intrinsics],
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Depth and confidence (H, W) of the last view under known poses; None where they are not
        finite. The depth's scale is not that of the poses."""
        kept = joined(views)
        grid, count = kept.grid, len(views)
        width, height = cameras[0].width, cameras[0].height
        given = torch.from_numpy(np.linalg.inv(T_world_camera.astype(np.float64)))[None]
        K = torch.tensor([[[c.fx, 0, c.cx], [0, c.fy, c.cy], [0, 0, 1]] for c in cameras])
        normal = inverse_rigid(normalised_poses(given))
        encoding = encoding_of(normal, K[None].double(), height, width).float()

        def computed(_: Mapping[str, Mixer], *told: Tensor) -> list[Tensor]:
            own = OwnTokens(told[0], told[1], grid)
            raw = self.model.joint(own, (1, count), Asked(wanted=1), told[2])
            return [raw.depth[0, 0], raw.confidence[0, 0]]

        key = ("posed", kept.tokens.shape)
        inputs = [kept.tokens, kept.class_tokens, encoding.to(self.model.device)]
        depth, confidence = brought(self.graphs.run(key, computed, inputs))
        return (depth, confidence) if finite(depth, confidence) else None

    def _cameras(
        self, encoding: np.ndarray, rays: Sequence[np.ndarray], size: tuple[int, ...]
    ) -> tuple[Float[np.ndarray, "n 4 4"], list[Intrinsics]]:
        height, width = size
        if rays:
            told = cameras_of_rays(rays[0], rays[1])
            T, K = told.T_world_camera, told.intrinsics(height, width)
        else:
            numbers = torch.from_numpy(encoding).double()
            T, K = poses_of(numbers).numpy(), intrinsics_of(numbers, height, width).numpy()
        return T, [camera_of(each, height, width) for each in K]


def joined(views: Sequence[OwnTokens]) -> OwnTokens:
    """Of several views as of a batch."""
    others = [view.as_others for view in views if view.as_others is not None]
    return OwnTokens(
        torch.cat([view.tokens for view in views]),
        torch.cat([view.class_tokens for view in views]),
        views[0].grid,
        torch.cat(others) if others else None,
    )


def camera_of(K: Float[np.ndarray, "3 3"], height: int, width: int) -> Intrinsics:
    """The camera of a matrix; one that sees as good as nothing, or everything, gets the focal
    length of its longer side."""
    size = float(max(width, height))
    fx, fy = float(K[0, 0]), float(K[1, 1])
    if not (size / WIDEST < fx < size * WIDEST and size / WIDEST < fy < size * WIDEST):
        fx = fy = size
    return Intrinsics(fx, fy, float(K[0, 2]), float(K[1, 2]), width, height)

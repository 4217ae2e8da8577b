"""What tests of training share: networks of a few thousand numbers, and a scene to learn from."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from mapper.train.data.scene import View

SIDE: Final = 112  # pixels; of 14 and of 16
VGGT: Final[dict[str, Any]] = {
    "img_size": SIDE, "embed_dim": 16, "vit_depth": 1, "vit_heads": 2, "agg_depth": 4,
    "agg_heads": 2, "num_register_tokens": 1, "cam_trunk_depth": 1, "cam_heads": 2,
    "dpt_features": 8, "dpt_out_channels": [8, 8, 8, 8], "dpt_layer_idx": [0, 1, 2, 3],
    "track": {
        "features": 16, "hidden_size": 16, "corr_levels": 3, "corr_radius": 1, "iters": 2,
        "depth": 1, "num_heads": 2, "num_virtual_tracks": 4, "dpt_features": 16,
        "dpt_layer_idx": [0, 1, 2, 3], "dpt_out_channels": [8, 8, 8, 8],
    },
}  # fmt: skip
CUT3R: Final[dict[str, Any]] = {
    "enc_embed_dim": 64, "enc_depth": 1, "enc_num_heads": 2, "dec_embed_dim": 32, "dec_depth": 4,
    "dec_num_heads": 2, "state_dec_num_heads": 2, "state_size": 9, "local_mem_size": 4,
    "ray_enc_depth": 1, "dpt": {"feature_dim": 8, "last_dim": 8, "layer_dims": [8, 8, 8, 8]},
}  # fmt: skip
SMALL_PATCHES: Final[dict[str, Any]] = {  # a place in the state for each of a square image
    **CUT3R, "img_size": SIDE, "patch_size": 14, "state_size": 64, "head_type": "linear",
    "rgb_head": False,
}  # fmt: skip
WINT3R: Final[dict[str, Any]] = {
    "enc_embed_dim": 32, "enc_depth": 1, "enc_num_heads": 2, "dec_embed_dim": 32, "dec_depth": 2,
    "dec_num_heads": 2, "state_dec_num_heads": 2, "state_size": 9, "window_size": 2,
    "camera_head": {"depth": 1, "num_heads": 2, "iterations": 2},
    "pts_head": {"dim_proj": 16, "dim_upsample": [16, 8, 8], "last_conv_channels": 8},
}  # fmt: skip


class Wall:
    """A scene of views of a slanted wall, the camera moving along it."""

    def __init__(self, views: int = 8, side: int = SIDE) -> None:
        self.views, self.side = views, side

    def __len__(self) -> int:
        return self.views

    def view(self, index: int) -> View:
        """One of them."""
        side = self.side
        rng = np.random.default_rng(index)
        depth = (
            2 + 0.56 / side * np.arange(side, dtype=np.float32) + np.zeros((side, 1), np.float32)
        )
        T = np.eye(4)
        T[0, 3] = 0.1 * index
        focal, middle = 0.86 * side, (side - 1) / 2
        K = np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1]])
        image = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        return View(image, depth, T, K)

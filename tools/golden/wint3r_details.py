"""What single modules of WinT3R said of a recorded run's first window."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Self

import torch
from torch import Tensor, nn

from mapper.frontends.layers.rope import grid_positions
from mapper.frontends.wint3r.network import Wint3r
from mapper.frontends.wint3r.point_head import PATCH_SIZE

# How recordings (after "detail.") name the modules whose outputs they hold: pattern, module's path.
MODULE_NAMES: Final = (
    (r"patch_embed\.out0", r"patch_embed"),
    (r"enc_block(\d+)(\.attn)?", r"enc_blocks.\1\2"),
    (r"dec_block(_state)?(\d+)\.out\d", r"dec_blocks\1.\2"),
    (r"dec_block(\d+)\.attn_global", r"dec_blocks.\1.attn"),
    (r"dec_block(\d+)\.(\w+)", r"dec_blocks.\1.\2"),
    (r"pts\.project(\d)", r"pts_head.projects.\1"),
    (r"pts\.up(\d)\.(\d)", r"pts_head.upsample_blocks.\1.\2"),
    (r"pts\.raw4", r"pts_head.output_block.0"),
    (r"cam\.token_norm", r"cam_head.token_norm"),
    (r"cam\.embed_pose_iter0", r"cam_head.embed_pose"),
    (r"cam\.modulation_iter0", r"cam_head.poseLN_modulation"),
    (r"cam\.trunk(\d)_iter0", r"cam_head.trunk.\1"),
    (r"cam\.delta_iter0", r"cam_head.pose_branch"),
    (r"(enc_norm|decoder_embed)", r"\1"),
)
ONCE_A_FRAME: Final = ("patch_embed", "enc_block", "enc_norm", "decoder_embed")
BEFORE_FRAMES: Final = ".out2"  # of an image block: the second of the two outputs of ours


class FirstWindow:
    """Listens to all named modules of a model while it streams."""

    def __init__(self, model: Wint3r) -> None:
        self._seen: dict[str, list[Any]] = {}
        self._hooks = [
            module.register_forward_hook(self._listener(name))
            for name, module in model.named_modules()
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def outputs(
        self, tensors: Mapping[str, Tensor], frames: Sequence[int]
    ) -> Iterator[tuple[str, Tensor]]:
        """Recorded name and output of the first window, whose slots hold these frames."""
        for name, expected in tensors.items():
            recorded = name.removeprefix("detail.")
            path = module_name(recorded)
            if recorded == "patch_embed.out1":
                yield name, self._patch_positions(expected)
            elif name != recorded and path in self._seen:
                yield name, self._output(recorded, path, frames).expand_as_recorded(expected)

    def _output(self, recorded: str, path: str, frames: Sequence[int]) -> _Output:
        calls = self._seen[path]
        if recorded.startswith(ONCE_A_FRAME):
            return _Output(torch.stack([calls[frame] for frame in frames], 1))
        output = calls[0]
        if isinstance(output, tuple):
            output = output[1 if recorded.endswith(BEFORE_FRAMES) else 0]
        return _Output(output, channels_first=recorded.startswith("pts.project"))

    def _patch_positions(self, expected: Tensor) -> Tensor:
        """Of the patch grid, from the shape of the network's output."""
        height, width = self._seen["pts_head.output_block.0"][0].shape[2:]
        return grid_positions(height // PATCH_SIZE, width // PATCH_SIZE).expand_as(expected)

    def _listener(self, name: str) -> Any:
        def listen(_module: nn.Module, _inputs: Any, output: Any) -> None:
            self._seen.setdefault(name, []).append(output)

        return listen


class _Output:
    """A module's output on its way to the recorded shape."""

    def __init__(self, tensor: Tensor, channels_first: bool = False) -> None:
        self.tensor = tensor.transpose(1, 2) if channels_first else tensor

    def expand_as_recorded(self, expected: Tensor) -> Tensor:
        """Our first refinement has one token for all slots, and tokens of ours are not maps."""
        if self.tensor.numel() < expected.numel():
            return self.tensor.expand_as(expected)
        return in_recorded_order(expected, self.tensor)


def module_name(recorded: str) -> str:
    """The path of the module inside the model; empty if it has none."""
    for pattern, replacement in MODULE_NAMES:
        match = re.fullmatch(pattern, recorded)
        if match:
            return match.expand(replacement)
    return ""


def in_recorded_order(expected: Tensor, ours: Tensor) -> Tensor:
    """Our tensor in the recorded shape, where that only folds axes.

    Where sequences and slots are one axis in the recording, nothing says which of them varies
    faster: the nearer of the two orders counts.
    """
    if ours.shape == expected.shape or ours.numel() != expected.numel():
        return ours
    if ours.ndim <= expected.ndim or ours.shape[0] == 1:
        return ours.reshape(expected.shape)
    orders = [ours.reshape(expected.shape), ours.transpose(0, 1).reshape(expected.shape)]
    return min(orders, key=lambda order: float((order - expected).abs().max()))

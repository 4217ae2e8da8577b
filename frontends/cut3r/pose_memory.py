"""The pose memory: slots that pair what a frame looked like with where it was."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mapper.frontends.layers.block import DecoderBlock

DEPTH = 2


class PoseMemory(nn.Module):
    """Reads a pose token for a new frame, and writes the decoded one back.

    A slot is 2C wide: appearance (from the global image feature), then pose token.
    """

    def __init__(self, slots: int, feature_width: int, width: int, heads: int) -> None:
        super().__init__()
        self.masked_token = nn.Parameter(torch.zeros(1, 1, width))
        self.mem = nn.Parameter(torch.zeros(1, slots, 2 * width))
        self.proj_q = nn.Linear(feature_width, width)
        self.write_blocks = nn.ModuleList(DecoderBlock(2 * width, heads) for _ in range(DEPTH))
        self.read_blocks = nn.ModuleList(DecoderBlock(2 * width, heads) for _ in range(DEPTH))

    def initial(self, batch: int) -> Tensor:
        """The learned slots, (batch, M, 2C)."""
        return self.mem.expand(batch, -1, -1)

    def read(self, memory: Tensor, global_feature: Tensor) -> Tensor:
        """Pose token (B, 1, C) for global feature (B, 1, C_enc) from memory (B, M, 2C)."""
        appearance = self.proj_q(global_feature)
        unknown = self.masked_token.expand(len(appearance), -1, -1)
        question = torch.cat([appearance, unknown], -1)
        for block in self.read_blocks:
            question = block(question, memory)
        return question[..., appearance.shape[-1] :]

    def written(self, memory: Tensor, global_feature: Tensor, pose_token: Tensor) -> Tensor:
        """Candidate memory (B, M, 2C) after seeing pose_token (B, 1, C)."""
        entry = torch.cat([self.proj_q(global_feature), pose_token], -1)
        for block in self.write_blocks:
            memory = block(memory, entry)
        return memory

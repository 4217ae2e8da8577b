"""Sizes of the encoder and the decoders that CUT3R and WinT3R have in common."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrunkSizes:
    """Under the names of the published constructors; the defaults are the published sizes.

    enc_*: image encoder. dec_*: image decoder, and the state decoder but for its heads,
    state_dec_num_heads.
    """

    enc_embed_dim: int = 1024
    enc_depth: int = 24
    enc_num_heads: int = 16
    dec_embed_dim: int = 768
    dec_depth: int = 12
    dec_num_heads: int = 12
    state_dec_num_heads: int = 16
    mlp_ratio: float = 4.0

"""How a stream of frames remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from mapper.errors import ConfigError
from mapper.frontends.vggt.cache.retention import POLICIES
from mapper.frontends.vggt.cache.storage import AUTO
from mapper.frontends.vggt.network import Heads

TOKENS: Final = "tokens"  # policies that keep parts of frames
SPECIAL: Final = "special"
ALL_POLICIES: Final = (*POLICIES, TOKENS, SPECIAL)


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How a session remembers.

    mode: "causal" keeps all frames, or as many as the budget holds; "window" the first and the
    last five. shared_camera_cache: StreamVGGT's rule, by which the four refinements of the camera
    share one cache; STream3R has one for each. storage: of the aggregator's cache, or "auto", the
    type that it computes in. budget: bytes of all caches, None = no limit. policy: what goes when
    the budget is spent: a frame, see retention, all of a frame but its special tokens, or single
    tokens. cache_every: only every so many frames stay, the others see the past and go.
    cache_overlap: only frames that overlap less with the last one that stayed do, 0 = all; see
    new_views. frame_ms: what a frame may take before the cache stops growing, 0 = any. heads:
    which dense heads run. track_window: recent frames in whose company query points are
    tracked; 0 = the first alone.
    """

    mode: Literal["causal", "window"] = "causal"
    shared_camera_cache: bool = False
    storage: str = AUTO
    budget: int | None = None
    policy: str = "overlap"
    cache_every: int = 1
    cache_overlap: float = 0.0
    frame_ms: float = 0.0
    heads: Heads = field(default_factory=Heads)
    track_window: int = 8

    def __post_init__(self) -> None:
        if self.mode not in ("causal", "window"):
            raise ConfigError(f"mode {self.mode!r}: a session is causal or window")
        if self.policy not in ALL_POLICIES:
            raise ConfigError(
                f"kv_policy {self.policy!r}: expected one of {', '.join(ALL_POLICIES)}"
            )
        chosen = self.policy in (TOKENS, SPECIAL) or self.cache_every > 1 or self.cache_overlap > 0
        if self.mode == "window" and chosen:
            raise ConfigError(
                "mode=window keeps the first frame and the last five, whole: kv_policy=tokens or "
                "special, cache_every and cache_overlap are for mode=causal"
            )
        if self.cache_every > 1 and self.cache_overlap:
            raise ConfigError(
                "cache_every and cache_overlap both say which frames stay in the cache: leave one "
                "of them out"
            )

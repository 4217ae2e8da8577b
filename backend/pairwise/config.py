"""Settings of the reference's pairwise alignment."""

from __future__ import annotations

from dataclasses import dataclass

from mapper.errors import ConfigError


@dataclass(frozen=True, slots=True)
class PairwiseModeConfig:
    """max_keyframes: more are thinned evenly, for time and memory grow with the square: 60 at
    512x384 need some 25 GB, 30 a quarter of that. iterations: steps of Adam. device: cpu, cuda,
    mps, or auto (a GPU if any)."""

    max_keyframes: int = 60
    iterations: int = 300
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.max_keyframes < 2:
            raise ConfigError(f"pairwise.max_keyframes={self.max_keyframes}: expected 2 or more")
        if self.iterations < 0:
            raise ConfigError(f"pairwise.iterations={self.iterations}: expected 0 or more")

"""Two optimisers as one: matrices of blocks by Muon, everything else by AdamW.

Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024; as it comes
with PyTorch, its rate in AdamW's measure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch

from mapper.errors import ConfigError

MOMENTUM: Final = 0.95
MULTIPLE: Final = "multiple"  # of a group: its rate over the others'


class MuonAndAdamW(torch.optim.Optimizer):
    """matrices, others: groups of parameters as optimisers take them. multiple: the matrices' rate
    over the others'."""

    def __init__(
        self,
        matrices: list[dict[str, Any]],
        others: list[dict[str, Any]],
        multiple: float,
        betas: tuple[float, float],
    ) -> None:
        if not hasattr(torch.optim, "Muon"):
            raise ConfigError("matrices: Muon comes with PyTorch 2.9; matrices=0 does without")
        for group in matrices:
            group[MULTIPLE] = multiple
        muon = torch.optim.Muon(matrices, lr=0.0, momentum=MOMENTUM, adjust_lr_fn="match_rms_adamw")
        self._parts: tuple[Any, ...] = (
            muon,
            torch.optim.AdamW(others, lr=0.0, betas=betas, eps=1e-8),
        )
        super().__init__([*matrices, *others], {"lr": 0.0})
        self._share_groups()

    def _share_groups(self) -> None:
        self.param_groups = [group for part in self._parts for group in part.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Both. closure: none is taken."""
        assert closure is None
        for part in self._parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """Of both."""
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Of both."""
        for part, state in zip(self._parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share_groups()

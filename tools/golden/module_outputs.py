"""What single modules of a model said of a recorded run's first frame."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

# How recordings (after "dbg.") name the modules whose outputs they hold: pattern, module's path.
MODULE_NAMES: Final = (
    (r"patch_embed", r"patch_embed"),
    (r"enc_block\.(\d+)", r"enc_blocks.\1"),
    (r"dec_block(_state)?\.(\d+)", r"dec_blocks\1.\2"),
    (r"dec_block(_state)?\.(\d+)\.self_attn_out", r"dec_blocks\1.\2.attn"),
    (r"dec_block(_state)?\.(\d+)\.cross_attn_out", r"dec_blocks\1.\2.cross_attn"),
    (r"pose_raw", r"downstream_head.pose_head"),
    (r"raw\.(\w+)", r"downstream_head.\1"),
    (r"final_transform\.(\d+)", r"downstream_head.final_transform.\1"),
    (r"(dpt_\w+)\.(refinenet\d)", r"downstream_head.\1.scratch.\2"),
    (r"(dpt_\w+)\.(.+)", r"downstream_head.\1.\2"),
    (r"(.+)", r"\1"),
)


class ModuleOutputs:
    """Listens to the modules that a recording names; `remove` when the run is over."""

    def __init__(self, model: nn.Module, names: Iterable[str]) -> None:
        modules = dict(model.named_modules())
        self._seen: dict[str, list[Tensor]] = {}
        self._hooks = []
        for name in names:
            module = modules.get(module_name(name.removeprefix("dbg.")))
            if module is not None:
                self._hooks.append(module.register_forward_hook(self._listener(name)))

    def remove(self) -> None:
        for hook in self._hooks:
            hook.remove()

    def outputs(self, expected: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
        """The first frame's output, or all frames' in a row where the recording holds as many."""
        for name, calls in self._seen.items():
            rows = sum(len(call) for call in calls)
            whole = len(expected[name]) == rows and len(calls) > 1
            yield name, torch.cat(calls) if whole else calls[0]

    def _listener(self, name: str) -> Any:
        def listen(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            self._seen.setdefault(name, []).append(output.detach().clone())

        return listen


def module_name(recorded: str) -> str:
    """The path of the module inside the model."""
    for pattern, replacement in MODULE_NAMES:
        if re.fullmatch(pattern, recorded):
            return re.sub(pattern, replacement, recorded)
    return recorded

"""Runs what golden files of VGGT's preprocessing record: samples and means of whole images."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from golden.recording import Golden
from mapper.frontends.vggt.preprocess import as_tensor, for_evaluation, preprocessed, together

ENLARGED: Final = 8  # how often each pixel of a "raw_div8" image is repeated
EVALUATION: Final = "evaluation loader"
RAW: Final = re.compile(r"(\w+)\.raw(_div8)?")


def run_preprocess(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Samples and means of every recorded case whose source image is recorded too."""
    sources: dict[str, Image.Image] = {}
    for file in reversed(golden.siblings()):
        sources |= dict(images_in(file))
    evaluation = EVALUATION in golden.sidecar.get("what", "")
    for case, facts in golden.sidecar.get("cases", {}).items():
        name, _, fit = case.rpartition(".")
        names = facts.get("files", [name])
        if "output_shape" not in facts or any(n not in sources for n in names):
            continue
        target = max(facts["output_shape"][-2:])
        if evaluation:
            images = [for_evaluation(sources[n], target, fit == "crop") for n in names]
        else:
            images = [preprocessed(sources[n], target, fit) for n in names]
        batch = torch.cat([as_tensor(image) for image in together(images)])
        if evaluation:  # the published loader goes through [-1, 1]
            batch = ((batch - 0.5) / 0.5 + 1) / 2
        yield from summaries(golden, case, batch)
    yield from ((name, t) for name, t in golden.tensors.items() if RAW.fullmatch(name))


def summaries(golden: Golden, case: str, batch: Tensor) -> Iterator[tuple[str, Tensor]]:
    """What is recorded of a batch (N, 3, H, W) too large to be kept whole."""
    for name in golden.tensors:
        for pattern, summary in SUMMARIES.items():
            if match := re.fullmatch(re.escape(f"{case}.") + pattern, name):
                yield name, summary(match, batch)


# What is kept of a batch, by what follows the case in a tensor's name.
SUMMARIES: Final[Mapping[str, Callable[[re.Match[str], Tensor], Tensor]]] = {
    r"sample_(\d+)_(\d+)": lambda match, batch: batch[:, :, :: int(match[1]), :: int(match[2])],
    "mean_over_channel_and_width": lambda _, batch: batch.double().mean((1, 3)).float(),
    "mean_over_channel_and_height": lambda _, batch: batch.double().mean((1, 2)).float(),
    "full": lambda _, batch: batch,
}


def images_in(golden: Golden) -> Iterator[tuple[str, Image.Image]]:
    """The recorded source images by name."""
    if not any(RAW.fullmatch(name) for name in golden.sidecar.get("tensors", {})):
        return
    cases: Mapping[str, Any] = golden.sidecar.get("cases", {})
    for name, tensor in golden.tensors.items():
        if match := RAW.fullmatch(name):
            pixels = tensor.numpy()
            if match[2]:
                width, height = cases[f"{match[1]}.crop"]["input_wh"]
                pixels = pixels.repeat(ENLARGED, 0).repeat(ENLARGED, 1)[:height, :width]
            yield match[1], Image.fromarray(np.ascontiguousarray(pixels))

"""Short rollouts from every image: what the reference alignment asks of CUT3R."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from mapper.core.image_pairs import ImagePair, pair_order, rollout_indices
from mapper.errors import InputError
from mapper.frontends.cut3r.activations import confidence_exp, points_exp
from mapper.frontends.cut3r.heads import HeadInput
from mapper.frontends.cut3r.model import Cut3r, blend, gate_of
from mapper.frontends.cut3r.network import Decoded
from mapper.frontends.cut3r.state import Cut3rState, StreamInput
from mapper.frontends.cut3r.stepping import whole_sequence
from mapper.frontends.cut3r.update_rules import UpdateRule
from mapper.frontends.layers.encoded import Encoded


@torch.inference_mode()
def rollout_pairs(
    model: Cut3r,
    images: Sequence[Tensor],
    rule: UpdateRule,
    progress: Callable[[int], None] | None = None,
) -> list[ImagePair]:
    """n (n - 1) / 2 pairs of n images (3, H, W) in [-1, 1], from 2 n - 1 independent rollouts.

    The root's points come from the head of its own view, the others' from the cross-view head; no
    other head is computed, and an image is encoded once, not once a rollout. rule: of the state
    update. progress: told the number of rollouts done. Raises InputError where images differ in
    size or an output is not finite.
    Source: the written description of CUT3R's global alignment, section 1.
    """
    if len({image.shape for image in images}) > 1:
        raise InputError("the images differ in size; pairwise alignment needs frames of one size")
    views = [StreamInput(image=image[None].to(model.device)) for image in images]
    encoded = [model.encode(view, whole_sequence(any_ray_map=False)) for view in views]
    pairs: list[ImagePair] = []
    for count, indices in enumerate(rollout_indices(len(images)), 1):
        if len(indices) > 1:
            pairs += _rollout(model, [(k, views[k], encoded[k]) for k in indices], rule)
        if progress is not None:
            progress(count)
    return sorted(pairs, key=lambda pair: pair_order((pair.i, pair.j)))


def _rollout(
    model: Cut3r, frames: Sequence[tuple[int, StreamInput, Encoded]], rule: UpdateRule
) -> Iterator[ImagePair]:
    """The root with each of the others, from a fresh state."""
    (root, view, encoded), *others = frames
    decoded, state = _step(model, view, encoded, model.initial_state(1), rule)
    inputs = model.head_input(encoded, decoded)
    root_maps = _maps(model, model.downstream_head.self_view, inputs, root)
    for index, view, encoded in others:
        decoded, state = _step(model, view, encoded, state, rule)
        inputs = model.head_input(encoded, decoded)
        maps = _maps(model, model.downstream_head.cross_view, inputs, index)
        yield ImagePair(root, index, *root_maps, *maps)


def _step(
    model: Cut3r, view: StreamInput, encoded: Encoded, state: Cut3rState, rule: UpdateRule
) -> tuple[Decoded, Cut3rState]:
    """`Cut3r.step` of an image that is encoded already, without heads."""
    observer = rule.observer()
    decoded = model.decode(encoded, state, observer)
    change = model.change(view, encoded, decoded, state, observer)
    memory = model.written_memory(encoded, decoded, state)
    after = blend(state, change, gate_of(rule, change, state), memory)
    return decoded, model.after_reset(after, view, whole_sequence(any_ray_map=False))


def _maps(
    model: Cut3r, head: Callable[[HeadInput], Tensor], inputs: HeadInput, image: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pointmap (h, w, 3) and confidence (h, w) of a head, in full precision as everywhere."""
    _, floor, ceiling = model.config.conf_mode
    raw = head(inputs)
    points, confidence = points_exp(raw[0, ..., :3]), confidence_exp(raw[0, ..., 3], floor, ceiling)
    if not bool(points.isfinite().all() and confidence.isfinite().all()):
        raise InputError(f"image {image}: the network's output is not finite; leave it out")
    return points.cpu().numpy(), confidence.cpu().numpy()

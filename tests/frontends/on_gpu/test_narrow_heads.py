"""Heads in float16 say what float32 says, and what float16 cannot hold makes them wide again."""

from __future__ import annotations

import logging
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from mapper.frontends.learned import LearnedFrontend
from mapper.frontends.vggt.frontend import StreamingFrontend
from mapper.frontends.vggt.loading import load_vggt
from mapper.frontends.vggt.network import Vggt, VggtPrediction
from mapper.frontends.vggt.session import NotFiniteError
from tests.frontends.on_gpu.families import Families, answers, distance, frames
from tests.support.pretended_gpu.torch_cuda import pretended_gpu

pytestmark = pytest.mark.usefixtures("only_one_thread")
LARGE = 2.0**17  # of weights about 0.1: float16's largest number is 65504


def build(families: Families, mode: str) -> StreamingFrontend:
    frontend = families.build("stream3r", "cuda", precision="bfloat16", mode=mode)
    assert isinstance(frontend, StreamingFrontend)
    return frontend


def head_types(frontend: LearnedFrontend) -> set[torch.dtype]:
    assert isinstance(frontend, StreamingFrontend)
    model = frontend._model
    layers = (model.depth_head.projects[0], model.camera_head.trunk[0].get_submodule("mlp.fc1"))
    return {layer.get_parameter("weight").dtype for layer in layers}


def enlarged(path: Path, name: str) -> Vggt:
    """The same function of exact arithmetic, with maps in between that float16 cannot hold."""
    model = load_vggt(path, name)
    unit = model.depth_head.scratch.refinenet1.resConfUnit2
    with torch.no_grad():
        unit.conv1.weight *= LARGE
        unit.conv1.bias *= LARGE
        unit.conv2.weight /= LARGE
    return model


def test_half_precision_alone_narrows_them_and_on_a_gpu_alone(families: Families) -> None:
    there = families.build("stream3r", "cpu", precision="bfloat16")
    assert isinstance(there, StreamingFrontend) and not there._heads.are_narrow
    with pretended_gpu(values=False):
        assert head_types(families.build("stream3r", "cuda")) == {torch.float32}
        narrow = families.build("stream3r", "cuda", precision="bfloat16")
        assert head_types(narrow) == {torch.float16}


@pytest.mark.parametrize("mode", ["causal", "window"])
def test_they_are_as_near_to_float32_as_wide_ones(families: Families, mode: str) -> None:
    shown = frames("stream3r", 9)
    exact = answers(families.build("stream3r", "cpu", mode=mode), shown)
    with pretended_gpu():
        found = answers(build(families, mode), shown)
        wide = build(families, mode)
        assert wide._heads.widen() and not wide._heads.widen()
        expected = answers(wide, shown)
    assert 0 < distance(found, expected) < 0.6 * distance(expected, exact)
    assert distance(found, exact) < 1.1 * distance(expected, exact)


def test_no_frame_is_lost_that_leaves_their_range(
    families: Families, caplog: pytest.LogCaptureFixture
) -> None:
    shown = frames("stream3r", 3)
    with pretended_gpu():
        expected = answers(build(families, "causal"), shown)
        with (
            patch("mapper.frontends.vggt.frontend.load_vggt", enlarged),
            caplog.at_level(logging.WARNING),
        ):
            frontend = build(families, "causal")
            found = answers(frontend, shown)
        assert head_types(frontend) == {torch.float32}
    assert [p.frame_index for p in found] == [p.frame_index for p in expected]
    assert caplog.text.count("heads compute in float32 from here on") == 1
    assert distance(found, expected) < 0.02  # what is left of the weights that were made small


def test_graphs_of_narrow_heads_are_not_used_of_wide_ones(families: Families) -> None:
    shown = frames("stream3r", 10)
    with pretended_gpu():
        expected = answers(build(families, "window"), shown)
        frontend = build(families, "window")
        found = [p for frame in shown[:8] for p in frontend.step(frame)]  # captured by now
        step = frontend._session._step
        refused = [NotFiniteError("once")]

        def refuses_once(images: Tensor) -> VggtPrediction:
            if refused:
                raise refused.pop()
            return step(images)

        with patch.object(frontend._session, "_step", refuses_once):
            found += [p for frame in shown[8:] for p in frontend.step(frame)]
        assert head_types(frontend) == {torch.float32}
    assert [p.frame_index for p in found] == [p.frame_index for p in expected]
    assert 0 < distance(found[8:], expected[8:]) < 1e-3

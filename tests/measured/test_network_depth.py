"""Metres by a network, of a tiny one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.frontends.da3.network import Da3Single
from mapper.measured.network_depth import MOST, MetricDepth, spread_out
from tests.support.networks.da3_networks import tiny_single, waves, write_folder


def one_depth(depth: float, sky: float = 0.0) -> Da3Single:
    """A network that says one thing of every pixel."""
    model = tiny_single()
    for name, value in (("output_conv2", np.log(depth)), ("sky_output_conv2", sky)):
        last = model.get_submodule(f"head.scratch.{name}.2")
        last.get_parameter("weight").zero_()
        last.get_parameter("bias").fill_(float(value))
    return model


def test_metres_go_by_the_focal_length_of_the_processed_image(tmp_path: Path) -> None:
    network = MetricDepth(str(write_folder(tmp_path / "metric", one_depth(2.0))))
    image = waves(1, 48, 64)[0]
    camera = Intrinsics(40.0, 40.0, 31.5, 23.5, 64, 48)
    depth = network.depth(image, camera)
    assert depth.shape == (48, 64)
    np.testing.assert_allclose(depth, 2.0 * 40 * (504 / 64) / 300, rtol=1e-4)


def test_the_sky_has_no_depth(tmp_path: Path) -> None:
    network = MetricDepth(str(write_folder(tmp_path / "metric", one_depth(2.0, sky=1.0))))
    assert not network.depth(waves(1)[0], Intrinsics(40.0, 40.0, 20.5, 13.5, 42, 28)).any()


def test_a_network_without_metres_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not of da3-metric"):
        MetricDepth(str(write_folder(tmp_path / "da3")))
    with pytest.raises(InputError, match="mapper weights fetch da3-metric"):
        MetricDepth("da3-metric")


def test_a_few_keyframes_are_enough() -> None:
    assert spread_out([3, 4]) == [3, 4]
    chosen = spread_out(range(100))
    assert len(chosen) == MOST and chosen[0] == 0 and chosen[-1] == 99

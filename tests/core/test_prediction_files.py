"""A saved prediction comes back bit for bit, and its file is found by its frame."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from mapper.core.depth_noise import LEARNED, DepthNoise
from mapper.core.geometry import exp_se3
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.core.prediction_files import (
    load_prediction,
    prediction_path,
    predictions_of,
    save_prediction,
)
from mapper.errors import InputError


@pytest.fixture
def prediction() -> Prediction:
    rng = np.random.default_rng(0)
    return Prediction(
        42,
        1403636579.763555,
        rng.random((6, 8, 3), np.float32),
        rng.random((6, 8), np.float32),
        exp_se3(np.arange(6) / 7),
        Intrinsics(10.1, 10.2, 3.3, 2.4, 8, 6),
        rng.integers(0, 256, (6, 8, 3), np.uint8),
        True,
        3,
        rng.random(5, np.float32),
        DepthNoise(0.1, 0.2, 0.3),
    )


def assert_same(a: Prediction, b: Prediction) -> None:
    for field in fields(Prediction):
        one, other = getattr(a, field.name), getattr(b, field.name)
        np.testing.assert_array_equal(one, other, err_msg=field.name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype, field.name


def test_a_prediction_comes_back_bit_for_bit(prediction: Prediction, tmp_path: Path) -> None:
    bare = replace(prediction, segment=4, descriptor=None, is_metric=False)
    for saved in (prediction, bare):
        save_prediction(tmp_path, saved)
        assert_same(load_prediction(prediction_path(tmp_path, 42, saved.segment)), saved)
    assert [p.name for p in predictions_of(tmp_path, 42)] == ["000042-003.npz", "000042-004.npz"]
    assert predictions_of(tmp_path, 4) == []


def test_a_file_from_before_the_noise_was_written_is_a_networks(
    prediction: Prediction, tmp_path: Path
) -> None:
    save_prediction(tmp_path, prediction)
    path = prediction_path(tmp_path, 42, 3)
    with np.load(path) as arrays:
        before = {name: arrays[name] for name in arrays.files if name != "noise"}
    np.savez(path, **before)
    assert load_prediction(path).noise == LEARNED


def test_a_damaged_file_is_named(prediction: Prediction, tmp_path: Path) -> None:
    save_prediction(tmp_path, prediction)
    path = prediction_path(tmp_path, 42, 3)
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(InputError, match=r"000042-003\.npz"):
        load_prediction(path)


@pytest.mark.parametrize("name", ["timestamp", "intrinsics", "noise", "descriptor"])
def test_numbers_that_are_none_are_refused_with_the_files_name(
    name: str, prediction: Prediction, tmp_path: Path
) -> None:
    save_prediction(tmp_path, prediction)
    path = prediction_path(tmp_path, 42, 3)
    with np.load(path) as arrays:
        spoilt = {each: arrays[each] for each in arrays.files}
    spoilt[name] = spoilt[name] * np.asarray(np.nan, spoilt[name].dtype)
    np.savez(path, **spoilt)
    with pytest.raises(InputError, match=rf"000042-003\.npz.*{name}"):
        load_prediction(path)


def test_depth_is_the_third_of_a_point_and_a_segment_is_the_first_unless_told(
    prediction: Prediction,
) -> None:
    np.testing.assert_array_equal(prediction.depth, prediction.pointmap[..., 2])
    told = {f.name: getattr(prediction, f.name) for f in fields(Prediction)[:8]}
    assert Prediction(**told).segment == 0

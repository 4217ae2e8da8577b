"""What all learned frontends do alike, on tiny random networks of every family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapper.config.settings import MapperConfig
from mapper.core.frame import Frame
from mapper.core.geometry import backproject
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.errors import InputError
from mapper.frontends.base import PreparingFrontend, TrackingState
from mapper.frontends.cut3r.frontend import Cut3rFrontend
from mapper.frontends.cut3r.options import Cut3rOptions
from mapper.frontends.layers import int8_linear
from mapper.frontends.learned import PREPARED, LearnedFrontend, PreparedImages
from mapper.frontends.one_camera import UNSEEN
from mapper.frontends.registry import create_frontend
from mapper.frontends.vggt.frontend import create
from mapper.frontends.vggt.options import Stream3rOptions
from mapper.frontends.wint3r.frontend import Wint3rFrontend
from mapper.frontends.wint3r.options import Wint3rOptions
from mapper.vision.orb import OrbMatcher
from tests.support.networks.exact import EXACT
from tests.support.networks.tiny_cut3r import write_checkpoint
from tests.support.networks.tiny_wint3r import save_tiny, smooth, tiny_model
from tests.support.networks.vggt_networks import write_folder

FAMILIES = ("cut3r", "stream3r", "wint3r")
# Of the frames: one that each network shows as it is, but for WinT3R's, which are 512 wide.
SIZES = {"cut3r": (64, 48), "stream3r": (56, 42), "wint3r": (64, 28)}
Build = Callable[..., LearnedFrontend]


pytestmark = pytest.mark.usefixtures("only_one_thread")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """build(family, **options): a frontend on the CPU."""
    folder = tmp_path_factory.mktemp("weights")
    cut3r = write_checkpoint(folder / "cut3r.pth")
    stream3r = write_folder(folder / "stream3r")
    wint3r = save_tiny(folder / "wint3r.bin", smooth(tiny_model()))
    exact = Cut3rOptions(image_size=64, min_confidence=0.0, **EXACT)
    near = Stream3rOptions(min_confidence=0.0, **EXACT)

    def made(family: str, **options: Any) -> LearnedFrontend:
        if family == "cut3r":
            return Cut3rFrontend("cut3r-ttsa", replace(exact, **options), str(cut3r))
        if family == "stream3r":
            return create("stream3r", replace(near, **options), str(stream3r))
        return Wint3rFrontend(replace(Wint3rOptions(**EXACT), **options), str(wint3r))

    return made


def frames(family: str, count: int, intrinsics: Intrinsics | None = None) -> list[Frame]:
    rng = np.random.default_rng(3)
    width, height = SIZES[family]
    return [
        Frame(i, i / 30, rng.integers(0, 255, (height, width, 3), np.uint8), None, intrinsics)
        for i in range(count)
    ]


def answers(frontend: LearnedFrontend, shown: list[Frame]) -> list[Prediction]:
    """Of all frames, in order."""
    return [p for frame in shown for p in frontend.step(frame)] + frontend.flush()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_known_camera_gives_the_rays(build: Build, family: str) -> None:
    width, height = SIZES[family]
    camera = Intrinsics(50.0, 52.0, width / 2 - 1, height / 2 - 1, width, height)
    (prediction,) = answers(build(family), frames(family, 1, camera))
    rows, columns, _ = prediction.pointmap.shape
    seen_with = prediction.intrinsics
    assert seen_with == (camera.resized(columns, rows) if family == "wint3r" else camera)
    seen = prediction.depth > 0
    assert seen.any()
    for axis, (focal, centre) in enumerate(
        ((seen_with.fx, seen_with.cx), (seen_with.fy, seen_with.cy))
    ):
        ray = prediction.pointmap[..., axis][seen] / prediction.depth[seen]
        pixels = np.indices((rows, columns))[1 - axis][seen]
        np.testing.assert_allclose(ray * focal + centre, pixels, atol=1e-2)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_camera_is_the_networks_where_it_is_unknown_or_not_wanted(
    build: Build, family: str
) -> None:
    width, height = SIZES[family]
    known = Intrinsics(500.0, 520.0, width / 2, height / 2, width, height)
    (implied,) = answers(build(family), frames(family, 1))
    (unwanted,) = answers(build(family, use_calibration=False), frames(family, 1, known))
    assert implied.intrinsics == unwanted.intrinsics != known
    np.testing.assert_array_equal(implied.pointmap, unwanted.pointmap)


@pytest.mark.parametrize("family", FAMILIES)
def test_frames_of_an_unknown_camera_have_one_that_is_known_better_with_each(
    build: Build, family: str
) -> None:
    shown = frames(family, 4)
    each = answers(build(family, one_camera=False), shown)
    known = UNSEEN
    for own, prediction in zip(each, answers(build(family), shown), strict=True):
        known = known.after(own.intrinsics)
        assert prediction.shares_camera and not own.shares_camera
        assert prediction.intrinsics == known.camera(own.intrinsics)
        rays = backproject(prediction.depth, prediction.intrinsics)
        np.testing.assert_allclose(prediction.pointmap, rays, atol=1e-5)
    assert known.camera(each[-1].intrinsics) != each[-1].intrinsics
    camera = Intrinsics(50.0, 52.0, 20.0, 14.0, *SIZES[family])
    (given,) = answers(build(family), frames(family, 1, camera))
    assert not given.shares_camera


@pytest.mark.parametrize("family", FAMILIES)
def test_images_of_another_size_are_of_another_camera(build: Build, family: str) -> None:
    frontend = build(family)
    answers(frontend, frames(family, 3))
    frontend.reset()
    turned = [replace(f, image=np.swapaxes(f.image, 0, 1).copy()) for f in frames(family, 1)]
    (anew,) = answers(frontend, turned)
    (alone,) = answers(build(family), turned)
    assert anew.intrinsics == alone.intrinsics


@pytest.mark.parametrize("family", FAMILIES)
def test_points_below_the_least_confidence_do_not_count(build: Build, family: str) -> None:
    shown = frames(family, 1)
    (everything,) = answers(build(family), shown)
    middle = float(np.median(everything.confidence[everything.confidence > 0]))
    frontend = build(family, min_confidence=middle)
    (some,) = answers(frontend, shown)
    expected = np.where(everything.confidence >= middle, everything.confidence, 0)
    np.testing.assert_array_equal(some.confidence, expected)
    assert 0.2 < (some.confidence > 0).mean() < 0.8


@pytest.mark.parametrize("family", FAMILIES)
def test_numbers_worth_a_plot_are_those_of_the_last_prediction(build: Build, family: str) -> None:
    frontend = build(family)
    shown = frames(family, 4)
    last = [p for frame in shown for p in frontend.step(frame)][-1]
    assert frontend.state == TrackingState.TRACKING
    assert frontend.values["confidence"] == pytest.approx(float(last.confidence.mean()))
    assert frontend.values["depth"] == pytest.approx(float(np.median(last.depth)))
    assert frontend.values["focal"] == last.intrinsics.fx
    own = {"cut3r": set(), "stream3r": {"cache_mb", "cache_allocated_mb"}, "wint3r": {"kept"}}[
        family
    ]
    assert frontend.values.keys() - {"confidence", "depth", "focal"} == own


# What a rounding to 8 bits of mantissa, or of scale, may add up to: 0.4 % each.
@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
@pytest.mark.parametrize(
    ("family", "options"), [*((f, {}) for f in FAMILIES), ("wint3r", {"rotary": "fallback"})]
)
def test_coarser_products_stay_close_to_float32(
    build: Build, family: str, options: dict[str, str], precision: str
) -> None:
    if precision == "int8" and not int8_linear.AVAILABLE:
        pytest.skip("this processor multiplies no whole numbers of eight bits")
    shown = frames(family, 3)
    coarse = answers(build(family, precision=precision, **options), shown)
    exact = answers(build(family, **options), shown)
    for a, b in zip(coarse, exact, strict=True):
        assert 0 < np.linalg.norm(a.depth - b.depth) / np.linalg.norm(b.depth) < 0.05


@pytest.mark.parametrize("family", FAMILIES)
def test_frames_must_keep_their_size(build: Build, family: str) -> None:
    frontend = build(family)
    frontend.step(frames(family, 1)[0])
    other = Frame(1, 0.1, np.zeros((64, 48, 3), np.uint8))
    with pytest.raises(InputError, match=r"frame 1 is 48x64, unlike .* frames of one size"):
        frontend.step(other)
    frontend.reset()
    frontend.step(other)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reset_begins_a_segment_that_knows_nothing(build: Build, family: str) -> None:
    frontend = build(family)
    first = answers(frontend, frames(family, 2))[0]
    frontend.reset()
    again = answers(frontend, frames(family, 2))[0]
    assert again.segment > first.segment == 0
    np.testing.assert_allclose(again.pointmap, first.pointmap, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_image_prepared_ahead_is_not_prepared_again(
    build: Build, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frontend = build(family)
    assert isinstance(frontend, PreparingFrontend)
    (frame,) = frames(family, 1)
    (expected,) = answers(build(family), [frame])
    frontend.prepare(frame)

    def refused(image: np.ndarray) -> np.ndarray:
        raise AssertionError("prepared twice")

    monkeypatch.setattr(frontend._images, "_prepared", refused)
    (found,) = answers(frontend, [frame])
    np.testing.assert_array_equal(found.image, expected.image)
    np.testing.assert_array_equal(found.pointmap, expected.pointmap)


def test_images_are_handed_over_to_their_own_frame_alone() -> None:
    images = PreparedImages(lambda image: image + 1)
    one, other = (Frame(3, 0.0, np.full((2, 2, 3), v, np.uint8)) for v in (10, 20))
    images.prepare(one)
    assert (images.take(other) == 21).all()  # another image of the same number
    images.prepare(one)
    assert (images.take(one) == 11).all() and (images.take(one) == 11).all()


def test_images_that_nobody_takes_do_not_pile_up() -> None:
    made: list[int] = []

    def prepared(image: np.ndarray) -> np.ndarray:
        made.append(int(image[0, 0, 0]))
        return image

    images = PreparedImages(prepared)
    shown = [Frame(i, 0.0, np.full((1, 1, 3), i, np.uint8)) for i in range(PREPARED + 2)]
    for frame in shown:
        images.prepare(frame)
    images.take(shown[-1])
    assert len(made) == len(shown)
    images.take(shown[0])  # the oldest went
    assert made[-1] == 0 and len(made) == len(shown) + 1


@pytest.mark.parametrize("name", ["cut3r-ttsa", "stream3r", "streamvggt", "vggt", "wint3r"])
def test_missing_weights_say_how_to_get_them(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPPER_WEIGHTS", str(tmp_path))
    with pytest.raises(InputError, match=r"mapper weights fetch.*rgbd .depth. and mono"):
        create_frontend(MapperConfig(), name, OrbMatcher())

"""Bags as cameras record them: their topics, stamps, cameras and pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.errors import ConfigError, InputError
from mapper.io.sequences.bags.bag_sequence import BagSequence
from mapper.io.sequences.bags.topics import parse_choice
from tests.support.bags import (
    COMPRESSED,
    HEIGHT,
    IMAGE,
    INFO,
    START,
    WIDTH,
    Messages,
    Recorded,
    far,
    red,
)

pytest.importorskip("rosbags", reason="the extra `ros` is not installed")

PERIOD = 50_000_000  # ns
COLOR, DEPTH = "/camera/color/image_raw", "/camera/aligned_depth_to_color/image_raw"
CAMERA = "/camera/color/camera_info"


WIDE = (10.0, 0, 7, 0, 10, 5, 0, 0, 1)


def stamp(i: int) -> int:
    return START + i * PERIOD


def walk(make: Messages, count: int = 5, late: int = 0) -> list[Recorded]:
    """Colour and registered depth of one stamp; late: ns from a depth image to its recording."""
    found = [Recorded(CAMERA, INFO, START, make.info())]
    for i in range(count):
        color = make.image(red(i), "rgb8", stamp(i))
        depth = make.image(far(i), "16UC1", stamp(i))
        found.append(Recorded(COLOR, IMAGE, stamp(i), color))
        found.append(Recorded(DEPTH, IMAGE, stamp(i) + late, depth))
    return found


@pytest.mark.parametrize("ros1", [False, True])
def test_every_frame_of_a_bag_in_any_order(tmp_path: Path, ros1: bool) -> None:
    make = Messages(ros1)
    path = make.write(tmp_path / ("walk.bag" if ros1 else "walk"), walk(make, late=40_000_000))
    sequence = BagSequence(path)
    assert (len(sequence), sequence.has_depth, sequence.name) == (5, True, "walk")
    np.testing.assert_allclose(np.diff(sequence.timestamps), 0.05, atol=1e-6)
    for i in (0, 1, 4, 2, 2, 3):
        frame = sequence[i]
        assert frame.image[3, 3].tolist() == [10 * i, 100, 200]
        assert frame.depth is not None
        np.testing.assert_allclose(frame.depth, 1 + i / 1000, rtol=1e-6)
    assert sequence.intrinsics is not None and sequence.intrinsics.fy == 21
    sequence.close()
    assert sequence[1].image[0, 0, 0] == 10


def test_colour_goes_before_infrared_and_what_has_no_partner_is_told(tmp_path: Path) -> None:
    make = Messages()
    messages = [m for m in walk(make) if not (m.topic == DEPTH and m.at == stamp(3))]
    for i in range(5):
        dark = np.zeros((HEIGHT, WIDTH), np.uint8)
        image = make.image(dark, "mono8", stamp(i))
        messages.append(Recorded("/camera/a_infra1/image", IMAGE, stamp(i), image))
    sequence = BagSequence(make.write(tmp_path / "walk", messages))
    assert [int(f.image[0, 0, 0]) for f in sequence] == [0, 10, 20, 40]
    np.testing.assert_allclose(sequence.lonely_times, stamp(3) * 1e-9)
    assert any("1 of 5 colour images have no depth" in note for note in sequence.notes)


def viewer_bag(make: Messages, extrinsics: bool) -> list[Recorded]:
    """As the RealSense Viewer records, with depth of a camera of its own 10 cm beside colour."""
    depth, color = "/device_0/sensor_0/Depth_0", "/device_0/sensor_1/Color_0"
    found = [
        Recorded(
            f"{depth}/info/camera_info",
            INFO,
            START,
            make.info(matrix=(10, 0, 7, 0, 10, 5, 0, 0, 1)),
        ),
        Recorded(f"{color}/info/camera_info", INFO, START, make.info()),
        Recorded(
            "/device_0/sensor_0/option/Depth_Units/value",
            "std_msgs/msg/Float32",
            START,
            make.make("std_msgs/msg/Float32", data=0.0005),
        ),
    ]
    for topic, x in ((depth, 0.0), (color, 0.1)) if extrinsics else ():
        shift = make.transform((x, 0.0, 0.0))
        found.append(Recorded(f"{topic}/tf/0", "geometry_msgs/msg/Transform", START, shift))
    for i in range(2):
        image = make.image(far(0), "mono16", stamp(i), frame="0")
        found.append(Recorded(f"{depth}/image/data", IMAGE, stamp(i), image))
        image = make.image(red(i), "rgb8", stamp(i))
        found.append(Recorded(f"{color}/image/data", IMAGE, stamp(i), image))
    return found


def test_a_bag_of_the_realsense_viewer(tmp_path: Path) -> None:
    make = Messages(ros1=True)
    sequence = BagSequence(make.write(tmp_path / "walk.bag", viewer_bag(make, extrinsics=True)))
    assert sequence.intrinsics is not None and sequence.intrinsics.fx == 20
    frame = sequence[1]
    assert frame.depth is not None and frame.image[0, 0].tolist() == [10, 100, 200]
    np.testing.assert_allclose(frame.depth[frame.depth > 0], 0.5, rtol=1e-5)
    # x_color = x_depth + 0.1: what the left edge of the wide camera sees lies right of ours.
    calibration = sequence._bag.calibration
    assert calibration is not None and calibration.T_color_depth is not None
    np.testing.assert_allclose(calibration.T_color_depth[:3, 3], [0.1, 0, 0], atol=1e-12)


def test_depth_of_an_unknown_place_is_not_taken_for_colours(tmp_path: Path) -> None:
    make = Messages(ros1=True)
    path = make.write(tmp_path / "walk.bag", viewer_bag(make, extrinsics=False))
    with pytest.raises(InputError, match=r"not in the view of .*depth=none"):
        BagSequence(path)
    assert not BagSequence(path, topics=parse_choice("depth=none")).has_depth
    camera = "{fx: 20, fy: 21, cx: 7, cy: 5, width: 16, height: 12}"
    (tmp_path / "calibration.yaml").write_text(
        f"color: {camera}\ndepth: {camera}\n"
        "T_color_depth: [[1, 0, 0, 0.1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]\n"
    )
    assert BagSequence(path, tmp_path / "calibration.yaml").has_depth


def test_static_transforms_tell_how_the_cameras_stand(tmp_path: Path) -> None:
    make = Messages()
    found = viewer_bag(make, extrinsics=False)
    links = [
        make.make(
            "geometry_msgs/msg/TransformStamped",
            header=make.header(START, "base"),
            child_frame_id=child,
            transform=make.transform((x, 0.0, 0.0)),
        )
        for child, x in (("camera", 0.0), ("0", -0.1))
    ]
    tree = make.make("tf2_msgs/msg/TFMessage", transforms=links)
    found.append(Recorded("/tf_static", "tf2_msgs/msg/TFMessage", START, tree))
    calibration = BagSequence(make.write(tmp_path / "walk", found))._bag.calibration
    assert calibration is not None and calibration.T_color_depth is not None
    np.testing.assert_allclose(calibration.T_color_depth[:3, 3], [-0.1, 0, 0], atol=1e-12)


def test_compressed_images_and_depth(tmp_path: Path) -> None:
    make = Messages()
    messages = [Recorded(CAMERA, INFO, START, make.info())]
    inverse = np.full((HEIGHT, WIDTH), 1000, np.uint16)
    for i in range(2):
        jpeg = cv2.imencode(".png", red(i)[..., ::-1])[1].tobytes()
        image = make.compressed(jpeg, "rgb8; png compressed bgr8", stamp(i))
        messages.append(Recorded(f"{COLOR}/compressed", COMPRESSED, stamp(i), image))
        if i == 0:
            content = bytes(12) + cv2.imencode(".png", far(i))[1].tobytes()
            image = make.compressed(content, "16UC1; compressedDepth png", stamp(i))
        else:  # metres as a / (number - b)
            head = np.array([0, 0, 0], "<f4")
            head[1:] = 1500.0, 0.0
            content = head.tobytes() + cv2.imencode(".png", inverse)[1].tobytes()
            image = make.compressed(content, "32FC1; compressedDepth png", stamp(i))
        messages.append(Recorded(f"{DEPTH}/compressedDepth", COMPRESSED, stamp(i), image))
    sequence = BagSequence(make.write(tmp_path / "walk", messages))
    for i, metres in enumerate((1.0, 1.5)):
        frame = sequence[i]
        assert frame.image[0, 0].tolist() == [10 * i, 100, 200] and frame.depth is not None
        np.testing.assert_allclose(frame.depth, metres, rtol=1e-6)


def test_rows_with_a_tail_big_numbers_first_and_nan(tmp_path: Path) -> None:
    make = Messages()
    metres = np.full((HEIGHT, WIDTH), 2.0, ">f4")
    metres[0, 0], metres[0, 1], metres[0, 2] = np.nan, np.inf, -1
    messages = [
        Recorded(CAMERA, INFO, START, make.info()),
        Recorded(COLOR, IMAGE, START, make.image(red(1), "rgb8", START, padding=5)),
        Recorded(DEPTH, IMAGE, START, make.image(metres, "32FC1", START, padding=8)),
    ]
    frame = BagSequence(make.write(tmp_path / "walk", messages))[0]
    assert (frame.image == [10, 100, 200]).all() and frame.depth is not None
    assert frame.depth[0, :4].tolist() == [0, 0, 0, 2]


@pytest.mark.parametrize(
    ("model", "coefficients", "fisheye"),
    [
        ("equidistant", (0.1, 0.0, 0.0, 0.0), True),
        ("rational_polynomial", (0.1, 0, 0, 0, 0, 0.1, 0, 0), False),
        ("plumb_bob", (0.1, 0, 0, 0, 0), False),
    ],
)
def test_the_lens_is_honoured(
    tmp_path: Path, model: str, coefficients: tuple[float, ...], fisheye: bool
) -> None:
    make = Messages()
    messages = [m for m in walk(make, 1) if m.topic != CAMERA]
    messages.append(Recorded(CAMERA, INFO, START, make.info(model, coefficients)))
    calibration = BagSequence(make.write(tmp_path / "walk", messages))._bag.calibration
    assert calibration is not None
    assert calibration.color.distortion == coefficients
    assert calibration.color.fisheye == fisheye


def test_a_lens_that_is_not_known_is_refused(tmp_path: Path) -> None:
    make = Messages()
    messages = [m for m in walk(make, 1) if m.topic != CAMERA]
    messages.append(Recorded(CAMERA, INFO, START, make.info("omni", (1.0, 2, 3, 4))))
    with pytest.raises(ConfigError, match="walk: the distortion model 'omni'"):
        BagSequence(make.write(tmp_path / "walk", messages))


def test_topics_can_be_named(tmp_path: Path) -> None:
    make = Messages()
    path = make.write(tmp_path / "walk", walk(make))
    assert not BagSequence(path, topics=parse_choice("depth=none,info=none")).has_depth
    with pytest.raises(InputError, match=r"no topic /other in this bag; topics: /camera/aligned"):
        BagSequence(path, topics=parse_choice("colour=/other"))
    with pytest.raises(ConfigError, match=r"--topics dept=/a: expected.*did you mean depth"):
        parse_choice("dept=/a")


def test_a_bag_that_is_cut_short_names_itself(tmp_path: Path) -> None:
    make = Messages(ros1=True)
    path = make.write(tmp_path / "walk.bag", walk(make))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"walk.bag: ") as caught:
        BagSequence(path)
    assert "\n" not in str(caught.value)

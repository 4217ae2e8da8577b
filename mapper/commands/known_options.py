"""Options of what is known of a map from elsewhere, and of what was measured in it."""

from __future__ import annotations

import argparse
from pathlib import Path

from mapper.request import FLOOR


def add_known(parser: argparse.ArgumentParser) -> None:
    """What is known of the poses from elsewhere."""
    group = parser.add_argument_group("known poses")
    group.add_argument(
        "--poses",
        default="auto",
        metavar="auto|truth|off|prior|FILE",
        help="poses that come along: compare the map with them, leave them out, or tie the map to "
        "them (auto: compare where they were measured, leave out where a program estimated them); "
        "or tie it to those of a file: TUM, KITTI, EuRoC, transforms.json, COLMAP's model",
    )
    group.add_argument(
        "--pose-sigma",
        metavar="M,DEG",
        help="standard deviation of those the map is tied to (0.05,1; where they have no unit 1 %% "
        "of the way)",
    )
    group.add_argument(
        "--pose-offset",
        default="0",
        metavar="SECONDS|auto",
        help="is added to the times of those the map is tied to (auto: found by the way)",
    )
    group.add_argument(
        "--gps",
        metavar="FILE|exif",
        help="track of a receiver (GPX, KML, NMEA, or within an MP4), or the places in the images' "
        "EXIF: the map is in metres then, x to the east, y to the north, z up",
    )
    group.add_argument(
        "--gps-sigma", type=float, metavar="M", help="standard deviation of a place (3)"
    )
    group.add_argument(
        "--gps-offset",
        default="0",
        metavar="SECONDS|auto",
        help="is added to the times of the track (auto: found by the way)",
    )
    group.add_argument(
        "--odometry",
        type=Path,
        metavar="FILE",
        help="poses of the camera by a robot's wheels or another tracker, in metres: only the way "
        "from one to the next counts (formats as of --poses)",
    )
    group.add_argument(
        "--odometry-sigma",
        metavar="M,DEG",
        help="standard deviation of a metre of it (0.02,0.5)",
    )
    group.add_argument(
        "--odometry-offset",
        default="0",
        metavar="SECONDS|auto",
        help="is added to its times (auto: found by the way)",
    )
    group.add_argument(
        "--gravity",
        metavar="FILE|prior|auto",
        help="which way is up: an accelerometer's log, a phone's own tracking (prior), or the "
        "map's floor (auto): the map leans no more, and its z is up",
    )
    group.add_argument(
        "--gravity-axes",
        metavar="X,Y,Z",
        help="which axes of the log point right, down and ahead in the image, like y,-x,z (EuRoC's "
        "and Stray Scanner's logs tell; else x,y,z). Write --gravity-axes=-x,y,z",
    )
    group.add_argument(
        "--gravity-sigma",
        type=float,
        metavar="DEG",
        help="standard deviation of a keyframe's up, without pushes (1.5; of a phone's tracking 1)",
    )
    group.add_argument(
        "--gravity-offset",
        default="0",
        metavar="SECONDS",
        help="is added to the times of the log",
    )


def add_measured(parser: argparse.ArgumentParser) -> None:
    """What was measured in the place."""
    group = parser.add_argument_group("measured in the place")
    group.add_argument(
        "--image-points",
        nargs=4,
        action="append",
        default=[],
        metavar=("FRAME", "U,V", "U,V", "METRES"),
        help="how far it is between what two pixels of a keyframe show, at the size worked on",
    )
    group.add_argument(
        "--camera-height", type=float, metavar="METRES", help="of the camera over the floor"
    )
    group.add_argument(
        "--tag",
        metavar="FAMILY:METRES",
        help="AprilTags or ArUco markers that were put up, and the side of their black square, "
        "like 36h11:0.16 or 4x4_50:0.1",
    )
    group.add_argument(
        "--depth",
        metavar="sequence|DIR",
        help="the sensor depth that comes along with the sequence, or a folder with a depth image "
        "(16 bits, millimetres) for each frame",
    )
    group.add_argument(
        "--sparse-depth",
        type=Path,
        metavar="FILE",
        help="lines `timestamp u v metres`: a few readings a frame, of a range finder or a LiDAR",
    )
    group.add_argument(
        "--scale-from",
        metavar="da3-metric|PATH",
        help="a network that knows metres, about: METRIC of Depth Anything 3, or its weights",
    )


def add_level_floor(parser: argparse.ArgumentParser) -> None:
    """Of a run that is made; mapper run has the option among what is known."""
    parser.add_argument(
        "--gravity",
        choices=(FLOOR,),
        help="the map's floor is level: the map leans no more, and its z is up",
    )

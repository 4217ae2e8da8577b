"""mapper ros2: a node that maps the images of ROS 2 topics, and tells the robot where it is."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import replace

from mapper.commands import options
from mapper.commands.mapping.live import print_live_run
from mapper.commands.mapping.run import say, stop_on_sigterm
from mapper.request import LiveRequest

EPILOG = """examples:
  mapper ros2 --ros-args -r image:=/camera/color/image_raw \\
      -r depth:=/camera/aligned_depth_to_color/image_raw
  mapper ros2 --out runs/hall --ros-args -r image:=/image_raw -p use_depth:=false

comes in: image, depth (Image, CompressedImage), camera_info beside them, /tf_static
goes out: /tf, ~/odom, ~/path, ~/cloud, map (OccupancyGrid)
parameters: see docs/ros2.md. Ctrl-C, SIGTERM or --max-seconds end it; everything is written then.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    parser.set_defaults(camera="ros2")
    options.add_camera(parser)
    options.add_live(parser)
    parser.add_argument(
        "--ros-args",
        nargs=argparse.REMAINDER,
        default=[],
        metavar="WORD",
        help="remappings (-r), parameters (-p, --params-file) and the rest that ROS 2 takes; last",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.commands.progress import ProgressBar
    from mapper.io.ros2.node import RosNode
    from mapper.io.ros2.source import RosSource
    from mapper.live import map_camera
    from mapper.pipeline import say_nothing
    from mapper.ros2.companion import RosCompanion
    from mapper.slam.progress import NullProgress

    stop_on_sigterm()
    tell = say_nothing if arguments.json else say
    progress = NullProgress if arguments.json else ProgressBar
    request = options.request_of(LiveRequest, arguments)
    with ExitStack() as stack:
        node = stack.enter_context(RosNode(arguments.ros_args))
        source = RosSource(node, request.calib is not None, tell)
        run, metrics = map_camera(
            replace(request, camera=source.name),
            tell,
            progress,
            companion=lambda config: RosCompanion(node, source, config.backend.fusion),
        )
    print_live_run(arguments, run, metrics)
    return 0

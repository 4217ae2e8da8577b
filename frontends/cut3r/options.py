"""Settings of the CUT3R frontends; imports nothing heavy."""

from __future__ import annotations

from typing import Final

from mapper.core.quantities import (
    Compiling,
    Device,
    FramesOrZero,
    NonNegative,
    PixelsOrZero,
    PositiveShare,
    ProductType,
    Radians,
    Share,
    Switch,
    Whole,
)
from mapper.core.settings_model import settings

VARIANTS: Final = (
    "cut3r",
    "cut3r-ttsa",
    "cut3r-ttt",
    "cut3r-damped",
    "cut3r-filt",
    "cut3r-brake",
)
MINI: Final = "cut3r-mini"


@settings
class Cut3rOptions:
    """The frontends cut3r, cut3r-ttsa, cut3r-ttt, cut3r-damped, cut3r-filt and cut3r-brake.

    image_size: 512, or 224 for the linear checkpoint; 0 = whichever the checkpoint is.
    damping: step of the rule cut3r-damped.
    brake: this share of any rule's step, times sigmoid(-brake_sharpness c) for each token of the
        state, where c is the cosine between its last two proposals' changes: what drifts one way
        is held back. 0 = no brake; cut3r-brake, which is cut3r-ttt with one, takes 1 then.
    brake_sharpness: of that sigmoid. The published values of both are not known.
    frame_gate: how much an image's features must differ (one minus their mean cosine) from those
        that were written for the frame to be written fully; less, and any rule's step is the
        smaller. A standing camera stops writing. 0 = off; which value suits trained weights has
        not been measured.
    chunks: into so many pieces the state is cut, of which a frame writes those that agree least
        with the image, by any rule; the first piece is the anchor, which only the first frame
        writes. 0 = off. The published number is not known.
    chunks_written: how many of them a frame writes; 0 = half.
    reset_every: frames after which the state starts anew, in a new segment that shares one frame
        with the last; 0 = never.
    chain_resets: join the segments by chaining poses, as TTT3R publishes it, not in the backend.
    resume_state: write the state into the checkpoint at every keyframe, 13 MB at the published
        sizes, so that --resume goes on as if nothing had happened; else in a new segment.
    use_calibration: where the camera is known, its rays replace the predicted ones.
    one_camera: where it is not, all frames are of one: its focal length is the mean of what the
        network implies, and is found anew with the map; else each frame has its own.
    known_poses: show the network the known poses of --poses too, as ray maps beside the images: in
        metres, of a known camera. Its training shows it such in a fifth of the views; what it
        makes of them with trained weights has not been measured.
    cross_view: take the points from the cross-view head, which predicts them in the world, carried
        into the camera by its pose; costs a second dense head.
    device: where the network runs; auto = a GPU if there is one.
    precision: of the network's products; the heads stay float32. auto = bfloat16 where the
        processor multiplies it faster than float32; int8 = weights and tokens of the linear
        layers in eight bits, on CPUs.
    compile: auto = on a GPU a frame is one CUDA graph from the third on, on = and the transformer
        blocks go through torch.compile, which takes most of a minute at the start and gained
        nothing on a CPU, off = neither.
    min_confidence: of points worth mapping.
    """

    image_size: PixelsOrZero = 0
    damping: Share = 0.5
    brake: Share = 0.0
    brake_sharpness: NonNegative = 1.0
    frame_gate: NonNegative = 0.0
    chunks: Whole = 0
    chunks_written: Whole = 0
    reset_every: FramesOrZero = 0
    chain_resets: Switch = False
    resume_state: Switch = False
    use_calibration: Switch = True
    one_camera: Switch = True
    known_poses: Switch = False
    cross_view: Switch = False
    device: Device = "auto"
    precision: ProductType = "auto"
    compile: Compiling = "auto"
    min_confidence: NonNegative = 1.5


@settings
class Cut3rMiniOptions(Cut3rOptions):
    """The frontend cut3r-mini: as cut3r, with a state that starts anew every few frames.

    reset_every: frames after which the state starts anew with the last one as its first; 0 = never.
    reset_turn: the same as soon as the camera has turned so far from the state's first frame, where
        resets are chained; 0 = never.
    chain_resets: a new state goes on in the same world and unit, by the pose and the depth of the
        frame that it shares with the last one; else in a segment that the backend ties.
    precision: of the network's products; so small, it is hardly faster in others.
    min_confidence: of points worth mapping.
    depth_error: standard deviation of a depth as a share of it, which the backend is told.
    """

    reset_every: FramesOrZero = 12
    reset_turn: Radians = 0.3
    chain_resets: Switch = True
    precision: ProductType = "float32"
    min_confidence: NonNegative = 1.5
    depth_error: PositiveShare = 0.05

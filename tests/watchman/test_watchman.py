"""The watchman on simulated predictions of the sample room, with faults and without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from simulation.config import ImageConfig, SimulationConfig
from simulation.faults import FaultName, InjectedFault, with_fault
from simulation.simulator import PredictionSimulator
from simulation.truth import DepthRenderer, true_poses

from mapper.core.geometry import inverse, pose
from mapper.core.prediction import Prediction
from mapper.io.sequences.open_sequence import open_sequence
from mapper.rooms.sample.sequence import room_mesh
from mapper.watchman.comparison import Looks
from mapper.watchman.config import WatchmanConfig
from mapper.watchman.watchman import Event, Fault, Verdict, Watchman
from mapper.watchman.words import notes

FIRST = 20  # at which faults begin


@pytest.fixture(scope="module")
def predictions(sample: Path) -> list[Prediction]:
    sequence = open_sequence(sample, stride=2, max_frames=36)
    config = SimulationConfig(seed=7, width=80, images=ImageConfig(source="real"))
    renderer = DepthRenderer(room_mesh())
    return list(PredictionSimulator(sequence, renderer, true_poses(sequence), config))


def verdicts(predictions: list[Prediction]) -> tuple[Watchman, list[Verdict]]:
    """As of saved predictions: what jumped is in a segment of its own from there on."""
    watchman, offset, told = Watchman(WatchmanConfig()), 0, []
    for prediction in predictions:
        told.append(watchman.judge(replace(prediction, segment=offset)))
        offset += told[-1].event is not None
    return watchman, told


def mapped(verdict: Verdict) -> Prediction:
    assert verdict.prediction is not None
    return verdict.prediction


def test_nothing_is_found_where_nothing_is_wrong(predictions: list[Prediction]) -> None:
    watchman, told = verdicts(predictions)
    assert watchman.events == []
    assert all(verdict.prediction is not None for verdict in told)


@pytest.mark.parametrize(
    ("kind", "size", "fault"),
    [
        ("collapse", 1.0, Fault.COLLAPSE),
        ("noise", 1.0, Fault.COLLAPSE),
        ("jump", 0.8, Fault.JUMP),
        ("turn", 0.6, Fault.JUMP),
        ("scale", 0.45, Fault.SCALE),
        ("slide", 2.5, Fault.SCALE),
    ],
)
def test_each_fault_is_found_within_ten_frames(
    predictions: list[Prediction], kind: FaultName, size: float, fault: Fault
) -> None:
    faulty = list(with_fault(predictions, InjectedFault(kind, FIRST, 10, size)))
    watchman, _ = verdicts(faulty)
    assert watchman.events and watchman.events[0].fault is fault
    assert FIRST <= watchman.events[0].frame_index <= FIRST + 10


def test_after_a_collapse_the_network_is_believed_when_two_frames_agree(
    predictions: list[Prediction],
) -> None:
    faulty = list(with_fault(predictions, InjectedFault("collapse", FIRST, 8, 1.0)))
    watchman, told = verdicts(faulty)
    left_out = [i for i, verdict in enumerate(told) if verdict.prediction is None]
    assert left_out == list(range(FIRST, FIRST + 9)) and len(watchman.events) == 1


@pytest.mark.parametrize(("turning", "border"), [(0, 1), (2, 3), (15, 4)])
def test_a_border_waits_for_a_fast_turn_to_end_but_not_for_ever(
    predictions: list[Prediction], monkeypatch: pytest.MonkeyPatch, turning: int, border: int
) -> None:
    """A lost scale is sure at its second frame; the border may wait three more for the turn."""

    def turn(self: Watchman, new: Looks) -> float:
        fast = FIRST < new.prediction.frame_index <= FIRST + turning
        return float(np.deg2rad(10.0 if fast else 1.0))

    monkeypatch.setattr(Watchman, "_turn", turn)
    faulty = list(with_fault(predictions, InjectedFault("scale", FIRST, 10, 0.45)))
    watchman, told = verdicts(faulty)
    (event,) = watchman.events
    assert (event.fault, event.frame_index) == (Fault.SCALE, FIRST + border)
    assert [i for i, verdict in enumerate(told) if verdict.event is not None] == [FIRST + border]


def test_a_scale_lost_right_after_a_turn_to_other_things_is_found(
    predictions: list[Prediction],
) -> None:
    """Frames 0 to 3, then others that share nothing with them; the second of these has lost it."""
    cut = FIRST - 16
    jumped = [_elsewhere(p) for p in predictions[FIRST:]]
    faulty = list(with_fault(jumped, InjectedFault("scale", 1, 10, 0.45)))
    watchman, _ = verdicts([*predictions[:cut], *faulty])
    assert [e.fault for e in watchman.events] == [Fault.SCALE]
    assert watchman.events[0].frame_index <= FIRST + 4
    clean, _ = verdicts([*predictions[:cut], *jumped])
    assert clean.events == []


def _elsewhere(prediction: Prediction) -> Prediction:
    """As it is elsewhere in the world, turned about, with its image upside down."""
    turned = pose(np.diag([-1.0, 1.0, -1.0]), np.array([20.0, 0.0, 0.0]))
    T = turned @ prediction.T_world_camera
    return replace(prediction, T_world_camera=T, image=prediction.image[::-1].copy())


def test_a_slow_drift_of_the_scale_is_none(predictions: list[Prediction]) -> None:
    """One that grows by a third within the sequence, as streaming networks do."""
    shrunk, place = [], np.zeros(3)
    for number, (before, p) in enumerate(
        zip([predictions[0], *predictions], predictions, strict=False)
    ):
        scale = np.exp(-0.008 * number)
        place = place + scale * (p.T_world_camera[:3, 3] - before.T_world_camera[:3, 3])
        T = pose(p.T_world_camera[:3, :3], place)
        shrunk.append(replace(p, T_world_camera=T, pointmap=p.pointmap * np.float32(scale)))
    assert verdicts(shrunk)[0].events == []


def test_a_wall_seen_from_before_is_no_collapse(predictions: list[Prediction]) -> None:
    wall = [_as_wall(p, 2.0 - 0.01 * i) for i, p in enumerate(predictions[:20])]
    assert not any(e.fault is Fault.COLLAPSE for e in verdicts(wall)[0].events)


def _as_wall(prediction: Prediction, z: float) -> Prediction:
    """A flat wall before a camera that comes nearer."""
    k, (height, width) = prediction.intrinsics, prediction.depth.shape
    u, v = np.meshgrid(np.arange(width), np.arange(height))
    points = np.stack([(u - k.cx) / k.fx * z, (v - k.cy) / k.fy * z, np.full(u.shape, z)], -1)
    T = pose(np.eye(3), np.array([0, 0, 2.0 - z]))
    return replace(prediction, pointmap=points.astype(np.float32), T_world_camera=T)


def test_a_standing_camera_keeps_its_pose_and_scale_and_goes_on_from_there(
    predictions: list[Prediction],
) -> None:
    rng = np.random.default_rng(3)
    standing = [_drifted(predictions[5], i, rng) for i in range(60)]
    drift = standing[-1].T_world_camera @ inverse(predictions[5].T_world_camera)
    scale = float(np.median(standing[-1].depth / predictions[5].depth))
    after = [_moved(p, drift, scale, 66 + i) for i, p in enumerate(predictions[6:12])]
    _, told = verdicts([*predictions[:6], *standing, *after])
    held = [mapped(verdict) for verdict in told[12:66]]
    for prediction in held:
        assert prediction.is_still
        np.testing.assert_allclose(prediction.T_world_camera, held[0].T_world_camera)
        assert np.median(prediction.depth / held[0].depth) == pytest.approx(1, abs=0.01)
    # What comes next lies where the camera is, not where the network has drifted to.
    last = mapped(told[-1])
    off = last.T_world_camera[:3, 3] - predictions[11].T_world_camera[:3, 3]
    assert not last.is_still
    assert np.linalg.norm(off) < 0.1 * np.median(predictions[11].depth)


def _drifted(prediction: Prediction, number: int, rng: np.random.Generator) -> Prediction:
    """The same view again, of a network that drifts away and shrinks: 2 % after 60 frames."""
    T, share = prediction.T_world_camera.copy(), number / 60
    T[:3, 3] += 0.3 * share
    image = prediction.image + rng.normal(0, 2, prediction.image.shape)
    return replace(
        prediction,
        frame_index=6 + number,
        image=np.clip(image, 0, 255).astype(np.uint8),
        pointmap=prediction.pointmap * np.float32(1 - 0.02 * share),
        T_world_camera=T,
    )


def _moved(prediction: Prediction, drift: np.ndarray, scale: float, index: int) -> Prediction:
    T = drift @ prediction.T_world_camera
    pointmap = prediction.pointmap * np.float32(scale)
    return replace(prediction, frame_index=index, T_world_camera=T, pointmap=pointmap)


def test_what_was_found_is_said_in_plain_words() -> None:
    events = [Event(Fault.SCALE, 40 + i, 2.0, 0.5) for i in range(7)]
    said = notes(events)
    assert said[0].startswith("frame 40 (2.0 s): the network lost its scale: depth became 0.50")
    assert "2 more times" in said[-1] and len(said) == 6 and notes([]) == []

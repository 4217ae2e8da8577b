"""The reference global alignment over a map's keyframes, in place of the backend's own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mapper.backend.finalisation import Aligner
from mapper.backend.global_map import GlobalMap, MapOf, followed
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.pairwise.alignment import PairwiseAlignment, align_pairs
from mapper.backend.pairwise.config import PairwiseConfig
from mapper.backend.pairwise.prediction_pairs import sequential_pairs
from mapper.core.geometry import backproject
from mapper.core.image_pairs import RolloutPairs
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.core.sim3 import inverse_similarity, rigid_part, scale_of, similarity
from mapper.errors import InputError

logger = logging.getLogger(__name__)

# A pixel weighs the logarithm of its confidence, so that the scale of confidences matters: half
# of a keyframe's pixels lie above this one. CUT3R's own are of that order.
TYPICAL_CONFIDENCE = 10.0

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class PairwiseTask:
    """keyframes: of one connected map, in their order. poses: S_world_keyframe, (4, 4). map_of:
    of a keyframe. rollout_pairs: looks at the images again; without, pairs come from the maps."""

    keyframes: Sequence[Keyframe]
    poses: Mapping[int, np.ndarray]
    map_of: MapOf
    rollout_pairs: RolloutPairs | None = None

    def view(self, keyframe: Keyframe) -> Prediction:
        """What a frontend would have said of the keyframe, had it known the map as it is now."""
        source, S_world_keyframe = self.map_of(keyframe.id), self.poses[keyframe.id]
        seen = _seen(source)
        level = TYPICAL_CONFIDENCE / float(np.median(source.weight[seen]))
        depth = np.where(seen, source.depth, 0) * np.float32(scale_of(S_world_keyframe))
        return Prediction(
            keyframe.frame_index,
            keyframe.timestamp,
            backproject(depth, source.intrinsics),
            np.where(seen, source.weight * np.float32(level), np.float32(0)),
            rigid_part(S_world_keyframe),
            source.intrinsics,
            source.image,
            keyframe.is_metric,
            noise=source.noise,
        )


@dataclass(frozen=True, slots=True, eq=False)
class PairwiseMap:
    """poses: S_world_keyframe of all keyframes, (4, 4). aligned: new maps of those that were
    aligned, in the keyframes' units as before. losses: of the optimisation, before each iteration
    and after the last.

    A keyframe's scale changes as its depth did: its frames follow.
    """

    poses: dict[int, np.ndarray]
    aligned: dict[int, KeyframeMap]
    losses: list[float]


def pairwise_aligner(config: PairwiseConfig, rollout_pairs: RolloutPairs | None) -> Aligner:
    """Aligns a final map in place of the backend's own alignment. rollout_pairs: see the task."""

    def align(final: GlobalMap, map_of: MapOf) -> GlobalMap:
        task = PairwiseTask(final.keyframes, final.poses, map_of, rollout_pairs)
        found = align_keyframes_pairwise(task, config)
        return replace(final, poses=found.poses, new_maps=found.aligned)

    return align


def align_keyframes_pairwise(
    task: PairwiseTask, config: PairwiseConfig, progress: Progress | None = None
) -> PairwiseMap:
    """Align the keyframes of a map by the reference's objective.

    progress: told (done, total) rollouts and iterations. The first aligned keyframe stays where
    it is, with its scale; keyframes that are thinned out, or have no depth, follow the nearest
    aligned one. Raises InputError where there are fewer than two keyframes with depth, or several
    resolutions, or pairs that do not join all keyframes.
    """
    chosen = _chosen(task, config.max_keyframes)
    views = [task.view(keyframe) for keyframe in chosen]
    result = _aligned(views, task.rollout_pairs, config, progress or _silent)
    ids = [keyframe.id for keyframe in chosen]
    poses, new_maps = _in_world(result, ids, task)
    before = {keyframe.id: task.poses[keyframe.id] for keyframe in task.keyframes}
    return PairwiseMap(followed(before, poses), new_maps, result.losses)


def _chosen(task: PairwiseTask, most: int) -> list[Keyframe]:
    """Keyframes with depth, at most so many of them, evenly."""
    useful = [keyframe for keyframe in task.keyframes if _seen(task.map_of(keyframe.id)).any()]
    if len(useful) < 2:
        raise InputError(
            f"{len(useful)} of {len(task.keyframes)} keyframes with depth: pairwise alignment "
            "needs at least two; map more frames or choose --align off"
        )
    sizes = {task.map_of(keyframe.id).depth.shape for keyframe in useful}
    if len(sizes) > 1:
        listed = ", ".join(f"{width}x{height}" for height, width in sorted(sizes))
        raise InputError(
            f"keyframes of several resolutions ({listed}): pairwise alignment needs one; choose "
            "--align final"
        )
    if len(useful) <= most:
        return useful
    logger.warning(
        "pairwise alignment takes %d of %d keyframes, evenly: its time and memory grow with the "
        "square of their number (pairwise.max_keyframes)",
        most,
        len(useful),
    )
    return [useful[k] for k in np.linspace(0, len(useful) - 1, most).round().astype(int)]


def _aligned(
    views: Sequence[Prediction],
    rollout_pairs: RolloutPairs | None,
    config: PairwiseConfig,
    progress: Progress,
) -> PairwiseAlignment:
    """Of pairs that the frontend looks at again, else of those that the views make."""
    if rollout_pairs is None:
        pairs, before, total = sequential_pairs(views), 0, config.iterations
    else:
        before = 2 * len(views) - 1
        total = before + config.iterations
        pairs = rollout_pairs([view.image for view in views], lambda k: progress(k, total))
    return align_pairs(pairs, len(views), config, lambda k, _: progress(before + k, total))


def _silent(done: int, total: int) -> None:
    """Nobody watches."""


def _in_world(
    result: PairwiseAlignment, ids: Sequence[int], task: PairwiseTask
) -> tuple[dict[int, np.ndarray], dict[int, KeyframeMap]]:
    """S_world_keyframe and maps by keyframe; the first one's S is what it was."""
    poses, new_maps = {}, {}
    S_world_result = np.eye(4)
    for k, keyframe_id in enumerate(ids):
        source = task.map_of(keyframe_id)
        scale = _median_ratio(result.depths[k], source)
        S_result_keyframe = similarity(scale, result.T_world_camera[k])
        if k == 0:
            S_world_result = task.poses[keyframe_id] @ inverse_similarity(S_result_keyframe)
        poses[keyframe_id] = S_world_result @ S_result_keyframe
        new_maps[keyframe_id] = _new_map(result, k, source, scale)
    return poses, new_maps


def _seen(source: KeyframeMap) -> np.ndarray:
    """bool (h, w): the pixels with a point."""
    return (source.weight > 0) & (source.depth > 0)


def _median_ratio(depth: np.ndarray, source: KeyframeMap) -> float:
    """How much longer the result's depths are than the keyframe's own."""
    seen = _seen(source)
    return float(np.median(depth[seen] / source.depth[seen]))


def _new_map(result: PairwiseAlignment, k: int, source: KeyframeMap, scale: float) -> KeyframeMap:
    """The result's depth in the keyframe's units, without the points that the cleaning took."""
    weight = np.where(result.confidence[k] > 1, source.weight, np.float32(0))
    depth = np.where(weight > 0, result.depths[k] / np.float32(scale), np.float32(0))
    height, width = depth.shape
    focal = float(result.focals[k])
    intrinsics = Intrinsics(focal, focal, width / 2, height / 2, width, height)
    return KeyframeMap(depth, weight, source.image, intrinsics, source.noise)

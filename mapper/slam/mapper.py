"""The mapper: frames in, one after the other; trajectory and map out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np

from mapper.backend.backend import Backend
from mapper.backend.finalisation import NOTHING_KNOWN, Aligner
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.solver_process import SolverProcess
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapStore
from mapper.backend.loops.loop_decision import LoopDecision, latest
from mapper.backend.priors.knowledge import Knowledge
from mapper.config.settings import MapperConfig
from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.errors import InputError, OutputError
from mapper.frontends import base
from mapper.frontends.base import Frontend
from mapper.frontends.registry import choose_frontend, create_frontend
from mapper.runtime.closing import Closing
from mapper.runtime.patience import MOST, Patience, told
from mapper.runtime.stopwatch import Stopwatch
from mapper.slam.background_worker import Worker
from mapper.slam.checkpoint import Checkpoint
from mapper.slam.frame_counts import FrameCounts
from mapper.slam.frame_job import FrameJob, least_missed
from mapper.slam.matchers import choose_matcher
from mapper.slam.recorder import NullRecorder, Recorder
from mapper.slam.result import MappingResult
from mapper.vision.matching import FeatureMatcher
from mapper.watchman.guard import Guard

logger = logging.getLogger(__name__)
SKIPS_NAMED = 3


class Mapper(Closing):
    """Maps a stream of frames.

        with Mapper() as mapper:
            for frame in open_sequence("sequence/"):
                mapper.step(frame)
            result = mapper.finish()

    The frontend runs in the caller's thread, the backend beside it (config.threads). A fault in
    the backend comes out of the next step() or of finish(). However its `with` block ends, the
    recorder, the thread and the solver's process do with it.

    live: never wait for the backend. Where it is behind, frames whose neighbours are close by are
    left out of the map, and counted; decisions about loops are left to the recorder. known: of
    the map from elsewhere.
    """

    def __init__(
        self,
        config: MapperConfig | None = None,
        *,
        frontend: Frontend | None = None,
        matcher: FeatureMatcher | None = None,
        recorder: Recorder | None = None,
        store: MapStore | None = None,
        live: bool = False,
        known: Knowledge = NOTHING_KNOWN,
    ) -> None:
        self.config = config or MapperConfig()
        self.stopwatch, self.counts = Stopwatch(), FrameCounts()
        solver = SolverProcess() if live else None  # tracking must not wait for GTSAM
        self.matcher = matcher or choose_matcher(self.config.matcher)
        self.backend = Backend(self.config.backend, store, self.stopwatch, solver, self.matcher)
        self.backend.known = known
        self.decisions: list[LoopDecision] = []  # about loops
        self.skip_reason: str | None = None  # of the first unreadable frame
        self._frontend = frontend
        self._recorder = recorder or NullRecorder()
        self._live = live
        most = MOST if live else 0  # of a sequence, each frame counts
        self._tracking = Patience("an image could not be tracked", most)
        self._mapping = Patience("an image could not be mapped", most)
        self.guard = Guard(self.config.watchman)
        self._first_segment = 0  # of the frontend, after the segments of an interrupted run
        thin = least_missed if live else None
        self._worker: Worker[FrameJob] = Worker(self._process, self.config.threads, thin)

    def close(self) -> None:
        """What was handed over is still mapped and recorded; no further frame can be."""
        with ExitStack() as stack:
            stack.callback(self.backend.close)
            stack.callback(self._recorder.close)
            self._worker.close()

    @property
    def state(self) -> base.TrackingState:
        """What became of the last frame."""
        return base.TrackingState.LOST if self._frontend is None else self._frontend.state

    @property
    def fault(self) -> BaseException | None:
        """What the backend failed over, after which nothing more was mapped."""
        return self._worker.fault

    @property
    def loops(self) -> int:
        """How many were closed by now."""
        return sum(decision.accepted for decision in latest(list(self.decisions)))

    @property
    def keyframes(self) -> int:
        """How many there are by now."""
        return len(self.backend.keyframes)

    def step(self, frame: Frame, values: Mapping[str, float] | None = None) -> base.TrackingState:
        """Track one frame and pass what is known of it on to the backend.

        values: further numbers of the frame that are worth a plot.
        """
        frontend = self._frontend or self._create_frontend(frame)
        checkpoint = self._checkpoint(frontend)
        with self.stopwatch.measure("track"):
            predictions = self._tracking.attempt(lambda: self.guard.step(frontend, frame))
        if predictions is None:  # what it remembers may be half done
            self.skip(InputError("an image could not be tracked"))
            frontend.reset()
            return base.TrackingState.LOST
        self.counts.stepped(frontend)
        values = {**frontend.values, **(values or {}), "track_ms": self.stopwatch.last_ms("track")}
        job = FrameJob(frame, predictions, frontend.state, values, checkpoint)
        self._count_left_out(self._worker.put(job))
        return frontend.state

    def start_segment(self) -> None:
        """The next frame begins a world of its own, which the backend joins by a known place."""
        if (frontend := self._frontend) is None:
            return
        checkpoint = self._checkpoint(frontend)
        if predictions := self.guard.flush(frontend):
            self.counts.recover(frontend)
            job = FrameJob(None, predictions, frontend.state, {}, checkpoint)
            self._count_left_out(self._worker.put(job))
        frontend.reset()

    def skip(self, error: InputError) -> None:
        """Count a frame that could not be read; the first few are named in the log."""
        self.counts.frames += 1
        self.counts.skipped += 1
        self.skip_reason = self.skip_reason or str(error)
        if self.counts.skipped <= SKIPS_NAMED:
            logger.warning("frame skipped: %s", error)
        elif self.counts.skipped == SKIPS_NAMED + 1:
            logger.warning("more frames are skipped; they are counted, not named")

    def finish(self) -> MappingResult:
        """Settle everything: last predictions, final optimisation, whole map."""
        self._end_worker()
        if self._frontend is not None:
            self._flush(self._frontend)
        with self.stopwatch.measure("finish"):
            update, mesh = self.backend.finish(self._aligner()), self.backend.extract_mesh()
        with self.stopwatch.measure("doubt"):
            doubt = self.backend.self_doubt()
        final = self.backend.global_map()
        indices, trajectory = final.trajectory()
        if self.backend.keyframes:
            self._recorder.finish(update, self.backend)
        self.close()
        return MappingResult(
            trajectory,
            indices,
            np.array([keyframe.id for keyframe in final.keyframes], int),
            final.keyframe_trajectory(),
            mesh,
            self.config.backend.fusion.tsdf,
            replace(self.counts, apart=final.apart),
            self.keyframes,
            latest(self.decisions),
            final.dropped_loops,
            self._frontend is None or self._frontend.is_metric or final.is_metric,
            () if final.alignment is None else tuple(final.alignment.costs),
            final.image_size,
            doubt,
            self.backend.held_frames(),
            final.tie,
        )

    def _end_worker(self) -> None:
        """Live, a fault of one frame leaves a map to settle; a full disk leaves no room for it."""
        self._worker.close()
        if (fault := self._worker.fault) and (not self._live or isinstance(fault, OutputError)):
            raise fault

    def _flush(self, frontend: Frontend) -> None:
        """The frontend's last predictions, as far as it has any and, live, can give them."""
        try:
            checkpoint = self._checkpoint(frontend)
            for prediction in self.guard.flush(frontend):
                self._take(prediction, checkpoint)
            self.counts.recover(frontend)
            if isinstance(frontend, base.CorrectingFrontend):
                self.backend.correct(frontend.corrections(), self._first_segment)
        except Exception as error:
            if not self._live or isinstance(error, OutputError):
                raise
            logger.warning("the last images could not be mapped (%s)", told(error))

    def _aligner(self) -> Aligner | None:
        """The reference's way to align, if that was asked for."""
        if self.config.backend.align != "pairwise":
            return None
        from mapper.backend.pairwise.keyframes import pairwise_aligner

        pairs = self._frontend if isinstance(self._frontend, base.PairFrontend) else None
        return pairwise_aligner(self.config.pairwise, pairs and pairs.rollout_pairs)

    def restore(
        self,
        keyframes: list[Keyframe],
        edges: list[Edge],
        checkpoint: dict[str, Any],
        read_frame: Callable[[int], Frame] | None,
    ) -> None:
        """Take up an interrupted run where its checkpoint was made.

        read_frame: None where its frames are gone; what comes is then in a world of its own.
        """
        self.backend.restore(keyframes, edges)
        self.counts = FrameCounts(**checkpoint["counts"])
        self.guard.restore(checkpoint.get("watchman", {}))
        if checkpoint["frontend"] is None or read_frame is None:  # it forgot
            self._first_segment = max((k.segment for k in keyframes), default=-1) + 1
            if read_frame is not None:
                self._see_again(keyframes, read_frame)
            return
        frontend = self._frontend or self._create_frontend(read_frame(checkpoint["next_frame"]))
        assert isinstance(frontend, base.ResumableFrontend)
        frontend.restore(checkpoint["frontend"], read_frame)

    def _see_again(self, keyframes: list[Keyframe], read_frame: Callable[[int], Frame]) -> None:
        """Step the last frame that was placed once more: being in both segments, it joins them."""
        if not keyframes:
            return
        frame = read_frame(keyframes[-1].frames[-1].frame_index)
        frontend = self._frontend or self._create_frontend(frame)
        checkpoint = self._checkpoint(frontend)
        for prediction in frontend.step(frame):
            self._take(prediction, checkpoint)

    def _create_frontend(self, frame: Frame) -> Frontend:
        name, _ = choose_frontend(self.config, frame.depth is not None)
        self._frontend = made = create_frontend(self.config, name, self.matcher)
        return made

    def _checkpoint(self, frontend: Frontend) -> Checkpoint:
        """Of the frame that comes next."""
        memory = frontend.snapshot() if isinstance(frontend, base.ResumableFrontend) else None
        return Checkpoint(replace(self.counts), memory, self.guard.note())

    def _count_left_out(self, job: FrameJob | None) -> None:
        """The backend may be so far behind that a job is left out for a newer one."""
        if job is not None:
            self.counts.left_out += len({p.frame_index for p in job.predictions})

    def _process(self, job: FrameJob) -> None:
        """The backend's share of a frame; runs in the worker's thread.

        Live, what it fails over is left out, and the run goes on.
        """
        if self._mapping.attempt(lambda: self._map(job)) is None:
            self._count_left_out(job)

    def _map(self, job: FrameJob) -> bool:
        T_world_camera = None
        with self.stopwatch.measure("backend"):
            for prediction in job.predictions:
                T_world_camera = self._take(prediction, job.checkpoint)
        if job.frame is None:
            return True
        values = {**job.values, "backend_ms": self.stopwatch.last_ms("backend")}
        with self.stopwatch.measure("record"):
            self._recorder.frame(job.frame, T_world_camera, job.state.value, values)
        return True

    def _take(self, prediction: Prediction, checkpoint: Checkpoint) -> np.ndarray | None:
        """T_world_camera (4, 4) of its frame, or None where it was refused."""
        if self._first_segment:
            segment = prediction.segment + self._first_segment
            prediction = replace(prediction, segment=segment)
        self._recorder.prediction(prediction)
        update = self.backend.add(prediction)
        if not self._live:
            self.decisions += [d for d in update.decisions if d.kind == EdgeKind.LOOP]
        with self.stopwatch.measure("record"):
            self._recorder.update(update, self.backend, checkpoint)
        return update.T_world_camera

"""WinT3R as a stream: frames in one at a time, predictions out as windows complete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mapper.errors import InputError
from mapper.frontends.graphs import Graphs
from mapper.frontends.transfer import brought
from mapper.frontends.wint3r.network import Wint3r
from mapper.frontends.wint3r.point_head import PATCH_SIZE
from mapper.frontends.wint3r.poses import relative
from mapper.frontends.wint3r.prediction import Candidate, FramePrediction, WindowOutput
from mapper.frontends.wint3r.window_step import NO_GRAPHS, EncodedFrame, WindowStepper
from mapper.frontends.wint3r.windows import StreamOptions

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """An encoded frame that a window still needs. tokens: (B, P, C). descriptor: (B, C_enc)."""

    position: int
    tokens: Tensor
    descriptor: Tensor


class Wint3rSession:
    """The memory of one stream of images; the network itself remembers nothing.

        session = Wint3rSession(model, StreamOptions())
        for image in images:
            for prediction in session.step(image): ...
        for prediction in session.flush(): ...

    Frames are encoded once. Of old windows only the state and the keys and values of the camera
    tokens are kept. A window that is not finite changes neither.

    window: what the newest window said, for its first predictions see `newest`.
    lost: positions of frames that left in the last call without a finite prediction.
    """

    def __init__(
        self, model: Wint3r, options: StreamOptions | None = None, graphs: Graphs = NO_GRAPHS
    ) -> None:
        self.options = options or StreamOptions()
        self._stepper = WindowStepper(model, self.options.precision, graphs)
        self.window: WindowOutput | None = None
        self.lost: list[int] = []
        self.frames = 0
        self._model = model
        self._grid: tuple[int, int] | None = None
        self._state: Tensor | None = None
        self._waiting: list[_Waiting] = []
        self._unseen = 0  # of the waiting frames, at their end: in no window yet
        self._candidates: dict[int, Candidate] = {}
        self._descriptors: dict[int, Tensor] = {}
        self._slots = 0
        self._poses: dict[int, Tensor] = {}  # raw (iterations, B, 7), of slots still needed
        self._origin_slot: int | None = None
        self._fresh: list[int] = []

    def step(self, image: Float[Tensor, "b 3 h w"]) -> list[FramePrediction]:
        """Take one image (B, 3, H, W), normalised; returns the frames that no window follows."""
        encoded = self._stepper.encoded(image)
        self._check_size(encoded)
        self._waiting.append(_Waiting(self.frames, encoded.tokens, encoded.descriptor))
        self.frames += 1
        self._unseen += 1
        self.lost, self._fresh = [], []
        if len(self._waiting) < self.options.window:
            return []
        self._run(self._waiting)
        return self._leave(self.options.step)

    def flush(self) -> list[FramePrediction]:
        """The rest, the last frame repeated until its window is full. Ends the stream."""
        self.lost, self._fresh = [], []
        if self._unseen:
            missing = self.options.window - len(self._waiting)
            self._run(self._waiting + self._waiting[-1:] * missing)
        return self._leave(len(self._waiting))

    @property
    def newest(self) -> list[FramePrediction]:
        """The first predictions of the frames that are new in the window of the last call."""
        if self.window is None:
            return []
        rows = [self.window.positions.index(position) for position in self._fresh]
        return [
            self._prediction(
                self._fresh[k],
                self.window.pointmap[:, row],
                self.window.confidence[:, row],
                self.window.first_slot + row,
            )
            for k, row in enumerate(rows)
        ]

    @property
    def memory_bytes(self) -> int:
        """What the stream holds on to between frames."""
        tensors = [w.tokens for w in self._waiting] + list(self._poses.values())
        for candidate in self._candidates.values():
            tensors += [candidate.pointmap, candidate.confidence]
        if self._state is not None:
            tensors.append(self._state)
        pool = 0 if self._state is None else self._pool.bytes
        return pool + sum(tensor.nbytes for tensor in tensors)

    def _check_size(self, encoded: EncodedFrame) -> None:
        if self._grid is None:
            batch = len(encoded.tokens)
            self._grid = encoded.grid
            self._state = self._model.initial_state(batch)
            self._pool = self._model.cam_head.new_pool(batch, self.options.pool)
        if encoded.grid != self._grid:
            found, expected = (
                f"{columns * PATCH_SIZE}x{rows * PATCH_SIZE}"
                for rows, columns in (encoded.grid, self._grid)
            )
            raise InputError(
                f"image {self.frames} of the stream is {found}, those before it are {expected}: "
                "a stream needs images of one size"
            )

    def _run(self, frames: list[_Waiting]) -> None:
        """One window; its output is taken up unless something in it is not finite."""
        assert self._grid is not None and self._state is not None
        mark = self._pool.mark()
        tokens = torch.stack([frame.tokens for frame in frames], 1)
        window = self._stepper.decoded(tokens, self._state, self._grid, self._pool)
        self._unseen = 0
        # What is computed of poses is a matter of seven numbers, for which a GPU is too large.
        poses, is_finite = brought([window.poses, window.is_finite])
        if not is_finite:
            self._pool.roll_back(mark)
            return
        self._pool.trim()
        self._state = window.decoded.state
        output = WindowOutput(
            positions=tuple(frame.position for frame in frames),
            first_slot=self._slots,
            tokens=tokens,
            decoded=window.decoded,
            pointmap=window.pointmap,
            confidence=window.confidence,
            poses=torch.from_numpy(poses),
        )
        self._take_up(output, {frame.position: frame.descriptor for frame in frames})

    def _take_up(self, output: WindowOutput, descriptors: dict[int, Tensor]) -> None:
        self.window = output
        self._slots += len(output.positions)
        self._descriptors.update(descriptors)
        for k, pose in enumerate(output.poses.unbind(2)):
            self._poses[output.first_pose_slot + k] = pose
        for row, position in enumerate(output.positions):
            maps = output.pointmap[:, row], output.confidence[:, row]
            slot = output.first_slot + row
            if position in self._candidates:
                self._candidates[position].consider(*maps, slot)
            else:
                self._candidates[position] = Candidate(*maps, [slot])
                self._fresh.append(position)
        if self._origin_slot is None:
            self._origin_slot = self._pose_slot(self._candidates[output.positions[0]])

    def _leave(self, count: int) -> list[FramePrediction]:
        """The first `count` waiting frames go; no later window contains them."""
        leaving, self._waiting = self._waiting[:count], self._waiting[count:]
        predictions = []
        for frame in leaving:
            candidate = self._candidates.pop(frame.position, None)
            if candidate is None:
                self.lost.append(frame.position)
                continue
            slot = self._pose_slot(candidate)
            maps = candidate.pointmap, candidate.confidence
            predictions.append(self._prediction(frame.position, *maps, slot))
        self._forget()
        return predictions

    def _pose_slot(self, candidate: Candidate) -> int:
        return candidate.slots[0 if self.options.first_pose else -1]

    def _prediction(
        self, position: int, pointmap: Tensor, confidence: Tensor, slot: int
    ) -> FramePrediction:
        assert self._origin_slot is not None
        poses = relative(self._poses[self._origin_slot], self._poses[slot])
        descriptor = self._descriptors[position]
        return FramePrediction(position, pointmap, confidence, poses, descriptor)

    def _forget(self) -> None:
        """Drop what only frames needed that left before this call.

        Those that leave now may still be asked for as the newest: at a stride of a whole window a
        frame is new and final at once.
        """
        needed = {slot for candidate in self._candidates.values() for slot in candidate.slots}
        first_kept = self.window.first_slot if self.window is not None else 0
        self._poses = {
            slot: pose
            for slot, pose in self._poses.items()
            if slot in needed or slot == self._origin_slot or slot >= first_kept
        }
        current = self.window.positions if self.window is not None else ()
        kept = {*self._candidates, *current}
        self._descriptors = {p: d for p, d in self._descriptors.items() if p in kept}

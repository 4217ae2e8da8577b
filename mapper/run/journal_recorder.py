"""Writes the journal and the checkpoint, so that a kill at any time leaves a valid map."""

from __future__ import annotations

from collections import deque
from typing import Final

from mapper.backend.graph_update import GraphUpdate
from mapper.run.directory import RunDirectory
from mapper.run.journal import Journal
from mapper.run.records import (
    decision_record,
    edge_record,
    keyframe_record,
    poses_record,
    visit_record,
)
from mapper.slam.checkpoint import Checkpoint
from mapper.slam.recorder import MapNow

LEAVING: Final = 32  # keyframes that were culled and whose files are still there


class JournalRecorder:
    """The checkpoint names the frame that opened the newest keyframe and how long the journal was
    before it; --resume takes up exactly there.
    """

    def __init__(self, run: RunDirectory, keep_bytes: int = 0) -> None:
        """keep_bytes: of the journal, which a run that is carried on had written."""
        self._run = run
        self._journal = Journal(run.journal, keep_bytes)
        self._leaving: deque[int] = deque()  # culled, their files still there

    def update(self, update: GraphUpdate, checkpoint: Checkpoint) -> None:
        """A keyframe opened: what closed with it, then what is known of the new one."""
        if update.opened is None:
            return
        self._close(update)
        if update.culled is not None:
            self._journal.append("visit", **visit_record(update.culled))
        note = {
            **checkpoint.note(),
            "next_frame": update.opened.frame_index,
            "journal_bytes": self._journal.bytes_written,
        }
        self._run.write_json(self._run.checkpoint, note, indent=None)
        if update.culled is not None:
            self._delete_later(update.culled.visit.id)
        for edge in update.edges:
            self._journal.append("edge", **edge_record(edge))
        for decision in update.decisions:
            self._journal.append("decision", **decision_record(decision))

    def finish(self, update: GraphUpdate, now: MapNow) -> None:
        """The last keyframe closed, and every pose is final."""
        self._close(update)
        self._journal.append("poses", **poses_record(now.global_map()))

    def close(self) -> None:
        """What was written is on disk then."""
        self._journal.close()
        while self._leaving:
            self._run.keyframes.delete(self._leaving.popleft())

    def _close(self, update: GraphUpdate) -> None:
        if update.closed is not None:
            self._journal.append("keyframe", **keyframe_record(update.closed))

    def _delete_later(self, keyframe_id: int) -> None:
        """A keyframe was culled. Its file goes when the journal's line is surely on disk."""
        self._leaving.append(keyframe_id)
        if len(self._leaving) > LEAVING:
            self._run.keyframes.delete(self._leaving.popleft())

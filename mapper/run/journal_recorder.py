"""Writes the journal and the checkpoint, so that a kill at any time leaves a valid map."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

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
from mapper.run.writing_behind import WritingBehind
from mapper.slam.checkpoint import Checkpoint
from mapper.slam.recorder import MapNow

LEAVING: Final = 32  # keyframes that were culled and whose files are still there
Lines = list[tuple[str, dict[str, Any]]]  # of the journal: events and their fields


class JournalRecorder:
    """The checkpoint names the frame that opened the newest keyframe and how long the journal was
    before it; --resume takes up exactly there.
    """

    def __init__(self, run: RunDirectory, writer: WritingBehind, keep_bytes: int = 0) -> None:
        """keep_bytes: of the journal, which a run that is carried on had written."""
        self._run, self._writer = run, writer
        self._journal = Journal(run.journal, keep_bytes)
        self._leaving: deque[int] = deque()  # culled, their files still there

    def update(self, update: GraphUpdate, checkpoint: Checkpoint) -> None:
        """A keyframe opened: what closed with it, then what is known of the new one."""
        if update.opened is None:
            return
        before, after = _closing_lines(update), []
        culled = None if update.culled is None else update.culled.visit.id
        if update.culled is not None:
            before.append(("visit", visit_record(update.culled)))
        after += [("edge", edge_record(edge)) for edge in update.edges]
        after += [("decision", decision_record(decision)) for decision in update.decisions]
        note = {**checkpoint.note(), "next_frame": update.opened.frame_index}
        self._writer.put(lambda: self._write_update(before, note, culled, after))

    def finish(self, update: GraphUpdate, now: MapNow) -> None:
        """The last keyframe closed, and every pose is final; all of it is written. Of lines that
        name the same keyframe or edge the newest counts."""
        lines = [("keyframe", keyframe_record(keyframe)) for keyframe in update.corrected]
        lines += [("edge", edge_record(edge)) for edge in update.edges]
        lines += [*_closing_lines(update), ("poses", poses_record(now.global_map()))]
        self._writer.put(lambda: self._append(lines))
        self._writer.settle()

    def close(self) -> None:
        """What was written is on disk then."""
        self._writer.close()
        self._journal.close()
        while self._leaving:
            self._run.keyframes.delete(self._leaving.popleft())

    def _write_update(
        self, before: Lines, note: dict[str, Any], culled: int | None, after: Lines
    ) -> None:
        """The checkpoint stands between what led to the new keyframe and what followed from it."""
        self._append(before)
        note = {**note, "journal_bytes": self._journal.bytes_written}
        self._run.write_json(self._run.checkpoint, note, indent=None)
        if culled is not None:
            self._delete_later(culled)
        self._append(after)

    def _append(self, lines: Lines) -> None:
        for event, fields in lines:
            self._journal.append(event, **fields)

    def _delete_later(self, keyframe_id: int) -> None:
        """A keyframe was culled. Its file goes when the journal's line is surely on disk."""
        self._leaving.append(keyframe_id)
        if len(self._leaving) > LEAVING:
            self._run.keyframes.delete(self._leaving.popleft())


def _closing_lines(update: GraphUpdate) -> Lines:
    return [] if update.closed is None else [("keyframe", keyframe_record(update.closed))]

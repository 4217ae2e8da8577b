"""A map read back from its run directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mapper.backend.finalisation import optimised_map
from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.restoration import restored_graph
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.loops.loop_decision import LoopDecision, Refusal, latest
from mapper.errors import InputError
from mapper.run.directory import RunDirectory
from mapper.run.journal import read_journal
from mapper.run.records import (
    decision_from_record,
    edge_from_record,
    keyframe_from_record,
    map_from_record,
    visit_from_record,
)


def load_graph(
    run: RunDirectory, max_bytes: int | None = None, damaged: list[int] | None = None
) -> tuple[list[Keyframe], list[Edge]]:
    """Closed keyframes and the edges between them, from the journal.

    damaged: takes the ids of keyframes whose files cannot be read, which then have no features;
    without it they raise InputError.
    """
    lines = read_journal(run.journal, max_bytes)
    with _of_this_version(run):
        visits = [line for line in lines if line["event"] == "visit"]
        culled = {line["id"] for line in visits}
        records = {line["id"]: line for line in lines if line["event"] == "keyframe"}
        keyframes = [
            keyframe_from_record(line, run.keyframes, damaged)
            for line in records.values()
            if line["id"] not in culled
        ]
        by_id = {keyframe.id: keyframe for keyframe in keyframes}
        for line in visits:
            by_id[line["anchor"]].visits.append(visit_from_record(line, records[line["id"]]))
        edges = [edge_from_record(record) for line in lines for record in _edge_records(line)]
    known = {k.id for k in keyframes}
    taken_back = {
        (line["i"], line["j"], line["kind"])
        for line in lines
        if line["event"] == "decision" and line.get("refusal") == Refusal.CYCLE
    }
    newest = {(e.i, e.j, e.kind): e for e in edges}  # an alignment replaces edges, or a cycle
    kept = [edge for key, edge in newest.items() if key not in taken_back]
    return keyframes, [e for e in kept if e.i in known and e.j in known]


def _edge_records(line: dict[str, Any]) -> list[dict[str, Any]]:
    """Edges that a line of the journal tells of; a later one replaces an earlier one."""
    if line["event"] == "visit":
        return list(line["edges"])
    return [line] if line["event"] == "edge" else []


def load_decisions(run: RunDirectory, max_bytes: int | None = None) -> list[LoopDecision]:
    """Every decision about a loop, from the journal."""
    lines = read_journal(run.journal, max_bytes, "decision")
    with _of_this_version(run):
        found = (decision_from_record(line) for line in lines if line["kind"] == EdgeKind.LOOP)
        return latest(found)


def load_map(run: RunDirectory) -> GlobalMap:
    """The final poses of a finished run; those of an interrupted one are optimised here."""
    damaged: list[int] = []
    keyframes, edges = load_graph(run, damaged=damaged)
    if not keyframes:
        raise InputError(f"{run.path}: this run has no keyframes yet, so there is no map in it")
    for line in reversed(read_journal(run.journal)):
        if line["event"] == "poses":
            with _of_this_version(run):
                saved = map_from_record(keyframes, line)
            _refuse_damaged(run, set(damaged) - set(saved.left_out))
            return saved
    _refuse_damaged(run, set(damaged))
    config = run.read_description().backend_settings()
    # Not tied to what is known of it: run.yaml has the unit and the world of before.
    return optimised_map(keyframes, restored_graph(config.graph, keyframes, edges))


@contextmanager
def _of_this_version(run: RunDirectory) -> Iterator[None]:
    """A key that is missing from a line is one error that says so."""
    try:
        yield
    except KeyError as error:
        raise InputError(
            f"{run.journal}: written by another version of mapper (there is no {error}); run the "
            "sequence again"
        ) from error


def _refuse_damaged(run: RunDirectory, damaged: set[int]) -> None:
    """Raise InputError where keyframes cannot be read that the map holds."""
    if damaged:
        raise InputError(
            f"{run.keyframes.path(min(damaged))}: the keyframe cannot be read; run mapper align "
            f"{run.path} to leave it out, or the sequence again with --overwrite"
        )

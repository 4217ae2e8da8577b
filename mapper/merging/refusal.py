"""Why runs are not joined, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NoReturn

from mapper.backend.loops.loop_decision import LoopDecision
from mapper.backend.sessions.agreement import ENOUGH
from mapper.backend.sessions.contradictions import Compared
from mapper.backend.sessions.meeting import Meeting
from mapper.errors import InputError
from mapper.merging.sessions import MergedRun
from mapper.report.loops import PLAIN, refusal_text


def refuse_strangers(
    runs: Sequence[MergedRun], met: Sequence[Meeting], strangers: Sequence[int]
) -> NoReturn:
    """Raise InputError. strangers: numbers of runs that nothing ties to the first one."""
    stranger = strangers[0]
    known = [m for m in met if stranger in (m.earlier, m.later)]
    known = [m for m in known if (m.earlier in strangers) != (m.later in strangers)] or known
    best = max(known, key=lambda m: (len(m.agreement.edges), len(m.encounters.edges)))
    others = " and ".join(run.name for n, run in enumerate(runs) if n not in strangers)
    raise InputError(
        f"{runs[stranger].run.path} does not overlap with {others}, so they are not joined: "
        f"{meeting_in_words(runs, best)}"
    )


def refuse_contradiction(
    runs: Sequence[MergedRun], pair: tuple[int, int], compared: Compared, limit: float
) -> NoReturn:
    """Raise InputError: the surfaces of two runs do not bear the join out."""
    a, b = (runs[number].name for number in pair)
    raise InputError(
        f"{a} and {b} look alike in places but are not joined: of the points that both say "
        f"something of they agree on {100 * compared.share:.0f} % (at least {100 * limit:.0f} % "
        "is asked for), so what one has as free space the other has full; two places with the "
        "same things in them, or much was moved between"
    )


def meeting_in_words(runs: Sequence[MergedRun], met: Meeting) -> str:
    """What was tried between two runs, how far the best place got, and what failed."""
    decisions, edges = met.encounters.decisions, met.encounters.edges
    a, b = runs[met.earlier], runs[met.later]
    if not decisions:
        return f"no keyframe of {b.name} looks like one of {a.name}"
    reasons = Counter(PLAIN[d.refusal] for d in decisions if d.refusal is not None)
    failed = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common())
    text = f"of {len(decisions)} pairs of keyframes that look alike {len(edges)} were verified"
    if edges:
        text += f" and {len(met.agreement.edges)} agree on one place"
    if met.agreement.rivals:
        text += f", {met.agreement.rivals} on another one"
    text += f" (at least {ENOUGH} of several views are asked for)"
    if failed:
        text += f"; refused: {failed}"
    best = max(decisions, key=_nearness)
    if best.refusal is not None:
        text += f"; the best: {_place(a, best.i)} and {_place(b, best.j)}, "
        text += refusal_text(best, is_metric=not met.is_free)
    return text


def _nearness(decision: LoopDecision) -> tuple[bool, float, int]:
    """How near a pair came to being verified."""
    measured = decision.measured
    overlap = 0.0 if measured is None else measured.overlap * measured.agreement
    return decision.accepted, overlap, decision.feature_inliers


def _place(run: MergedRun, keyframe_id: int) -> str:
    """A keyframe as its own run knows it."""
    own = keyframe_id - run.shift.keyframes
    keyframe = next(k for k in run.saved.keyframes if k.id == own)
    return f"{run.name} at {keyframe.timestamp:.1f} s (keyframe {own})"

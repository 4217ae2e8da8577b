"""Solves the pose graph in a process of its own: GTSAM holds Python's lock while it works.

    python -m mapper.backend.graph.solver_process    what SolverProcess starts

Both sides write pickles into the other's pipe, one for each question and each answer.
"""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Collection
from contextlib import suppress
from typing import IO, Any

import numpy as np

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.graph_problem import Problem
from mapper.backend.graph.graph_solver import EdgeFactors, Solution, solve

logger = logging.getLogger(__name__)

MIN_EDGES = 60  # a smaller solve takes less than a frame's time, and the way there and back too
# -P: whatever lies in the working directory is not imported.
COMMAND = (sys.executable, "-P", "-m", "mapper.backend.graph.solver_process")


class SolverProcess:
    """A Solver whose caller waits without Python's lock, so that tracking goes on.

    The process starts with the first solve that is large enough and ends with close(), or with
    this process, however that ends. Where it cannot be had the solving is done here.
    """

    def __init__(self, command: Collection[str] = COMMAND) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._lost = False

    def solve(self, problem: Problem, factors: EdgeFactors) -> Solution:
        """As solve(); in this process where the graph is small or the other one was lost."""
        if len(problem.edges) < MIN_EDGES or self._lost:
            return solve(problem, factors)
        try:
            return self._ask(_packed(problem))
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            self._lost = True
            self.close()
            reason = str(error) or "it ended"
            logger.warning(
                "the process that solves the pose graph is lost (%s): tracking waits for it now",
                reason,
            )
            return solve(problem, factors)

    def close(self) -> None:
        """End the process; it is idle, or lost."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None
        process.kill()
        process.wait()
        process.stdout.close()
        with suppress(BrokenPipeError):  # a question that it never took is still buffered
            process.stdin.close()

    def _ask(self, question: dict[str, Any]) -> Solution:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for us: it ends when we have finished
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        pickle.dump(question, self._process.stdin, pickle.HIGHEST_PROTOCOL)
        self._process.stdin.flush()
        return _unpacked(pickle.load(self._process.stdout))


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until the questions end."""
    while True:
        try:
            question = pickle.load(questions)
        except EOFError:
            return
        solution = solve(_restored(question))
        ids = list(solution.poses)
        poses = np.array([solution.poses[k] for k in ids])
        answer = (ids, poses, solution.error, solution.fault)
        try:
            pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()
        except BrokenPipeError:  # whoever asked was killed meanwhile
            return


def _packed(problem: Problem) -> dict[str, Any]:
    """Few large arrays: a pickle of many small ones would itself hold the lock for long."""
    poses, edges = problem.poses, problem.edges
    return {
        "ids": list(poses),
        "poses": np.array(list(poses.values())),
        "pairs": [(e.i, e.j, e.kind.value) for e in edges],
        "S": np.array([e.S_i_j for e in edges]),
        "information": np.array([e.information for e in edges]),
        "options": problem.options,
    }


def _restored(question: dict[str, Any]) -> Problem:
    measured = zip(question["pairs"], question["S"], question["information"], strict=True)
    return Problem(
        dict(zip(question["ids"], question["poses"], strict=True)),
        [Edge(i, j, S, H, EdgeKind(kind)) for (i, j, kind), S, H in measured],
        question["options"],
    )


def _unpacked(answer: tuple[list[int], np.ndarray, float, str]) -> Solution:
    ids, poses, error, fault = answer
    return Solution(dict(zip(ids, poses, strict=True)), error, fault)


def main() -> None:
    """Answer questions on standard input until it ends."""
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()

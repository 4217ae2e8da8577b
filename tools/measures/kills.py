"""Kills a run at random moments and resumes it: is anything lost, is anything left behind?"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mapper.rooms.sample.sequence import make_sample
from mapper.run.contents import foreign
from mapper.run.journal import read_journal
from mapper.runtime.atomic_files import TEMPORARY
from mapper.runtime.folder_lock import LOCK

COARSE = ("--no-save-rrd", "--set", "backend.fusion.tsdf.voxel_size=0.06")


def kill_and_resume(
    sequence: Path, out: Path, kills: int, chance: random.Random, longest: float
) -> list[str]:
    """Start a run, kill it so often, let it end; what is wrong with it then, as sentences.

    longest: seconds after its first keyframe that a process lives at most.
    """
    begin, line = _command(sequence, out, *COARSE), _command(sequence, out, "--resume")
    for _ in range(kills):
        process = subprocess.Popen(begin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not list(out.glob("keyframes/*.npz")):
            time.sleep(0.01)
        time.sleep(chance.uniform(0, longest))
        process.kill()
        process.wait()
        begin = line
    ended = subprocess.run(begin, capture_output=True, text=True, check=False)
    return _faults(out) if ended.returncode == 0 else [ended.stderr.strip()]


def keyframes(out: Path) -> list[list[int]]:
    """The frames of each keyframe, in the order of the journal."""
    lines = read_journal(out / "journal.jsonl", event="keyframe")
    return [[frame[0] for frame in line["frames"]] for line in lines]


def _faults(out: Path) -> list[str]:
    metrics = json.loads((out / "metrics.json").read_text())
    faults = [] if metrics["complete"] else ["the run is not complete"]
    stray = [p.name for p in out.rglob("*") if TEMPORARY.fullmatch(p.name) or p.name == LOCK]
    return faults + [f"left behind: {name}" for name in (*stray, *foreign(out))]


def _command(sequence: Path, out: Path, *more: str) -> list[str]:
    words = ["run", str(sequence), "--out", str(out), *more]
    return [sys.executable, "-m", "mapper", *words]


def main() -> int:
    """One run that nobody killed, then others with up to three kills each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    wrong, done, number = 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        sequence = make_sample(Path(folder) / "room", arguments.frames, 160, 120)
        started = time.monotonic()
        faults = kill_and_resume(sequence, Path(folder) / "whole", 0, chance, 0)
        longest = time.monotonic() - started
        expected = keyframes(Path(folder) / "whole")
        while done < arguments.kills and not faults:
            number, kills = number + 1, min(chance.randint(1, 3), arguments.kills - done)
            out = Path(folder) / f"run{number}"
            found = kill_and_resume(sequence, out, kills, chance, longest / 3)
            if not found and keyframes(out) != expected:
                found = ["other keyframes than a run that was not killed"]
            done, wrong = done + kills, wrong + bool(found)
            print(f"run {number}, {kills} kills: {'; '.join(found) or 'whole'}", flush=True)
    print("\n".join(faults) or f"{done} kills in {number} runs: {wrong} runs are not whole")
    return 1 if wrong or faults else 0


if __name__ == "__main__":
    sys.exit(main())

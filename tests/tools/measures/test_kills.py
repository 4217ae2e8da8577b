"""A run that is killed at random moments loses nothing and leaves nothing behind."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from measures.kills import keyframes, kill_and_resume

from mapper.rooms.sample.sequence import make_sample


@pytest.mark.slow
def test_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    sequence = make_sample(tmp_path / "room", 60, 160, 120)
    chance = random.Random(0)
    assert kill_and_resume(sequence, tmp_path / "whole", 0, chance, 0) == []
    assert kill_and_resume(sequence, tmp_path / "killed", 3, chance, 2.0) == []
    assert len(keyframes(tmp_path / "whole")) > 3
    assert keyframes(tmp_path / "killed") == keyframes(tmp_path / "whole")

"""Poses that come along: the truth, an estimate or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapper.errors import ConfigError
from mapper.io.sequences.open_sequence import open_chosen, open_sequence
from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.saved.results import sequence_again


def test_measured_poses_are_the_truth_unless_they_are_not_wanted(tum: Path) -> None:
    assert open_sequence(tum).ground_truth is not None
    assert open_sequence(tum, poses="truth").ground_truth is not None
    assert open_sequence(tum, poses="off").ground_truth is None


def test_a_part_of_a_sequence_has_no_truth_either(tum: Path) -> None:
    request = RunRequest(sequence=tum, stride=2, poses="off")
    assert open_chosen(tum, None, request).ground_truth is None


def test_a_truth_that_is_at_fault_is_told_when_it_is_asked_for(tum: Path) -> None:
    (tum / "groundtruth.txt").write_text("1 2 3\n")
    with pytest.raises(ConfigError, match=r"--poses truth: .*groundtruth.txt:1: expected"):
        open_sequence(tum, poses="truth")


def test_another_word_is_refused(tum: Path) -> None:
    with pytest.raises(ConfigError, match="choose auto, truth, off, prior"):
        open_sequence(tum, poses="gps")


def test_priors_are_no_truth_and_have_to_be_there(tum: Path) -> None:
    assert open_sequence(tum, poses="prior").ground_truth is None
    (tum / "groundtruth.txt").unlink()
    with pytest.raises(ConfigError, match="--poses prior: no poses come along"):
        open_sequence(tum, poses="prior")


def test_a_run_remembers_what_poses_were_taken_for(sample: Path, tmp_path: Path) -> None:
    request = RunRequest(sequence=sample, out=tmp_path / "run", max_frames=2, poses="off")
    run, metrics = map_into(request)
    assert "evaluation" not in metrics and not run.ground_truth.exists()
    again = sequence_again(run)
    assert again is not None and again.ground_truth is None

"""Runs what golden files of learning rates record: every published schedule at some moments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from golden.recording import Golden
from mapper.train.schedules import EpochCosine, OneCycle, ShareCosine, StepCosine

RATES, MOMENTS = ".lr_f64", ".x_f64"


def run_schedules(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """The rates, and the moments that the sidecar lists them at."""
    for name, of in golden.sidecar["schedules"].items():
        moments = [float(moment) for moment, _ in of["table"]]
        at = schedule_of(of)
        yield f"{name}{RATES}", torch.tensor([at(each) for each in moments], dtype=torch.float64)
        yield f"{name}{MOMENTS}", torch.tensor(moments, dtype=torch.float64)


def schedule_of(of: Mapping[str, Any]) -> Callable[[float], float]:
    """Our learning rate at a recorded moment: a step, or a share of all epochs."""
    s = of["settings"]
    if "epochs" in s:
        by_epoch = EpochCosine(s["lr"], s["min_lr"], s["warmup_epochs"], s["epochs"])
        return lambda step: by_epoch.at(step / of["steps_per_epoch"], 0)
    if "warmup_start_lr" in s:
        limits = s["lr"], s["eta_min"], s["warmup_start_lr"]
        by_step = StepCosine(*limits, s["warmup_steps"], s["max_steps"])
        return lambda step: by_step.at(0, int(step))
    if "lengths" in s:
        by_share = ShareCosine(s["lr"], s["end"], s["lengths"][0], s["max_epochs"])
        return lambda share: by_share.at(share * s["max_epochs"], 0)
    lowest = s["lr"] / s["div_factor"] / s["final_div_factor"]
    cycle = OneCycle(s["lr"], lowest, s["total_steps"])
    return lambda step: cycle.at(0, int(step))

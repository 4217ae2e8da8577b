"""A device that is not there is refused before anything is mapped."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mapper.backend.alignment.config import GlobalAlignmentConfig
from mapper.backend.config import BackendConfig
from mapper.backend.pairwise.config import PairwiseConfig
from mapper.config.settings import MapperConfig
from mapper.errors import ConfigError
from mapper.slam.devices import check_alignment_device


def told(align: Any, alignment: str, pairwise: str = "auto") -> MapperConfig:
    return MapperConfig(
        backend=BackendConfig(align=align, alignment=GlobalAlignmentConfig(device=alignment)),
        pairwise=PairwiseConfig(device=pairwise),
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_refused_where_it_would_be_used() -> None:
    with pytest.raises(ConfigError, match=r"backend\.alignment\.device=cuda.*cpu always works"):
        check_alignment_device(told("final", "cuda"))
    with pytest.raises(ConfigError, match=r"pairwise\.device=cuda:1"):
        check_alignment_device(told("pairwise", "auto", "cuda:1"))
    check_alignment_device(told("pairwise", "cuda"))
    check_alignment_device(told("off", "cuda"))
    check_alignment_device(told("auto", "auto"))

"""Frontends for a GPU that is not there."""

from __future__ import annotations

import pytest

from tests.frontends.on_gpu.families import Families


@pytest.fixture(scope="session")
def families(tmp_path_factory: pytest.TempPathFactory) -> Families:
    return Families(tmp_path_factory.mktemp("weights"))

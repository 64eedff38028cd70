"""Check that the benchmark of predictions runs and compares like with like. Nothing here depends on time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the benchmarks import each other by name, as scripts do

import predictions


@pytest.mark.parametrize("name", predictions.NETWORKS)
def test_both_are_timed(name: str) -> None:
    assert predictions.by_loop(name, 3, 1) > 0
    first, later = predictions.by_predict(name, 3, "python", 1)
    assert 0 < later < first

"""Check that the benchmark of Hessians runs and compares like with like. Nothing here depends on time."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from needs import lacking

sys.path.insert(0, str(Path(__file__).parent))  # the benchmarks import each other by name, as scripts do

import hessians
import turns


def by_hand(xs: list[float]) -> list[list[float]]:
    matrix = np.zeros((len(xs), len(xs)))
    for i, (x, y) in enumerate(pairwise(xs)):
        matrix[i : i + 2, i : i + 2] += [[1200 * x * x - 400 * y + 2, -400 * x], [-400 * x, 200]]
    rows: list[list[float]] = matrix.tolist()
    return rows


@pytest.mark.parametrize("title", hessians.WAYS)
def test_every_way_finds_the_same_numbers(title: str) -> None:
    job, *rest = hessians.WAYS[title]
    peer = hessians.PEERS.get(job)
    if peer and not turns.importable(peer):
        if peer == "casadi":  # for orientation only: it may be missing where nothing else may
            pytest.skip("CasADi is not installed")
        lacking(f"{peer} is not installed", extra=True)
    found = hessians.JOBS[job](4, 1, *rest)
    hessians.check_same(by_hand(hessians.point(4)), found.matrix, title)
    assert found.first > 0 and found.later > 0


def test_the_structure_is_that_of_the_numbers() -> None:
    matrix = hessians.by_grad_of_grad(5, 1).matrix
    other = {(i, j) for i in range(5) for j in range(i, 5) if matrix[i][j] != 0}
    assert other == set(hessians.structure(5))
    assert hessians.needed(5) < hessians.by_grad_of_grad(5, 1).nodes


def test_a_wrong_number_is_noticed() -> None:
    with pytest.raises(SystemExit, match="other numbers"):
        hessians.check_same([[1.0, 2.0]], [[1.0, 2.1]], "mine")

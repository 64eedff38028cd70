"""Check that the benchmark of Hessians runs and compares like with like. Nothing here depends on time."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from needs import lacking, need_compiler

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
    peer = hessians.PEERS.get(title)
    if peer and not turns.importable(peer):
        if peer == "casadi":  # for orientation only: it may be missing where nothing else may
            pytest.skip("CasADi is not installed")
        lacking(f"{peer} is not installed", extra=True)
    found = hessians.WAYS[title](4)
    hessians.check_same(by_hand(hessians.point(4)), found.matrix, title)
    assert found.first > 0
    found.call()


def test_the_structure_is_that_of_the_numbers() -> None:
    matrix = hessians.by_grad_of_grad(5).matrix
    other = {(i, j) for i in range(5) for j in range(i, 5) if matrix[i][j] != 0}
    assert other == set(hessians.structure(5))
    assert hessians.needed(5) < hessians.by_grad_of_grad(5).nodes


def test_a_wrong_number_is_noticed() -> None:
    with pytest.raises(SystemExit, match="other numbers"):
        hessians.check_same([[1.0, 2.0]], [[1.0, 2.1]], "mine")


@pytest.mark.campaign
def test_the_ways_take_turns_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    for title in set(hessians.WAYS) - {"`hessian(y, xs)`", hessians.INTO_ARRAYS}:
        monkeypatch.delitem(hessians.WAYS, title)
    need_compiler()
    page = hessians.page((3,), 2, 0.0)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")]
    assert [row[1] for row in rows[2:4]] == list(hessians.WAYS)
    assert all(float(row[-1]) > 0 for row in rows[2:4])
    assert "took 2 turns" in page

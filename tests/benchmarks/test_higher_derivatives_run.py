"""Check that the benchmark of higher derivatives runs and compares like with like. Nothing here depends on time."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # the benchmarks import each other by name, as scripts do

import higher_derivatives
from higher_derivatives import FUNCTIONS, ORDERS


def test_both_ways_find_the_same_numbers_and_one_has_fewer_nodes() -> None:
    text = higher_derivatives.page(1)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")][2:]
    assert [row[:2] for row in rows] == [[name, str(n)] for name in FUNCTIONS for n in range(1, ORDERS + 1)]
    assert all(int(row[2]) >= int(row[3]) for row in rows)
    assert ["x³ · sin x", "2", "28", "20"] in [row[:4] for row in rows]

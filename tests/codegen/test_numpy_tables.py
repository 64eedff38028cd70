"""The numpy backend's tables: sums in order, outputs in any order, arguments that are refused."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value
from autograd.codegen import numpy_arrays, numpy_tables


@pytest.mark.parametrize("at_once", [1, 30, 200, 2**15])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 7), (5, 1), (6, 4)])
def test_terms_are_added_from_left_to_right(
    at_once: int, rows: int, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numpy_arrays, "_NUMBERS_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    p, q = (
        rng.normal(size=(2, 40, rows, 1)),
        rng.normal(size=(40, 1, columns)) * 10.0 ** rng.integers(-9, 9, (40, 1, 1)),
    )
    start = rng.normal(size=(rows, columns))
    for z, other in ((start, q), (-0.0, q), (0.0, 3.0)):
        want: Any = z
        for i in range(40):
            want = want + p[0, i] * (other if isinstance(other, float) else other[i])
        assert np.array_equal(numpy_arrays.added(z, p[0], other), want)
        if isinstance(other, float):  # terms that are adjacent in memory
            assert np.array_equal(numpy_arrays.added(z, np.asfortranarray(p[0]), other), want)
        # Two loops over terms; the second one runs backwards, through memory that is not contiguous.
        nested = other if isinstance(other, float) else other[::-1].reshape(8, 5, 1, columns)[:, ::-1]
        backwards = p[0].reshape(8, 5, rows, 1)[::-1, ::-1]
        want = z
        for i, j in np.ndindex(8, 5):
            want = want + backwards[i, j] * (nested if isinstance(nested, float) else nested[i, j])
        assert np.array_equal(numpy_arrays.added(z, backwards, nested, depth=2), want)
    zeros = np.full((9, rows, columns), -0.0)
    assert np.signbit(numpy_arrays.added(-0.0, zeros)).all()
    assert not np.signbit(numpy_arrays.added(0.0, zeros)).any()


@pytest.mark.parametrize("options", [{}, {"in_axes": 0}, {"in_axes": 0, "reduce": "sum"}])
def test_outputs_in_any_order_take_few_statements(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numpy_tables, "FLOATS_IN_A_STATEMENT", 0)
    xs = [Value(0.1 * i) for i in range(30)]
    outputs = [*(x.tanh() for x in xs), *(Value(float(i % 3)) for i in range(30))]
    random.Random(0).shuffle(outputs)
    f, g = (autograd.compile(outputs, xs, backend=backend, **options) for backend in ("numpy", "python"))
    argument = [x.data for x in xs]
    batch = [argument, argument[::-1]] if options else argument
    assert f(batch) == g(batch)
    assert len(f.source.splitlines()) < 25


def test_what_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numpy_tables, "FLOATS_IN_A_STATEMENT", 0)
    w, x = [Value(0.5), Value(-0.25)], Value(0.75)
    outputs = [w[0] * x + w[1], x.tanh()]
    f = autograd.compile(outputs, (w, x), backend="numpy")
    with pytest.raises(TypeError, match="argument 2: expected a real number, got"):
        f([0.5, -0.25], "a")
    with pytest.raises(TypeError, match="mask"):
        f(np.ma.masked_array([0.5, 2.0], [False, True]), 0.75)
    assert f(deque([0.5, -0.25]), 0.75) == f([0.5, -0.25], 0.75)  # numbers, but no array
    batched = autograd.compile(outputs, (w, x), in_axes=(None, 0), backend="numpy")
    with pytest.raises(TypeError, match="mask"):
        batched([0.5, -0.25], np.ma.masked_array([0.5, 2.0], [False, True]))


def test_no_statement_is_a_long_sum() -> None:
    xs = [Value(0.01 * i) for i in range(200)]
    total = autograd.sum([x * xs[0] if i % 2 else x.sin() for i, x in enumerate(xs)])  # of terms of two kinds
    f, g = (autograd.compile([total, 2.0 * total], xs, in_axes=0, backend=backend) for backend in ("numpy", "python"))
    batch = [[x.data for x in xs]] * 2
    assert f(batch) == g(batch)
    assert max(line.count(" + ") for line in f.source.splitlines()) < 50  # Python's compiler recurses into each

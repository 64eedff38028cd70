"""Compiled functions: the same bits as the graph, in any nesting, batched and repeated; mistakes are explained."""

from __future__ import annotations

import gc
import inspect
import itertools
import linecache
import math
import random
import struct
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value, grad
from autograd.codegen.program import lower
from autograd.ops import BUILT_IN, TABLE, Op


def bits(x: float) -> bytes:
    return b"nan" if math.isnan(x) else struct.pack("d", x)


def same(got: float, want: float) -> bool:
    return bits(got) == bits(want)


def random_graph(rng: random.Random, leaves: list[Value], steps: int) -> Value:
    """Operations of the whole table on leaves, results and constants, some of them special."""
    pool: list[Any] = list(leaves)
    constants = [0.0, -0.0, 1.0, -2.0, 0.5, 3.0, math.inf, -math.inf, math.nan, 1e-320, -1e300]
    ops = [TABLE[name] for name in sorted(BUILT_IN)]
    for _ in range(steps):
        op = rng.choice(ops)
        count = op.arity or 2 * rng.randrange(1, 4)
        operands = [rng.choice(pool) if rng.random() < 0.8 else rng.choice(constants) for _ in range(count)]
        operands[0] = rng.choice(pool)
        pool.append(Value._record(op, tuple(operands)))
    output: Value = autograd.sum(pool[-6:])
    return output


@pytest.mark.parametrize("seed", range(60))
def test_the_same_bits_as_the_graph(seed: int) -> None:
    rng = random.Random(seed)
    leaves = [Value(rng.uniform(-3, 3)) for _ in range(4)]
    output = random_graph(rng, leaves, 40)
    gradients = grad(output, leaves)
    f = autograd.compile((output, gradients), (leaves[:3], leaves[3]))
    for _ in range(5):
        value, pulls = f([v.data for v in leaves[:3]], leaves[3].data)
        assert same(value, output.data)
        assert all(map(same, pulls, (g.data for g in gradients)))
        for v in leaves:
            v.data = rng.choice(
                [rng.uniform(-3, 3), rng.uniform(-1e3, 1e3), 0.0, -0.0, 1.0, math.inf, math.nan, 1e-310]
            )
        output.forward()
        for g in gradients:
            g.forward()


@pytest.mark.parametrize("seed", range(20))
def test_a_batch_is_the_graph_sample_by_sample(seed: int) -> None:
    rng = random.Random(seed)
    w, b, x, y = (Value(rng.uniform(-2, 2)) for _ in range(4))
    output = random_graph(rng, [w, b, x, y], 25)
    gradients = grad(output, [w, b])
    samples = [[rng.uniform(-2, 2), rng.uniform(-2, 2)] for _ in range(7)]
    want: list[tuple[float, list[float]]] = []
    for x.data, y.data in samples:
        want.append((output.forward().data, [g.forward().data for g in gradients]))
    arguments = ([w.data, b.data], samples)
    inputs, axes = ([w, b], [x, y]), (None, 0)
    values, pulls = autograd.compile((output, gradients), inputs, in_axes=axes)(*arguments)
    assert all(map(same, values, (value for value, _ in want)))
    assert all(same(g, h) for got, (_, row) in zip(pulls, want, strict=True) for g, h in zip(got, row, strict=True))
    total, sums = autograd.compile((output, gradients), inputs, in_axes=axes, reduce="sum")(*arguments)
    mean, means = autograd.compile((output, gradients), inputs, in_axes=axes, reduce="mean")(*arguments)
    for got, average, column in zip(
        [total, *sums], [mean, *means], zip(*([v, *row] for v, row in want), strict=True), strict=True
    ):
        added = 0.0
        for term in column:
            added += term
        assert same(got, added)
        assert same(average, added / len(samples))


def neuron_step() -> tuple[list[Value], Value, Value, list[Value]]:
    w, b, x, t = Value(0.5), Value(0.5), Value(0.01), Value(0.1)
    loss = ((w * x + b).tanh() - t) ** 2 / 2
    return [w, b], x, t, [p - 0.01 * g for p, g in zip([w, b], grad(loss, [w, b]), strict=True)]


def test_repeat_trains_the_article_s_neuron() -> None:
    parameters, x, t, stepped = neuron_step()
    step = autograd.compile(stepped, (parameters, x, t))
    w, b = step.repeat(100_000, [0.5, 0.5], 0.01, 0.1)
    assert math.tanh(0.01 * w + b) == 0.1000000000000007
    state = [0.5, 0.5]
    for _ in range(10):
        state = step(state, 0.01, 0.1)
    assert step.repeat(10, [0.5, 0.5], 0.01, 0.1) == state
    assert step.repeat(0, [0.5, 0.25], 0.01, 0.1) == [0.5, 0.25]


def test_nests_come_back_as_they_were() -> None:
    a, b, c = Value(1.0), Value(2.0), Value(3.0)
    f = autograd.compile(([a + b, [c, (a,)]], (b * c,)), ([[a, b], [c]],))
    assert f([[1, 2], [3]]) == ([3.0, [3.0, (1.0,)]], (6.0,))
    assert autograd.compile(a * 2, a)(5) == 10.0
    assert autograd.compile([a, b], [a, b])((1, 2)) == [1.0, 2.0]
    assert autograd.compile((), a)(1.0) == ()
    assert autograd.compile([a * 2, b], ())() == [2.0, 2.0]


def test_arrays_come_back_where_arrays_went_in() -> None:
    w = [Value(1.0), Value(2.0)]
    x = Value(3.0)
    outputs = (w[0] * x, [w[0] + x, w[1] * x])
    value, row = autograd.compile(outputs, (w, x))(np.array([1.0, 2.0]), 3.0)
    assert isinstance(row, np.ndarray)
    assert row.tolist() == [4.0, 6.0]
    assert value == 3.0
    values, rows = autograd.compile(outputs, (w, x), in_axes=(None, 0))([1.0, 2.0], np.array([3.0, 4.0, 5.0]))
    assert values.tolist() == [3.0, 4.0, 5.0]
    assert rows.shape == (3, 2)
    total, sums = autograd.compile(outputs, (w, x), in_axes=(None, 0), reduce="sum")([1.0, 2.0], np.array([3.0, 4.0]))
    assert total == 7.0
    assert sums.tolist() == [9.0, 14.0]


def test_other_leaves_are_frozen() -> None:
    x, scale = Value(2.0), Value(10.0)
    y = x * scale
    f = autograd.compile(y, x)
    scale.data = 99.0
    assert f(3.0) == 30.0


def test_folds_are_exact_and_dead_steps_are_left_out() -> None:
    x, y = Value(2.0), Value(3.0)
    kept = x * y
    (x + y).tanh()
    outputs = [kept * 1.0, kept / 1, kept**1, kept - 0.0, kept**0, autograd.where(Value(1.0), kept, y.exp()), y * x]
    program = lower(outputs, [x, y])
    assert [step.op.name for step in program.steps] == ["mul", "mul"]  # x * y and y * x are different steps
    assert program.outputs == [2, 2, 2, 2, 1.0, 2, 3]
    for almost in (kept + 0.0, kept - (-0.0), kept * 0.0, kept - kept, kept / kept):
        assert len(lower([almost], [x, y]).steps) == 2


def test_labels_never_reach_the_source() -> None:
    x = Value(1.0, '"; import os #')
    y = x * 2
    y.label = "evil_label\n"
    source = autograd.compile(y, x).source
    assert "evil" not in source
    assert "import" not in source


def test_an_operation_of_ones_own_compiles() -> None:
    own = Op("v0({})", lambda x: x * x * x, lambda g, z, x: g * 3 * x * x)
    x = Value(2.0)
    y = own(x) + x
    assert autograd.compile((y, grad(y, x)), x)(3.0) == (30.0, 28.0)
    again = Op("v0({})", lambda x: x + 1, lambda g, z, x: g)  # redefined, as in a notebook
    assert autograd.compile(y + again(x), x)(3.0) == 34.0


def test_an_iterator_is_as_good_as_a_list() -> None:
    leaves = [Value(float(i)) for i in range(12)]
    for n in (2, 12):
        assert autograd.compile(autograd.sum(leaves[:n]), leaves[:n])(iter(range(n))) == sum(range(n))


def test_the_source_can_be_read_and_debugged() -> None:
    x = Value(2.0)
    f: Any = autograd.compile(x.tanh() * 2, x)
    assert inspect.getsource(f) == f.source
    f.__globals__["tanh"] = lambda _: 1 / 0
    with pytest.raises(ZeroDivisionError) as error:
        f(1.0)
    assert "v0 = tanh(x0)" in "".join(traceback.format_tb(error.tb))
    before = len(linecache.cache)
    functions = [autograd.compile(x * i, x) for i in range(50)]
    assert functions[3](2.0) == 6.0
    del functions
    gc.collect()
    assert len(linecache.cache) <= before


@pytest.mark.parametrize("n", [10_000, 40_000])
def test_long_programs_compile(n: int) -> None:
    x, w = Value(1.0), Value(1.0001)
    y = x
    for _ in range(n // 2):
        y = (y * w).sin()
    assert same(autograd.compile(y, (x, w))(x.data, w.data), y.data)
    many = autograd.dot([x] * 5_000, [w] * 5_000)
    assert same(autograd.compile(many, (x, w))(x.data, w.data), many.data)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda x, y: autograd.compile(y, y), ValueError, "has to be a leaf"),
        (lambda x, y: autograd.compile(y, 2.0), TypeError, "inputs are Values"),
        (lambda x, y: autograd.compile(y, (x, x)), ValueError, "stands twice"),
        (lambda x, y: autograd.compile("y", x), TypeError, "pass a Value"),
        (lambda x, y: autograd.compile((y, x.grad), x), TypeError, "grad\\(loss, x\\)"),
        (lambda x, y: autograd.compile(lambda v: v * v, x), TypeError, "not a function"),
        (lambda x, y: autograd.compile(y, x, backend="fortran"), ValueError, "'fortran'"),
        (lambda x, y: autograd.compile(y, x, reduce="max"), ValueError, "reduce"),
        (lambda x, y: autograd.compile(y, x, reduce="mean"), ValueError, "in_axes"),
        (lambda x, y: autograd.compile(y, x, in_axes=1), ValueError, "in_axes"),
        (lambda x, y: autograd.compile(y, x, in_axes=(0, 0)), ValueError, "2 entries for 1"),
        (
            lambda x, y: autograd.compile(y, [x])([1.0, 2.0]),
            ValueError,
            "argument 1: expected 1 number, got 2 numbers",
        ),
        (lambda x, y: autograd.compile(y, [x])([]), ValueError, "argument 1: expected 1 number, got 0 numbers"),
        (lambda x, y: autograd.compile(y, [x])(1.0), ValueError, "argument 1: expected 1 number, got a number"),
        (lambda x, y: autograd.compile(y, [x])(np.zeros((2, 3))), ValueError, "got 2 x 3 numbers"),
        (lambda x, y: autograd.compile(y, [x])(["a"]), TypeError, "argument 1.*real number"),
        (lambda x, y: autograd.compile(y, x)(None), TypeError, "real number"),
        (lambda x, y: autograd.compile(y, x)(x), TypeError, r"\.data"),
        (lambda x, y: autograd.compile(y, x, in_axes=0)(1.0), ValueError, "argument 1 is a batch"),
        (lambda x, y: autograd.compile(y, x, in_axes=0)([]), ValueError, "empty"),
        (lambda x, y: autograd.compile((y, y), x).repeat(3, 1.0), ValueError, "nesting"),
    ],
)
def test_mistakes_are_explained(call: Callable[..., Any], error: type[Exception], said: str) -> None:
    x = Value(2.0)
    with pytest.raises(error, match=said):
        call(x, x * x)


def test_batches_of_different_sizes_are_refused() -> None:
    x, y = Value(1.0), Value(2.0)
    with pytest.raises(ValueError, match="argument 1 has 2, argument 2 has 3"):
        autograd.compile(x * y, (x, y), in_axes=0)([1, 2], [1, 2, 3])


def test_what_no_batch_changes_is_computed_once() -> None:
    w, x = Value(2.0), Value(3.0)
    lines = autograd.compile(w.exp() * x, (w, x), in_axes=(None, 0)).source.splitlines()
    loop = next(i for i, line in enumerate(lines) if line.lstrip().startswith("for "))
    assert any("exp" in line for line in lines[:loop])
    assert not any("exp" in line for line in lines[loop:])


def test_every_row_has_a_spelling() -> None:
    for op, special in itertools.product((TABLE[name] for name in sorted(BUILT_IN)), (0.5, -0.25, 0.0, math.inf)):
        values = [Value(special + i) for i in range(op.arity or 4)]
        z = Value._record(op, tuple(values))
        assert same(autograd.compile(z, values)([v.data for v in values]), z.data), op

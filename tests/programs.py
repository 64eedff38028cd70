"""Compile random programs over the whole table of operations, and compare them with the graphs that they come from."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable
from typing import Any

import autograd
from autograd import Value, grad
from autograd.engine import record
from autograd.ops import BUILT_IN, TABLE
from autograd.trees import tree_leaves


def bits(x: float) -> bytes:
    return b"nan" if math.isnan(x) else struct.pack("d", x)


def same(got: float, want: float) -> bool:
    return bits(got) == bits(want)


def random_graph(rng: random.Random, leaves: list[Value], steps: int) -> Value:
    """Return a graph of operations of the whole table on leaves, results and constants, some of them special."""
    pool: list[Any] = list(leaves)
    constants = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, 3.0, math.inf, -math.inf, math.nan, 1e-320, -1e300]
    ops = [TABLE[name] for name in sorted(BUILT_IN - {"hypot"})]  # no bits are promised of hypot: CPython has its own
    for _ in range(steps):
        op = rng.choice(ops)
        count = op.arity or 2 * rng.randrange(1, 4)
        operands = [rng.choice(pool) if rng.random() < 0.8 else rng.choice(constants) for _ in range(count)]
        operands[0] = rng.choice(pool)
        pool.append(record(op, tuple(operands)))
    output: Value = autograd.sum(pool[-6:])
    return output


SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.0, math.inf, -math.inf, math.nan, 1e-310]


def random_number(rng: random.Random) -> float:
    return rng.choice([rng.uniform(-3, 3), rng.uniform(-1e3, 1e3), rng.choice(SPECIAL)])


def several_graphs(rng: random.Random, leaves: list[Value], graphs: int, steps: int) -> list[tuple[Value, list[Value]]]:
    """Return random outputs with their gradients."""
    outputs = [random_graph(rng, leaves, steps) for _ in range(graphs)]
    return [(output, grad(output, leaves)) for output in outputs]


def check_program(rng: random.Random, backend: str, graphs: int = 8, steps: int = 40) -> None:
    """Compile random graphs and their gradients, and run them at six points: the bits are those of the graphs."""
    leaves = [Value(rng.uniform(-3, 3)) for _ in range(4)]
    outputs = several_graphs(rng, leaves, graphs, steps)
    f = autograd.compile(outputs, (leaves[:3], leaves[3]), backend=backend)
    recorded = tree_leaves(outputs)
    for _ in range(6):
        got = tree_leaves(f([v.data for v in leaves[:3]], leaves[3].data))
        assert all(map(same, got, (v.data for v in recorded)))
        for v in leaves:
            v.data = random_number(rng)
        for v in recorded:
            v.forward()


def check_batch(rng: random.Random, backend: str, graphs: int = 3, steps: int = 25) -> None:
    """Compile random graphs for a batch of special numbers; compare each sample, and the sums over all samples."""
    w, b, x, y = (Value(rng.uniform(-2, 2)) for _ in range(4))
    outputs = several_graphs(rng, [w, b, x, y], graphs, steps)
    samples = [[random_number(rng), rng.uniform(-2, 2)] for _ in range(rng.randrange(1, 30))]
    want: list[list[float]] = []
    for x.data, y.data in samples:
        want.append([v.forward().data for v in tree_leaves(outputs)])
    arguments = ([w.data, b.data], samples)
    inputs, axes = ([w, b], [x, y]), (None, 0)
    results = autograd.compile(outputs, inputs, in_axes=axes, backend=backend)(*arguments)
    rows = [[value for values, pulls in results for value in (values[i], *pulls[i])] for i in range(len(samples))]
    for got, row in zip(rows, want, strict=True):
        assert all(map(same, got, row))
    sums = autograd.compile(outputs, inputs, in_axes=axes, reduce="sum", backend=backend)(*arguments)
    means = autograd.compile(outputs, inputs, in_axes=axes, reduce="mean", backend=backend)(*arguments)
    for total, mean, column in zip(tree_leaves(sums), tree_leaves(means), zip(*want, strict=True), strict=True):
        added = 0.0
        for term in column:
            added += term
        # C sums each lane separately; all add batch-invariant terms once, after the sum.
        close = 1e-13 * (1 + sum(map(abs, column)))
        assert same(total, added) or abs(total - added) <= close
        assert same(mean, added / len(samples)) or abs(mean - added / len(samples)) <= close


def layered_outputs(rng: random.Random) -> tuple[list[list[Value]], list[Value]]:
    """Return the arguments of a layer with a penalty, and outputs of every kind, in runs that overlap and repeat.

    They are results, gradients, values that no sample changes, parameters, inputs and constants.
    """
    inputs = rng.choice([1, 2, 4])
    neurons = rng.choice([4, 6, 9, 12])
    ps, xs, t = ([Value(rng.uniform(-2, 2)) for _ in range(n)] for n in (neurons * inputs, inputs, 1))
    activations: list[Callable[[Value], Value]] = [lambda v: v.tanh(), lambda v: v.relu(), lambda v: v * v]
    penalties: list[Callable[[], Value]] = [
        lambda: ps[-1] * autograd.sum(ps[:-1]),
        lambda: autograd.sum([p * p for p in ps]),
        lambda: ps[0] * autograd.sum([p.tanh() for p in ps]),
        lambda: ps[0] * ps[1],
        lambda: autograd.sum(ps) * 2,
    ]
    activated, penalty = rng.choice(activations), rng.choice(penalties)()
    hidden = [activated(autograd.dot(ps[i : i + inputs], xs)) for i in range(0, len(ps), inputs)]
    loss = (autograd.sum(hidden) - t[0]) ** 2 + rng.choice([0.5, 1.0]) * penalty
    gradients = grad(loss, ps)
    fixed = [*(p.tanh() for p in ps), *(p * ps[0] for p in ps), penalty, Value(2.5)]
    outputs = gradients if rng.random() < 0.5 else []
    for _ in range(rng.randrange(1, 6)):
        kind = rng.choice([ps, xs, hidden, gradients, grad(loss, xs), fixed, [loss, *t]])
        runs = [
            kind,
            [rng.choice(kind)] * rng.randrange(2, 6),
            kind[rng.randrange(len(kind)) :: rng.choice([1, 2, 3, -1, -2])],
            [rng.choice(kind) for _ in range(rng.randrange(1, 8))],
        ]
        outputs = [*outputs, *rng.choice(runs)]
    return [ps, xs, t], outputs


def check_outputs(rng: random.Random, backend: Any) -> None:
    """Compile a layer with outputs of every kind, for a batch or its sum or mean, and compare with the graph."""
    arguments, outputs = layered_outputs(rng)
    axes = rng.choice([(None, 0, 0), (None, 0, None), (None, None, 0), (0, 0, 0), (0, None, None)])
    reduce, samples = rng.choice(["sum", "mean", None]), rng.choice([1, 2, 3, 17])
    numbers = [
        [[rng.choice([rng.uniform(-2, 2), 0.0]) for _ in leaves] for _ in range(samples if axis == 0 else 1)]
        for leaves, axis in zip(arguments, axes, strict=True)
    ]
    want = []
    for i in range(samples):
        for leaves, rows in zip(arguments, numbers, strict=True):
            for v, x in zip(leaves, rows[i % len(rows)], strict=True):
                v.data = x
        want.append([v.forward().data for v in outputs])
    f = autograd.compile(outputs, tuple(arguments), in_axes=axes, reduce=reduce, backend=backend)
    got = f(*(rows if axis == 0 else rows[0] for rows, axis in zip(numbers, axes, strict=True)))
    exact = isinstance(backend, str)  # a module's tanh may be its own
    if reduce is None:
        for row, wanted in zip(got, want, strict=True):
            for x, y in zip(row, wanted, strict=True):
                assert same(x, y) or (not exact and math.isclose(x, y, rel_tol=1e-12, abs_tol=1e-12))
    else:
        for x, terms in zip(got, zip(*want, strict=True), strict=True):
            y = autograd.sum(list(terms)) / (samples if reduce == "mean" else 1)
            assert same(x, y) or abs(x - y) <= 1e-12 * (1 + sum(map(abs, terms)))

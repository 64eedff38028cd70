"""Compiled functions: the same bits as the graph, in any nesting, batched and repeated; mistakes are explained."""

from __future__ import annotations

import gc
import inspect
import itertools
import linecache
import math
import random
import re
import traceback
import weakref
from array import array
from collections import UserDict, deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from cases import cases
from needs import BACKENDS, need_compiler
from programs import SPECIAL, check_batch, check_outputs, check_program, same

import autograd
from autograd import Value, grad
from autograd.codegen import c, c_layout, c_statements, numpy_tables, python
from autograd.codegen.nests import nest_of
from autograd.codegen.program import lower
from autograd.engine import record
from autograd.ops import BUILT_IN, TABLE, Op
from autograd.trees import as_lists, tree_leaves, tree_map


@pytest.mark.slice
@pytest.mark.parametrize("seed", cases(range(2), campaign=range(2, 6)))
def test_the_same_bits_as_the_graph(seed: int, backend: str) -> None:
    check_program(random.Random(seed), backend)


def test_a_batch_is_the_graph_sample_by_sample(backend: str) -> None:
    for seed in range(1 if backend == "c" else 6):  # a compiler takes long; the campaign has more seeds
        check_batch(random.Random(seed), backend)


@pytest.mark.parametrize("seed", cases(range(4), campaign=range(4, 12)))
def test_tables_are_the_graph(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numpy_tables, "FLOATS_IN_A_STATEMENT", 0)
    check_program(random.Random(seed), "numpy")
    check_batch(random.Random(seed), "numpy")


def test_outputs_that_repeat_or_alias_or_are_the_same_for_all_samples(backend: str) -> None:
    for seed in range(2 if backend == "c" else 40):
        check_outputs(random.Random(seed), backend)


@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_neighbouring_outputs_that_are_one_batch_invariant_value(backend: str, reduce: str) -> None:
    ps, x = [Value(0.5 * i + 0.1) for i in range(12)], Value(1.0)
    loss = autograd.sum([(p * x).tanh() for p in ps]) + ps[-1] * autograd.sum(ps[:-1])
    f = autograd.compile(grad(loss, ps), (ps, x), in_axes=(None, 0), reduce=reduce, backend=backend)
    numbers = [p.data for p in ps]
    each = [autograd.compile(grad(loss, ps), (ps, x))(numbers, t) for t in (1.0, -2.0)]
    want = [a + b if reduce == "sum" else (a + b) / 2 for a, b in zip(*each, strict=True)]
    assert f(numbers, [1.0, -2.0]) == pytest.approx(want, rel=1e-13)


def test_batch_invariant_terms_are_added_once(backend: str) -> None:
    w, x = Value(3.0), Value(2.0)
    outputs = [w * x + w.exp(), w.exp() + x, x * x - w, w + 1.0]
    for reduce in ("sum", "mean"):
        f = autograd.compile(outputs, (w, x), in_axes=(None, 0), reduce=reduce, backend=backend)
        n = 2 if reduce == "sum" else 1
        e = math.exp(2.0)
        want = [4.0 * n + n * e, n * e + 2.0 * n, 5.0 * n - n * 2.0, 3.0 * n]
        assert f(2.0, [1.0, 3.0]) == pytest.approx(want, rel=1e-15)


def network(rng: random.Random) -> tuple[list[Value], list[Value], list[Value], list[Value]]:
    """Inputs, parameters, hidden values and outputs of two layers of random sizes."""
    n, m, k = (rng.randrange(1, 9) for _ in range(3))
    x = [Value(rng.uniform(-1, 1)) for _ in range(n)]
    rows = [[[Value(rng.uniform(-1, 1)) for _ in range(i + 1)] for _ in range(o)] for i, o in ((n, m), (m, k))]
    hidden = [(autograd.dot(w[:-1], x) + w[-1]).tanh() for w in rows[0]]
    output = [(autograd.dot(hidden, w[:-1]) + w[-1]).relu() for w in rows[1]]
    return x, [p for layer in rows for w in layer for p in w], hidden, output


@pytest.mark.slice(most=3)
@pytest.mark.parametrize("seed", cases(range(6), campaign=range(6, 16)))
def test_loops_and_parts_change_no_bit(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    need_compiler()
    rng = random.Random(seed)
    monkeypatch.setattr(numpy_tables, "FLOATS_IN_A_STATEMENT", 0)
    monkeypatch.setattr(c, "MOST_STRAIGHT", 0)
    monkeypatch.setattr(c, "TERMS_OF_A_KIND", 1)
    monkeypatch.setattr(c_layout, "LINES_IN_A_PART", rng.choice([1, 7, 30, 600]))
    monkeypatch.setattr(c_layout, "DOUBLES_ON_THE_STACK", rng.choice([0, 4096]))
    monkeypatch.setattr(c_layout, "SAMPLES_IN_A_BLOCK", rng.choice([(8, 8), (16, 64)]))
    monkeypatch.setattr(c_statements, "ROWS", rng.choice([1, 2, 3, 12]))
    x, parameters, hidden, output = network(rng)
    loss = autograd.sum([v * v for v in output])
    outputs = rng.choice([(loss, grad(loss, parameters)), (hidden, grad(loss, x), grad(loss, parameters), x, output)])
    in_axes, reduce = rng.choice([(None, None), ((None, 0), None), ((None, 0), "sum"), ((0, None), None), (0, "mean")])
    fs = {
        name: autograd.compile(outputs, (parameters, x), in_axes=in_axes, reduce=reduce, backend=name)
        for name in BACKENDS
    }
    axes = in_axes if isinstance(in_axes, tuple) else (in_axes, in_axes)
    n = rng.randrange(1, 20)
    arguments = [
        [v.data for v in leaves] if axis is None else [[rng.uniform(-1, 1) for _ in leaves] for _ in range(n)]
        for leaves, axis in zip((parameters, x), axes, strict=True)
    ]
    assert "for (" in fs["c"].source
    assert "_added(" in fs["numpy"].source
    want = tree_leaves(fs.pop("python")(*arguments))
    for name, f in fs.items():
        for p, q in zip(want, tree_leaves(f(*arguments)), strict=True):
            assert same(p, q) or (reduce and abs(p - q) < 1e-12), name


@pytest.mark.parametrize("seed", cases(range(30), campaign=range(30, 60)))
def test_skipping_inactive_gradients_changes_no_bit(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)

    def numbers(n: int) -> list[float]:
        special = rng.choice([0.0, 0.0, 0.02, 0.2])
        return [rng.choice(SPECIAL) if rng.random() < special else rng.uniform(-2, 2) for _ in range(n)]

    n, m, k = rng.randrange(1, 4), rng.randrange(1, 6), rng.randrange(1, 6)
    x, t = [Value(0.5) for _ in range(n)], Value(0.5)
    rows = [[[Value(0.5) for _ in range(i + 1)] for _ in range(o)] for i, o in ((n, m), (m, k), (k, 1))]
    parameters = [p for layer in rows for w in layer for p in w]
    values, first, y = x, list[Value](), x[0]
    for layer in rows:
        sums = [autograd.dot(w[:-1], values) + w[-1] for w in layer]
        values = [rng.choice([v.relu(), v.relu(), v.tanh(), autograd.max(v, 0.0)]) for v in sums]
        first = first or values
    loss = rng.choice([(1 - t * sums[0]).relu(), (sums[0] - t) ** 2, autograd.where(t * y, sums[0], y)])
    factors = [(y * i).exp() for i in range(len(parameters))]
    gradients = grad(loss, parameters)
    products = [
        [g * factor for g, factor in zip(gradients, others, strict=True)]
        for others in (gradients, factors, [math.inf] * len(factors))
    ]
    more = rng.choice([[loss], values, first, grad(loss, first), grad(loss, x), grad(loss, t), *products])
    outputs = (gradients, more)
    options: dict[str, Any] = {"in_axes": (None, 0, 0), "reduce": rng.choice(["sum", "mean"])}
    make = partial(autograd.compile, outputs, (parameters, x, t), **options)
    skipping = make()
    monkeypatch.setattr(python, "inactive_steps", lambda *_: {})
    plain = make()
    for _ in range(5):
        size = rng.randrange(1, 6)
        arguments = numbers(len(parameters)), [numbers(n) for _ in range(size)], numbers(size)
        got, want = (tree_leaves(f(*arguments)) for f in (skipping, plain))
        assert all(map(same, got, want))


def test_what_skips_is_asked_once_a_layer() -> None:
    x = [Value(0.5), Value(-0.5)]
    weights = [[[Value(0.1) for _ in range(n)] for _ in range(m)] for n, m in ((2, 8), (8, 8), (8, 1))]
    values = x
    for layer in weights:
        values = [autograd.dot(row, values).relu() for row in layer]
    parameters = [w for layer in weights for row in layer for w in row]
    outputs, inputs = grad(values[0], parameters), (parameters, x)
    summed = autograd.compile(outputs, inputs, in_axes=(None, 0), reduce="sum").source
    assert summed.count("_isfinite") == len(weights)
    assert summed.count("if v") > 16
    assert "_isfinite" not in autograd.compile(outputs, inputs, in_axes=(None, 0)).source
    assert "_isfinite" not in autograd.compile(outputs, inputs, in_axes=(None, 0), reduce="sum", backend="numpy").source


@pytest.mark.parametrize(("backend", "lines"), [("c", 250), ("numpy", 50)], indirect=["backend"])
def test_layers_become_loops(backend: str, lines: int) -> None:
    rng = random.Random(0)
    x = [Value(rng.random()) for _ in range(200)]
    rows = [[Value(rng.uniform(-1, 1)) for _ in range(201)] for _ in range(40)]
    hidden = [(autograd.dot(w[:-1], x) + w[-1]).tanh() for w in rows]
    loss = autograd.sum([h * h for h in hidden])
    parameters = [p for w in rows for p in w]
    inputs, outputs = (parameters, x), (loss, grad(loss, parameters))
    f = autograd.compile(outputs, inputs, backend=backend)
    assert len(f.source.splitlines()) < lines
    arguments = (np.array([p.data for p in parameters]), np.array([v.data for v in x]))
    value, gradients = f(*arguments)
    assert value == loss.data
    assert gradients.tolist() == [g.data for g in outputs[1]]
    long = autograd.sum(x * 20)
    assert len(autograd.compile(long, x, backend=backend).source.splitlines()) < 30


@pytest.mark.parametrize("seed", range(200))
def test_nested_loops_are_the_loops_that_give_the_sequences(seed: int) -> None:
    rng = random.Random(seed)
    counts = [rng.randrange(1, 5) for _ in range(rng.randrange(1, 4))]
    strides = [[rng.randrange(-3, 4) for _ in counts] for _ in range(3)]
    sequences = [
        [100 + sum(map(int.__mul__, stride, at)) for at in itertools.product(*map(range, counts))] for stride in strides
    ]
    found = nest_of(sequences)
    assert found
    for start, stride, sequence in zip(found.starts, found.strides, sequences, strict=True):
        loops = itertools.product(*map(range, found.counts))
        assert [start + sum(map(int.__mul__, stride, at)) for at in loops] == sequence


def neuron_step() -> tuple[list[Value], Value, Value, list[Value]]:
    w, b, x, t = Value(0.5), Value(0.5), Value(0.01), Value(0.1)
    loss = ((w * x + b).tanh() - t) ** 2 / 2
    return [w, b], x, t, [p - 0.01 * g for p, g in zip([w, b], grad(loss, [w, b]), strict=True)]


def test_repeat_trains_the_article_s_neuron(backend: str) -> None:
    parameters, x, t, stepped = neuron_step()
    step = autograd.compile(stepped, (parameters, x, t), backend=backend)
    w, b = step.repeat(100_000, [0.5, 0.5], 0.01, 0.1)
    assert math.tanh(0.01 * w + b) == 0.1000000000000007
    state = [0.5, 0.5]
    for _ in range(10):
        state = step(state, 0.01, 0.1)
    assert step.repeat(10, [0.5, 0.5], 0.01, 0.1) == state
    assert step.repeat(0, [0.5, 0.25], 0.01, 0.1) == [0.5, 0.25]
    assert step.repeat(7, np.array([0.5, 0.5]), 0.01, 0.1).tolist() == step.repeat(7, [0.5, 0.5], 0.01, 0.1)


def test_repeat_trains_on_a_batch(backend: str) -> None:
    w = [Value(0.1 * i) for i in range(20)]
    x, t = [Value(0.0) for _ in w], Value(0.0)
    loss = (autograd.dot(w, x).tanh() - t) ** 2
    stepped = [p - 0.1 * g for p, g in zip(w, grad(loss, w), strict=True)]
    step = autograd.compile(stepped, (w, x, t), in_axes=(None, 0, 0), reduce="mean", backend=backend)
    rng = random.Random(1)
    xs, ts = [[rng.uniform(-1, 1) for _ in w] for _ in range(11)], [rng.uniform(-1, 1) for _ in range(11)]
    state = [p.data for p in w]
    for _ in range(5):
        state = step(state, xs, ts)
    assert step.repeat(5, [p.data for p in w], xs, ts) == state


def test_trees_come_back_as_they_were(backend: str) -> None:
    a, b, c = Value(1.0), Value(2.0), Value(3.0)
    f = autograd.compile(([a + b, [c, (a,)]], (b * c,)), ([[a, b], [c]],), backend=backend)
    assert f([[1, 2], [3]]) == ([3.0, [3.0, (1.0,)]], (6.0,))
    assert autograd.compile(a * 2, a, backend=backend)(5) == 10.0
    assert autograd.compile([a, b], [a, b], backend=backend)((1, 2)) == [1.0, 2.0]
    assert autograd.compile((), a, backend=backend)(1.0) == ()
    assert autograd.compile([a * 2, b], (), backend=backend)() == [2.0, 2.0]


def test_arrays_come_back_where_arrays_went_in(backend: str) -> None:
    w = [Value(1.0), Value(2.0)]
    x = Value(3.0)
    outputs = (w[0] * x, [w[0] + x, w[1] * x])
    value, row = autograd.compile(outputs, (w, x), backend=backend)(np.array([1.0, 2.0]), 3.0)
    assert isinstance(row, np.ndarray)
    assert row.tolist() == [4.0, 6.0]
    assert value == 3.0
    values, rows = autograd.compile(outputs, (w, x), in_axes=(None, 0), backend=backend)(
        [1.0, 2.0], np.array([3.0, 4.0, 5.0])
    )
    assert values.tolist() == [3.0, 4.0, 5.0]
    assert rows.shape == (3, 2)
    total, sums = autograd.compile(outputs, (w, x), in_axes=(None, 0), reduce="sum", backend=backend)(
        [1.0, 2.0], np.array([3.0, 4.0])
    )
    assert total == 7.0
    assert sums.tolist() == [9.0, 14.0]


def test_other_leaves_are_frozen(backend: str) -> None:
    x, scale = Value(2.0), Value(10.0)
    y = x * scale
    f = autograd.compile(y, x, backend=backend)
    scale.data = 99.0
    assert f(3.0) == 30.0


def test_folds_are_exact_and_dead_steps_are_left_out() -> None:
    x, y = Value(2.0), Value(3.0)
    kept = x * y
    (x + y).tanh()
    chosen, same = autograd.where(Value(1.0), kept, y.exp()), autograd.where(y, kept, kept)
    outputs = [kept * 1.0, kept / 1, kept**1, kept - 0.0, kept**0, chosen, y * x, same, autograd.where(y, -0.0, -0.0)]
    program = lower(outputs, [x, y])
    assert [step.op.name for step in program.steps] == ["mul", "mul"]  # x * y and y * x are different steps
    assert program.outputs[:-1] == [2, 2, 2, 2, 1.0, 2, 3, 2]
    assert repr(program.outputs[-1]) == "-0.0"
    almost_same = autograd.where(kept, 0.0, -0.0)
    for almost in (kept + 0.0, kept - (-0.0), kept * 0.0, kept - kept, kept / kept, almost_same):
        assert len(lower([almost], [x, y]).steps) == 2


@pytest.mark.parametrize("folds", [True, False])
def test_what_inputs_were_computed_from_is_left_out(folds: bool) -> None:
    x = Value(2.0)
    y = x.tanh().exp()
    program = lower([x * y], [x, y], folds=folds)
    assert [(step.op.name, step.operands) for step in program.steps] == [("mul", (0, 1))]


def test_labels_never_reach_the_source(backend: str) -> None:
    x = Value(1.0, '"; import os #')
    y = x * 2
    y.label = "evil_label\n"
    source = autograd.compile(y, x, backend=backend).source
    assert "evil" not in source
    assert "import" not in source


def test_an_operation_of_your_own_compiles() -> None:
    own = Op("v0({})", lambda x: x * x * x, lambda g, z, x: g * 3 * x * x)
    x = Value(2.0)
    y = own(x) + x
    assert autograd.compile((y, grad(y, x)), x)(3.0) == (30.0, 28.0)
    again = Op("v0({})", lambda x: x + 1, lambda g, z, x: g)  # redefined, as in a notebook
    assert autograd.compile(y + again(x), x)(3.0) == 34.0


def test_an_iterator_is_as_good_as_a_list(backend: str) -> None:
    leaves = [Value(float(i)) for i in range(12)]
    for n in (2, 12):
        assert autograd.compile(autograd.sum(leaves[:n]), leaves[:n], backend=backend)(iter(range(n))) == sum(range(n))


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


@pytest.mark.slice(most=1)
@pytest.mark.parametrize("n", [10_000, 20_000])
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
        (lambda make, x, y: make(y, y), ValueError, "inputs are leaves"),
        (lambda make, x, y: make(y, 2.0), TypeError, "expected a Value, got .* among the inputs"),
        (lambda make, x, y: make(y, (x, x)), ValueError, "occurs twice among the inputs"),
        (lambda make, x, y: make("y", x), TypeError, "pass a Value"),
        (lambda make, x, y: make((y, x.grad), x), TypeError, "grad\\(loss, x\\)"),
        (lambda make, x, y: make(lambda v: v * v, x), TypeError, "not a function"),
        (lambda make, x, y: make(y, x, backend="fortran"), ValueError, "'fortran'"),
        (lambda make, x, y: make(y, x, reduce="max"), ValueError, "reduce"),
        (lambda make, x, y: make(y, x, reduce="mean"), ValueError, "in_axes"),
        (lambda make, x, y: make(y, x, in_axes=1), ValueError, "in_axes"),
        (lambda make, x, y: make(y, x, in_axes=(0, 0)), ValueError, "2 entries for 1"),
        (
            lambda make, x, y: make(y, [x])([1.0, 2.0]),
            ValueError,
            "argument 1: expected a list of 1 number, got 2 numbers",
        ),
        (lambda make, x, y: make(y, [x])([]), ValueError, "argument 1: expected a list of 1 number, got 0 numbers"),
        (lambda make, x, y: make(y, [x])(1.0), ValueError, "argument 1: expected a list of 1 number, got a number"),
        (lambda make, x, y: make(y, [x])(np.zeros((2, 3))), ValueError, "got 2 x 3 numbers"),
        (lambda make, x, y: make(y, [x])(["a"]), TypeError, "argument 1.*real number"),
        (lambda make, x, y: make(y, x)(None), TypeError, "real number"),
        (lambda make, x, y: make(y, x)(x), TypeError, r"\.data"),
        (lambda make, x, y: make(y, x, in_axes=0)(1.0), ValueError, "argument 1 is a batch"),
        (lambda make, x, y: make(y, x, in_axes=0)([]), ValueError, "empty"),
        (lambda make, x, y: make((y, y), x).repeat(3, 1.0), ValueError, "nesting"),
        (lambda make, x, y: make((y,), ([x],)).repeat(3, [1.0]), ValueError, "nesting"),
        (lambda make, x, y: make(y, [x], in_axes=0)([[1.0], [1.0, 2.0]]), ValueError, "argument 1"),
        (lambda make, x, y: make(y, [x], in_axes=0)(np.zeros((3, 2))), ValueError, "argument 1"),
        (lambda make, x, y: make(y, [x], in_axes=0)([["a"]]), TypeError, "real number"),
        (lambda make, x, y: make(y, [x], in_axes=0)(np.array([[1j]])), TypeError, "real"),
        (lambda make, x, y: make(y, x)(), TypeError, "argument"),
        (lambda make, x, y: make(y, x)([1.0]), ValueError, "argument 1: expected a number, got a list of 1 number"),
        (lambda make, x, y: make(y, [x])([10**400]), OverflowError, "argument 1: int too large"),
        (lambda make, x, y: make(y, x, in_axes=0)(np.array(1.0)), ValueError, "argument 1 is a batch"),
        (lambda make, x, y: make(y, x)(1.0, 2.0), TypeError, "argument"),
    ],
)
def test_mistakes_are_explained(call: Callable[..., Any], error: type[Exception], said: str, backend: str) -> None:
    x = Value(2.0)
    with pytest.raises(error, match=said):
        call(partial(autograd.compile, backend=backend), x, x * x)


class Table:
    """A table as in pandas: an array to NumPy, its labels when it is iterated over."""

    def __array__(self) -> Any:
        return np.array([0.5, 0.7])

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[int]:
        return iter([0, 1])


UNORDERED = [
    Table(),
    {2.0: 0.5, 1.0: 0.7},  # floats, which pass as they are where nothing looks at their container
    UserDict({2: 0.5, 1: 0.7}),
    {2: 0.5, 1: 0.7}.keys(),
    {1.0, 2.0},
    frozenset({1.0, 2.0}),
    "12",
    b"12",
    bytearray(b"12"),
    memoryview(b"12"),
]


def at_every_depth() -> dict[str, tuple[Any, int | None, Callable[[Any], Any]]]:
    """Return trees of inputs, their `in_axes`, and functions that put what is passed for two numbers in its place."""
    pair, other = [Value(1.0), Value(2.0)], Value(3.0)
    return {
        "an argument": (pair, None, lambda x: x),
        "a part": ((pair, other), None, lambda x: (x, 3.0)),
        "a part of a part": ([[pair, other]], None, lambda x: [[x, 3.0]]),
        "a batch": (other, 0, lambda x: x),
        "a row": (pair, 0, lambda x: [[0.5, 0.7], x]),
        "a part of a row": ([pair, other], 0, lambda x: [[x, 3.0]]),
    }


@pytest.mark.parametrize("place", at_every_depth())
def test_what_is_not_numbers_in_an_order_is_refused_at_every_depth(place: str, backend: str) -> None:
    tree, axes, put = at_every_depth()[place]
    outputs = [x * 1.0 for x in tree_leaves(tree)]
    for target in (backend, np):
        f = autograd.compile(outputs, (tree,), in_axes=axes, backend=target)
        for odd in UNORDERED:
            with pytest.raises(TypeError, match=f"lists.* or an array, got a {type(odd).__name__}"):
                f(put(odd))
        want = tree_map(as_lists, f(put([0.25, 0.5])))
        for numbers in (deque([0.25, 0.5]), np.array([0.25, 0.5]), memoryview(array("d", [0.25, 0.5]))):
            assert tree_map(as_lists, f(put(numbers))) == want


@pytest.mark.parametrize("wrong", [[[1.0], [2.0]], [[1.0, 2.0]], [1.0], [1.0, 2.0, 3.0], 1.0])
def test_lists_of_another_shape_are_a_value_error(wrong: Any, backend: str) -> None:
    pair = [Value(1.0), Value(2.0)]
    outputs = [x * 1.0 for x in pair]
    for target in (backend, np):
        with pytest.raises(ValueError, match="expected"):
            autograd.compile(outputs, (pair,), backend=target)(wrong)
        with pytest.raises(ValueError, match="expected"):
            autograd.compile(outputs, (pair,), in_axes=0, backend=target)([wrong])


def test_batches_of_different_sizes_are_refused(backend: str) -> None:
    x, y = Value(1.0), Value(2.0)
    with pytest.raises(ValueError, match="argument 1 has 2, argument 2 has 3"):
        autograd.compile(x * y, (x, y), in_axes=0, backend=backend)([1, 2], [1, 2, 3])


def test_batch_invariant_steps_are_computed_once() -> None:
    w, x = Value(2.0), Value(3.0)
    lines = autograd.compile(w.exp() * x, (w, x), in_axes=(None, 0)).source.splitlines()
    loop = next(i for i, line in enumerate(lines) if line.lstrip().startswith("for "))
    assert any("exp" in line for line in lines[:loop])
    assert not any("exp" in line for line in lines[loop:])


def test_every_row_has_a_spelling() -> None:
    for op, special in itertools.product((TABLE[name] for name in sorted(BUILT_IN)), (0.5, -0.25, 0.0, math.inf)):
        values = [Value(special + i) for i in range(op.arity or 4)]
        z = record(op, tuple(values))
        assert same(autograd.compile(z, values)([v.data for v in values]), z.data), op


W, X = Value(2.0), Value(3.0)


@pytest.mark.slice
@pytest.mark.parametrize(
    "case",
    [
        (([],), (W, X), {"in_axes": (None, 0)}, (1.0, [1.0, 2.0]), ([[], []],)),
        (((), []), (W, X), {"in_axes": (None, 0)}, (1.0, [1.0, 2.0]), ((), [[], []])),
        ((), (W, X), {"in_axes": (None, 0)}, (1.0, [1.0, 2.0]), ()),
        ([], (W, X), {"in_axes": (None, 0), "reduce": "sum"}, (1.0, [1.0, 2.0]), []),
        ([], (W, X), {}, (1.0, 2.0), []),
        (W * 2.0, (W, []), {"in_axes": (None, 0)}, (1.0, [[], []]), [2.0, 2.0]),
        (W * 2.0, (W, []), {"in_axes": (None, 0), "reduce": "sum"}, (1.0, [[], []]), 4.0),
        (W * X, (W, [], X), {"in_axes": (None, 0, 0)}, (1.0, [[], []], [3.0, 4.0]), [3.0, 4.0]),
    ],
)
@pytest.mark.parametrize("arrays", [False, True])
def test_nothing_to_read_or_to_return(case: tuple[Any, ...], arrays: bool, backend: str) -> None:
    """An empty tree in a batch: the same as in any other backend."""
    outputs, inputs, options, arguments, want = case
    if arrays:
        arguments = [np.array(x) if isinstance(x, list) else x for x in arguments]
    got = autograd.compile(outputs, inputs, backend=backend, **options)(*arguments)
    assert tree_map(as_lists, got) == want
    module = autograd.compile(outputs, inputs, backend=np, **options)(*arguments)
    assert tree_map(as_lists, module) == want


@pytest.mark.slice
@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
@pytest.mark.parametrize("empty", [[], np.zeros(0)], ids=["list", "array"])
def test_an_empty_batch_is_refused(reduce: str | None, empty: Any, backend: str) -> None:
    for target in (backend, np):
        with pytest.raises(ValueError, match="an empty batch: pass at least one sample"):
            autograd.compile(W * X, (W, X), in_axes=(None, 0), reduce=reduce, backend=target)(1.0, empty)


def test_an_empty_list_takes_no_room(backend: str) -> None:
    x = Value(2.0)
    f = autograd.compile(([], x * 2, []), x, in_axes=0, backend=backend)
    assert f([1.0, 2.0]) == ([[], []], [2.0, 4.0], [[], []])
    g = autograd.compile((x * 2).tanh() + x, (x, []), in_axes=0, backend=backend)
    assert g(np.ones(3), np.zeros((3, 0))).shape == (3,)
    assert autograd.compile([], ([], x), backend=backend).repeat(3, [], 1.0) == []


def test_sums_of_this_and_that(backend: str) -> None:
    rng = random.Random(1)
    fixed, x = [Value(rng.uniform(-1, 1)) for _ in range(50)], Value(0.5)
    total = autograd.sum([*fixed, x, *(rng.uniform(-1, 1) for _ in range(800)), *fixed])
    product = autograd.dot([*fixed, x, *fixed], [x, *fixed, *[0.25] * 50])
    f = autograd.compile((total, product), (fixed, x), in_axes=(None, 0), backend=backend)
    got = f([v.data for v in fixed], [0.5])
    assert got == ([total.data], [product.data])


@pytest.mark.slice(most=1)
@pytest.mark.parametrize("reduce", [None, "mean"])
def test_constants_run_through_loops_too(reduce: str | None) -> None:
    need_compiler()
    rng = random.Random(2)
    image = [rng.choice([0.0, 0.5, rng.random()]) for _ in range(120)]
    rows = [[Value(rng.uniform(-1, 1)) for _ in range(121)] for _ in range(50)]
    target = Value(0.25)
    outputs = [(autograd.dot(w[:-1], image) + w[-1]).tanh() for w in rows]
    loss = autograd.sum([(y - target) ** 2 for y in outputs])
    parameters = [p for w in rows for p in w]
    recorded = (loss, grad(loss, parameters)), (parameters, target)
    axes = (None, 0) if reduce else None
    arguments = ([p.data for p in parameters], [0.25, 0.5, 0.75] if reduce else 0.25)
    want = autograd.compile(*recorded, in_axes=axes, reduce=reduce)(*arguments)
    f = autograd.compile(*recorded, in_axes=axes, reduce=reduce, backend="c")
    assert len(f.source.splitlines()) < 400
    for got, wanted in zip(tree_leaves(f(*arguments)), tree_leaves(want), strict=True):
        assert got == pytest.approx(wanted, rel=1e-12, abs=1e-15) if reduce else same(got, wanted)


def test_repeat_asks_for_a_number_of_times(backend: str) -> None:
    w = Value(1.0)
    step = autograd.compile(w * 0.5, w, backend=backend)
    assert step.repeat(True, 4) == 2.0
    assert type(step.repeat(0, 4)) is float
    for wrong in (-1, 2**63):
        with pytest.raises(ValueError, match="number of calls"):
            step.repeat(wrong, 1.0)
    with pytest.raises(TypeError):
        step.repeat(2.0, 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "odd", [{1: 2.0, 2: 3.0}, {1.0, 2.0}, "12", b"12", np.ma.masked_array([1.0, 2.0], [False, True])]
)
def test_what_only_looks_like_numbers_is_refused(odd: Any, backend: str) -> None:
    w = [Value(1.0), Value(2.0)]
    f = autograd.compile([w[0] - w[1]], w, backend=backend)
    with pytest.raises(TypeError):
        f(odd)


def test_sequences_are_lists(backend: str) -> None:
    w = [Value(1.0), Value(2.0)]
    f = autograd.compile([w[0] - w[1]], w, backend=backend)
    for sequence in (range(2), (0.0, 1.0), iter([0, 1])):
        assert f(sequence) == [-1.0]
    apart = np.arange(8.0)[::4] / 4
    assert f(apart).tolist() == [-1.0]
    assert f(np.frombuffer(bytes(1) + apart.tobytes(), np.uint8)[1:].view(float)).tolist() == [-1.0]


def test_a_compiled_function_goes_with_its_last_name(backend: str) -> None:
    x = Value(1.0)
    f = autograd.compile(x * 2, x, backend=backend)
    alive = weakref.ref(f)
    gc.disable()
    try:
        del f
        assert alive() is None
    finally:
        gc.enable()


def test_what_a_choice_shares_with_another_is_computed_for_both(backend: str) -> None:
    """The gradient from above goes to one case or the other: to skip one skips nothing that the other reads."""
    w, b, x, t = Value(2.0), Value(0.5), Value(1.0), Value(1.0)
    loss = (autograd.where(x - 2.0, w * x, b) - t) ** 2
    f = autograd.compile(grad(loss, [w, b]), ([w, b], x, t), in_axes=(None, 0, 0), reduce="sum", backend=backend)
    assert f([2.0, 0.5], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == [18.0, -4.0]


def test_a_penalty_counts_once_for_each_sample_in_a_sum_and_once_in_a_mean(backend: str) -> None:
    w, x = Value(2.0), Value(0.0)
    outputs = [w * x + 0.5 * w * w, 0.5 * w * w, w * x]
    by_reduce = {
        how: autograd.compile(outputs, (w, x), in_axes=(None, 0), reduce=how, backend=backend)(2.0, [1.0, 2.0, 3.0])
        for how in ("sum", "mean")
    }
    assert by_reduce == {"sum": [18.0, 6.0, 12.0], "mean": [6.0, 2.0, 4.0]}


@pytest.mark.parametrize("how", [None, "batch", "sum", "mean"])
def test_equal_outputs_in_a_row_are_written_by_one_statement(how: str | None, backend: str) -> None:
    """Such as the zeros of a Hessian: one by one they took NumPy 1.5 ms of 1.6, and C's compiler 4 s of 4.3."""
    xs, w = [Value(float(i)) for i in range(40)], Value(3.0)
    shared = w * w
    fillers: list[list[Any]] = [
        [0.0] * 30,
        [-0.0] * 20,
        [0.0],
        [1.5] * 9,
        [shared] * 12,
        [xs[3]] * 15,
        [w] * 10,
        [math.nan] * 11,
    ]
    outputs: list[Any] = [xs[0] * xs[1], *itertools.chain(*fillers), *[x * x * 2.0 for x in xs], *[0.0] * 25]
    recorded = [x if isinstance(x, Value) else Value(x) for x in outputs]
    axes, reduce = (0, None) if how else None, how if how in ("sum", "mean") else None
    f = autograd.compile(recorded, (xs, w), in_axes=axes, reduce=reduce, backend=backend)
    samples = [[0.5 * i + sample for i in range(40)] for sample in range(3)]

    def expected(sample: list[float]) -> list[float]:
        known = {**dict(zip(xs, sample, strict=True)), w: 2.0, shared: 4.0}
        squares = [x * x * 2.0 for x in sample]
        middle = [known[x] if isinstance(x, Value) else x for x in itertools.chain(*fillers)]
        return [sample[0] * sample[1], *middle, *squares, *[0.0] * 25]

    each = [expected(sample) for sample in samples]
    if reduce:
        found, columns = [f(samples, 2.0)], zip(*each, strict=True)
        each = [[sum(column) / (3 if reduce == "mean" else 1) for column in columns]]
        assert np.allclose(found, each, rtol=1e-15, equal_nan=True)
    else:
        found = f(samples, 2.0) if how else [f(samples[0], 2.0)]
        assert all(map(same, itertools.chain(*found), itertools.chain(*each)))
    if backend != "python" and reduce is None:
        assert len(re.findall(r"\b(?:out|s)\[[^]]*\] = ", f.source)) < 80  # of 174 outputs


@pytest.mark.parametrize("name", ["python", "numpy", "module"])
def test_an_argument_that_is_no_number_is_named(name: str) -> None:
    w, x = [Value(0.5), Value(-0.25)], Value(0.75)
    y = w[0] * x + w[1]
    f = autograd.compile((y, grad(y, w)), (w, x), backend=np if name == "module" else name)
    for wrong in ("a", {1: 2.0}, {1.0}, b"1", None):
        for first in ([0.5, -0.25], np.array([0.5, -0.25])):
            with pytest.raises(TypeError, match="argument 2: expected a real number, got"):
                f(first, wrong)


@pytest.mark.parametrize("name", ["python", "numpy", "c", "module"])
def test_a_mask_is_refused_in_each_argument_and_no_number_is_no_batch(name: str) -> None:
    if name == "c":
        need_compiler()
    w, x = [Value(0.5), Value(-0.25)], Value(0.75)
    backend: Any = np if name == "module" else name
    f = autograd.compile(w[0] * x + w[1], (w, x), in_axes=(None, 0), backend=backend)
    numbers, masked = np.array([0.5, 2.0]), np.ma.masked_array([0.5, 2.0], [False, True])
    for arguments in ((numbers, masked), (masked, numbers), ([0.5, 2.0], masked)):
        with pytest.raises(TypeError, match=r"mask"):
            f(*arguments)
    with pytest.raises(ValueError, match="argument 2 is a batch"):
        f(numbers, memoryview(array("d", [1.0])).cast("B").cast("d", []))

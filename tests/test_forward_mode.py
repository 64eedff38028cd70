"""Forward mode, Jacobians and Hessians of graphs: what reverse mode finds, from the same rows, and what JAX finds.

Row by row at regular, singular and special points; for random graphs, exactly where they compute with small integers;
and for what is a graph too: the tangents are Values, to differentiate, replay, compile and draw.
"""

from __future__ import annotations

import functools
import gc
import itertools
import math
import operator
import random
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import sweep
from derivatives import each_raises, in_one_program
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp
from needs import array_module
from reference import EVERYTHING, ROWS, Graph, ancestors, bits, exact, leaves, random_graph
from reference import record as recorded
from test_edge_cases import VALUES, function
from test_folds import formula
from test_properties import EXACT, FLOATS, graphs
from test_table import SPECIAL, arity, differentiable, points, record, reference, with_rules

import autograd
from autograd import StaleGraphWarning, Value, draw, grad, hessian, hvp, jacobian, jvp, sqrt, tanh, where
from autograd.engine import created, graph_of, local_gradients
from autograd.events import listening
from autograd.ops import TABLE, Op
from autograd.trees import tree_leaves, tree_map

brief = settings(max_examples=40)
EACH_ROW = pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
TANGENTS = [-0.5, 0.25, -1.0, -0.25]
"""Powers of two, which rounding does not mind: a rule gives of them what it gives of 1, times them."""


def agree(got: float, want: float, size: float | None = None, digits: int = 13) -> bool:
    """Return True for numbers that agree to so many digits of `size`, `want` by default; nan agrees with nan."""
    if not math.isfinite(want):
        return math.isnan(got) if math.isnan(want) else got == want
    return abs(got - want) <= 10.0**-digits * abs(want if size is None else size) + 1e-320


def unit(i: int, n: int) -> list[float]:
    return [float(i == k) for k in range(n)]


def along(gradients: Sequence[float], tangents: Sequence[float]) -> float:
    """Return the sum of the products, in order; a tangent of 0 adds nothing."""
    total = 0.0
    for g, t in zip(gradients, tangents, strict=True):
        total += g * t if t else 0.0
    return total


def nodes_made(call: Callable[[], Any]) -> int:
    """Return how many nodes a call makes, those included that it throws away."""
    before = created(Value(0.0))
    call()
    return int(created(Value(0.0)) - before - 1)


def size_of_terms(outputs: Sequence[Value], tangents: dict[Value, float]) -> list[float]:
    """Return the tangents of the outputs if no terms cancelled: each mode is that near, times the rounding of a few."""
    sizes: dict[Value, float] = {}
    for v in graph_of(*outputs):
        sizes[v] = abs(tangents.get(v, 0.0))
        for x, slope in zip(v.args, local_gradients(v), strict=v.op is not None):
            if isinstance(x, Value) and slope is not None:
                sizes[v] += abs(slope) * sizes[x]
    return [sizes[v] for v in outputs]


# Row by row ----------------------------------------------------------------------------------------------------------


def tables(op: Op) -> Iterator[list[float]]:
    """Points of the row: regular ones, of all magnitudes, special ones, and those of the edge cases."""
    yield from points(op, 6)
    yield from points(op, 6, wide=True)
    yield from map(list, sweep.points(op, 6))
    special = SPECIAL + [end for domain in op.domain for end in domain]
    n = arity(op)
    everywhere = list(itertools.product(special if n < 4 else SPECIAL[::4], repeat=n))
    yield from map(list, random.Random(op.name).sample(everywhere, min(len(everywhere), 80)))
    yield from (list(xs) for name, xs, _, _ in VALUES if row_of(name, len(xs)) is op)


def row_of(name: str, operands: int) -> Op | None:
    """Return the row of an edge case; None where a list of operands is one argument."""
    z = function(name)(*[Value(0.5)] * operands)
    return z.op if isinstance(z, Value) and len(z.args) == operands else None


def check_forward_mode(op: Op) -> None:
    for xs in tables(op):
        z, values = record(op, xs)
        gradients = [g.data for g in grad(z, values)]
        for i, g in enumerate(gradients):
            one = jvp(z, values, unit(i, len(xs))).data
            assert bits(one) == bits(g), f"{op.name} by operand {i} at {xs}: {one} forward, not {g}"
            assert bits(jvp(z, values[i], 1).data) == bits(g)
        tangents = TANGENTS[: len(xs)]
        got, want = jvp(z, values, tangents).data, along(gradients, tangents)
        size = math.fsum(map(abs, gradients)) if math.isfinite(want) else None
        assert agree(got, want, size), f"{op.name} at {xs} along {tangents}: {got} forward, not {want}"
        by_values = jvp(z, values, list(map(Value, tangents))).data
        assert agree(by_values, want, size), f"{op.name} at {xs} along Values: {by_values}, not {want}"


@EACH_ROW
def test_forward_mode_is_reverse_mode_everywhere(op: Op) -> None:
    check_forward_mode(op)


@pytest.mark.parametrize("name", ["mul", "tanh", "max", "where", "clip"])
def test_a_rule_that_is_not_linear_is_caught(name: str) -> None:
    """It is the product with no Jacobian: of a tangent of 1/4 it gives something else than a quarter of that of 1.

    (A rule for any number of operands is asked for 1 alone.)
    """
    op = TABLE[name]
    for i, rule in enumerate(op.rules):

        def bent(g: Any, z: Any, *xs: Any, rule: Any = rule) -> Any:
            return (rule(g, z, *xs) if rule else 0.0) + 1e-3 * g * g

        with pytest.raises(AssertionError, match="forward, not"):
            check_forward_mode(with_rules(op, *op.rules[:i], bent, *op.rules[i + 1 :]))


def check_against_mpmath(op: Op, n: int = 4) -> None:
    """The derivative along a line, and that of the derivative."""
    for xs in points(op, n):
        tangents = [t * (1 + i / 3) for i, t in enumerate(TANGENTS[: len(xs)])]
        with mp.workdps(50):
            at, way = [mp.mpf(x) for x in xs], [mp.mpf(t) for t in tangents]
            f = differentiable(op, reference(op), tuple(at))

            def on_line(s: Any) -> Any:
                return f(*[x + s * t for x, t in zip(at, way, strict=True)])  # noqa: B023

            z, values = record(op, xs)
            first = jvp(z, values, tangents)
            for order, got in enumerate((first, jvp(first, values, tangents)), 1):
                want = mpmath.diff(on_line, 0, order)
                good = abs(got.data) < 1e-12 if abs(want) < 1e-25 else abs(got.data - want) <= 1e-9 * abs(want)
                assert good, f"order {order} of {op.name} at {xs} along {tangents}: {got.data}, not {want}"


@EACH_ROW
def test_first_and_second_derivatives_along_a_line_against_fifty_digits(op: Op) -> None:
    check_against_mpmath(op)


@pytest.mark.parametrize("name", ["mul", "sigmoid", "atan2", "logaddexp", "dot"])
def test_a_planted_wrong_rule_is_caught(name: str) -> None:
    op = TABLE[name]
    for i in range(len(op.rules)):

        def wrong(*args: Any, i: int = i) -> Any:
            rule = op.rules[i]
            assert rule is not None
            pull = rule(*args)
            return [p * (1 + 1e-8) for p in pull] if op.variadic else pull * (1 + 1e-8)

        with pytest.raises(AssertionError, match="not"):
            check_against_mpmath(with_rules(op, *op.rules[:i], wrong, *op.rules[i + 1 :]))


def test_every_row_against_jax() -> None:
    """JAX's own derivatives of what the rows compute, at regular points."""
    jnp, jax = array_module("jax.numpy"), array_module("jax")
    rows = []
    for op in ROWS:
        z, values = record(op, points(op, 1)[0])
        samples = np.array([xs for xs in points(op, 6) if op.name != "tanh" or abs(xs[0]) < 1])  # else 1 - z * z loses
        tangents = np.random.default_rng(1).choice([-1.5, 0.5, 2.0], samples.shape)
        rows.append((op, autograd.compile(z, values, in_axes=0, backend=jnp), samples, tangents))

    def together(batches: Any) -> Any:
        return [jax.jvp(f, (xs,), (ts,))[1] for (_, f, *_), (xs, ts) in zip(rows, batches, strict=True)]

    found = in_one_program(together, [batch for _, _, *batch in rows])
    for (op, _, samples, tangents), wanted in zip(rows, found, strict=True):
        for xs, ts, want in zip(samples.tolist(), tangents.tolist(), map(float, wanted), strict=True):
            z, values = record(op, xs)
            got = jvp(z, values, ts).data
            assert agree(got, want, max(1.0, abs(want)), 12), f"{op.name} at {xs} along {ts}: {got}, not {want}"


# What is 0, and where nothing passes ---------------------------------------------------------------------------------


def test_a_plain_tangent_of_0_adds_nothing() -> None:
    x, y = Value(0.0, "x"), Value(3.0, "y")
    z = sqrt(x) * 2 + y * y
    for zero in (0.0, 0, -0.0, False, Fraction(0), np.float64(0.0)):
        t = jvp(z, [x, y], [zero, 1.0])  # not 0 * inf
        assert t.data == 6.0, f"of {zero!r}"
        assert formula(t) == formula(jvp(z, y, 1.0)), "nothing is recorded for it"
        assert nodes_made(lambda: jvp(z, [x, y], [zero, 1.0])) <= nodes_made(lambda: jvp(z, y, 1.0)) + 1  # noqa: B023
    assert jvp(z, [x, y], [0.0, 0.0]).data == 0.0
    assert jvp(sqrt(x), x, 1.0).data == math.inf


def test_a_value_that_happens_to_be_0_is_a_tangent() -> None:
    x, t = Value(3.0), Value(0.0, "t")
    first = jvp(x**3, x, t)
    assert first.data == 0.0
    assert grad(first, t).data == 27.0
    assert grad(grad(first, x), t).data == 18.0
    t.data = 2.0
    assert first.forward().data == 54.0
    at = Value(0.0)
    assert math.isnan(jvp(sqrt(at), at, Value(0.0)).data)  # 0 * inf, as for any other number


def test_tangents_that_cancel_are_a_number() -> None:
    x, y = Value(2.0), Value(2.0)
    assert jvp(x - y, [x, y], [1.0, 1.0]).data == 0.0
    difference = jvp((x - y) * y, [x, y], [Value(1.0), Value(1.0)])
    assert (difference.data, grad(difference, x).data) == (0.0, 1.0)


ZERO_BY_CHANCE: list[Callable[[Value], Value]] = [
    lambda x: (0 * x).log(),
    lambda x: 1 / (0 * x),
    lambda x: (0 * x).sqrt(),
    lambda x: (x**0 - 1).log(),
    lambda x: autograd.dot([0.0], [x]).log(),
    lambda x: autograd.dot([0.0], [(x - 3).log()]),
    lambda x: 0 * (x - 3).log(),
    lambda x: ((x + math.inf) - x) * math.inf,
    lambda x: autograd.where(x, 0 * x, x).log(),
    lambda x: (x - x).log(),
]


@pytest.mark.parametrize("f", ZERO_BY_CHANCE)
def test_a_local_gradient_that_happens_to_be_0_is_a_number(f: Callable[[Value], Value]) -> None:
    """It is multiplied further, as in reverse mode, whether the tangent is a float or a Value: 0 * inf is nan."""
    x = Value(3.0)
    z = f(x)
    assert math.isnan(grad(z, x).data)
    for tangent in (1.0, Value(1.0)):
        assert math.isnan(jvp(z, x, tangent).data)
        assert math.isnan(jacobian([z, z], [x])[1][0].data), "forward mode"
        assert math.isnan(jacobian(z, x).data), "reverse mode"
    assert math.isnan(jvp(f, (3.0,), (1.0,))[1])


def test_a_rule_that_is_always_0_passes_nothing() -> None:
    """Of one operand, of several, and of any number: what is 0 whatever comes is no tangent."""
    some = Op("some([{}])", lambda *xs: xs[0], lambda g, z, *xs: [g, *[0.0] * (len(xs) - 1)], variadic=True)
    one = Op("one({}, {})", lambda x, y: x, lambda g, z, x, y: g, lambda g, z, x, y: 0.0)
    x, y = Value(0.0), Value(1.0)
    for z in (autograd.floor(x.log()), some([y, x.log()]), one(y, x.log())):
        for tangent in (1.0, Value(1.0)):
            assert jvp(z, x, tangent).data == 0.0
            assert jvp(z, [y, x], [1.0, tangent]).data == float(y in graph_of(z))
            assert [v.data for v in jacobian([z, z, z], [x, x])[2]] == [0.0, 0.0]


CHOOSE = {"relu", "leaky_relu", "elu", "max", "min", "clip", "where", "atan2"}  # atan2 at (0, 0)
CHOOSE |= {"sign", "step", "floor", "ceil", "round", "floordiv"}
"""Rows that give 0 whatever comes, on one side or everywhere."""


def test_where_forward_mode_is_not_reverse_mode() -> None:
    """Such a row stops an infinite tangent; reverse mode multiplies its 0 by the infinite slope further back."""
    inner: list[Any] = [sqrt, autograd.log, lambda x: -sqrt(x), lambda x: -autograd.log(x), lambda x: x**0.5 + 1]
    differ = set()
    for op, f, other in itertools.product(ROWS, inner, (0.0, 1.0, -1.0)):
        for i in range(arity(op)):
            x = Value(0.0)
            xs: list[Any] = [other] * arity(op)
            xs[i] = f(x)
            z = op(*op.lists(xs)) if op.variadic else op(*xs)
            back = grad(z, x).data
            for tangent in (1.0, Value(1.0)):
                forward = jvp(z, x, tangent).data
                if not agree(forward, back):
                    differ.add(op.name)
                    assert forward == 0 and math.isnan(back), f"{op.name} at {xs}: {forward}, {back}"
    assert differ == CHOOSE


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 1 / (autograd.max(x, 5.0) - 5.0),
        lambda x: 1 / (autograd.min(x, 2.0) - 2.0),
        lambda x: autograd.log(autograd.clip(x, 0.0, 1.0) - 1.0),
        lambda x: autograd.log(autograd.relu(x - 9.0)),
    ],
)
def test_reverse_mode_stops_an_infinite_slope_where_such_a_row_comes_first(f: Callable[[Any], Any]) -> None:
    """The other way round: forward, what does not move by chance, a choice, meets the infinite slope later."""
    x = Value(3.0)
    z = f(x)
    assert grad(z, x).data == 0.0 and math.isinf(z.data)
    assert math.isnan(jvp(z, x, 1.0).data) and math.isnan(jvp(z, x, Value(1.0)).data)


@pytest.mark.parametrize(
    ("f", "at", "want"),
    [
        (lambda x: where(x.log(), x, 2 * x), 0.0, 2.0),  # not 0 * inf
        (lambda x: where(x.sqrt(), 5.0, 7.0) * x, 0.0, 7.0),
        (lambda x: autograd.stop_gradient(x.log()) + x, 0.0, 1.0),
        (lambda x: autograd.stop_gradient(x) * x, 3.0, 3.0),
        (autograd.stop_gradient, 3.0, 0.0),
        (lambda x: autograd.floor(x) * x, 2.5, 2.0),
    ],
)
def test_nothing_passes_where_a_rule_is_none(f: Callable[[Value], Value], at: float, want: float) -> None:
    x = Value(at)
    assert jvp(f(x), x, 1.0).data == want
    assert jvp(f(x), x, Value(1.0)).data == want


def test_a_rule_of_many_operands_may_give_none() -> None:
    blend = Op(
        "blend([{}])",
        lambda *xs: xs[0] + xs[1],
        lambda g, z, *xs: [g, None, *[g] * (len(xs) - 2)],
        variadic=True,
    )
    x = Value(0.0)
    z = blend([x, x.log(), x])
    assert jvp(z, x, 1.0).data == grad(z, x).data == 2.0


@pytest.mark.parametrize("kind", [float, Value])
def test_a_rule_of_many_operands_is_called_once(kind: Callable[[float], Any]) -> None:
    calls = []

    def pulls(g: Any, z: Any, *xs: Any) -> list[Any]:
        calls.append(g)
        return [g * (i + 1) for i in range(len(xs))]

    weigh = Op("weigh([{}])", lambda *xs: sum(x * (i + 1) for i, x in enumerate(xs)), pulls, variadic=True)
    xs = [Value(float(i)) for i in range(50)]
    z = weigh(xs)
    t = jvp(z, xs, [kind(1.0 + i) for i in range(50)])
    assert [g if isinstance(g, float) else g.data for g in calls] == [1.0]
    assert t.data == sum((1 + i) ** 2 for i in range(50))


def test_of_many_operands_the_work_is_linear() -> None:
    def made(n: int) -> int:
        xs = [Value(float(i % 7)) for i in range(n)]
        z = autograd.max(xs) + autograd.dot(xs, xs) + autograd.sum(xs) + autograd.dot([0.0] * n, xs)
        return nodes_made(lambda: jvp(z, xs, [Value(1.0)] * n))

    assert made(400) < 2.2 * made(200)


# Graphs --------------------------------------------------------------------------------------------------------------


def inputs_of(graph: Graph, nodes: Sequence[Value]) -> list[Value]:
    return [nodes[i] for i in leaves(graph)]


DIRECTION = st.lists(st.integers(-4, 4).map(float), min_size=4, max_size=4)


@brief
@given(EXACT, DIRECTION)
def test_tangents_of_integer_graphs_agree_with_fractions_exactly(graph: Graph, direction: list[float]) -> None:
    values, _ = exact(graph, direction)
    nodes = recorded(graph)
    inputs = inputs_of(graph, nodes)
    direction = direction[: len(inputs)]
    assert [Fraction(t.data) for t in jvp(nodes, inputs, direction)] == [v.b for v in values]
    assert [Fraction(t.data) for t in jvp(nodes, inputs, list(map(Value, direction)))] == [v.b for v in values]
    assert [v.grad for v in nodes] == [0.0] * len(nodes), "jvp() writes no .grad"


@brief
@given(EXACT, DIRECTION)
def test_second_derivatives_of_integer_graphs_agree_with_fractions_exactly(
    graph: Graph, direction: list[float]
) -> None:
    _, slopes = exact(graph, direction)
    nodes = recorded(graph)
    y, inputs = nodes[-1], inputs_of(graph, nodes)
    direction = direction[: len(inputs)]
    want = [slopes[-1][i].b for i in leaves(graph)]

    def fractions(values: Any) -> list[Fraction]:
        return [Fraction(v.data) for v in tree_leaves(values)]

    assert fractions(jvp(grad(y, inputs), inputs, direction)) == want
    assert fractions(grad(jvp(y, inputs, direction), inputs)) == want
    assert fractions(hvp(y, inputs, direction)) == want
    matrix = hessian(y, inputs)
    assert fractions([autograd.dot(row, direction) for row in matrix]) == want
    other = [1.0, -2.0, 3.0, 0.0][: len(inputs)]
    for tangents in (other, list(map(Value, other))):
        twice = jvp(jvp(y, inputs, direction), inputs, tangents)
        assert Fraction(twice.data) == sum(w * Fraction(t) for w, t in zip(want, other, strict=True))


@brief
@given(EXACT)
def test_jacobians_of_integer_graphs_agree_with_fractions_exactly(graph: Graph) -> None:
    _, tangents = exact(graph)
    nodes = recorded(graph)
    matrix = jacobian(nodes, inputs_of(graph, nodes))
    assert [[Fraction(g.data) for g in row] for row in matrix] == [[t[i].a for i in leaves(graph)] for t in tangents]


@brief
@given(EXACT, st.data())
def test_inputs_that_others_are_made_from_add_up(graph: Graph, choice: st.DataObject) -> None:
    """As in reverse mode, where the gradient by each includes what passes through the others; an input may recur."""
    nodes = recorded(graph)
    pick = st.lists(st.integers(0, len(graph) - 1), min_size=1, max_size=4)
    inputs = [nodes[i] for i in choice.draw(pick)]
    direction = [choice.draw(st.integers(-3, 3).map(float)) for _ in inputs]
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # the arguments are swapped
        want = sum(Fraction(g.data) * Fraction(t) for g, t in zip(grad(nodes[-1], inputs), direction, strict=True))
        assert Fraction(jvp(nodes[-1], inputs, direction).data) == want


def is_regular(nodes: Sequence[Value]) -> bool:
    """Return True if all numbers and local gradients are far from overflow."""
    numbers = [v.data for v in nodes] + [g for v in nodes for g in local_gradients(v) if g is not None]
    return all(abs(x) < 1e20 for x in numbers)  # False for nan


@brief
@given(graphs(EVERYTHING, FLOATS), st.lists(st.floats(-2, 2) | st.just(0.0), min_size=4, max_size=4), st.booleans())
def test_forward_mode_is_reverse_mode_for_graphs(graph: Graph, direction: list[float], by_values: bool) -> None:
    nodes = recorded(graph)
    assume(is_regular(nodes))
    y, inputs = nodes[-1], inputs_of(graph, nodes)
    ways = dict(zip(inputs, direction, strict=False))
    tangents = list(map(Value, ways.values())) if by_values else list(ways.values())
    (size,) = size_of_terms([y], ways)
    gradients = grad(y, inputs)
    want = along([g.data for g in gradients], list(ways.values()))
    got = jvp(y, inputs, tangents).data
    assert agree(got, want, size), f"{got} forward, not {want}"
    if is_regular(graph_of(*gradients)):
        seconds = jvp(gradients, inputs, tangents)
        sizes = size_of_terms(gradients, ways)
        for g, second, size in zip(gradients, seconds, sizes, strict=True):
            want = along([h.data for h in grad(g, inputs)], list(ways.values()))
            assert agree(second.data, want, size), f"{second.data} forward over reverse, not {want}"


def test_random_graphs_against_jax() -> None:
    jnp, jax = array_module("jax.numpy"), array_module("jax")
    rng = random.Random(5)
    smooth = ["+", "-", "*", "/", "neg", "sin", "cos", "exp", "sigmoid", "hypot", "dot", "sum", "logaddexp", "atan"]
    chosen: list[tuple[Value, list[Value], Callable[..., Any], list[float]]] = []
    while len(chosen) < 8:
        graph = random_graph(rng, smooth, lambda: rng.uniform(-2, 2))
        nodes = recorded(graph)
        y, inputs = nodes[-1], inputs_of(graph, nodes)
        if is_regular(nodes) and len(inputs) > 1 and len(ancestors(graph, len(graph) - 1)) > 6:
            f = autograd.compile(y, inputs, backend=jnp)
            chosen.append((y, inputs, f, [rng.uniform(-1, 1) for _ in inputs]))

    def together(batches: Any) -> Any:
        return [
            jax.jvp(jax.value_and_grad(f), (xs,), (ts,))[1]
            for (_, _, f, _), (xs, ts) in zip(chosen, batches, strict=True)
        ]

    found = in_one_program(together, [(np.array([x.data for x in xs]), np.array(ts)) for _, xs, _, ts in chosen])
    for (y, xs, _, ts), theirs in zip(chosen, found, strict=True):
        ways = dict(zip(xs, ts, strict=True))
        size = max(size_of_terms([y, *grad(y, xs)], ways))
        got = [v.data for v in (jvp(y, xs, ts), *hvp(y, xs, ts))]
        want = [float(x) for part in theirs for x in np.ravel(part)]
        for mine, other in zip(got, want, strict=True):
            assert agree(mine, other, size, 9), f"{mine}, not {other}"


# The nesting ---------------------------------------------------------------------------------------------------------


def kinds(tree: Any) -> Any:
    """Return the nesting of a tree, and what its leaves are."""
    if isinstance(tree, (list, tuple)):
        return (type(tree).__name__, *map(kinds, tree))
    return type(tree).__name__


NESTS: list[Callable[[list[Value]], Any]] = [
    lambda v: v[0],
    lambda v: [v[0]],
    lambda v: (v[0],),
    lambda v: [v[0], v[1]],
    lambda v: (v[1], [v[0], (v[2],)]),
    lambda v: [[v[0], v[1]], [v[1], v[2]]],
    lambda v: [],
    lambda v: ((), [v[2]]),
]


@pytest.mark.parametrize("inside", range(len(NESTS)))
@pytest.mark.parametrize("outside", range(len(NESTS)))
def test_tangents_and_jacobians_have_the_nesting_of_jax(outside: int, inside: int) -> None:
    leaves = [Value(1.0), Value(2.0), Value(3.0)]
    x, y, z = leaves
    inputs, outputs = NESTS[inside](leaves), NESTS[outside]([x * y, tanh(y) * z, z])
    tangents = tree_map(lambda _: 0.5, inputs)
    assert kinds(jvp(outputs, inputs, tangents)) == kinds(outputs)
    matrix = jacobian(outputs, inputs)
    assert kinds(matrix) == kinds(tree_map(lambda _: inputs, outputs))
    want = [g.data for v in tree_leaves(outputs) for g in grad(v, tree_leaves(inputs))]
    assert [g.data for g in tree_leaves(matrix)] == want
    output = x * y * z + tanh(y)
    second = hessian(output, inputs)
    assert kinds(second) == kinds(tree_map(lambda _: inputs, inputs))
    flat = tree_leaves(inputs)
    assert [g.data for g in tree_leaves(second)] == [g.data for h in grad(output, flat) for g in grad(h, flat)]
    along_it = hvp(output, inputs, tangents)
    assert kinds(along_it) == kinds(inputs)
    rows = [[g.data for g in grad(h, flat)] for h in grad(output, flat)]
    assert [v.data for v in tree_leaves(along_it)] == pytest.approx([0.5 * sum(row) for row in rows], rel=1e-14)


def test_arrays_count_as_lists_and_give_arrays() -> None:
    xs = np.array([Value(1.0), Value(2.0), Value(3.0)])
    ys = xs * xs[0]
    tangents = jvp(ys, xs, np.array([1.0, 0.0, 2.0]))
    assert isinstance(tangents, np.ndarray) and tangents.dtype == object
    assert [t.data for t in tangents] == [2.0, 2.0, 5.0]
    matrix = jacobian(ys, xs)
    assert isinstance(matrix, np.ndarray) and matrix.shape == (3, 3)
    assert [[g.data for g in row] for row in matrix] == [[2, 0, 0], [2, 1, 0], [3, 0, 1]]
    square = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])
    second = hessian(square[0, 0] * square[1, 1] * square[0, 1], square)
    assert isinstance(second, np.ndarray) and second.shape == (2, 2, 2, 2)
    assert (second[0, 0, 1, 1].data, second[0, 0, 0, 1].data, second[1, 0, 1, 1].data) == (2.0, 4.0, 0.0)
    assert [v.data for v in hvp(ys[1], list(xs), [1.0, 0.0, 2.0])] == [0.0, 1.0, 0.0]


def test_dictionaries_are_nests() -> None:
    x, w = Value(2.0), Value(3.0)
    y, inputs = x * x * w, {"x": x, "others": [w]}
    assert {k: v.data for k, v in jvp({"y": y, "w": w}, inputs, {"others": [1.0], "x": 1.0}).items()} == {
        "y": 16,
        "w": 1,
    }
    (row,) = jacobian([y], inputs)
    assert (row["x"].data, row["others"][0].data) == (12.0, 4.0)
    second = hessian(y, inputs)
    assert second["x"]["x"].data == 6.0 and second["x"]["others"][0] is second["others"][0]["x"]
    assert hvp(y, inputs, {"x": 0.0, "others": [1.0]})["x"].data == 4.0


def test_outputs_that_are_inputs_constant_or_repeated() -> None:
    x, w, free = Value(2.0), Value(3.0), Value(5.0)
    y = x * w
    found = jvp([x, y, y, free, w], [x, w], [1.0, 0.0])
    assert [t.data for t in found] == [1.0, 3.0, 3.0, 0.0, 0.0]
    assert all(isinstance(t, Value) for t in found)
    assert [[g.data for g in row] for row in jacobian([x, free], [x, x])] == [[1.0, 1.0], [0.0, 0.0]]
    assert hessian(x, x).data == hessian(free, x).data == hvp(x, x, 1.0).data == 0.0
    assert isinstance(hessian(x, x), Value)


def test_intermediate_results_are_inputs() -> None:
    x = Value(0.5)
    h = x.exp()
    y = h * h + x
    assert jvp(y, h, 1.0).data == grad(y, h).data == 2 * math.exp(0.5)
    assert jvp(y, [x, h], [0.0, 1.0]).data == 2 * math.exp(0.5)
    assert jacobian([y, h], h)[1].data == 1.0
    assert hessian(y, h).data == 2.0
    for inputs in ([x, h], [h, x]):  # rules use results, so what is made from what decides: not symmetric
        rows = [grad(g, inputs) for g in grad(h * x, inputs)]
        assert [[v.data for v in row] for row in hessian(h * x, inputs)] == [[v.data for v in row] for row in rows]


def test_jacobians_take_the_mode_that_makes_less() -> None:
    """Forward mode for few inputs, reverse mode for few outputs: not the work of one for each of the many."""
    x, xs = Value(0.5), [Value(0.1 * i) for i in range(20)]
    inner = middle = autograd.sum(xs) * x
    for _ in range(50):
        middle = middle.sin()
    outputs = [middle * i for i in range(1, 21)]
    for few, many in (
        (lambda: jvp(outputs, x, 1.0), lambda: jacobian(outputs, x)),
        (lambda: grad(middle, xs), lambda: jacobian([middle], xs)),
    ):
        assert nodes_made(many) <= 1.2 * nodes_made(few)
    assert jacobian(outputs, inner)[2].data == pytest.approx(grad(outputs[2], inner).data, rel=1e-14)


# Hessians ------------------------------------------------------------------------------------------------------------


def by_adding(terms: Sequence[Value]) -> Value:
    return functools.reduce(operator.add, terms)


def rosenbrock(n: int, total: Callable[[Sequence[Value]], Any] = by_adding) -> tuple[Value, list[Value]]:
    """Return the chained function of Rosenbrock."""
    xs = [Value(1.2 if i % 2 else -1.0) for i in range(n)]
    return total([100 * (y - x**2) ** 2 + (1 - x) ** 2 for x, y in itertools.pairwise(xs)]), xs


def second_derivatives(xs: Sequence[float]) -> dict[tuple[int, int], float]:
    """Return the entries of its Hessian that are not 0 everywhere, worked out by hand."""
    found: dict[tuple[int, int], float] = {}
    for i in range(len(xs)):
        inner = 1200 * xs[i] ** 2 - 400 * xs[i + 1] + 2 if i + 1 < len(xs) else 0.0
        found[i, i] = inner + (200 if i else 0)
        if i:
            found[i - 1, i] = found[i, i - 1] = -400 * xs[i - 1]
    return found


def distinct_nodes(tree: Any) -> int:
    return len(graph_of(*tree_leaves(tree)))


@pytest.mark.parametrize("total", [by_adding, sum, autograd.sum])
def test_the_hessian_of_rosenbrocks_function(total: Callable[[Sequence[Value]], Any]) -> None:
    output, xs = rosenbrock(20, total)
    matrix = hessian(output, xs)
    want = second_derivatives([x.data for x in xs])
    for i, j in itertools.product(range(20), repeat=2):
        assert matrix[i][j].data == pytest.approx(want.get((i, j), 0.0), rel=1e-13)
    assert distinct_nodes([output, matrix]) <= 450


def test_structural_zeros_cost_no_node() -> None:
    """Of 100 variables: three times the nodes that the entries need that are not always 0, each of a pair once."""
    output, xs = rosenbrock(100)
    gradients = grad(output, xs)
    needed = [grad(gradients[i], xs[j]) for i, j in second_derivatives([x.data for x in xs]) if i <= j]
    matrix = hessian(output, xs)
    assert distinct_nodes(matrix) <= 3 * distinct_nodes(needed)


def test_pairs_are_computed_once() -> None:
    xs = [Value(0.3 + 0.1 * i) for i in range(6)]
    product = xs[0]
    for x in xs[1:]:
        product = product * x.sin()
    matrix = hessian(product, xs)
    for i, j in itertools.combinations(range(6), 2):
        assert matrix[i][j] is matrix[j][i]
        assert matrix[i][j].data == pytest.approx(grad(grad(product, xs[j]), xs[i]).data, rel=1e-13)


def test_no_more_is_made_than_one_triangle() -> None:
    """Of a product of sines, no entry is 0: on the way, hardly a node is made that is not needed."""
    xs = [Value(0.3 + 0.1 * i) for i in range(20)]
    product = functools.reduce(operator.mul, [x.sin() for x in xs])
    heard: list[Value] = []
    with listening(recorded=heard.append):
        matrix = hessian(product, xs)
    needed = {*graph_of(*tree_leaves(matrix))} - {*graph_of(product)}
    assert len(heard) <= 1.2 * len(needed)


@pytest.mark.parametrize(
    ("f", "at", "want"),
    [
        (lambda x, y: x**0 * y, (0.0, 2.0), [[0.0, 0.0], [0.0, 0.0]]),
        (lambda x, y: x**1.0 * y, (0.0, 2.0), [[0.0, 1.0], [1.0, 0.0]]),
        (lambda x, y: x**2 * y, (0.0, 2.0), [[4.0, 0.0], [0.0, 0.0]]),
        (lambda x, y: autograd.relu(x) * y, (0.0, 2.0), [[0.0, 0.0], [0.0, 0.0]]),
        (lambda x, y: where(x, x * y, y * y), (0.0, 2.0), [[0.0, 0.0], [0.0, 2.0]]),
        (lambda x, y: where(x.log(), x * y, y * y), (0.0, 2.0), [[0.0, 0.0], [0.0, 2.0]]),
        (lambda x, y: abs(x) * y, (0.0, 2.0), [[0.0, 0.0], [0.0, 0.0]]),
        (autograd.hypot, (3.0, 4.0), [[0.128, -0.096], [-0.096, 0.072]]),
        (lambda x, y: autograd.max(x, y) ** 2, (3.0, 4.0), [[0.0, 0.0], [0.0, 2.0]]),
        (lambda x, y: autograd.sqrt(x) + y * y, (0.0, 2.0), [[-math.inf, 0.0], [0.0, 2.0]]),
        (lambda x, y: x / y, (1.0, 2.0), [[0.0, -0.25], [-0.25, 0.25]]),
    ],
)
def test_hessians_at_singular_points(f: Callable[..., Value], at: tuple[float, float], want: list[list[float]]) -> None:
    x, y = map(Value, at)
    matrix = hessian(f(x, y), [x, y])
    assert [[h.data for h in row] for row in matrix] == [pytest.approx(row, rel=1e-14) for row in want]
    columns = [hvp(f(x, y), [x, y], unit(i, 2)) for i in range(2)]
    assert [[h.data for h in column] for column in columns] == [pytest.approx(row, rel=1e-14) for row in want]


def test_a_hessian_times_a_vector_is_forward_over_reverse() -> None:
    """It costs a few times what the gradient costs, however many inputs there are."""

    def made(n: int) -> tuple[int, int]:
        output, xs = rosenbrock(n)
        return nodes_made(lambda: hvp(output, xs, [1.0] * n)), nodes_made(lambda: grad(output, xs))

    small, large = made(20), made(80)
    assert large[0] < 4.6 * small[0]
    assert small[0] < 6 * small[1]


# The tangents are graphs ----------------------------------------------------------------------------------------------


def neuron() -> tuple[Value, list[Value]]:
    xs = [Value(x, name) for x, name in ((0.4, "x"), (0.5, "w"), (0.6, "b"))]
    return (tanh(xs[0] * xs[1] + xs[2]) - 0.7) ** 2 / 2, xs


ALL: dict[str, Callable[[Value, list[Value]], Any]] = {
    "jvp": lambda y, xs: jvp([y, y * xs[0]], xs, [1.0, 0.0, Value(0.5)]),
    "jacobian": lambda y, xs: jacobian([y, tanh(y) * xs[1]], xs),
    "hessian": hessian,
    "hvp": lambda y, xs: hvp(y, xs, [1.0, Value(-2.0), 0.0]),
}
EACH = pytest.mark.parametrize("kind", ALL)


@EACH
def test_what_they_return_is_computed_again(kind: str) -> None:
    """By `forward()` after leaves changed, and compiled: with the bits of recording anew."""
    y, xs = neuron()
    found = tree_leaves(ALL[kind](y, xs))
    f = autograd.compile(found, (xs,))
    for x, new in zip(xs, (0.25, -1.5, 2.0), strict=True):
        x.data = new
    replayed = [bits(v.forward().data) for v in found]
    other, others = neuron()
    for x, new in zip(others, (0.25, -1.5, 2.0), strict=True):
        x.data = new
    anew = tree_leaves(ALL[kind](other.forward(), others))
    assert replayed == [bits(v.data) for v in anew]
    assert list(map(bits, f([0.25, -1.5, 2.0]))) == replayed


@EACH
def test_compiled_they_have_the_bits_of_the_graph(kind: str, backend: str) -> None:
    y, xs = neuron()
    found = ALL[kind](y, xs)
    computed = autograd.compile(found, (xs,), backend=backend)([x.data for x in xs])
    assert list(map(bits, tree_leaves(computed))) == [bits(v.data) for v in tree_leaves(found)]


@EACH
def test_what_they_return_is_drawn_and_differentiated_again(kind: str) -> None:
    y, xs = neuron()
    for v in tree_leaves(ALL[kind](y, xs)):
        assert "tanh" in draw(v).source
        autograd.check_gradients(v, xs)
        assert all(math.isfinite(g.data) for g in grad(v, xs))


@EACH
def test_no_gradient_is_written(kind: str) -> None:
    y, xs = neuron()
    y.backward()
    before = [(v, v.grad, v.data) for v in graph_of(y)]
    ALL[kind](y, xs)
    assert [(v, v.grad, v.data) for v, *_ in before] == before


def test_a_tangent_may_depend_on_the_input() -> None:
    x = Value(3.0)
    t = jvp(x * x, x, x)  # 2 x²
    assert (t.data, grad(t, x).data, jvp(t, x, 1.0).data) == (18.0, 12.0, 12.0)
    t = jvp(x * x, x, x.sin())
    assert grad(t, x).data == pytest.approx(2 * math.sin(3) + 6 * math.cos(3), rel=1e-15)


def test_higher_orders() -> None:
    x = Value(2.0)
    v = x**5
    for want in (80.0, 160.0, 240.0, 240.0, 120.0, 0.0, 0.0):
        v = jvp(v, x, 1.0)
        assert v.data == want
    both = jvp(grad(jvp(x.sin() * x, x, 1.0), x), x, 1.0)
    assert both.data == pytest.approx(-3 * math.sin(2) - 2 * math.cos(2), rel=1e-14)


def test_tangents_read_as_on_paper() -> None:
    x, w, t = Value(0.7, "x"), Value(2.0, "w"), Value(1.0, "t")
    assert jvp(x * w, x, 1.0) is w
    assert jvp(x * w, x, t) is not w
    assert formula(jvp(x**3, x, 1.0)) == formula(grad(x**3, x))
    assert formula(jvp(x * w, [x, w], [1.0, 1.0])) == ("add", "w", "x")
    assert formula(jvp(autograd.dot([x], [w]), x, t)) == ("mul", "w", "t")
    assert formula(jvp(autograd.sum([x, w, x]), [x, w], [t, w])) == ("sum", "t", "w", "t")


def test_only_what_depends_on_an_input_is_worked_through() -> None:
    x, other = Value(2.0), Value(0.1)
    for _ in range(200):
        other = other.sin()
    y = x * other + other
    assert nodes_made(lambda: jvp(y, x, 1.0)) <= 6
    assert nodes_made(lambda: jvp(x * 3, x, 1.0)) <= 6


def test_deep_graphs_need_no_recursion() -> None:
    x = v = Value(1.0)
    for _ in range(20_000):
        v = -v
    assert jvp(v, x, 1.0).data == jacobian([v], x)[0].data == 1.0
    assert (hessian(v, x).data, hvp(v, x, 1.0).data) == (0.0, 0.0)


@EACH
def test_nothing_is_kept_alive(kind: str) -> None:
    gc.disable()
    try:
        y, xs = neuron()
        found = ALL[kind](y, xs)
        kept = [weakref.ref(v) for v in (*graph_of(*tree_leaves(found)), *graph_of(y))]
        del y, xs, found
        assert [r() for r in kept] == [None] * len(kept)
    finally:
        gc.enable()


# Warnings and errors -------------------------------------------------------------------------------------------------


@EACH
def test_a_stale_graph_warns(kind: str) -> None:
    w = Value(0.3, "w")
    y, xs = (w * 2 - 1).tanh(), [w, Value(1.0), Value(2.0)]
    plain: dict[str, Callable[..., Any]] = {
        "jvp": lambda y, xs: jvp(y, xs, [1.0, 0.0, 0.0]),
        "jacobian": lambda y, xs: jacobian([y], xs),
    }
    call: Callable[..., Any] = plain.get(kind, ALL[kind])  # those that record nothing but derivatives
    with warnings.catch_warnings(action="error"):
        call(y, xs)
    w.data = 0.7
    with pytest.warns(StaleGraphWarning, match=r"^w was changed after .*forward\(\)") as caught:
        call(y, xs)
    assert {(warning.category, warning.filename) for warning in caught} == {(StaleGraphWarning, __file__)}
    assert len(caught) == 1
    y.forward()
    with warnings.catch_warnings(action="error"):
        call(y, xs)


def test_of_several_outputs_the_stale_one_warns() -> None:
    w = Value(0.3, "w")
    first, second = w * 2, w * 3
    w.data = 1.0
    first.forward()
    calls: list[Callable[..., Any]] = [jacobian, lambda outputs, w: jvp(outputs, w, 1.0)]
    for call in calls:
        with warnings.catch_warnings(action="error"):
            call([first], w)
        with pytest.warns(StaleGraphWarning, match=r"^w was changed"):
            call([first, second], w)


SWAPPED: dict[str, Callable[[Value, Value], Any]] = {
    "jvp": lambda x, y: jvp(x, y, 1.0),
    "jacobian": jacobian,
    "hessian": hessian,
    "hvp": lambda x, y: hvp(x, y, 1.0),
}


@EACH
def test_swapped_arguments_warn(kind: str) -> None:
    y, xs = neuron()
    with pytest.warns(UserWarning, match=f"y was made from .*are swapped: write {kind}\\(y, ") as caught:
        SWAPPED[kind](xs[0], y)
    assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.parametrize("output", [3.0, None, "y", [[2.0]], math.tanh, np.array([1.0])])
def test_an_output_that_is_none_is_refused(output: Any) -> None:
    x = Value(2.0)
    each_raises(
        TypeError,
        r"output",
        lambda: jvp([output], x, 1.0),
        lambda: jacobian([output], x),
        lambda: hessian([output] if callable(output) else output, x),
        lambda: hvp([output] if callable(output) else output, x, 1.0),
    )


@pytest.mark.parametrize("wrong", [3.0, None, "x", [2.0], math.tanh, np.array([1.0]), 1j])
def test_an_input_that_is_none_is_refused(wrong: Any) -> None:
    x = Value(2.0)
    y, ones = x * x, [1.0] if np.ndim(wrong) else 1.0
    each_raises(
        TypeError,
        r"inputs? ",
        lambda: jvp(y, wrong, ones),
        lambda: jvp(y, [x, wrong], [1.0, ones]),
        lambda: jacobian([y], [x, wrong]),
        lambda: hessian(y, [x, wrong]),
        lambda: hvp(y, [x, wrong], [1.0, ones]),
    )


@pytest.mark.parametrize("several", [lambda y: [y], lambda y: (y, y), lambda y: np.array([y])])
def test_a_hessian_is_of_one_output(several: Callable[[Value], Any]) -> None:
    x = Value(2.0)
    each_raises(
        TypeError, "expected a Value as output", lambda: hessian(several(x * x), x), lambda: hvp(several(x * x), x, 1.0)
    )


@pytest.mark.parametrize("tangents", [[1.0], [1.0, 2.0, 3.0], 1.0, [1.0, [2.0]], [[1.0, 2.0]], []])
def test_tangents_that_do_not_fit_the_inputs_are_refused(tangents: Any) -> None:
    x, w = Value(2.0), Value(3.0)
    with pytest.raises(ValueError, match="tangents"):
        jvp(x * w, [x, w], tangents)
    with pytest.raises(ValueError, match="vectors"):
        hvp(x * w, [x, w], tangents)


@pytest.mark.parametrize("tangent", ["1.0", None, 1j, abs])
def test_tangents_that_are_no_numbers_are_refused(tangent: Any) -> None:
    x, w = Value(2.0), Value(3.0)
    each_raises(TypeError, None, lambda: jvp(x * w, [x, w], [1.0, tangent]), lambda: hvp(x * w, [x, w], [1.0, tangent]))


def test_all_numbers_are_tangents() -> None:
    x = Value(2.0)
    for one in (1, True, Fraction(1), np.float64(1.0), np.int64(1), Value(1.0)):
        assert jvp(x * x, x, one).data == hvp(x * x * 2, x, one).data == 4.0

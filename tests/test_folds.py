"""What gradients leave out: operations that change no number."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import autograd
from autograd import Value, draw, explain, explore, grad, to_text
from autograd.codegen.program import lower
from autograd.engine import graph_of
from autograd.events import listening
from autograd.folds import folded
from autograd.ops import BUILT_IN, TABLE, Op, cos, exp, sin, tanh, where

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 5e-324, 1e-160, 1e200, -1e308, math.inf, -math.inf, math.nan]
CONSTANTS = [0.0, -0.0, 1.0, 2.0, -1.0, 0.5, math.inf, -math.inf, math.nan]
ROWS = [TABLE[name] for name in sorted(BUILT_IN)]


def bits(x: float) -> str:
    return "nan" if math.isnan(x) else x.hex()


def formula(v: Any) -> Any:
    """A graph as nested tuples: the name of the operation, and its operands; labels for leaves."""
    known: dict[Value, Any] = {}
    for u in graph_of(v):
        known[u] = u.label if u.op is None else (u.op.name, *(known[x] if isinstance(x, Value) else x for x in u.args))
    return known[v]


def higher(f: Callable[[Value], Value], orders: int, at: float = 0.7) -> list[Value]:
    x = Value(at, "x")
    found = [f(x)]
    for _ in range(orders):
        found.append(grad(found[-1], x))
    return found[1:]


# The list ------------------------------------------------------------------------------------------------------------


def test_each_fold_has_the_bits_of_what_it_leaves_out() -> None:
    x, y = object(), object()
    folds = set()
    for op in ROWS:
        for places in itertools.product([x, y, *CONSTANTS], repeat=op.arity or 2):
            found = folded(op, places)
            if found is None:
                continue
            folds.add(op.name)
            for a, b in itertools.product(SPECIAL if x in places else [0.0], SPECIAL if y in places else [0.0]):
                numbers = [a if place is x else b if place is y else place for place in places]
                wanted = a if found is x else b if found is y else found
                assert bits(op.computes(*numbers)) == bits(wanted), f"{op.read(*map(str, numbers))} is not {wanted}"
    assert {"mul", "div", "sub", "pow", "where", "max", "min"} <= folds


@pytest.mark.parametrize(
    ("op", "operands"),
    [
        ("add", ("x", 0.0)), ("add", (0.0, "x")), ("sub", ("x", -0.0)), ("sub", (0.0, "x")), ("sub", ("x", "x")),
        ("mul", ("x", 0.0)), ("mul", ("x", -1.0)), ("div", (1.0, "x")), ("div", ("x", "x")), ("pow", (1.0, "x")),
        ("pow", ("x", 2.0)), ("where", ("x", 0.0, -0.0)), ("where", ("x", "x", "y")), ("max", ("x", 0.0)),
        ("max", ("x", "x")), ("min", ("x", -math.inf)), ("neg", ("x",)),
    ],
)  # fmt: skip
def test_what_changes_a_number_stays(op: str, operands: tuple[Any, ...]) -> None:
    assert folded(TABLE[op], operands) is None


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
def test_rules_record_nothing_that_folds_where_there_is_no_constant(op: Op) -> None:
    g, *xs = (Value(0.3 + 0.1 * i) for i in range(1 + (op.arity or 4)))
    z = xs[0].__record__(op, xs)
    for pull in op.pulls(g, z, *xs):
        for v in graph_of(pull) if isinstance(pull, Value) else []:
            assert v.op is None or folded(v.op, v.args) is None, f"{op.name} records {v.op.name} of {v.args}"


def some_operands(op: Op) -> Iterator[list[float]]:
    """Ordinary and special operands of a row."""
    rng = random.Random(op.name)
    n = op.arity or 4
    yield from ([rng.uniform(-3, 3) for _ in range(n)] for _ in range(3))
    yield from ([rng.uniform(0.1, 0.9) for _ in range(n)] for _ in range(3))
    yield from ([rng.choice(SPECIAL) for _ in range(n)] for _ in range(40))


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
def test_first_gradients_have_the_bits_of_backward_and_later_numbers_too(op: Op) -> None:
    rng = random.Random(op.name)
    for numbers, later in itertools.pairwise(some_operands(op)):
        operands: list[Any] = [Value(x) for x in numbers]
        if len(operands) > 1:
            operands[rng.randrange(len(operands))] = rng.choice(CONSTANTS)
        leaves = [x for x in operands if isinstance(x, Value)]
        z, above = leaves[0].__record__(op, operands), Value(rng.choice(SPECIAL))
        for output in (z, z * above, 2 * z):  # the gradient from above is 1, a Value, another constant
            gradients = grad(output.forward(), leaves)
            for point in (numbers, later, numbers):
                for leaf, x in zip(leaves, point, strict=False):
                    leaf.data = x
                output.forward().zero_grad()
                output.backward()
                for leaf, g in zip(leaves, gradients, strict=True):
                    found = 0.0 + g.forward().data  # backward() adds to 0.0
                    assert bits(found) == bits(leaf.grad), f"{op.name} of {operands}"


# How gradients read --------------------------------------------------------------------------------------------------

HALF = ("exp", ("mul", 0.5, ("where", "x", 0.0, "x")))


@pytest.mark.parametrize(
    ("f", "reads"),
    [
        (lambda x: x**3, ("mul", 3.0, ("pow", "x", 2.0))),
        (lambda x: x**2, ("mul", 2.0, "x")),
        (lambda x: x**-1, ("mul", -1.0, ("pow", "x", -2.0))),
        (lambda x: x**0.5, ("mul", 0.5, ("pow", "x", -0.5))),
        (lambda x: 3 * x**-2, ("mul", 3.0, ("mul", -2.0, ("pow", "x", -3.0)))),
        (lambda x: sin(x) ** 1, ("cos", "x")),
        (sin, ("cos", "x")),
        (exp, ("exp", "x")),
        (tanh, ("sub", 1.0, ("mul", ("tanh", "x"), ("tanh", "x")))),
        (lambda x: x * x, ("add", "x", "x")),
        (lambda x: sin(x) / 1, ("cos", "x")),
        (lambda x: autograd.elu(x, 1), ("where", "x", 1.0, ("mul", HALF, HALF))),
        (lambda x: autograd.max(x, 0), ("where", "x", 1.0, ("where", ("neg", "x"), 0.0, 0.5))),
    ],
)  # fmt: skip
def test_a_gradient_reads_as_on_paper(f: Callable[[Value], Value], reads: Any) -> None:
    assert formula(higher(f, 1)[0]) == reads


def test_the_text_of_a_gradient() -> None:
    x = Value(0.7, "x")
    first = grad(x**3, x)
    assert "first = 3 * v2" in str(to_text(first)) and "v2 = x ** 2" in str(to_text(first))


def test_little_is_recorded_that_folds() -> None:
    """The rule of a power knows a constant exponent: what would fold costs time before it is gone."""
    x, above = Value(0.7, "x"), Value(3.0, "above")
    for output in (x**2, above * x**2, x**3, x**-1, x**0.5, above * x**1, above * x**0):
        new: list[Value] = []
        with listening(recorded=new.append):
            slope = grad(output, x)
        kept = [v for v in graph_of(slope) if v in new]
        assert len(new) <= len(kept) + 4, output


def test_constants_are_new_leaves() -> None:
    third = higher(lambda x: x**3, 3)[2]
    assert third.op is None and third.data == 6.0
    x, y = Value(2.0), Value(3.0)
    ones = grad(x + y, [x, y])
    assert ones[0] is not ones[1] and [v.data for v in ones] == [1.0, 1.0]
    assert grad(ones[0], x).data == 0.0


def test_higher_derivatives_stay_small() -> None:
    orders = higher(lambda x: x**3 * sin(x), 4)
    assert len(graph_of(orders[1])) <= 20
    assert [len(graph_of(v)) for v in orders] == [9, 20, 42, 81]  # 11, 28, 66, 137 with what changes no number
    s, c = math.sin(0.7), math.cos(0.7)
    wanted = [
        3 * 0.7**2 * s + 0.7**3 * c,
        6 * 0.7 * s + 6 * 0.7**2 * c - 0.7**3 * s,
        6 * s + 18 * 0.7 * c - 9 * 0.7**2 * s - 0.7**3 * c,
        24 * c - 36 * 0.7 * s - 12 * 0.7**2 * c + 0.7**3 * s,
    ]
    assert [v.data for v in orders] == pytest.approx(wanted, rel=1e-14)


def test_only_nodes_that_grad_makes_are_folded() -> None:
    x, w = Value(0.7, "x"), Value(2.0, "w")
    user = (1 * x) ** 1.0 - 0.0
    output = user * w
    assert formula(grad(output, w)) == ("sub", ("pow", ("mul", 1.0, "x"), 1.0), 0.0)
    a = Value(1.0, "a")
    assert grad((a + 3) * user, a) is user  # the rule of + with a constant passes it on
    assert formula(output) == ("mul", ("sub", ("pow", ("mul", 1.0, "x"), 1.0), 0.0), "w")


def test_numbers_of_leaves_are_no_constants() -> None:
    x, one, zero = Value(0.7, "x"), Value(1.0, "one"), Value(0.0, "zero")
    assert formula(grad(x**one, x))[0] == "mul" and formula(grad(sin(x) * one, x)) == ("mul", "one", ("cos", "x"))
    chosen = grad(where(zero, x, x * x), x)
    zero.data = 1.0
    assert chosen.forward().data == 1.0


@pytest.fixture
def added() -> Iterator[Callable[..., Op]]:
    """A function that adds an operation, which is gone after the test."""
    names = []

    def add(*args: Any, **named: Any) -> Op:
        op = Op(*args, **named)
        names.append(op.name)
        return op

    yield add
    for name in names:
        del TABLE[name]
        if hasattr(Value, name):
            delattr(Value, name)


def test_rules_of_users_are_folded_too(added: Callable[..., Op]) -> None:
    nth = 1
    line = added("line_of_mine({})", lambda x: x, lambda g, z, x: g * (nth * x ** (nth - 1)))
    x, w = Value(0.7, "x"), Value(2.0, "w")
    assert grad(line(x) * w, x) is w


def test_what_folds_in_a_rule_of_many_operands_folds_in_all_its_answers(added: Callable[..., Op]) -> None:
    def pulls(g: Any, z: Any, *xs: Any) -> list[Any]:
        shared = g * xs[0] ** 1.0
        return [shared, 2 * shared, shared * shared]

    op = added("mine_of_many([{}])", lambda *xs: sum(xs), pulls, variadic=True)
    x, y, z = leaves = [Value(0.7, "x"), Value(2.0, "y"), Value(3.0, "z")]
    assert grad(op(leaves), x) is x
    assert [formula(g) for g in grad(op(leaves), [y, z])] == [("mul", 2.0, "x"), ("mul", "x", "x")]
    assert formula(grad(op([z, y, x]), x)) == ("mul", "z", "z")


def test_a_fold_anywhere_in_a_rule_is_found(added: Callable[..., Op]) -> None:
    """The last operation, one under it, one that is used twice, one whose operand has folded, a leaf of the rule's."""

    def twice(g: Any, z: Any, x: Any) -> Any:
        u = cos(x) / 1
        return sin(u) * u

    x, w = Value(0.7, "x"), Value(2.0, "w")
    rules: dict[str, tuple[Callable[..., Any], Any]] = {
        "last": (lambda g, z, x: (g * cos(x)) ** 1, ("cos", "x")),
        "below": (lambda g, z, x: sin(cos(x) ** 1), ("sin", ("cos", "x"))),
        "twice": (twice, ("mul", ("sin", ("cos", "x")), ("cos", "x"))),
        "after": (lambda g, z, x: sin(where(x**0 - 2, x, cos(x))), ("sin", ("cos", "x"))),
        "none": (lambda g, z, x: sin(cos(x)) * cos(x), ("mul", ("sin", ("cos", "x")), ("cos", "x"))),
        "leaf": (lambda g, z, x: Value(5.0, "five"), "five"),
        "under": (lambda g, z, x: sin(x) * (1 * Value(5.0, "five")), ("mul", ("sin", "x"), "five")),
    }
    for name, (rule, reads) in rules.items():
        op = added(f"mine_{name}({{}})", lambda x: x, rule)
        assert formula(grad(op(x) + w, x)) == reads, name


def test_what_a_rule_uses_twice_stays_one_node() -> None:
    xs = [Value(float(i % 7)) for i in range(200)]
    gradients = grad(autograd.max(xs), xs)
    assert sum(g.data for g in gradients) == pytest.approx(1.0)
    assert len(graph_of(*gradients)) < 5 * len(xs)


def test_no_gradient_passes_to_what_a_fold_leaves_out() -> None:
    x = Value(2.0, "x")
    slope = grad(x**1.0, x)  # x ** 0, whose derivative would be 0 * x ** -1
    assert slope.op is None and slope.data == 1.0
    assert grad(slope * math.inf, x).data == 0.0  # not 0 * inf


# A gradient may be a Value of the graph ------------------------------------------------------------------------------


def product() -> tuple[Value, Value, Value, Value]:
    x, w = Value(0.7, "x"), Value(2.0, "w")
    output = x * w
    return x, w, output, grad(output, x)


def test_a_gradient_that_is_a_leaf_of_the_graph() -> None:
    x, w, output, slope = product()
    assert slope is w and slope.label == "w"
    assert grad(slope, w).data == 1.0 and grad(slope, x).data == 0.0
    slope.backward()
    assert (w.grad, x.grad) == (1.0, 0.0)
    output.backward()
    assert (w.grad, x.grad) == (1.7, 2.0)  # w is a leaf: its gradients accumulate
    w.data = 5.0
    assert slope.forward().data == 5.0


def test_a_gradient_that_is_a_result_of_the_graph() -> None:
    x, w = Value(0.7, "x"), Value(2.0, "w")
    inner = tanh(w)
    slope = grad(x * inner, x)
    assert slope is inner
    assert grad(slope, w).data == 1 - math.tanh(2.0) ** 2
    w.data = 0.5
    assert slope.forward().data == math.tanh(0.5)


def test_views_of_a_gradient_that_is_a_value_of_the_graph(tmp_path: Path) -> None:
    _, w, output, slope = product()
    output.backward()
    assert draw(slope).source == draw(w).source
    assert str(to_text(slope)) == str(to_text(w))
    assert "x" in draw(output * slope).source
    assert str(explain(slope * slope))
    explore(slope * output, tmp_path / "page.html")
    assert "w" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("zero", [0, -0.0])
def test_the_derivative_of_a_constant_power_is_a_constant(zero: float) -> None:
    x, above = Value(2.0, "x"), Value(3.0, "above")
    slope = grad(x**zero, x)
    assert slope.op is None and slope.data == 0.0
    assert formula(grad(above * x**zero, x)) == ("mul", "above", zero)
    assert formula(grad(above * x**1, x)) == "above"


@pytest.mark.parametrize("backend", ["python", "numpy"])
def test_compiled_gradients_that_are_inputs_constants_and_results(backend: str) -> None:
    x, w = Value(0.7), Value(2.0)
    inner = tanh(w)
    output = x * inner + w * x + 3 * w
    first = grad(output, [x, w])
    f = autograd.compile((output, first, grad(x * w, [x, w]), grad(x + w, x)), (x, w), backend=backend)
    value, slopes, swapped, one = f(0.5, 3.0)
    for leaf, number in ((x, 0.5), (w, 3.0)):
        leaf.data = number
    output.forward().backward()
    assert value == output.data and list(slopes) == [x.grad, w.grad] and list(swapped) == [3.0, 0.5] and one == 1.0


def test_grad_and_compiling_have_one_list() -> None:
    """What `grad` has folded, lowering has nothing to add to."""
    x = Value(0.7)
    for v in higher(lambda x: x**3 * sin(x) + x**-1, 3):
        recorded = sum(u.op is not None for u in graph_of(v))
        leaf = next(u for u in graph_of(v) if u.op is None)
        merged = {(u.op, *(x if type(x) is float else id(x) for x in u.args)) for u in graph_of(v) if u.op}
        assert len(lower([v], [leaf]).steps) <= len(merged) <= recorded
    assert lower([grad(cos(x), x)], [x]).steps == lower([-1 * sin(x)], [x]).steps

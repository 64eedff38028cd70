"""Derivatives of functions: the arguments and results of JAX, nested functions that keep their perturbations apart, and
floats or Values out.

Nested functions are generated: polynomial ones, whose derivatives are worked out exactly, and others that JAX
differentiates.
"""

from __future__ import annotations

import gc
import itertools
import math
import random
import warnings
import weakref
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
from derivatives import each_raises, in_one_program
from hypothesis import assume, given
from hypothesis import strategies as st
from needs import array_module
from test_properties import thorough

import autograd
from autograd import (
    StaleGraphWarning,
    Value,
    draw,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    nn,
    sin,
    sqrt,
    tanh,
    value_and_grad,
    vjp,
)
from autograd.engine import graph_of


def number(x: Any) -> float:
    """Return the number of a result, which is a float or a Value."""
    assert type(x) in (float, Value), f"{x!r} is neither"
    return float(x.data) if isinstance(x, Value) else float(x)


OURS = SimpleNamespace(
    grad=grad, value_and_grad=value_and_grad, jvp=jvp, vjp=vjp, jacobian=jacobian, hessian=hessian, sin=sin, tanh=tanh
)


def of_jax() -> SimpleNamespace:
    jnp, jax = array_module("jax.numpy"), array_module("jax")
    return SimpleNamespace(
        grad=jax.grad,
        value_and_grad=jax.value_and_grad,
        jvp=jax.jvp,
        vjp=jax.vjp,
        jacobian=jax.jacobian,
        hessian=jax.hessian,
        sin=jnp.sin,
        tanh=jnp.tanh,
    )


# Perturbations -------------------------------------------------------------------------------------------------------

# A nest of functions is an expression. The name of a variable is a string, a constant a float; ("grad", "y", body, at)
# is the derivative of the function of y, at the value of the last expression, in sight of all variables around it.
Nest = Any

BINDERS = ["grad", "value_and_grad", "jvp", "vjp", "jacobian", "hessian", "twice"]


def evaluated(nest: Nest, names: Mapping[str, Any], by: SimpleNamespace) -> Any:
    """Return the value of a nest, with the functions of a namespace."""
    if isinstance(nest, str):
        return names[nest]
    if isinstance(nest, float):
        return nest
    kind, *rest = nest
    if kind not in BINDERS:
        parts = [evaluated(part, names, by) for part in rest]
        if kind in ("sin", "tanh"):
            return getattr(by, kind)(parts[0])
        x, y = parts
        return x + y if kind == "+" else x - y if kind == "-" else x * y
    variable, body, *points = rest

    def f(x: Any) -> Any:
        return evaluated(body, {**names, variable: x}, by)

    at, *tangents = [evaluated(part, names, by) for part in points]
    match kind:
        case "value_and_grad":
            value, slope = by.value_and_grad(f)(at)
            return value + 2.0 * slope
        case "jvp":
            value, tangent = by.jvp(f, (at,), tuple(tangents))
            return value + 2.0 * tangent
        case "vjp":
            value, pull = by.vjp(f, at)
            return value + 2.0 * pull(tangents[0])[0]
        case "twice":  # forward over reverse
            return by.jvp(by.grad(f), (at,), tuple(tangents))[1]
    return getattr(by, kind)(f)(at)


Polynomial = dict[tuple[tuple[str, int], ...], int]
"""The coefficient of each product of powers."""


def plus(p: Polynomial, q: Polynomial, times: int = 1) -> Polynomial:
    total = dict(p)
    for powers, c in q.items():
        total[powers] = total.get(powers, 0) + times * c
    return {powers: c for powers, c in total.items() if c}


def product(p: Polynomial, q: Polynomial) -> Polynomial:
    total: Polynomial = {}
    for (a, c), (b, d) in itertools.product(p.items(), q.items()):
        powers = dict(a)
        for name, n in b:
            powers[name] = powers.get(name, 0) + n
        total = plus(total, {tuple(sorted(powers.items())): c * d})
    return total


def slope(p: Polynomial, name: str) -> Polynomial:
    total: Polynomial = {}
    for powers, c in p.items():
        n = dict(powers).get(name, 0)
        if n:
            lower = {**dict(powers), name: n - 1}
            total = plus(total, {tuple(sorted((k, m) for k, m in lower.items() if m)): c * n})
    return total


def inserted(p: Polynomial, name: str, q: Polynomial) -> Polynomial:
    total: Polynomial = {}
    for powers, c in p.items():
        term: Polynomial = {tuple((k, m) for k, m in powers if k != name): c}
        for _ in range(dict(powers).get(name, 0)):
            term = product(term, q)
        total = plus(total, term)
    return total


def worked_out(nest: Nest) -> Polynomial:
    """Return what a polynomial nest is in the variables that are free in it. A variable is bound once."""
    if isinstance(nest, str):
        return {((nest, 1),): 1}
    if isinstance(nest, float):
        return {(): int(nest)} if nest else {}
    kind, *rest = nest
    if kind not in BINDERS:
        p, q = map(worked_out, rest)
        return plus(p, q) if kind == "+" else plus(p, q, -1) if kind == "-" else product(p, q)
    variable, body, *points = rest
    f = worked_out(body)
    first = slope(f, variable)
    at, *tangents = map(worked_out, points)
    if kind in ("hessian", "twice"):
        second = inserted(slope(first, variable), variable, at)
        return product(second, tangents[0]) if kind == "twice" else second
    found = inserted(first, variable, at)
    if kind in ("grad", "jacobian"):
        return found
    found = product(found, tangents[0]) if tangents else found
    return plus(inserted(f, variable, at), found, 2)


def at_numbers(p: Polynomial, numbers: Mapping[str, float]) -> Fraction:
    total = Fraction(0)
    for powers, c in p.items():
        total += c * math.prod(Fraction(numbers[k]) ** n for k, n in powers)
    return total


def nested(
    pick: Callable[[Sequence[Any]], Any], deep: int, operations: Sequence[str], binders: Sequence[str] = BINDERS
) -> Nest:
    """Return a nest of x and w that differentiates so many levels deep, each body a term of all variables in sight."""
    count = itertools.count()

    def term(names: list[str], deep: int, size: int) -> Nest:
        if deep and size < 2:
            kind, variable = pick(binders), f"y{next(count)}"
            body = term([*names, variable], deep - 1, 2)
            # its own variable and one from outside take part, else there is nothing to confuse
            body = (pick(["*", "+"]), ("*", variable, pick(names)), ("*", body, pick([variable, *names])))
            points = [pick([*names, 1.0, 2.0]) for _ in range(1 if kind in ("jvp", "vjp", "twice") else 0)]
            return (kind, variable, body, pick([*names, -1.0, 2.0]), *points)
        if not size:
            return pick([*names, *names, 1.0, -2.0, 3.0])
        kind = pick(operations)
        if kind in ("sin", "tanh"):
            return (kind, term(names, deep, size - 1))
        sides = [term(names, deep, size - 1), term(names, 0, max(0, size - 2))]
        return (kind, *(sides if pick([True, False]) else reversed(sides)))

    return term(["x", "w"], deep, pick([0, 1]))


def chains(nest: Nest) -> set[tuple[str, ...]]:
    """Return the binders from the outermost to the innermost, for each way into a nest."""
    if not isinstance(nest, tuple):
        return {()}
    inner = set().union(*map(chains, nest[1:]))
    return {(nest[0], *c) for c in inner} | inner if nest[0] in BINDERS else inner


@st.composite
def polynomial_nests(draw: st.DrawFn) -> Nest:
    return nested(lambda some: draw(st.sampled_from(some)), draw(st.integers(1, 3)), "+-*")


@thorough
@given(polynomial_nests(), *[st.sampled_from([-2.0, 1.0, 2.0, 3.0])] * 2)
def test_nests_of_polynomials_are_differentiated_exactly(nest: Nest, x: float, w: float) -> None:
    """By x, the variable of the outermost function, and by w, a Value from outside."""
    p = worked_out(nest)
    numbers = {"x": x, "w": w}
    size = sum(
        abs(c) * (sum(n for _, n in powers) + 1) ** 4 * 3 ** sum(n for _, n in powers) for powers, c in p.items()
    )
    assume(size < 2**50)  # so no step is rounded

    outside = Value(w)

    def f(x: Any) -> Any:
        return evaluated(nest, {"x": x, "w": outside}, OURS)

    values = {name: at_numbers(q, numbers) for name, q in {"": p, "x": slope(p, "x"), "w": slope(p, "w")}.items()}
    mixed, second = at_numbers(slope(slope(p, "x"), "w"), numbers), at_numbers(slope(slope(p, "x"), "x"), numbers)
    assert Fraction(number(f(x))) == values[""]
    slopes = [grad(f)(x), jvp(f, (x,), (1.0,))[1], vjp(f, x)[1](1.0)[0], jacobian(f)(x)]
    assert [Fraction(number(s)) for s in slopes] == [values["x"]] * 4
    assert [Fraction(number(s)) for s in (grad(grad(f))(x), hessian(f)(x), hvp(f, (x,), (1.0,)))] == [second] * 3
    for s in slopes:
        if isinstance(s, Value):
            assert Fraction(grad(s, outside).data) == mixed
        else:
            assert mixed == 0, "it depends on w, so it is a Value"
    by_w = grad(lambda w: grad(lambda x: evaluated(nest, {"x": x, "w": w}, OURS))(x))(w)
    assert type(by_w) is float and Fraction(by_w) == mixed


def test_nests_three_levels_deep_against_jax() -> None:
    rng = random.Random(9)
    kinds = [["grad", "jvp"]] * 6 + [BINDERS] * 6
    nests = [nested(rng.choice, 3, ["+", "-", "*", "*", "sin", "tanh"], some) for some in kinds]
    seen = set().union(*map(chains, nests))
    assert {("grad", "jvp", "grad"), ("jvp", "grad", "jvp"), ("grad", "jvp", "jvp")} <= seen
    assert sum(any(len(c) == 3 for c in chains(nest)) for nest in nests) == len(nests)

    def all_of(by: SimpleNamespace, x: Any, w: Any) -> list[Any]:
        found = []
        for nest in nests:

            def f(x: Any, w: Any, nest: Any = nest) -> Any:
                return evaluated(nest, {"x": x, "w": w}, by)

            value, slopes = by.value_and_grad(f, (0, 1))(x, w)
            found += [value, *slopes]
        return found

    jax = of_jax()
    ours, theirs = all_of(OURS, 0.75, -0.5), in_one_program(lambda x, w: all_of(jax, x, w), 0.75, -0.5)
    assert all(type(x) is float for x in ours)
    for i, (mine, other) in enumerate(zip(ours, map(float, theirs), strict=True)):
        assert mine == pytest.approx(other, rel=1e-10, abs=1e-12), f"{i % 3} of {nests[i // 3]}"
    assert len({round(x, 9) for x in ours}) > 24, "no two nests say the same"


CONFUSED: list[tuple[Callable[[], Any], float]] = [
    (lambda: grad(lambda x: x * grad(lambda y: x * y)(1.0))(2.0), 4.0),
    (lambda: grad(lambda x: x * grad(lambda y: x + y)(x))(1.0), 1.0),
    (lambda: grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0), 1.0),
    (lambda: grad(lambda x: grad(lambda y: x * y * y)(x))(3.0), 12.0),
    (lambda: jvp(lambda x: x * jvp(lambda y: x + y, (1.0,), (1.0,))[1], (1.0,), (1.0,))[1], 1.0),
    (lambda: jvp(lambda x: x * jvp(lambda y: x * y, (1.0,), (1.0,))[1], (2.0,), (1.0,))[1], 4.0),
    (lambda: grad(lambda x: x * jvp(lambda y: x * y, (1.0,), (1.0,))[1])(2.0), 4.0),
    (lambda: jvp(lambda x: x * grad(lambda y: x * y)(1.0), (2.0,), (1.0,))[1], 4.0),
    (lambda: grad(lambda x: jvp(lambda y: x * y, (3.0,), (x,))[1])(2.0), 4.0),  # the tangent is x
    (lambda: grad(lambda x: vjp(lambda y: x * y, 3.0)[1](x)[0])(2.0), 4.0),
    (lambda: grad(lambda x: vjp(lambda y: x * y * y, x)[1](1.0)[0])(3.0), 12.0),
    (lambda: grad(lambda x: grad(lambda y: grad(lambda z: x * y * z * z)(y))(x))(2.0), 16.0),  # 4xy at y = x
    (lambda: grad(lambda x: x * grad(lambda y: y * grad(lambda z: x * y * z)(1.0))(1.0))(1.0), 4.0),
    (lambda: grad(lambda x: jvp(lambda y: grad(lambda z: x * y * z)(y), (x,), (1.0,))[1])(5.0), 1.0),
    (lambda: jvp(lambda x: grad(lambda y: jvp(lambda z: x * y * z, (y,), (x,))[1])(x), (3.0,), (1.0,))[1], 6.0),
    (lambda: hessian(lambda x: x * grad(lambda y: x * y * y)(1.0))(2.0), 4.0),
    (lambda: grad(lambda x: hessian(lambda y: x * y * y * x)(1.0))(2.0), 8.0),
    (lambda: grad(lambda x: jacobian(lambda y: [x * y, x * x])(x)[0])(2.0), 1.0),
    (lambda: grad(lambda x: hvp(lambda y: x * y**3, (x,), (x,)))(1.0), 18.0),  # 6 x y t
]


@pytest.mark.parametrize(("call", "want"), CONFUSED)
def test_perturbations_are_kept_apart(call: Callable[[], Any], want: float) -> None:
    found = call()
    assert type(found) is float and found == want


def test_the_variable_is_not_the_value_that_was_passed_for_it() -> None:
    x = Value(3.0)
    slope = grad(lambda y: y * x)(x)
    assert number(slope) == 3.0 and grad(slope, x).data == 1.0
    value, tangent = jvp(lambda y: y * x, (x,), (1.0,))
    assert (number(value), number(tangent)) == (9.0, 3.0)
    assert (grad(value, x).data, grad(tangent, x).data) == (6.0, 1.0)
    assert [number(s) for s in grad(lambda y, z: y * z * x, (0, 1))(x, x)] == [9.0, 9.0]
    assert [[number(h) for h in row] for row in hessian(lambda y, z: y * z * x, (0, 1))(x, x)] == [[0, 3], [3, 0]]


def test_a_function_that_was_left_keeps_its_graph_to_itself() -> None:
    """A Value that got out of one call is one from outside to the next."""
    kept: list[Any] = []

    def f(x: Any) -> Any:
        kept.append(x)
        return x * x * (kept[0] if len(kept) > 1 else 1.0)

    assert grad(f)(2.0) == 4.0
    second = grad(f)(3.0)
    assert isinstance(second, Value) and second.data == 12.0
    assert grad(second, kept[0]).data == 6.0


# Floats out, Values out ----------------------------------------------------------------------------------------------


def leaves_of(tree: Any) -> Iterator[Any]:
    if isinstance(tree, np.ndarray):
        yield from tree.ravel().tolist() if tree.dtype != object else tree.ravel()
    elif isinstance(tree, (list, tuple)):
        for branch in tree:
            yield from leaves_of(branch)
    elif isinstance(tree, dict):
        for key in sorted(tree):
            yield from leaves_of(tree[key])
    else:
        yield tree


EVERY: dict[str, Callable[[Callable[..., Any], Any, Any], Any]] = {
    "grad": lambda f, x, y: grad(f, (0, 1))(x, y),
    "value_and_grad": lambda f, x, y: value_and_grad(f)(x, y),
    "jvp": lambda f, x, y: jvp(f, (x, y), (1.0, 0.5)),
    "vjp": lambda f, x, y: (vjp(f, x, y)[0], vjp(f, x, y)[1](1.0)),
    "jacobian": lambda f, x, y: jacobian(lambda x, y: [f(x, y), f(y, x)], (0, 1))(x, y),
    "hessian": lambda f, x, y: hessian(f, (0, 1))(x, y),
    "hvp": lambda f, x, y: hvp(f, (x, y), (1.0, 0.5)),
}
EACH = pytest.mark.parametrize("kind", EVERY)


def curved(x: Any, y: Any) -> Any:
    return (x * y).exp() * x * y


@EACH
def test_floats_give_floats(kind: str) -> None:
    found = list(leaves_of(EVERY[kind](curved, 0.5, -1.5)))
    assert all(type(x) is float and x != 0 for x in found)
    for numbers in ((Fraction(1, 2), np.float64(-1.5)), (np.float32(0.5), Fraction(-3, 2))):
        assert list(leaves_of(EVERY[kind](curved, *numbers))) == found
    assert list(leaves_of(EVERY[kind](lambda x, y: curved(x, y) * Value(1.0), 0.5, -1.5))) == found, "made inside"


@EACH
def test_values_give_values_that_depend_on_them(kind: str) -> None:
    want = list(leaves_of(EVERY[kind](curved, 0.5, -1.5)))
    for x, y in ((Value(0.5), Value(-1.5)), (Value(0.5), -1.5), (0.5, Value(-1.5))):
        found = list(leaves_of(EVERY[kind](curved, x, y)))
        assert all(isinstance(v, Value) for v in found)
        assert [v.data for v in found] == pytest.approx(want, rel=1e-14)
        for v in found:
            autograd.check_gradients(v, [p for p in (x, y) if isinstance(p, Value)])
    w = Value(2.0)
    found = list(leaves_of(EVERY[kind](lambda x, y: curved(x, y) * w, 0.5, -1.5)))
    assert [v.data for v in found] == pytest.approx([2 * x for x in want], rel=1e-14)
    assert [grad(v, w).data for v in found] == pytest.approx(want, rel=1e-14)


@EACH
def test_values_in_values_out(kind: str) -> None:
    """Also where a derivative is the same for all numbers."""
    for arguments in ((Value(0.5), -1.5), (0.5, Value(-1.5))):
        for f in (lambda x, y: 2 * x + 3 * y, lambda x, y: 5.0, lambda x, y: x):
            found = list(leaves_of(EVERY[kind](f, *arguments)))
            assert {type(v) for v in found} == {Value}
            assert [v.data for v in found] == list(leaves_of(EVERY[kind](f, 0.5, -1.5)))


@EACH
def test_what_comes_out_is_compiled_drawn_and_computed_again(kind: str, backend: str) -> None:
    x, y = Value(0.5, "x"), Value(-1.5, "y")
    found = list(leaves_of(EVERY[kind](curved, x, y)))
    assert all('"x' in draw(v).source or "x" in draw(v).source for v in found)
    f = autograd.compile(found, (x, y), backend=backend)
    x.data, y.data = 0.75, 0.25
    again = [v.forward().data for v in found]
    assert list(f(0.75, 0.25)) == again
    assert again == pytest.approx(list(leaves_of(EVERY[kind](curved, 0.75, 0.25))), rel=1e-14)


@EACH
def test_the_function_is_called_once_and_no_gradient_is_written(kind: str) -> None:
    calls = []
    w = Value(3.0)
    w.grad = 7.0

    def f(x: Any, y: Any) -> Any:
        calls.append(x)
        return curved(x, y) * w

    x = Value(0.5)
    EVERY[kind](f, x, -1.5)
    assert len(calls) == {"vjp": 2, "jacobian": 2}.get(kind, 1)
    assert (w.grad, x.grad) == (7.0, 0.0) and all(v.grad == 0.0 for v in calls)


@EACH
def test_nothing_is_kept_alive(kind: str) -> None:
    seen: list[weakref.ref[Value]] = []

    def f(x: Any, y: Any) -> Any:
        seen.extend(map(weakref.ref, graph_of(z := curved(x, y))))
        return z

    gc.disable()
    try:
        found = EVERY[kind](f, 0.5, -1.5)
        assert len(seen) > 4 and {r() for r in seen} == {None}, "floats come from no graph that lives on"
        found = EVERY[kind](f, Value(0.5), -1.5)
        del found
        assert {r() for r in seen} == {None}
    finally:
        gc.enable()


def test_a_function_without_dependence_has_derivative_0() -> None:
    for constant in (3.0, 3, Fraction(3), np.float64(3.0)):

        def f(x: Any, c: Any = constant) -> Any:
            return c

        zeros = [grad(f)(2.0), jvp(f, (2.0,), (1.0,))[1], jacobian(f)(2.0), hessian(f)(2.0), vjp(f, 2.0)[1](1.0)[0]]
        assert zeros == [0.0] * 5 and all(type(z) is float for z in zeros)
        assert float(value_and_grad(f)(2.0)[0]) == float(constant)
    w = Value(5.0)
    assert number(grad(lambda x: w * w)(2.0)) == 0.0
    value, slope = value_and_grad(lambda x: w)(2.0)
    assert (number(value), number(slope)) == (5.0, 0.0)
    assert isinstance(value, Value) and grad(value, w).data == 1.0
    assert grad(lambda x, y: x * x, 1)(2.0, 3.0) == 0.0


def test_a_function_that_returns_what_it_is_given() -> None:
    assert (grad(lambda x: x)(2.0), jvp(lambda x: x, [2.0], [3.0]), hessian(lambda x: x)(2.0)) == (
        1.0,
        (2.0, 3.0),
        0.0,
    )
    assert jacobian(lambda xs: xs)([1.0, 2.0]) == [[1.0, 0.0], [0.0, 1.0]]
    x = Value(2.0)
    value, tangent = jvp(lambda y: y, (x,), (3.0,))
    assert (number(value), number(tangent), grad(value, x).data) == (2.0, 3.0, 1.0)
    assert math.copysign(1.0, value_and_grad(lambda x: x)(-0.0)[0]) == -1.0
    negative = Value(-0.0)
    assert math.copysign(1.0, number(value_and_grad(lambda x: x)(negative)[0])) == -1.0


def test_a_plain_tangent_of_0_adds_nothing_and_a_value_of_0_is_a_tangent() -> None:
    assert jvp(lambda x, y: sqrt(x) + y * y, (0.0, 3.0), (0.0, 1.0)) == (9.0, 6.0)  # not 0 * inf
    assert jvp(sqrt, (0.0,), (0.0,)) == (0.0, 0.0)
    t = Value(0.0)
    value, tangent = jvp(lambda x: x**3, (3.0,), (t,))
    assert (number(value), number(tangent), grad(tangent, t).data) == (27.0, 0.0, 27.0)
    zero = Value(0.0)
    (pulled,) = vjp(lambda x: x**3, 3.0)[1](zero)
    assert isinstance(pulled, Value) and (pulled.data, grad(pulled, zero).data) == (0.0, 27.0)


def test_operations_modules_and_methods_are_functions() -> None:
    assert grad(sin)(0.0) == 1.0 and grad(autograd.exp)(0.0) == 1.0 and grad(Value.tanh)(0.0) == 1.0
    assert grad(autograd.hypot, (0, 1))(3.0, 4.0) == (0.6, 0.8)
    assert grad(autograd.logsumexp)([0.0, 0.0]) == [0.5, 0.5]
    assert jacobian(autograd.softmax)([0.0, 0.0]) == [[0.25, -0.25], [-0.25, 0.25]]
    model = nn.Neuron(2, weights=[0.5, -0.25], bias=0.1)
    slopes = grad(model)([1.0, 2.0])
    assert type(slopes) is list and all(isinstance(s, Value) for s in slopes)
    slope = 1 - math.tanh(0.1) ** 2
    assert [s.data for s in slopes] == pytest.approx([0.5 * slope, -0.25 * slope], rel=1e-14)
    autograd.check_gradients(autograd.dot(slopes, slopes), model.parameters())  # a penalty, to train with


def test_python_decides_as_usual() -> None:
    def f(x: Any) -> Any:
        total = x
        while total < 100:
            total = total * x if total > 0 else -total
        return total

    assert (grad(f)(3.0), grad(f)(-3.0), grad(grad(f))(3.0)) == (405.0, -405.0, 540.0)


def test_higher_orders() -> None:
    def f(x: Any) -> Any:
        return x**5

    for want in (80.0, 160.0, 240.0, 240.0, 120.0, 0.0):
        f = grad(f)
        assert f(2.0) == want and type(f(2.0)) is float

    def slope_of(g: Any) -> Any:
        return lambda x: jvp(g, (x,), (1.0,))[1]

    def g(x: Any) -> Any:
        return x**4

    for want in (32.0, 48.0, 48.0, 24.0):
        g = slope_of(g)
        assert g(2.0) == want


def test_second_derivatives_against_fifty_digits() -> None:
    def f(x: Any, y: Any, by: Any = autograd) -> Any:
        return by.exp(by.sin(x * y)) / (1 + x * x) + by.atan2(x, y) * y

    with mpmath.workdps(50):
        at = [mpmath.mpf(0.75), mpmath.mpf(-1.25)]
        want = [
            [
                float(mpmath.diff(lambda x, y: f(x, y, mpmath), at, (int(i == 0) + int(j == 0), int(i) + int(j))))
                for j in (0, 1)
            ]
            for i in (0, 1)
        ]
    matrix = hessian(f, (0, 1))(0.75, -1.25)
    assert [list(row) for row in matrix] == [pytest.approx(row, rel=1e-13) for row in want]
    rows = [hvp(lambda v: f(*v), ([0.75, -1.25],), (t,)) for t in ([1.0, 0.0], [0.0, 1.0])]
    assert rows == [pytest.approx(row, rel=1e-13) for row in want]


# Arguments and results -----------------------------------------------------------------------------------------------


def same_as_jax(ours: Any, theirs: Any) -> bool:
    """Return True for the same nesting, an array where JAX has one, and the same numbers."""
    if isinstance(theirs, dict):
        return type(ours) is dict and set(ours) == set(theirs) and all(same_as_jax(ours[k], theirs[k]) for k in theirs)
    if isinstance(theirs, (list, tuple)):
        return type(ours) is type(theirs) and len(ours) == len(theirs) and all(map(same_as_jax, ours, theirs))
    if np.ndim(theirs):
        shaped = isinstance(ours, np.ndarray) and ours.dtype == np.float64 and ours.shape == theirs.shape
        return shaped and np.allclose(ours, theirs, rtol=1e-12, atol=1e-13)
    return type(ours) is float and math.isclose(ours, theirs, rel_tol=1e-12, abs_tol=1e-13)


def of_lists(xs: Any, y: Any) -> Any:
    return xs[0] * xs[0] * y[0] + xs[1] * y[1][0]


def of_dicts(p: Any, x: Any) -> Any:
    return p["w"][0] * x * x + p["w"][1] * p["b"] * x + p["b"] ** 3


def of_arrays(xs: Any, m: Any) -> Any:
    return xs[0] * m[0, 1] * xs[1] + xs[2] ** 2 * m[1, 0] + m[1, 1] * m[0, 0]


def mixed(tree: Any, k: Any) -> Any:
    return tree["a"][0] * tree["a"][1] * tree["b"][0] * k + tree["b"][1] ** 2 + k * k


A, M = np.array([1.0, 2.0, 3.0]), np.array([[0.5, -1.0], [2.0, 1.5]])
NESTED: list[tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...], Any]] = [
    # a function; another, with several results; the arguments; argnums
    (lambda x, y: x * x * y, lambda x, y: (x * y, [x, y * y]), (2.0, 3.0), 0),
    (lambda x, y: x * x * y, lambda x, y: [x * y], (2.0, 3.0), -1),
    (lambda x, y: x * x * y, lambda x, y: (x + y, [x * y]), (2.0, 3.0), (0, 1)),
    (lambda x, y: x * x * y, lambda x, y: (x * y,), (2.0, 3.0), (1,)),
    (lambda x, y, z: x * x * y * z, lambda x, y, z: x * y * z, (2.0, 3.0, 0.5), (-1, 0)),
    (of_lists, lambda xs, y: [xs[0] * y[0], (y[1][0] * xs[1],)], ([1.0, 2.0], (3.0, [4.0])), (0, 1)),
    (of_dicts, lambda p, x: {"y": p["w"][0] * x, "z": (p["b"], x)}, ({"w": [1.0, 2.0], "b": 3.0}, 0.5), 0),
    (of_dicts, lambda p, x: [p["w"][1] * p["b"]], ({"b": 3.0, "w": (1.0, 2.0)}, 0.5), (0, 1)),
    (of_arrays, lambda xs, m: xs * xs[0] * m[0, 0], (A, M), 0),
    (of_arrays, lambda xs, m: [xs * m[0, 1], xs[0] * m], (A, M), (0, 1)),
    (lambda xs, m: (xs * xs).sum() * m[0, 0], lambda xs, m: {"m": m @ m}, (A, M), 1),
    (mixed, lambda t, k: (t["b"] * k, t["a"][1]), ({"a": (1.0, 2.0), "b": A[:2]}, 3.0), (0, 1)),
]


def every_derivative(by: SimpleNamespace, f: Callable[..., Any], h: Callable[..., Any], args: Any, argnums: Any) -> Any:
    """Return what each function returns for a scalar function and for one with several results."""

    def with_aux(*args: Any) -> Any:
        return (f(*args), h(*args))

    out, pull = by.vjp(h, *args)
    out_with_aux, pull_with_aux, aux = by.vjp(with_aux, *args, has_aux=True)
    return {
        "grad": by.grad(f, argnums)(*args),
        "grad, aux": by.grad(with_aux, argnums, has_aux=True)(*args),
        "value_and_grad": by.value_and_grad(f, argnums=argnums)(*args),
        "value_and_grad, aux": by.value_and_grad(with_aux, argnums=argnums, has_aux=True)(*args),
        "jvp": by.jvp(h, args, args),
        "jvp, aux": by.jvp(with_aux, args, args, has_aux=True),
        "vjp": (out, pull(out)),
        "vjp, aux": (out_with_aux, pull_with_aux(1.0), aux),
        "jacobian": by.jacobian(h, argnums)(*args),
        "hessian": by.hessian(f, argnums)(*args),
        "hvp": by.hvp(f, args, args),
    }


def test_results_are_nested_as_by_jax() -> None:
    theirs, ours = of_jax(), SimpleNamespace(**vars(OURS), hvp=hvp)
    theirs.hvp = lambda f, primals, tangents: theirs.jvp(theirs.grad(f), primals, tangents)[1]
    arguments = [args for _, _, args, _ in NESTED]

    def all_of(by: SimpleNamespace, arguments: Any) -> list[Any]:
        return [every_derivative(by, f, h, args, n) for (f, h, _, n), args in zip(NESTED, arguments, strict=True)]

    wanted = in_one_program(lambda arguments: all_of(theirs, arguments), arguments)
    differing = [
        f"{name} of case {case}: {mine[name]}, not {result}"
        for case, (mine, other) in enumerate(zip(all_of(ours, arguments), wanted, strict=True))
        for name, result in other.items()
        if not same_as_jax(mine[name], result)
    ]
    assert not differing, "\n".join(differing)


def test_argnums_is_a_place_or_several() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * x * y

    assert grad(f, [0, 1])(2.0, 3.0) == grad(f, (0, 1))(2.0, 3.0) == (12.0, 4.0)
    assert value_and_grad(f, [1])(2.0, 3.0) == (12.0, (4.0,))
    assert grad(f, argnums=1)(2.0, 3.0) == grad(f, -1)(2.0, 3.0) == 4.0
    assert grad(f, (-1, -2))(2.0, 3.0) == (4.0, 12.0)


def test_other_arguments_pass_through_as_they_are() -> None:
    marker, seen = object(), []

    def f(x: Any, *rest: Any, **named: Any) -> Any:
        seen.append((rest, named))
        return x * x * named["scale"]

    w, xs = Value(2.0), [1, 2]
    assert grad(f)(3.0, marker, "text", xs, None, scale=2, word="text") == 12.0
    (rest, named) = seen.pop()
    assert [type(x) for x in rest] == [object, str, list, type(None)] and rest[0] is marker and rest[2] is xs
    assert named == {"scale": 2, "word": "text"} and type(named["scale"]) is int
    slope = grad(f)(3.0, w, scale=w)
    assert seen.pop()[0][0] is w
    assert isinstance(slope, Value) and (slope.data, grad(slope, w).data) == (12.0, 6.0)
    assert jacobian(f)(3.0, scale=2) == hessian(f)(3.0, scale=6) == 12.0
    assert value_and_grad(f)(3.0, scale=2) == (18.0, 12.0)


def test_aux_comes_out_as_the_rest_does() -> None:
    def f(x: Any) -> Any:
        return x * x, (2 * x, ["kept", 3, None, {"x": x}, np.array([x, 2.0])])

    def rest_of(aux: Any, x: float) -> bool:
        text, count, nothing, inside, array = aux
        assert type(inside["x"]) is float and isinstance(array, np.ndarray) and array.tolist() == [x, 2.0]
        return (text, count, nothing, inside) == ("kept", 3, None, {"x": x})

    slope, (double, rest) = grad(f, has_aux=True)(3.0)
    assert (slope, double) == (6.0, 6.0) and type(double) is float and rest_of(rest, 3.0)
    assert jvp(f, (3.0,), (2.0,), has_aux=True)[:2] == (9.0, 12.0)
    *_, (double, rest) = jvp(f, (3.0,), (2.0,), has_aux=True)
    assert double == 6.0 and rest_of(rest, 3.0)
    value, pull, (double, rest) = vjp(f, 3.0, has_aux=True)
    assert (value, pull(2.0), double) == (9.0, (12.0,), 6.0) and rest_of(rest, 3.0)
    (value, (double, rest)), slope = value_and_grad(f, has_aux=True)(Value(3.0))
    assert [number(v) for v in (value, slope, double, rest[3]["x"])] == [9.0, 6.0, 6.0, 3.0]
    assert isinstance(double, Value) and isinstance(rest[3]["x"], Value), "with a Value from outside"


class Point(NamedTuple):
    x: Any
    y: Any


def test_entries_go_by_their_names() -> None:
    """In whatever order they stand."""

    def f(p: Any) -> Any:
        return p["a"] * p["a"] * p["b"]

    primal, other = {"a": 2.0, "b": 3.0}, {"b": 1.0, "a": 0.0}
    assert jvp(f, (primal,), (other,)) == (12.0, 4.0)
    assert hvp(f, (primal,), (other,)) == {"a": 4.0, "b": 0.0}
    _, pull = vjp(lambda x: {"a": x, "b": x * x}, 3.0)
    assert pull({"b": 1.0, "a": 0.0}) == (6.0,)
    assert list(grad(f)({"b": 3.0, "a": 2.0})) == ["b", "a"], "as the argument has them"
    slopes = grad(lambda p: p.x * p.x * p.y)(Point(2.0, 3.0))
    assert isinstance(slopes, Point) and slopes == Point(x=12.0, y=4.0)


def test_the_caller_keeps_its_lists() -> None:
    def f(xs: Any, p: Any) -> Any:
        first = xs.pop(0)
        p["w"] = p["w"] * first
        return first * first * p["w"]

    xs, p = [2.0, 3.0], {"w": 5.0}
    assert grad(f, (0, 1))(xs, p) == ([60.0, 0.0], {"w": 8.0})
    assert jvp(f, (xs, p), ([1.0, 0.0], {"w": 0.0})) == (40.0, 60.0)
    assert (xs, p) == ([2.0, 3.0], {"w": 5.0})
    a = np.array([2.0, 3.0])

    def g(a: Any) -> Any:
        a[0] = a[0] * a[1]
        return a[0] * a[1]

    assert grad(g)(a).tolist() == [9.0, 12.0] and a.tolist() == [2.0, 3.0]


def test_arrays_of_values_give_arrays_of_values() -> None:
    xs = np.array([Value(1.0), Value(2.0)])
    slopes = grad(lambda xs: (xs * xs).sum())(xs)
    assert isinstance(slopes, np.ndarray) and slopes.dtype == object and [s.data for s in slopes] == [2.0, 4.0]
    assert grad(slopes[0], xs[0]).data == 2.0
    constant = grad(lambda xs: xs[0] * 2)(xs)
    assert [type(s) for s in constant] == [Value, Value] and [s.data for s in constant] == [2.0, 0.0]
    matrix = jacobian(lambda ys: ys * ys[0] * xs[1])(np.array([1.0, 2.0]))
    assert isinstance(matrix, np.ndarray) and matrix.shape == (2, 2) and isinstance(matrix[1, 0], Value)
    assert [[number(v) for v in row] for row in matrix] == [[4.0, 0.0], [4.0, 2.0]]
    assert grad(lambda xs: xs.sum())(np.array([1, 2])).tolist() == [1.0, 1.0]  # integers are numbers here
    assert grad(lambda x: np.array(x * x))(np.array(3.0)) == 6.0  # without axes they are numbers
    nothing = grad(lambda xs, y: y * y, (0, 1))(np.array([]), 2.0)
    assert nothing[0].shape == (0,) and nothing[1] == 4.0


def test_a_pullback_is_called_again_and_again() -> None:
    value, pull = vjp(lambda x, y: [x * y, x / y], 6.0, 2.0)
    assert value == [12.0, 3.0]
    assert [pull(c) for c in ([1.0, 0.0], [0.0, 1.0], [2, 1.0])] == [(2.0, 6.0), (0.5, -1.5), (4.5, 10.5)]
    c = Value(2.0)
    pulled = pull([c, c])
    assert [number(g) for g in pulled] == [5.0, 9.0]
    assert [grad(g, c).data for g in pulled] == [2.5, 4.5]
    assert type(vjp(sin, 0.0)[1](1.0)) is tuple


def test_a_pullback_adds_what_comes_back_from_each_result() -> None:
    def twice(x: Any) -> Any:
        y = x * x
        return {"a": y, "b": (y, x, y * x)}

    assert vjp(twice, 3.0)[1]({"a": 1.0, "b": (2.0, 1.0, 1.0)}) == (18.0 + 1.0 + 27.0,)
    _, pull = vjp(lambda x: [sqrt(x), x * 2], 0.0)
    assert pull([0.0, 1.0]) == (2.0,)  # not 0 * inf: a plain 0 pulls nothing
    assert pull([1.0, 1.0]) == (math.inf,)
    assert math.isnan(number(pull([Value(0.0), 1.0])[0]))


def test_structural_zeros_of_a_function_are_floats() -> None:
    matrix = hessian(lambda xs: xs[0] * xs[1] + xs[2] ** 3)([1.0, 2.0, 3.0])
    assert matrix == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 18.0]]
    assert all(type(h) is float for row in matrix for h in row)


def nested_outputs(x: Any, y: Any) -> Any:
    return {"a": [x[0] * x[1] * y, x[0] * x[0]], "b": (y * y * x[1], 2.0 * y)}


def test_hessians_of_several_outputs_against_jax() -> None:
    """The nesting of the outputs, with two of the inputs inside, also of arrays."""
    jnp, jax = array_module("jax.numpy"), array_module("jax")
    array = np.array([1.0, 2.0, 3.0])
    found = hessian(lambda x, y: {"a": np.array([x[0] * x[1] * y, x[2] * x[2] * y]), "b": y * y}, (0, 1))(array, 0.5)

    def f(x: Any, y: Any) -> Any:
        return {"a": jnp.array([x[0] * x[1] * y, x[2] * x[2] * y]), "b": y * y}

    def both(xs: Any) -> Any:
        return (jax.hessian(nested_outputs, (0, 1))([2.0, 3.0], 0.5), jax.hessian(f, (0, 1))(xs, 0.5))

    of_lists, wanted = in_one_program(both, array)
    assert found["a"][0][0].shape == (2, 3, 3) and found["a"][0][1].shape == (2, 3) and found["a"][1][1].shape == (2,)
    for key, i, j in itertools.product("ab", range(2), range(2)):
        assert np.array_equal(found[key][i][j], wanted[key][i][j])
    found = hessian(nested_outputs, (0, 1))([2.0, 3.0], 0.5)
    assert kinds_of(found) == kinds_of(of_lists)
    assert [float(x) for x in leaves_of(found)] == [float(x) for x in leaves_of(of_lists)]
    by_x, by_y = jacobian(lambda x, y: np.array([x * y, x * x]), (0, 1))(2.0, 3.0)  # an array by numbers
    assert (by_x.tolist(), by_y.tolist()) == ([3.0, 4.0], [2.0, 0.0])
    twice = jacobian(jacobian(lambda x: [x[0] * x[1] ** 2, x[0]]))([2.0, 3.0])
    assert hessian(lambda x: [x[0] * x[1] ** 2, x[0]])([2.0, 3.0]) == twice
    assert hessian(lambda x: [])(2.0) == []
    w = Value(3.0)
    [[[entry]]] = hessian(lambda x: [x[0] * x[0] * w])([2.0])
    assert isinstance(entry, Value) and grad(entry, w).data == 2.0


def kinds_of(nest: Any) -> Any:
    if isinstance(nest, dict):
        return {key: kinds_of(branch) for key, branch in nest.items()}
    return (type(nest), [*map(kinds_of, nest)]) if isinstance(nest, (list, tuple)) else None


def test_arguments_by_the_names_of_jax() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * x * y

    assert jvp(f, primals=(2.0, 3.0), tangents=(1.0, 0.0)) == jvp(f, (2.0, 3.0), (1.0, 0.0)) == (12.0, 12.0)
    assert hvp(f, primals=(2.0, 3.0), tangents=(1.0, 0.0)) == hvp(f, (2.0, 3.0), (1.0, 0.0)) == 6.0

    def pair(x: Any) -> Any:
        return (x**3, "aux")

    assert grad(pair, 0, True)(2.0) == grad(pair, has_aux=True)(2.0) == (12.0, "aux")
    assert jacobian(pair, 0, True)(2.0) == jacobian(pair, has_aux=True)(2.0) == (12.0, "aux")
    assert hessian(pair, 0, True)(2.0) == hessian(pair, has_aux=True)(2.0) == (12.0, "aux")
    assert jacobian(lambda x: ([x, x * x], {"x": x}), has_aux=True)(2.0) == ([1.0, 4.0], {"x": 2.0})
    assert value_and_grad(pair, has_aux=True)(2.0) == ((8.0, "aux"), 12.0)
    assert grad(f).__name__ == f.__name__ and hessian(nested_outputs).__name__ == "nested_outputs"


def test_dictionaries_of_other_kinds_stay_what_they_are() -> None:
    counts = defaultdict(lambda: 5.0, a=2.0)
    slope = grad(lambda d: d["a"] * d["missing"])(counts)
    assert type(slope) is defaultdict and dict(slope) == {"a": 5.0} and dict(counts) == {"a": 2.0}
    ordered = OrderedDict(b=1.0, a=2.0)
    slope = grad(lambda d: d["a"] * d["b"] if type(d) is OrderedDict else 0.0)(ordered)
    assert slope == OrderedDict(b=2.0, a=1.0) and type(slope) is OrderedDict


def test_arguments_that_are_not_differentiated_are_not_looked_into() -> None:
    """They may be anything; whether a result is a Value tells what it depends on, or an argument that is one."""
    endless: list[Any] = []
    endless.append(endless)
    assert grad(lambda x, data: x * x)(2.0, endless) == 4.0
    w = Value(3.0)
    for data in ([w], np.array([w]), {"w": w}, SimpleNamespace(w=w)):
        assert type(grad(lambda x, data: x * x)(2.0, data)) is float
        assert isinstance(grad(lambda x, data: x * w)(2.0, data), Value)
    assert isinstance(grad(lambda x, w: x * x)(2.0, w), Value), "a Value in, Values out"
    assert isinstance(grad(lambda x, w: x * x)(2.0, w=w), Value)


# Warnings and errors -------------------------------------------------------------------------------------------------


@EACH
def test_stale_graphs_from_outside_warn(kind: str) -> None:
    w = Value(0.3, "w")
    h = w * 2
    with warnings.catch_warnings(action="error"):
        EVERY[kind](lambda x, y: curved(x, y) * h, 0.5, 1.5)
        w.data = 0.7
        EVERY[kind](lambda x, y: curved(x, y) * w, 0.5, w)  # which is recorded now
    with pytest.warns(StaleGraphWarning, match=r"^w was changed"):
        EVERY[kind](lambda x, y: curved(x, y) * h, 0.5, 1.5)
    with pytest.warns(StaleGraphWarning, match=r"^w was changed") as caught:
        EVERY[kind](curved, h, 1.5)
    assert {warning.filename for warning in caught} == {__file__}


def test_loops_that_change_a_leaf_do_not_warn() -> None:
    w, x = Value(0.3), 2.0

    def loss(w: Any, x: Any) -> Any:
        return (w * x - 1) ** 2

    with warnings.catch_warnings(action="error"):
        for _ in range(3):
            w.data -= 0.1 * grad(loss)(w, x).data
            x -= 0.01 * number(grad(lambda x: loss(w, x))(x))


@pytest.mark.parametrize("returned", [[1.0], (1.0, 2.0), {"a": 1.0}, None, "3.0", np.array([1.0]), 1j])
def test_a_function_that_returns_no_number(returned: Any) -> None:
    def f(x: Any) -> Any:
        if isinstance(returned, list):
            return [x]
        return np.array([x, x]) if isinstance(returned, np.ndarray) else returned

    each_raises(
        TypeError,
        r"jacobian\(" if isinstance(returned, (list, tuple, dict, np.ndarray)) else "returns a number, got ",
        lambda: grad(f)(1.0),
        lambda: value_and_grad(f, (0,))(1.0),
        lambda: grad(grad(f))(1.0),
        lambda: hvp(f, (1.0,), (1.0,)),
    )


@pytest.mark.parametrize("returned", [None, "3.0", 1j, [None], [1.0, "b"], {"a": "b"}])
def test_results_that_are_no_numbers(returned: Any) -> None:
    each_raises(
        TypeError,
        r"takes a function that returns numbers, got (NoneType None: did it forget its return\?|str|complex)",
        lambda: jvp(lambda x: returned, (1.0,), (1.0,)),
        lambda: jacobian(lambda x: returned)(1.0),
        lambda: vjp(lambda x: returned, 1.0),
    )


@pytest.mark.parametrize("x", [2.0, 2.5, Value(2.0), [2.0], np.array([1.0]), "x"])
def test_grad_of_a_function_at_a_point_says_what_to_write(x: Any) -> None:
    """Two ways to write it are in use elsewhere: `grad(f, x)` for `grad(f)(x)`."""
    for function in (grad, value_and_grad, jacobian, hessian):
        with pytest.raises(TypeError, match=rf"{function.__name__}\(f\)\(x\)|{function.__name__}\(\w+\)\(x\)"):
            function(lambda x: x * x, x)


def test_names_of_arguments_elsewhere() -> None:
    functions: list[Any] = [grad, value_and_grad, jacobian, hessian]
    for function in functions:
        with pytest.raises(TypeError, match="argnums"):
            function(lambda x, y: x * y, argnum=1)  # HIPS autograd's


@pytest.mark.parametrize("argnums", [2, -3, (0, 2), (0, -3)])
def test_argnums_of_arguments_that_are_not_there(argnums: Any) -> None:
    def f(x: Any, y: Any) -> Any:
        return x * y

    for function in (grad, value_and_grad, jacobian, hessian):
        with pytest.raises((ValueError, TypeError), match="argnums"):
            function(f, argnums)(1.0, 2.0)


@pytest.mark.parametrize("argnums", [1.0, "0", (0, 1.0), ("x",), None, True])
def test_argnums_that_are_no_integers(argnums: Any) -> None:
    with pytest.raises(TypeError, match=r"^argnums is the place of an argument, or a tuple of places, got .*Write "):
        value_and_grad(lambda x, y: x * y, argnums)(1.0, 2.0)


@pytest.mark.parametrize("x", ["2.0", None, 1j, [1.0, "a"], {"a": None}, abs])
def test_arguments_that_are_no_numbers(x: Any) -> None:
    each_raises(
        TypeError,
        "^expected a real number, got (str|NoneType|complex|builtin_function_or_method)",
        lambda: grad(lambda x: 1.0)(x),
        lambda: jvp(lambda x: 1.0, (x,), (x,)),
        lambda: vjp(lambda x: 1.0, x),
        lambda: jacobian(lambda x: 1.0)(x),
        lambda: hessian(lambda x: 1.0)(x),
    )
    assert grad(lambda y, x: y * 2)(1.0, x) == 2.0, "not differentiated, it may be anything"


def test_the_arguments_of_jvp() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * y

    array = np.array([2.0, 3.0])
    no_tuples: list[tuple[Any, Any]] = [(2.0, 1.0), ((2.0, 3.0), 1.0), (2.0, (1.0,)), (array, array)]
    unfit: list[Any] = [(1.0,), (1.0, 2.0, 3.0), (1.0, [2.0]), ([1.0], 2.0), ()]
    for function in (jvp, hvp):
        for arguments in no_tuples:
            with pytest.raises((TypeError, ValueError), match=r"tuple|nesting"):
                function(f, *arguments)
        for tangents in unfit:
            with pytest.raises((TypeError, ValueError), match="tangents"):
                function(f, (2.0, 3.0), tangents)
    with pytest.raises((TypeError, ValueError), match="tangents"):
        jvp(lambda p: p["a"], ({"a": 1.0},), ({"b": 1.0},))
    with pytest.raises((TypeError, ValueError), match="tangents"):
        jvp(lambda a: a[0], (np.array([1.0, 2.0]),), (np.array([1.0]),))
    with pytest.raises(TypeError, match=r"^expected a real number, got str '1\.0': convert it first"):
        jvp(f, (2.0, 3.0), (1.0, "1.0"))
    with pytest.raises(TypeError, match="tuple"):
        hvp(lambda: 3.0, (), ())
    assert jvp(lambda: 3.0, (), ()) == (3.0, 0.0)


@pytest.mark.parametrize("cotangents", [[1.0], 1.0, [1.0, [2.0]], (1.0, 2.0, 3.0), {"a": 1.0}, [1.0, "x"]])
def test_the_arguments_of_a_pullback(cotangents: Any) -> None:
    _, pull = vjp(lambda x: [x, x * x], 2.0)
    with pytest.raises(
        (TypeError, ValueError), match=r"^(cotangents have the nesting of what |expected a real number, got str)"
    ):
        pull(cotangents)


@pytest.mark.parametrize("returned", [3.0, (1.0,), (1.0, 2.0, 3.0), None])
def test_aux_that_is_not_there(returned: Any) -> None:
    each_raises(
        TypeError,
        "aux",
        lambda: grad(lambda x: returned, has_aux=True)(1.0),
        lambda: value_and_grad(lambda x: returned, has_aux=True)(1.0),
        lambda: jvp(lambda x: returned, (1.0,), (1.0,), has_aux=True),
        lambda: vjp(lambda x: returned, 1.0, has_aux=True),
    )


def test_errors_of_the_function_are_its_own() -> None:
    def f(x: Any) -> Any:
        raise LookupError("mine")

    each_raises(
        LookupError,
        r"^mine$",
        lambda: grad(f)(1.0),
        lambda: jvp(f, (1.0,), (1.0,)),
        lambda: hessian(f)(1.0),
        lambda: vjp(f, 1.0),
    )
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        grad(lambda x, y: x * y)(1.0)


def test_what_is_no_function() -> None:
    functions: list[Any] = [value_and_grad, vjp]
    for function in functions:
        for other in (3.0, Value(3.0)):
            with pytest.raises(TypeError, match="takes a function"):
                function(other)
    assert grad(Value(3.0) * 2, []) == []


def test_values_from_outside_are_found_where_they_stand() -> None:
    """Of the results, those that depend on no Value from outside are floats beside others that are Values."""
    w = Value(2.0)
    value, slope = value_and_grad(lambda x: x * w)(3.0)
    assert isinstance(value, Value) and isinstance(slope, Value)
    assert w in graph_of(slope) and (value.data, slope.data) == (6.0, 2.0)
    with_both = jvp(lambda x: [x * w, x * x], (3.0,), (1.0,))
    assert [number(v) for v in leaves_of(with_both)] == [6.0, 9.0, 2.0, 6.0]
    assert isinstance(with_both[1][0], Value)

"""How derivatives of Values and of functions fit in: shared work, what listens to an engine, errors, nests, threads."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd
from autograd import Value, detect_anomaly, exp, grad, hessian, hvp, jacobian, jvp, sqrt, tanh, value_and_grad, vjp
from autograd.engine import graph_of
from autograd.errors import AnomalyError, FrozenChoiceWarning, StaleGraphWarning
from autograd.events import listening
from autograd.ops import BUILT_IN, TABLE, Op
from autograd.trees import tree_leaves

OF_VALUES: dict[str, Callable[[Any, Any], Any]] = {
    "grad": grad,
    "jvp": lambda y, x: jvp(y, x, 1.0),
    "jacobian": lambda y, x: jacobian([y], [x]),
    "hessian": hessian,
    "hvp": lambda y, x: hvp(y, x, 1.0),
}
OF_A_FUNCTION: dict[str, Callable[[Any, float], Any]] = {
    "grad": lambda f, x: grad(f)(x),
    "value_and_grad": lambda f, x: value_and_grad(f)(x)[1],
    "jvp": lambda f, x: jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f, x: vjp(f, x)[1](1.0)[0],
    "jacobian": lambda f, x: jacobian(f)(x),
    "hessian": lambda f, x: hessian(f)(x),
    "hvp": lambda f, x: hvp(f, (x,), (1.0,)),
}
EACH_OF_VALUES = pytest.mark.parametrize("kind", OF_VALUES)


# Several directions at once -------------------------------------------------------------------------------------------


def at_regular_operands(op: Op, u: Value, v: Value) -> Any:
    """Return the operation on functions of u and v, which are about 1.4 and 0.7; in most domains, at no kink."""
    n = op.arity or 4
    xs = [u * (0.35 + 0.11 * i) - v * (0.2 - 0.07 * i) for i in range(n)]
    if op.name == "acosh":
        xs = [x + 1.5 for x in xs]
    if op.variadic:
        return op(*op.lists(xs))
    return op(xs[0], *([-0.9, 2.5] if op.name == "clip" else xs[1:]))


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_directions_that_are_pushed_together_are_those_pushed_one_by_one(name: str) -> None:
    """A rule of several operations is called once for all; a Jacobian of three rows has the columns of jvp."""
    u, v = Value(1.4), Value(0.7)
    z = at_regular_operands(TABLE[name], u, v)
    assert not math.isnan(z.data)
    rows = jacobian([z, 3.0 * z, z * u], [u, v])
    columns = zip(*[jvp([z, 3.0 * z, z * u], [u, v], [float(k == 0), float(k == 1)]) for k in range(2)])
    for row, column, by_reverse in zip(rows, columns, jacobian([z, 3.0 * z], [u, v]), strict=False):
        for entry, tangent, gradient in zip(row, column, by_reverse, strict=True):
            assert entry.data == pytest.approx(tangent.data, rel=1e-14, abs=1e-15)
            assert entry.data == pytest.approx(gradient.data, rel=1e-13, abs=1e-15)


def test_directions_that_share_nothing_keep_the_bits_of_the_rule() -> None:
    """The rule of a quotient divides, one operation: a reciprocal that all share would round once more."""
    u, v = Value(1.4), Value(0.7)
    z = (u * 7.0 + v * 14.0) / 3.0
    (row, *_) = jacobian([z, z, z], [u, v])
    assert [d.data for d in row] == [7.0 / 3.0, 14.0 / 3.0]
    assert 7.0 / 3.0 != 7.0 * (1.0 / 3.0)


def test_directions_share_what_a_rule_computes() -> None:
    """Of n inputs, the Hessian of a function of one sum takes five nodes for each input, and one for each entry."""

    def nodes(n: int) -> int:
        xs = [Value(0.1 * (k + 1)) for k in range(n)]
        ws = [Value(0.3 - 0.1 * k) for k in range(n)]
        y = tanh(autograd.dot(xs, ws))
        entries = set(tree_leaves(hessian(y, xs)))
        assert len(entries) == n * (n + 1) // 2
        return len({*graph_of(*entries)} - {*graph_of(y)})

    assert [nodes(n) - nodes(n - 1) for n in range(3, 9)] == [n + 5 for n in range(3, 9)]


def test_inputs_of_which_one_was_made_from_another() -> None:
    """Then the derivatives of the gradients, which `grad` gives, are not symmetric."""
    x = Value(1.3)
    h = exp(x)
    y = h * x
    for inputs in ([x, h], [h, x]):
        with warnings.catch_warnings(action="ignore"):  # the gradient by h is x: h was made from it
            want = [[grad(g, v).data for v in inputs] for g in grad(y, inputs)]
        assert [[entry.data for entry in row] for row in hessian(y, inputs)] == pytest.approx(np.array(want))
        assert want[0][1] != want[1][0]
    assert [[entry.data for entry in row] for row in hessian(h * h, [h, h])] == [[2.0, 2.0], [2.0, 2.0]]


# What listens to an engine --------------------------------------------------------------------------------------------


@EACH_OF_VALUES
def test_swapped_arguments_are_named_as_they_were_written(kind: str) -> None:
    x = Value(2.0, "x")
    y = x * 3
    y.label = "y"
    others = {"jvp": ", tangents", "hvp": ", vectors"}.get(kind, "")
    with pytest.warns(UserWarning, match=rf"y was made from x, .*: write {kind}\(y, x{others}\)$") as caught:
        OF_VALUES[kind](x, y)
    assert [warning.filename for warning in caught] == [__file__]


def test_swapped_arguments_within_a_function_that_is_differentiated() -> None:
    def f(x: Value) -> Any:
        y = x * 3
        y.label = "y"
        return x * grad(x, y)

    with pytest.warns(UserWarning, match=r"write grad\(y, x\)$"):
        assert jvp(f, (2.0,), (1.0,)) == (0.0, 0.0)


def test_outputs_are_swapped_only_if_none_depends_on_an_input() -> None:
    x = Value(2.0)
    y = x * 3
    with warnings.catch_warnings(action="error"):
        assert [t.data for t in jvp([x, y], y, 1.0)] == [0.0, 1.0]
        assert [d.data for [d] in jacobian([x, y], [y])] == [0.0, 1.0]
    with pytest.warns(UserWarning, match="swapped"):
        jvp([x, x], [y], [1.0])


@pytest.mark.parametrize("kind", OF_A_FUNCTION)
def test_functions_do_not_warn_of_swapped_arguments(kind: str) -> None:
    """The fresh node in place of the argument was made from the Value that the inner function returns."""
    with warnings.catch_warnings(action="error"):
        assert grad(lambda x: OF_A_FUNCTION[kind](lambda y: x, x) + x)(3.0) == 1.0


@EACH_OF_VALUES
def test_detect_anomaly_names_the_operation(kind: str) -> None:
    x = Value(0.0, "x")
    with detect_anomaly(), pytest.raises(AnomalyError, match="inf produced in the backward pass by sqrt"):
        OF_VALUES[kind](sqrt(x), x)


@pytest.mark.parametrize("kind", OF_A_FUNCTION)
def test_detect_anomaly_looks_into_functions(kind: str) -> None:
    with detect_anomaly(), pytest.raises(AnomalyError, match="inf produced in the backward pass by sqrt"):
        OF_A_FUNCTION[kind](sqrt, 0.0)


def test_detect_anomaly_finds_what_only_the_second_derivative_loses() -> None:
    x = Value(0.0)
    with detect_anomaly():
        jvp(x**1.5, x, 1.0)
        for kind in ("hessian", "hvp"):
            with pytest.raises(AnomalyError, match=r"inf produced in the (forward|backward) pass by pow"):
                OF_VALUES[kind](x**1.5, x)
            with pytest.raises(AnomalyError, match=r"inf produced in the (forward|backward) pass by pow"):
                OF_A_FUNCTION[kind](lambda x: x**1.5, 0.0)


@EACH_OF_VALUES
def test_detect_anomaly_passes_over_what_rules_compute_on_the_way(kind: str) -> None:
    """The rule of a power asks whether x ** (y - 1) is finite, by a nan that no derivative has."""
    x, exponent = Value(0.0), Value(0.5) + 0.5
    with detect_anomaly():
        z = x**exponent
        found = OF_VALUES["jvp" if kind in ("hessian", "hvp") else kind](z, x)
    assert [g.data for g in tree_leaves(found)] == [1.0]


@EACH_OF_VALUES
def test_a_derivative_keeps_the_choices_of_its_output_alone(kind: str) -> None:
    x = Value(2.0)
    y = x * x * 3 if x > 0 else -x
    with pytest.warns(FrozenChoiceWarning):
        autograd.compile(OF_VALUES[kind](y, x), x)
    v = Value(2.0)
    z = v * v * v
    assert v > 1  # after z: no choice of it, nor of its derivatives
    with warnings.catch_warnings(action="error"):
        autograd.compile(OF_VALUES[kind](z, v), v)


def test_derivatives_are_announced_with_the_output_and_the_inputs() -> None:
    x, w = Value(2.0), Value(3.0)
    y, z = x * w, x + w
    heard: list[tuple[Any, ...]] = []
    with listening(differentiated=lambda *event: heard.append(event)):
        (tangent,) = jvp([y], [x], [1.0])
        first, second = jacobian([y, z], [x, w])
        matrix = hessian(y, [x, w])
    assert heard == [
        (y, [x], [tangent]),
        (y, [x, w], first),
        (z, [x, w], second),
        (y, [x, w], tree_leaves(matrix)),
    ]


def test_a_stale_graph_warns_once_for_each_output() -> None:
    w = Value(3.0, "w")
    q = w * 2
    w.data = 5.0
    calls: list[Callable[[], Any]] = [lambda: jacobian([q, q, q], [w]), lambda: jvp((q, [q]), w, 1.0)]
    for call in calls:
        with pytest.warns(StaleGraphWarning, match="^w was changed") as caught:
            call()
        assert len(caught) == 1


# What is said ---------------------------------------------------------------------------------------------------------


UNCHECKED: Any = autograd  # by a type checker, which sees some of the mistakes
MODEL = autograd.nn.MLP(20, [20, 1])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x, y: UNCHECKED.grad(y, x, create_graph=True), r"'create_graph'; leave it out: gradients are Values"),
        (
            lambda x, y: UNCHECKED.grad(y, x, argnum=0),
            r"'argnum'; write argnums, the place of the argument, counted from 0$",
        ),
        (lambda x, y: UNCHECKED.grad(y, x, grad_outputs=y), r"'grad_outputs'; write autograd\.vjp\(f, \*primals\)$"),
        (
            lambda x, y: UNCHECKED.jacobian(y, x, vectorize=True),
            r"^jacobian\(\) got an unexpected keyword argument 'vectorize'$",
        ),
        (
            lambda x, y: UNCHECKED.hessian(y, x, allow_unused=True),
            "^hessian.*'allow_unused'; leave it out: a gradient that",
        ),
        (
            lambda x, y: UNCHECKED.grad(y),
            r"^grad\(\) lacks inputs: write grad\(y, x\) for a Value y, grad\(f\) for a function f$",
        ),
        (lambda x, y: UNCHECKED.hessian(y), r"^hessian\(\) lacks inputs: write hessian\(y, x\)"),
        (
            lambda x, y: UNCHECKED.grad(y, x, argnums=1),
            r"^argnums and has_aux are for a function: grad of a Value takes the inputs themselves$",
        ),
        (lambda x, y: UNCHECKED.grad(y, x, has_aux=True), "^argnums and has_aux are for a function"),
        (
            lambda x, y: UNCHECKED.value_and_grad(y),
            r"^value_and_grad takes a function, got Value .*: the gradients of a Value y are",
        ),
        (lambda x, y: UNCHECKED.vjp(y, x), r"^vjp takes a function, got Value .* grad\(y, x\)$"),
        (
            lambda x, y: UNCHECKED.grad(lambda x: x * x, 2.0),
            r"got float 2\.0: grad\(f\) is a function, .* Write grad\(f\)\(x\);",
        ),
        (
            lambda x, y: UNCHECKED.hessian(lambda x: x, x),
            r"got Value .* Write hessian\(f\)\(x\); or hessian\(f\(x\), x\) if x is",
        ),
        (
            lambda x, y: UNCHECKED.jvp(tanh, 2.0, 1.0),
            r"^jvp\(f, primals, tangents\) takes a tuple .* got float 2\.0: write \(x,\)",
        ),
        (
            lambda x, y: UNCHECKED.hvp(lambda: 1.0, (), ()),
            r"^hvp\(f, primals, tangents\) takes a tuple .* got tuple \(\)",
        ),
        (
            lambda x, y: UNCHECKED.grad(lambda x: [x, x])(2.0),
            r"returns one number, got 2 numbers: return their sum, or .*jacobian\(",
        ),
        (
            lambda x, y: UNCHECKED.grad(lambda x: {"a": x})(2.0),
            r"returns one number, got a dictionary with the keys 'a': .*jacob",
        ),
        (
            lambda x, y: UNCHECKED.grad(lambda x: None)(2.0),
            r"^grad takes a function that returns a number, got NoneType None: did it forget its return\?$",
        ),
        (
            lambda x, y: UNCHECKED.jacobian(lambda x: None)(2.0),
            r"^jacobian takes a function that returns numbers, got NoneType None: did it forget its return\?$",
        ),
        (
            lambda x, y: UNCHECKED.jacobian(lambda x: (x * k for k in range(3)))(2.0),
            r"got generator .*: return the numbers in a list$",
        ),
        (
            lambda x, y: UNCHECKED.grad(lambda x: x > 1)(2.0),
            r"^grad takes a function that returns a number, got bool True: a comparison has no derivative\. Return a ",
        ),
        (lambda x, y: UNCHECKED.jvp(lambda x: [x, np.bool_(x > 3)], (2.0,), (1.0,)), "got bool False: a comparison"),
        (lambda x, y: UNCHECKED.vjp(lambda x: np.array([x > 1]), 2.0), "got bool True: a comparison"),
        (lambda x, y: UNCHECKED.hessian(lambda x: {"a": x > 1})(2.0), "got bool True: a comparison"),
        (
            lambda x, y: UNCHECKED.grad(lambda x, y: x, 0, argnums=1)(2.0, 3.0),
            r"^grad\(f, argnums\) got argnums twice, 0 and 1: write grad\(f, argnums=1\)$",
        ),
        (lambda x, y: UNCHECKED.jacobian(lambda x, y: x, 0, argnums=0), r"^jacobian\(f, argnums\) got argnums twice"),
        (lambda x, y: UNCHECKED.hessian(lambda x, y: x, (0, 1), argnums=0), r"got argnums twice, \(0, 1\) and 0"),
        (lambda x, y: UNCHECKED.hessian(y, x, True), "^argnums and has_aux are for a function: hessian of a Value"),
        (lambda x, y: UNCHECKED.jacobian(y, x, argnums=0), "^argnums and has_aux are for a function: jacobian of"),
        (lambda x, y: UNCHECKED.jvp(y, x, 1.0, has_aux=True), "^has_aux is for a function: jvp of a Value takes the"),
        (
            lambda x, y: UNCHECKED.jvp(tanh, primals=(2.0,)),
            r"^jvp takes three arguments: jvp\(y, x, t\) for a Value y, jvp\(f, \(x,\), \(t,\)\) for a function f$",
        ),
        (lambda x, y: UNCHECKED.jvp(y), "^jvp takes three arguments"),
        (lambda x, y: UNCHECKED.hvp(y, x, 1.0, primals=x), "^hvp takes three arguments"),
        (lambda x, y: UNCHECKED.hvp(y, x, 1.0, tangents=1.0), "^hvp takes three arguments"),
        (lambda x, y: UNCHECKED.hvp(tanh, (2.0,), (1.0,), argnum=0), r"^hvp\(\) got an .*'argnum'; write argnums"),
        (
            lambda x, y: UNCHECKED.grad(lambda model: model([1.0] * 20))(MODEL),
            r"got MLP .*: a model is called first, .* are those of grad\(loss, model\.parameters\(\)\)$",
        ),
        (
            lambda x, y: UNCHECKED.grad(autograd.compile(y, x))(2.0),
            r"^argument 1: .* got a Value: take its number with \.data, which no gradient passes; "
            r"for derivatives compile them, compile\(grad\(y, x\), x\)$",
        ),
        (
            lambda x, y: UNCHECKED.grad(autograd.compile(y * y, [x]))([2.0]),
            r"^argument 1: .* got a Value: .* for derivatives compile them",
        ),
        (
            lambda x, y: UNCHECKED.grad(MODEL, MODEL.parameters()),
            r"^argnums is .*: by the parameters of MLP, write grad\(loss, model\.parameters\(\)\) for a Value loss",
        ),
        (
            lambda x, y: UNCHECKED.grad(tanh, has_aux=True)(2.0),
            "with has_aux=True the function returns a pair, .* got Value",
        ),
    ],
)
def test_a_call_that_does_not_fit_says_what_to_write(call: Callable[[Any, Any], Any], said: str) -> None:
    x = Value(2.0)
    with pytest.raises(TypeError, match=said) as caught:
        call(x, x * x)
    assert len(str(caught.value)) < 400, "also of a model's parameters"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda f: grad(f, 2)(1.0), r"^argnums=2 .* with 1 by position: .* number 2 is written grad\(f\)\(2\)$"),
        (
            lambda f: grad(f)(),
            r"^the function was called without .* by the first: pass it by position, grad\(f\)\(x\)$",
        ),
        (lambda f: hessian(f)(x=1.0, y=2.0), r"pass it by position, hessian\(f\)\(x\), not by the name 'x' or 'y'$"),
        (
            lambda f: jacobian(f, 1)(1.0, y=2.0),
            r"^argnums=1 .* pass it by position, not by the name 'y'$",
        ),
    ],
)
def test_an_argument_that_is_not_there_is_a_value_error(call: Callable[[Any], Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call(lambda x, y=1.0: x * y)


@pytest.mark.parametrize(
    ("tangents", "said"),
    [
        ([1.0], "^tangents have the nesting of inputs: got a list of 1 number in place of 2 numbers$"),
        ([1.0, [1.0]], "got a list of 1 number in place of a number$"),
        ({"a": 1.0}, "got a dictionary with the keys 'a' in place of 2 numbers$"),
    ],
)
def test_a_nest_that_does_not_fit_is_described(tangents: Any, said: str) -> None:
    x, w = Value(2.0), Value(3.0)
    with pytest.raises(ValueError, match=said):
        jvp(x * w, [x, w], tangents)


# Nests, models, threads -----------------------------------------------------------------------------------------------


class Point(NamedTuple):
    x: Any
    y: Any


def test_named_tuples_stay_what_they_are() -> None:
    at = Point(2.0, 3.0)
    assert grad(lambda p: p.x * p.y)(at) == Point(3.0, 2.0)
    assert hessian(lambda p: p.x * p.y)(at) == Point(Point(0.0, 1.0), Point(1.0, 0.0))
    assert jvp(lambda p: Point(p.y, p.x), (at,), (Point(1.0, 0.5),)) == ((3.0, 2.0), (0.5, 1.0))


def test_the_derivatives_of_a_model_are_those_of_its_graph() -> None:
    model, xs = autograd.nn.Neuron(2, weights=[0.5, -0.25], bias=0.1), [1.0, 2.0]
    by_inputs = jacobian(lambda xs: [model(xs)])(xs)
    inputs = [Value(x) for x in xs]
    wanted = jacobian([model(inputs)], inputs)
    assert [[d.data for d in row] for row in by_inputs] == [[d.data for d in row] for row in wanted]
    loss = autograd.dot(*[by_inputs[0]] * 2)
    assert [p.data for p in grad(loss, model.parameters())] == pytest.approx(
        [p.data for p in grad(autograd.dot(*[wanted[0]] * 2), model.parameters())]
    )


def test_threads_do_not_confuse_their_perturbations() -> None:
    outer = Value(0.5)

    def nested(k: int) -> float:
        def f(x: Any) -> Any:
            return x * grad(lambda y: tanh(x * y * outer))(x)

        return math.fsum(grad(f)(0.1 * k).data for _ in range(20))

    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(nested, range(8))] == [nested(k) for k in range(8)]

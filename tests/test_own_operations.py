"""Operations that users add: right ones work everywhere, mistakes in them are said where they are made."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value, check_gradients, draw, grad
from autograd.ops import TABLE, Op


def mean_rule(g: Any, z: Any, *xs: Any) -> list[Any]:
    return [g * (1 / len(xs))] * len(xs)


def test_an_operation_of_any_number_of_operands() -> None:
    mean = Op("mean([{}])", lambda *xs: math.fsum(xs) / len(xs), mean_rule, variadic=True)
    x, y = Value(1.0, "x"), Value(4.0, "y")
    z = mean([x, y, 4.0])
    assert z.data == 3.0
    z.backward()
    assert (x.grad, y.grad) == (1 / 3, 1 / 3)
    assert [g.data for g in grad(z, [x, y])] == [1 / 3, 1 / 3]
    check_gradients(z * z)
    assert "mean([x, y, 4])" in draw(z).source


def test_a_notebook_cell_can_be_run_again() -> None:
    x = Value(3.0)
    Op("twice({})", lambda x: x * 2, lambda g, z, x: g * 2)
    old = x.twice()  # type: ignore[attr-defined]
    Op("twice({})", lambda x: x + x, lambda g, z, x: g + g)
    assert x.twice().op is TABLE["twice"]  # type: ignore[attr-defined]
    assert old.forward().data == 6.0
    Op("twice([{}])", lambda *xs: 2 * sum(xs), lambda g, z, *xs: [g * 2] * len(xs), variadic=True)
    assert not hasattr(x, "twice")


def test_an_operator_of_ones_own() -> None:
    for _ in range(2):  # twice, as in a notebook
        Op(
            "{} @ {}",
            lambda x, y: x * y,
            lambda g, z, x, y: g * y,
            lambda g, z, x, y: g * x,
            name="at",
            method="__matmul__",
        )
    v: Any = Value(3.0)
    z = 2 @ (v @ 5)
    assert z.data == 30.0
    z.backward()
    assert v.grad == 10.0
    for name in ("__matmul__", "__rmatmul__"):
        delattr(Value, name)


@pytest.mark.parametrize("pull", [1, True, np.float64(2.0), np.float32(0.5), 0])
def test_what_a_rule_returns_becomes_a_float_or_a_value(pull: Any) -> None:
    steady = Op("steady({})", lambda x: x, lambda g, z, x: pull)
    x = Value(3.0)
    steady(x).backward()
    assert type(x.grad) is float
    assert x.grad == float(pull)
    first = grad(steady(x), x)
    assert type(first) is Value
    assert grad(first, x).data == 0.0


def test_what_an_operation_computes_becomes_a_float() -> None:
    rounded = Op("rounded({})", round, lambda g, z, x: g)
    assert type(rounded(Value(2.6)).data) is float
    assert rounded(2.6) == 3.0


CAPTURED = Value(5.0)


@pytest.mark.parametrize(
    ("computes", "rule", "error", "said"),
    [
        (lambda x: x, lambda g, z, x: g * CAPTURED, TypeError, ".data"),
        (lambda x: x, lambda g, z, x: g * (-8) ** 0.5, TypeError, "real number, got complex"),
        (lambda x: x, lambda g, z, x: None, TypeError, "forget its return"),
        (lambda x: None, lambda g, z, x: g, TypeError, "forget its return"),
    ],
)
def test_mistakes_in_functions_are_said(
    computes: Callable[..., Any], rule: Callable[..., Any], error: type[Exception], said: str
) -> None:
    faulty = Op("faulty({})", computes, rule)
    x = Value(2.0)
    with pytest.raises(error, match=said):
        faulty(x).backward()
    assert x.grad == 0.0


@pytest.mark.parametrize("count", [1, 3])
def test_a_wrong_number_of_pulls_is_said(count: int) -> None:
    mean = Op("mean([{}])", lambda *xs: sum(xs) / len(xs), lambda g, z, *xs: [g] * count, variadic=True)
    x, y = Value(1.0), Value(2.0)
    z = mean([x, y])
    for differentiate in (z.backward, lambda: grad(z, x), lambda: draw(z)):
        with pytest.raises(ValueError, match=f"returned {count} pulls for 2 operands"):
            differentiate()
    assert x.grad == 0.0


def test_pulls_may_come_from_a_generator() -> None:
    mean = Op("mean([{}])", lambda *xs: sum(xs) / len(xs), lambda g, z, *xs: (g * 0.5 for _ in xs), variadic=True)
    x, y = Value(1.0), Value(2.0)
    z = mean([x, y])
    z.backward()
    assert (x.grad, grad(z, y).data) == (0.5, 0.5)


def keep(g: Any, z: Any, x: Any) -> Any:
    return g


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Op("f({})", float, lambda g, x: g), "called with g, z and the operands"),
        (lambda: Op("f({}, {})", max, keep, keep), "called with g, z and the operands"),
        (lambda: Op("f({})", float, keep, domain=[(0, 1), (0, 1)]), "one interval for each"),
        (lambda: Op("lambda({})", float, keep), "no name"),
        (lambda: Op("f", float, mean_rule, variadic=True), "as many rules"),
        (lambda: Op("f({})", float, keep, method="__abs__"), "__abs__"),
        (lambda: Op("data({})", float, keep), "'data'"),
        (lambda: Op("exp({})", float, keep), "already"),
        (lambda: Op("backward({})", float, keep), "already"),
        (lambda: Op("{} @ {}", float, keep, keep), "no name"),
        (lambda: Op("twice({})", float), "as many rules"),
        (lambda: Op("twice({})", float, keep, keep), "as many rules"),
    ],
)
def test_rows_that_make_no_sense_are_refused(make: Callable[[], Op], said: str) -> None:
    before = dict(TABLE)
    with pytest.raises(ValueError, match=said):
        make()
    assert before == TABLE
    assert abs(Value(-1.0)).op is TABLE["abs"]
    assert callable(Value.backward)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda v: autograd.sum(v, v), r"sum\(\) takes \(values\)"),
        (lambda v: autograd.dot([v]), r"dot\(\) takes \(xs, ys\)"),
        (lambda v: autograd.where(v, 1.0), r"where\(\) takes \(c, x, y\)"),
        (lambda v: autograd.tanh(v, v), r"tanh\(\) takes \(x\)"),
        (lambda _: autograd.tanh(), r"tanh\(\) takes \(x\)"),
        (lambda v: autograd.tanh(1.0, 2.0), r"tanh\(\) takes \(x\)"),
        (lambda v: v.max(), r"max\(\) takes \(x, y\)"),
        (autograd.sum, "a list of values, got Value"),
        (lambda v: autograd.dot([v], [np.ma.array([1.0, 2.0])]), "got ndarray"),
    ],
)
def test_a_wrong_call_names_the_operation_and_what_it_takes(call: Callable[[Any], Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        call(Value(1.0))


def test_help_shows_no_annotations() -> None:
    for op in TABLE.values():
        assert "Any" not in (op.__doc__ or "")
        assert "Any" not in str(op.__signature__)


def test_lists_of_any_sequence_type_are_summed() -> None:
    values: Sequence[Value] = [Value(1.0), Value(2.0)]
    assert autograd.sum(iter(values)).data == 3.0
    assert autograd.sum(dict.fromkeys(values)).data == 3.0

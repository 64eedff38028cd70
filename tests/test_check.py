"""Faux gradients and the gradient check: right gradients pass, wrong ones are shown, kinks are marked."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import GradientMismatch, Value, check_gradients, faux_gradient
from autograd.engine import graph_of
from autograd.ops import Op
from autograd.text import width

nudge: Any = faux_gradient  # for calls that a type checker would refuse
check: Any = check_gradients


def test_nothing_changes_while_nudging() -> None:
    x, y = Value(0.3, "x"), Value(-0.7, "y")
    z = (x * y + x.exp()).tanh() / y
    z.backward()
    before = [(v.data, v.grad) for v in graph_of(z)]
    for v in graph_of(z):
        faux_gradient(z, v)
        faux_gradient(z, v, method="central")
    check_gradients(z, graph_of(z))
    assert before == [(v.data, v.grad) for v in graph_of(z)]


def test_intermediate_values_can_be_nudged() -> None:
    x = Value(3.0)
    square = x * x
    z = square + x
    assert faux_gradient(z, square) == pytest.approx(1.0)  # x stays as it is
    assert faux_gradient(z, z) == pytest.approx(1.0)
    assert faux_gradient(z, Value(1.0)) == 0.0


def test_after_a_leaf_changed_it_nudges_what_is_there_now() -> None:
    x, y = Value(3.0), Value(5.0)
    z = x * x * y
    x.data = 10.0  # without forward()
    assert faux_gradient(z, x, method="central") == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda z, x: nudge(z, 1.0), TypeError, "the Value to perturb"),
        (lambda z, x: nudge(1.0, x), TypeError, "expected a Value"),
        (lambda z, x: faux_gradient(z, x, tiny=0), ValueError, "a small number"),
        (lambda z, x: faux_gradient(z, x, tiny=math.nan), ValueError, "a small number"),
        (lambda z, x: nudge(z, x, tiny="1"), TypeError, "float"),
        (lambda z, x: faux_gradient(z, x, method="middle"), ValueError, "'forward' or 'central'"),
        (lambda z, x: check_gradients(z, [x, 2.0]), TypeError, "expected a Value"),
        (lambda z, x: check(2.0), TypeError, "expected a Value"),
    ],
)
def test_mistakes_are_explained(call: Callable[[Any, Any], Any], error: type[Exception], said: str) -> None:
    x = Value(2.0)
    with pytest.raises(error, match=said):
        call(x * x, x)


def test_right_gradients_pass_at_random_points() -> None:
    rng = random.Random(7)
    for _ in range(200):
        x, y = Value(rng.uniform(0.1, 3)), Value(rng.uniform(-3, 3))
        z = (x**y).log() + autograd.hypot(x, y) * (x * y).sin() - (y.exp() + x.sqrt()).log1p() / (1 + y * y)
        assert [line.verdict for line in check_gradients(z)] == ["ok", "ok"]


POINTS: dict[str, tuple[Callable[[Value], Value], float, str]] = {
    "cube at 0": (lambda x: x**3, 0.0, "ok"),
    "product at 0": (lambda x: x * x * x, 0.0, "ok"),
    "difference at 0": (lambda x: x - x.sin(), 0.0, "ok"),
    "shifted cube": (lambda x: (x - 1) ** 3, 1.0, "ok"),
    "log near 0": (lambda x: x.log(), 1e-5, "ok"),
    "sqrt near 0": (lambda x: x.sqrt(), 1e-5, "ok"),
    "reciprocal near 0": (lambda x: 1 / x, 1e-6, "ok"),
    "fast sine": (lambda x: (1e6 * x).sin(), 0.3, "ok"),
    "flat tanh": (lambda x: x.tanh(), 7.0, "ok"),
    "relu near 0": (lambda x: x.relu(), 1.8e-6, "ok"),
    "abs near 0": (abs, -1.8e-6, "ok"),
    "max near a tie": (lambda x: autograd.max(x, 1.0), 1 + 2e-6, "ok"),
    "relu at 0": (lambda x: x.relu(), 0.0, "kink"),
    "abs at 0": (lambda x: abs(x) * 3, 0.0, "kink"),
    "step at 0": (lambda x: x.step(), 0.0, "kink"),
    "max at a tie": (lambda x: autograd.max(x, 3 * x - 2), 1.0, "kink"),
    "min at a tie": (lambda x: autograd.min(x * x, 2 - x), 1.0, "kink"),
    "sqrt at 0": (lambda x: x.sqrt(), 0.0, "kink"),
    "log at 0": (lambda x: x.log(), 0.0, "kink"),
    "cbrt at 0": (lambda x: x.cbrt(), 0.0, "kink"),
    "relu almost at 0": (lambda x: x.relu(), 1e-7, "kink"),
    "asin at 1": (lambda x: x.asin(), 1.0, "kink"),
    "asin at 1 on the way": (lambda x: (x - x).erfc().asin() * 2, 0.5, "kink"),
    "length 0": (lambda x: autograd.hypot(x, 0.0), 0.0, "kink"),
}


@pytest.mark.parametrize("name", POINTS)
def test_right_gradients_pass_where_functions_bend_sharply_and_kinks_are_marked(name: str) -> None:
    f, at, verdict = POINTS[name]
    (line,) = check_gradients(f(Value(at)))
    assert line.verdict == verdict


def test_a_slightly_wrong_rule_fails_where_the_function_bends() -> None:
    wrong = Op("wrong_exp({})", math.exp, lambda g, z, x: g * z * (1 + 1e-5))
    for at in (-2.0, 0.0, 1.0, 3.0):
        with pytest.raises(GradientMismatch):
            check_gradients(wrong(Value(at)) ** 2)


def test_an_infinite_gradient_of_a_smooth_function_fails() -> None:
    wrong = Op("wrong_square({})", lambda x: x * x, lambda g, z, x: g * math.inf)
    with pytest.raises(GradientMismatch):
        check_gradients(wrong(Value(1.0)))


def test_changed_data_is_not_blamed_on_the_rules() -> None:
    x = Value(1.0)
    y = x.exp()
    x.data = 2.0
    with pytest.raises(ValueError, match="forward"):
        check_gradients(y)
    check_gradients(y.forward())


@pytest.mark.parametrize("off", [1e-4, -1e-4, 0.5, -2.0])
def test_a_wrong_rule_is_shown_side_by_side(off: float) -> None:
    wrong = Op("wrong_sin({})", math.sin, lambda g, z, x: g * (autograd.cos(x) + off))
    x = Value(0.5, "angle")
    with pytest.raises(GradientMismatch, match="wrong") as error:
        check_gradients(wrong(x) * 2 + x)
    message = str(error.value)
    assert "angle" in message
    assert f"{2 * (math.cos(0.5) + off) + 1:.11g}" in message
    assert f"{2 * math.cos(0.5) + 1:.9g}"[:8] in message
    assert isinstance(error.value, AssertionError)


def test_a_wrong_gradient_at_a_kink_still_fails() -> None:
    wrong = Op("wrong_relu({})", lambda x: max(x, 0.0), lambda g, z, x: g * 2)
    with pytest.raises(GradientMismatch):
        check_gradients(wrong(Value(0.0)))


def test_the_table_is_a_sequence() -> None:
    x, y = Value(1.0, "x"), Value(2.0, "y")
    table = check_gradients(x * y, [y, [x]])
    assert [line.name for line in table] == ["y", "x"]
    assert len(table) == 2
    assert table[0].analytic == 1.0
    assert repr(table).count("\n") == 2


def test_east_asian_labels_align() -> None:
    lines = repr(check_gradients(Value(3.0, "重みの値") * Value(2.0, "x"))).splitlines()
    assert len({width(line[: line.rindex("  ")]) for line in lines}) == 1


def test_each_label_stands_on_one_line() -> None:
    assert len(repr(check_gradients(Value(3.0, "two\nlines") * Value(2.0, "\x1b[31mred"))).splitlines()) == 3

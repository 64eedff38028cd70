"""Derivatives whose arguments are swapped warn; all others are silent, at the price of two numbers to compare."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hostile import HOSTILE

from autograd import Value, check_gradients, compile, explain, faux_gradient, fit, grad, nn, optim, swapped, to_text

FUNCTIONS: list[Callable[[Value, Any], object]] = [grad, faux_gradient, check_gradients]


def all_of(function: Callable[[Value, Any], object], output: Value, inputs: list[Value]) -> None:
    if function is faux_gradient:
        for x in inputs:
            function(output, x)
    else:
        function(output, inputs)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_input_that_was_made_from_the_output_warns(function: Callable[[Value, Any], object]) -> None:
    x = Value(3.0)
    y = x * x
    z = (y + 1.0).tanh()
    with pytest.warns(UserWarning, match="swapped") as caught:
        function(x, y)
        function(x, z)
        function(y, z)
    assert [str(warning.message) for warning in caught] == [
        f"{made} was made from {output}, which does not depend on it: the gradient is 0. The arguments are swapped: "
        f"write {function.__name__}({made}, {output})"
        for output, made in (("x", "y"), ("x", "z"), ("y", "z"))
    ]
    assert {warning.filename for warning in caught} == {__file__}


def test_several_inputs_warn_if_the_output_depends_on_none() -> None:
    x, w = Value(3.0), Value(2.0)
    h = w * x
    loss = h.tanh()
    with pytest.warns(UserWarning, match=r"loss was made from h, .* write grad\(loss, h\)"):
        grad(h, [Value(1.0), loss])
    with warnings.catch_warnings(action="error"):
        assert [g.data for g in grad(h, [w, x, loss, Value(1.0)])] == [3.0, 2.0, 0.0, 0.0]


def test_the_error_is_right_for_values_without_names() -> None:
    values = {"x": Value(3.0)}
    with pytest.warns(UserWarning, match=r"the input was made from the output, .* write grad\(input, output\)"):
        grad(values["x"], values["x"].exp())
    with pytest.warns(UserWarning, match=r"write grad\(cost, x\)"):
        x, y = Value(3.0), Value(2.0)
        cost = x * y
        cost.label = "cost"
        grad(x, cost)


@pytest.mark.parametrize("label", HOSTILE)
def test_labels_stay_on_one_line(label: str) -> None:
    x = Value(3.0, label)
    with pytest.warns(UserWarning, match="swapped") as caught:
        grad(x, x * 2)
    assert str(caught[0].message).isprintable()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_all_other_arguments_are_silent(function: Callable[[Value, Any], object]) -> None:
    x, w = Value(3.0), Value(2.0)
    h = w * x
    loss = h.tanh() + x
    other = w * 5.0  # newer than h, and not made from it
    with warnings.catch_warnings(action="error"):
        all_of(function, loss, [h, x, w, loss, Value(1.0)])
        all_of(function, h, [h, x, other, Value(1.0)])
        all_of(function, x, [x, w])


def test_gradients_of_gradients_are_silent() -> None:
    x, y = Value(1.5), Value(0.5)
    output = (x * y).exp() / y
    with warnings.catch_warnings(action="error"):
        first = grad(output, [x, y])
        for g in first:
            second = grad(g, [x, y, output])
            for other in second:
                grad(other, [x, y, g])


def test_what_the_package_computes_for_itself_is_silent() -> None:
    x = Value(1.5)
    y = x.exp() * x
    with warnings.catch_warnings(action="error"):
        explain(y)
        to_text(y)
        check_gradients(y)
        compile((y, grad(y, x)), (x,))
        fit(nn.Neuron(1), [1.0], [2.0], loss=nn.mse, optimizer=optim.Adam(0.1), epochs=1, progress=False)


def test_normal_use_searches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swapped, "graph_of", lambda *_: pytest.fail("it searches a graph"))
    ws = [Value(float(i)) for i in range(100)]
    h = ws[0]
    for w in ws[1:]:
        h = (h + w).tanh()
    grad(h, ws)
    middle = h * 2
    grad(middle.tanh(), [middle, h, *ws])

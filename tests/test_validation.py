"""Checks of what users pass: graphs whose numbers do not fit together are refused, by all in the same words."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from autograd import Value, check_gradients, explain
from autograd.engine import graph_of
from autograd.validation import check_current


def change_leaf(x: Value, middle: Value) -> None:
    x.data = 10.0


def change_leaf_to_nan(x: Value, middle: Value) -> None:
    x.data = math.nan


def change_result(x: Value, middle: Value) -> None:
    middle.data = 7.0


def change_what_the_output_does_not_show(x: Value, middle: Value) -> None:
    x.data = -3.0  # (-3) * (-3) is what it was


@pytest.mark.parametrize("check", [check_gradients, explain, lambda y: check_current(graph_of(y))])
@pytest.mark.parametrize(
    "change", [change_leaf, change_leaf_to_nan, change_result, change_what_the_output_does_not_show]
)
def test_a_graph_that_is_out_of_date_is_refused(
    check: Callable[[Value], Any], change: Callable[[Value, Value], None]
) -> None:
    x = Value(3.0, "x")
    middle = x + 0
    y = middle * middle
    change(x, middle)
    with pytest.raises(ValueError, match=r"the graph is out of date: Value\(.* was made by \w+, .*forward\(\)"):
        check(y)
    y.forward()
    check(y)


@pytest.mark.parametrize("check", [check_gradients, explain])
def test_numbers_that_are_nan_are_up_to_date(check: Callable[[Value], Any]) -> None:
    x = Value(-1.0, "x")
    check(x.log() * 2 - math.inf)


def test_a_label_does_not_disturb_the_message() -> None:
    x = Value(3.0)
    y = x * x
    y.label = "two\nlines\x1b[31m"
    x.data = 4.0
    with pytest.raises(ValueError) as problem:
        check_current(graph_of(y))
    assert str(problem.value).isprintable()

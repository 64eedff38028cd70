"""Digits: one text for one gradient in every view, the digits that one asks for, and ≈ where a calculator disagrees."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from arithmetic import added, parsed, summands
from browser import Browser
from graphs import neuron, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value, draw, explain, explore, formula, ops, to_text
from autograd.text import in_digits
from autograd.views.gradients import in_equation


def one_gradient() -> tuple[Value, Value]:
    """Return a loss and a leaf whose gradient is 1.10569."""
    x = Value(0.3, "x")
    v = x * 1.4059
    v.label = "v"
    loss = v * 0.786463
    loss.label = "loss"
    loss.backward()
    return loss, x


@pytest.mark.parametrize("digits", [None, 2, 12])
def test_a_gradient_has_one_text_in_all_views(digits: int | None, chromium: Browser, tmp_path: Path) -> None:
    loss, x = one_gradient()
    text = in_digits(digits, in_equation)(x.grad)
    assert text == {None: "1.1057", 2: "1.1", 12: "1.1056883317"}[digits]
    assert f"grad {text}" in str(to_text(loss, digits=digits))
    assert rf"\lgrad {text}\l" in draw(loss, digits=digits).source
    explanation = explain(loss, digits=digits)
    assert explanation.steps[-1].equation[-1] == text
    assert f"  {text}  " in str(explanation).splitlines()[1]
    assert f"{text} \\\\\n" in f"{explanation.to_latex()} \\\\\n".replace("\n\\end{align*}", " \\\\\n")
    chromium.open(explore(loss, tmp_path / "page.html", digits=digits))
    shown = "return [...document.querySelectorAll('#rows tr')].map(row => row.children[4].textContent)"
    assert chromium.run(shown)[0] == text


def test_a_local_gradient_near_1_is_not_1(chromium: Browser, tmp_path: Path) -> None:
    x = Value(2.0, "x")
    scaled = x * 0.99995
    y = scaled**2
    y.backward()
    for digits in (None, 5):
        assert '[label=" 0.99995 "' in draw(y, digits=digits).source
        explanation = explain(y, digits=digits, names={"scaled": scaled, "y": y}, detail="value")
        assert "0.99995 on scaled" in str(explanation)
        assert explanation.steps[-1].equation[2].startswith("0.99995 × ")
    chromium.open(explore(y, tmp_path / "page.html"))
    assert "0.99995" in chromium.run("return document.querySelector('#rows').textContent")


# ---------------------------------------------------------------------------------------------- what a calculator gives


def comes_out(numbers: str, result: str) -> bool:
    """Return True if the result is what a calculator gives for the numbers, rounded to as many places."""
    factors = [[parsed(x) for x in term.removeprefix("(").removesuffix(")").split(" × ")] for term in summands(numbers)]
    total, shown = added([math.prod(term) for term in factors]), Decimal(parsed(result).__repr__())
    if not math.isfinite(total) or shown == 0:
        return str(total + 0.0) == str(float(shown) + 0.0)
    return math.isclose(total, float(shown), rel_tol=1e-15) or abs(Decimal(total) - shown) <= Decimal(
        "0.5000011"
    ) * Decimal(10) ** last_place(result)


def last_place(text: str) -> int:
    return int(Decimal(text.removeprefix("(").removesuffix(")")).as_tuple().exponent)


@settings(max_examples=15)
@given(st.integers(0, 10**9), st.integers(1, 6))
def test_where_a_calculator_would_give_something_else_it_is_nearly_equal(seed: int, digits: int) -> None:
    for step in explain(random_graph(seed), digits=digits, faux=False, detail="value").steps:
        signs = step.signs or ("=",) * (len(step.equation) - 1)
        assert len(signs) == len(step.equation) - 1
        sides = [*step.equation]
        if "inf" in str(step) or "nan" in str(step) or len(sides) < 3:
            continue
        for sign, numbers, result in zip(signs[-2:], sides[-3:], sides[-2:]):
            if " × d " in numbers or numbers.startswith("d ") or len(summands(result)) > 1:
                continue  # names, or several products and their parts, each of which has its place
            if sign == "=":
                # zeros at the end are left out: a place of the asked digits may be finer than the last shown
                assert comes_out(numbers, result) or comes_out_in_digits(numbers, result, digits), step
            else:
                assert not comes_out_in_digits(numbers, result, digits), step


def comes_out_in_digits(numbers: str, result: str, digits: int) -> bool:
    factors = [[parsed(x) for x in term.removeprefix("(").removesuffix(")").split(" × ")] for term in summands(numbers)]
    return in_digits(digits, str)(added([math.prod(term) for term in factors])) == result.strip("()")


def test_nearly_equal_in_text_and_typeset() -> None:
    x = Value(0.7342, "x")
    y = (x * 1.234).sin()
    explanation = explain(y, digits=2, names={"y": y}, faux=False)
    assert str(explanation.steps[-1]).startswith("d y/d x = 1.2 × d y/d v2 = 1.2 × 0.62 ≈ 0.76\n")
    assert explanation.steps[-1].signs == ("=", "=", "≈")
    assert r"= 1.2 \times 0.62 \approx 0.76" in explanation.to_latex()
    assert r"v_{2} &= x \times 1.2 = 0.73 \times 1.2 \approx 0.91" in explanation.to_latex()
    assert '<mo form="infix">≈</mo><mn>0.76</mn>' in explanation._repr_html_()
    assert all(sign == "=" for step in explain(neuron()).steps for sign in step.signs)


@pytest.mark.parametrize("view", [explain, draw, to_text, explore, formula])
def test_digits_that_are_none_are_refused(view: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="digits is from 1 to 17"):
        view(Value(1.0) * 2, digits=0)
    with pytest.raises(TypeError, match=re.escape("digits is the number of significant digits, such as digits=4")):
        view(Value(1.0) * 2, digits="4")


def test_a_number_that_only_floats_give_is_nearly_one() -> None:
    """A calculator reckons in decimals, to which 0.1 + 0.1 + 0.1 - 0.3 is 0; also squared, and among other numbers."""
    x, a, b = Value(1.0, "x"), Value(0.3, "a"), Value(0.1, "b")
    for output in (
        x * (b + b + b - a),
        (b + b + b - a) ** 2,
        ops.sum([b, b, b, -a]),
        ops.dot([b, b, x], [1.0, 2.0, -0.3]),
    ):
        output.label = "z"
        *_, line = [line for line in explain(output, faux=False).to_latex().splitlines() if line.startswith("z &=")]
        assert r" \approx " in line, line
    step = explain(x * 0.1 + x * 0.2 + x * -0.3, faux=False, names={}).steps[-1]
    assert step.signs[-1] == "≈", step


def test_numbers_of_a_formula_have_the_digits_that_it_takes() -> None:
    x = Value(1.0, "x")
    output = x * 12114517.25 - x * 12114517.125
    output.label = "z"
    sides = explain(output, faux=False).to_latex().splitlines()[1].split(" = ")
    assert sides[-2:] == [r"1 \times 12114517.25 - 1 \times 12114517.125", r"0.125 \\"]
    assert "12114517.25" in sides[0]


def test_a_column_of_the_table_differs_from_other_views_in_zeros_alone() -> None:
    loss, _ = one_gradient()
    explanation = explain(loss, names={})
    for row, step in zip(explanation.rows, reversed(explanation.steps), strict=True):
        [line] = [line for line in str(explanation).splitlines() if line.split()[:1] == [row.name]]
        in_table = line.split()[-2]
        assert float(in_table) == float(step.equation[-1])
        assert in_table.rstrip("0").rstrip(".") == step.equation[-1].rstrip("0").rstrip(".")


@pytest.mark.parametrize(("digits", "text"), [(None, "0.99995"), (1, "1"), (2, "0.99995"), (3, "0.99995")])
def test_only_an_integer_looks_like_one_where_there_is_room_for_a_decimal(digits: int | None, text: str) -> None:
    assert in_digits(digits, in_equation)(0.99995) == text

"""Derivatives at every scale of floats: chosen ones by their values, of every row by a slice of `sweep.py`."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cases import cases
from reference import ROWS
from sweep import FIGURES, LOSSES, POINTS, SEED, cells, job, measure, points
from test_table import with_rules

import autograd
from autograd import Value, grad
from autograd.ops import TABLE, Op, div, exp2, sigmoid, sqrt, where

LN2 = math.log(2)

# Function, operands, by which operands to differentiate one after the other, and the right value, by mpmath.
Chosen = tuple[Callable[..., Any], tuple[float, ...], tuple[int, ...], float]
CHOSEN: dict[str, Chosen] = {
    "atan2, small": (autograd.atan2, (1e-170, 1e-170), (0,), 5e169),
    "atan2, large": (autograd.atan2, (1e160, 1e160), (0,), 5e-161),
    "atan2, twice": (autograd.atan2, (1e100, 1e100), (0, 0), -5e-201),
    "atan2, g small": (lambda y, x: autograd.atan2(y, x) * 1e-200, (2e-300, 1e-160), (1,), -2e-180),
    "atan, large, twice": (lambda x: x.atan(), (1e102,), (0, 0), -2e-306),
    "atan, large, three times": (lambda x: x.atan(), (1e62,), (0, 0, 0), 6e-248),
    "asinh, large": (lambda x: x.asinh(), (1e160,), (0,), 1e-160),
    "asinh, large, twice": (lambda x: x.asinh(), (-1e100,), (0, 0), 1e-200),
    "acosh, large": (lambda x: x.acosh(), (1e160,), (0,), 1e-160),
    "acosh near 1": (lambda x: x.acosh(), (1 + 2**-40,), (0, 0), -407619307041742126.04),
    "exp2 at 1024": (lambda x: x.exp2(), (1024.0,), (0,), 1.2460659279417838e308),
    "exp2 at 1024, twice": (lambda x: x.exp2(), (1024.0,), (0, 0), 8.6370708474465942e307),
    "exp2 at 1025, three times": (lambda x: x.exp2(), (1025.0,), (0, 0, 0), 1.1973522612408209e308),
    "log10 of a subnormal": (lambda x: x.log10(), (3e-309,), (0,), 1.4476482730108396e308),
    "x**2, four times": (lambda x: x**2, (1e-160,), (0, 0, 0, 0), 0.0),
    "x**0, twice": (lambda x: x**0, (1e-160,), (0, 0), 0.0),
    "x**0, four times": (lambda x: x**0, (1e-310,), (0, 0, 0, 0), 0.0),
    "x**y at y = 0, by both": (lambda x, y: x**y, (1e-160, 0.0), (0, 1), 1e160),
    "x**y at y = 0, by both, in turn": (lambda x, y: x**y, (1e-160, 0.0), (1, 0), 1e160),
    "x**y, a large y, twice": (lambda x, y: x**y, (0.5, 1e100), (0, 0), 0.0),
    "x**y beyond the largest float": (lambda x, y: x**y, (1 + 2**-33, 6.1e12), (1,), 2.9720395437621742e298),
    "x**y below the smallest float, by y": (lambda x, y: x**y, (1e-60, 6.0), (1,), 0.0),
    "x**y below the smallest float, twice": (lambda x, y: x**y, (1e-60, 6.0), (0, 0), 3e-239),
    "x**y, y and g small": (lambda x: x**1e-150 * 1e-200, (1e-200,), (0,), 1e-150),
    "x**y, y small and g large": (lambda x, y: x**y * 1e200, (1e-100, 1e-250), (0,), 1e50),
    "x**2 at 0, g large": (lambda x: 1e308 * x**2, (0.0,), (0,), 0.0),
    "x**2, g large": (lambda x: 1e308 * x**2, (1e-160,), (0,), 2e148),
    "x**3 at 0, g large": (lambda x: 1e308 * x**3, (0.0,), (0,), 0.0),
    "x**1000, g large": (lambda x: 1e306 * x**1000, (0.9,), (0,), 1.9420791685807719e263),
    "x**1e10, g large": (lambda x: 1e300 * x**1e10, (0.5,), (0,), 0.0),
    "x**y by y, g large": (lambda y: 1e305 * Value(1.0001) ** y, (1e5,), (0,), 2.2014355349102452e305),
    "hypot at one 0": (autograd.hypot, (0.0, 0.0), (0,), 0.0),
    "hypot(x, 0) at 0": (lambda x: autograd.hypot(x, 0.0), (0.0,), (0,), 0.0),
    "hypot(x, 0) at 0, twice": (lambda x: autograd.hypot(x, 0.0), (0.0,), (0, 0), 0.0),
    "hypot(x, 0) at 0, three times": (lambda x: autograd.hypot(x, 0.0), (0.0,), (0, 0, 0), 0.0),
    "hypot(x, 0)**2 at 0": (lambda x: autograd.hypot(x, 0.0) ** 2, (0.0,), (0,), 0.0),
    "hypot of subnormals": (autograd.hypot, (5e-324, 5e-324), (0,), math.sqrt(0.5)),
    "hypot beyond the largest float": (autograd.hypot, (1.5e308, 1.5e308), (1,), math.sqrt(0.5)),
    "hypot, one small": (autograd.hypot, (1.0, 1e-100), (0, 0), 1e-200),
    "asin near 0": (lambda x: x.asin(), (1e-20,), (0, 0), 1e-20),
    "acos near 0": (lambda x: x.acos(), (1e-20,), (0, 0), -1e-20),
    "atanh near 0": (lambda x: x.atanh(), (1e-160,), (0, 0), 2e-160),
    "asin near 1": (lambda x: x.asin(), (1 - 2**-40,), (0,), 741455.20018963384),
    "sigmoid near 0": (lambda x: x.sigmoid(), (1e-10,), (0, 0), -1.25e-11),
    "sigmoid far from 0": (lambda x: x.sigmoid(), (-1e300,), (0, 0), 0.0),
    "softplus near 0": (lambda x: x.softplus(), (1e-160,), (0, 0, 0), -1.25e-161),
    "silu near 0": (lambda x: x.silu(), (1e-10,), (0, 0, 0), -5e-11),
    "silu far from 0": (lambda x: x.silu(), (-1e300,), (0, 0), 0.0),
    "gelu far from 0": (lambda x: x.gelu(), (1e200,), (0, 0, 0), 0.0),
    "elu, exp(x) too small": (autograd.elu, (-1400.0, 1e305), (0,), 9.7213221547566615e-304),
    "elu, exp(x) too large": (autograd.elu, (1e300, -2.0), (0, 1), 0.0),
    "logaddexp near a tie": (autograd.logaddexp, (1e-10, -1e-10), (0, 0, 0), -2.5e-11),
    "x % y, small": (lambda x, y: x % y, (1e-300, 3e-308), (1,), -33333333.0),
    "erf, large": (lambda x: x.erf(), (1e200,), (0, 0, 0), 0.0),
    "log1p near -1": (lambda x: x.log1p(), (-1 + 2**-53,), (0, 0), -(2.0**106)),
    "tan near its pole": (lambda x: x.tan(), (math.pi / 2,), (0,), 2.6670937881135714e32),
}


def differentiated(chosen: Chosen) -> tuple[list[Value], Value]:
    """Return the operands, and the derivative as a graph of them."""
    function, at, path, _ = chosen
    values = [Value(x) for x in at]
    z = function(*values)
    for i in path:
        z = grad(z, values[i])
    return values, z


@pytest.mark.parametrize("chosen", CHOSEN.values(), ids=CHOSEN)
def test_a_chosen_derivative_is_right(chosen: Chosen) -> None:
    values, derivative = differentiated(chosen)
    assert derivative.data == pytest.approx(chosen[-1], rel=1e-14, abs=0.0)
    if len(chosen[2]) == 1:
        chosen[0](*values).backward()
        assert values[chosen[2][0]].grad == derivative.data


def test_every_backend_has_the_bits_of_the_chosen_derivatives(backend: str) -> None:
    graphs = {name: differentiated(chosen) for name, chosen in CHOSEN.items()}
    inputs = [x for values, _ in graphs.values() for x in values]
    f: Any = autograd.compile([z for _, z in graphs.values()], inputs, backend=backend)
    numbers = f([x.data for x in inputs])
    assert dict(zip(graphs, numbers, strict=True)) == {name: z.data for name, (_, z) in graphs.items()}


@pytest.mark.slice
@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("start", cases([0], campaign=[1]))
def test_derivatives_of_a_row_at_every_scale(op: Op, order: int, start: int) -> None:
    stride = 4 if op.arity == 1 else 6
    tried, worst = measure(op, order, points(op, 12)[start * stride :: 2 * stride])
    assert tried and worst
    assert worst.excess <= 1, worst


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
@pytest.mark.parametrize("g", cases([-1e-200], campaign=[1e200]))
def test_rules_of_a_row_with_gradients_from_above_of_any_size(op: Op, g: float) -> None:
    ats = points(op, 24)[:: 4 if op.arity == 1 else 3]
    tried, worst = measure(op, 1, ats, g)
    assert tried or not any(any(op.pulls(1.0, op.computes(*at), *at)) for at in ats)
    assert worst is None or worst.excess <= 1, worst


@pytest.mark.parametrize(
    ("name", "order", "rule"),
    [
        ("atan", 1, lambda g, z, x: div(div(g, sqrt(1 + x * x)), sqrt(1 + x * x)) * (1 + 1e-14)),
        ("atan", 2, lambda g, z, x: div(g, 1 + x * x)),
        ("asinh", 1, lambda g, z, x: div(g, sqrt(1 + x * x))),
        ("exp2", 1, lambda g, z, x: g * z * LN2),
        ("asin", 2, lambda g, z, x: div(g, sqrt((1 - x) * (1 + x)))),
        ("asin", 1, lambda g, z, x: div(g, sqrt(1 - x * x)) * where(x - 0.9, 0.0, 1.0)),
        ("sigmoid", 2, lambda g, z, x: g * z * sigmoid(-x)),
        ("exp2", 3, lambda g, z, x: g * exp2(x - 1) * (2 * LN2) * (1 + 2e-9)),
    ],
)
def test_a_rule_that_loses_digits_is_caught(name: str, order: int, rule: Any) -> None:
    planted = with_rules(TABLE[name], rule)
    _, worst = measure(planted, order, points(planted, 12))
    assert worst and worst.excess > 1


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_exempt_is_in_the_note_of_the_row(name: str) -> None:
    assert LOSSES[name].note in TABLE[name].note


def figures_of_the_page() -> list[list[str]]:
    """Return the cells of each row of the page's table."""
    page = (Path(__file__).parents[1] / "docs" / "accuracy.md").read_text(encoding="utf-8")
    figures = FIGURES.search(page)
    assert figures
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in figures[0].splitlines()[2:]]


@pytest.mark.parametrize("name", cases(["exp"], campaign=["sqrt", "abs", "step"]))
@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_figures_of_the_page_are_those_of_the_command(name: str, order: int) -> None:
    tried, worst = job(name, order, POINTS, SEED, 1.0)
    row = next(row for row in figures_of_the_page() if row[:2] == [f"`{name}`", f"{order}."])
    assert row[2:] == cells(order, tried, worst), "run: python tests/sweep.py --write docs/accuracy.md"


def test_the_page_has_every_row_and_every_note() -> None:
    rows = [row[:2] for row in figures_of_the_page()]
    expected = [[f"`{op.name}`" + " (note)" * (op.name in LOSSES), f"{order}."] for op in ROWS for order in "123"]
    assert rows == expected, "run: python tests/sweep.py --write docs/accuracy.md"

"""Formulas: with their parentheses, and without those that change nothing."""

from __future__ import annotations

import math
import random
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from graphs import random_graph
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import Value, explore, ops, to_spreadsheet
from autograd.codegen.formulas import Term, constant, formula, graph_formulas, summary
from autograd.engine import graph_of
from autograd.ops import BUILT_IN, TABLE


def bits(x: float) -> str:
    return "nan" if math.isnan(x) else x.hex()


FUNCTIONS = {name: TABLE[name] for name in BUILT_IN}


def arithmetic(seed: int, size: int = 12) -> Value:
    """Operators alone, on three leaves, results and constants of both signs."""
    rng = random.Random(seed)
    nodes = [Value(rng.uniform(0.5, 2.0), name) for name in "abc"]
    operators = [TABLE[name] for name in ("add", "sub", "mul", "div", "pow", "neg")]
    for _ in range(size):
        op = rng.choice(operators)
        operands: list[Any] = [rng.choice([*nodes[-5:], rng.choice([-2.0, 0.5, 3.0])]) for _ in range(op.arity or 0)]
        operands[rng.randrange(len(operands))] = rng.choice(nodes[-3:])
        nodes.append(op(*operands))
    return nodes[-1]


def test_two_signs_are_kept_apart() -> None:
    x = Value(2.0)
    minus = -x
    written = graph_formulas([minus, -minus, 3 - minus, x**minus], {x: "x"})
    assert [term.text for term in written.values()] == ["-x", "-(-x)", "3 - (-x)", "x ** (-x)"]


@pytest.mark.parametrize("constant", [0.0, -0.0, -2.0, math.inf, -math.inf])
@pytest.mark.parametrize("start", [2.0, -0.0, 0.0])
@pytest.mark.parametrize("digits", [None, 1, 17])
def test_the_sign_of_a_constant_is_kept(constant: float, start: float, digits: int | None) -> None:
    x = Value(start, "x")
    for output in (
        x * 2 - constant,
        constant - x,
        x * constant,
        ops.where(x, x, constant),
        x + constant,
        -x + constant,
    ):
        text = str(autograd.formula(output, names={}, digits=digits))
        found = eval(text, {**FUNCTIONS, "inf": math.inf}, {"x": start})
        assert bits(float(found)) == bits(output.data), text
        line = autograd.to_text(output, names={}, digits=digits)
        assert constant or ("-0.0" in line) == ("-0.0" in text) == (math.copysign(1.0, constant) < 0)
        assert ("-0.0" in line.to_latex()) == ("-0.0" in line)


def test_gradients_of_minus_0_are_shown_as_0() -> None:
    x = Value(2.0, "x")
    shown = autograd.explain(x * -0.0, names={}, faux=False)
    assert "v2    x * (-0.0)" in str(shown) and "d v2/d x = 0 × d v2/d v2 = 0 × 1 = 0" in str(shown)
    assert r"x \times (-0.0) = 2 \times (-0.0) = 0" in shown.to_latex()
    assert r"&= 0 \times \frac{\partial v_{2}}{\partial v_{2}} = 0 \times 1 = 0" in shown.to_latex()


@settings(max_examples=300)
@given(st.integers(0, 10**9))
def test_python_computes_a_formula_in_the_order_of_the_graph(seed: int) -> None:
    output = arithmetic(seed)
    nodes = graph_of(output)
    leaves = {v: v.label for v in nodes if v.op is None}
    written = graph_formulas([v for v in nodes if v.op], leaves, number=repr)
    numbers = {name: Value(v.data) for v, name in leaves.items()}
    worth = eval(written[output].text, {}, numbers)
    assert repr(worth.data) == repr(output.data)


@settings(max_examples=100)
@given(st.integers(0, 10**9))
def test_so_it_does_with_every_operation_of_the_table(seed: int) -> None:
    output = random_graph(seed)
    nodes = graph_of(output)
    names = {v: f"v{i}" for i, v in enumerate(nodes)}
    numbers = {name: Value(v.data) for v, name in names.items()}
    for v in nodes:
        if v.op is not None:
            text = graph_formulas([v], names, number=repr)[v].text
            assert repr(eval(text, {**FUNCTIONS, **numbers}).data) == repr(v.data)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-2 * x", lambda x: -2 * x),
        ("(-2) ** x", lambda x: (-2) ** x),
        ("x - (x - x)", lambda x: x - (x - x)),
        ("x - x - x", lambda x: x - x - x),
        ("-x ** x", lambda x: -(x**x)),
        ("(-x) ** x", lambda x: (-x) ** x),
        ("x + (-0.5)", lambda x: x + -0.5),
        ("x * (x + 1)", lambda x: x * (x + 1)),
        ("max(x, -2)", lambda x: ops.max(x, -2)),
        ("where(x, x + 1, 0.5)", lambda x: ops.where(x, x + 1, 0.5)),
        ("dot([x, 1], [3, x])", lambda x: ops.dot([x, 1], [3, x])),
    ],
)
def test_parentheses_stand_where_they_are_needed(text: str, value: Any) -> None:
    x = Value(0.5)
    output = value(x)
    results = [v for v in graph_of(output) if v.op]
    assert graph_formulas(results, {x: "x"})[output].text == text


def test_with_the_signs_of_books_a_choice_reads_as_one() -> None:
    terms = [Term("x"), Term("y"), Term("z")]
    assert formula(TABLE["where"], terms, mathematical=True).text == "y if x > 0 else z"
    assert formula(TABLE["mul"], [constant("-2"), Term("x - y", 1)], mathematical=True).text == "-2 × (x - y)"


def test_every_view_prints_a_formula_the_same_way(tmp_path: Path) -> None:
    x = Value(65000.123, "x")
    y = (-2 * x + 65000.123).tanh()
    product, net = graph_of(y)[1:3]
    net.label, y.label = "net", "y"
    text = "-2 * x + 65000.123"
    assert graph_formulas([product, net], {x: "x"})[net].text == text
    assert [row.formula for row in autograd.explain(y, names={}).rows] == ["", text, "tanh(net)"]
    assert "net = v2 + 65000.123 " in autograd.to_text(y, names={})
    page = explore(y, names={}).html
    assert (
        '"formula":[""," * ",""]' in page and "const constants = [(-2.0), 65000.123];" in page
    )  # put in by the script
    with zipfile.ZipFile(to_spreadsheet(y, tmp_path / "a.xlsx", names={})) as file:
        assert text in file.read("xl/sharedStrings.xml").decode()


def test_a_constant_of_a_drawing_has_one_format_in_its_node_and_in_the_formula(tmp_path: Path) -> None:
    for number, text in ((65000.123, "65000"), (1234567.0, "1.235e+06"), (0.12345678, "0.1235")):
        y = Value(0.5, "x") + number
        source = autograd.draw(y, names={"y": y}).source
        assert rf"y = x + {text}\l" in source
        assert re.search(rf'c1 \[label="?{re.escape(text)}"? ', source)
        page = explore(y, names={"y": y}).html
        assert '"formula":[""," + ",""]' in page and f"const constants = [{number!r}];" in page


def test_in_place_of_a_long_formula_stands_its_operation() -> None:
    x = Value(0.5)
    assert summary(ops.dot([x] * 50, [x] * 50)) == "dot of 100 operands"
    assert (summary(x + x), summary(x.tanh()), summary(x)) == ("+", "tanh", "")

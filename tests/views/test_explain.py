"""`explain`: the articles' numbers, the gradients of `backward()`, formulas that evaluate to their numbers."""

from __future__ import annotations

import functools
import math
import random
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from cases import examples
from graphs import neuron, random_graph
from hostile import HOSTILE
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import GradientMismatch, Value, explain, faux_gradient, nn, to_text
from autograd.codegen.formulas import Term
from autograd.engine import graph_of, record
from autograd.ops import BUILT_IN, TABLE, Op
from autograd.text import LONGEST_NAME, significant, visible, width
from autograd.views.explain import Explanation
from autograd.views.gradients import in_equation, line_gradients

# ------------------------------------------------------------------------------------------------ the article's neuron

ARTICLE = {  # value, local gradient, global gradient, faux gradient
    "input": ("0.4", "0.5 on net", "-0.0101", "-0.0100"),
    "weight": ("0.5", "0.4 on net", "-0.0080", "-0.0080"),
    "bias": ("0.6", "1 on net", "-0.0201", "-0.0201"),
    "net": ("0.8", "0.5591 on output", "-0.0201", "-0.0201"),
    "output": ("0.664037", "1 on error", "-0.0360", "-0.0359"),
    "error": ("-0.035963", "-0.036 on loss", "-0.0360", "-0.0359"),  # the article files -0.036 one column before
    "loss": ("0.0006467", "", "1", "1.0000"),
}


def test_the_articles_table() -> None:
    lines = str(explain(neuron())).splitlines()
    assert re.split(r" {2,}", lines[0]) == [
        "name", "formula", "value", "local gradient", "global gradient", "faux gradient"
    ]  # fmt: skip
    formulas = {
        "net": "input * weight + bias",
        "output": "tanh(net)",
        "error": "output - 0.7",
        "loss": "error ** 2 / 2",
    }
    for line, (name, numbers) in zip(lines[1:], ARTICLE.items()):
        cells = [name, formulas.get(name, ""), *numbers]
        assert re.split(r" {2,}", line) == [cell for cell in cells if cell]
    assert len({line.find("global gradient") for line in lines if "global gradient" in line}) == 1


def test_the_articles_chain_rule_step_by_step() -> None:
    steps = explain(neuron()).steps
    assert [(" = ".join(step.equation), step.why) for step in steps] == [
        ("d loss/d loss = 1", "first, because backward begins here"),
        ("d loss/d error = error × d loss/d loss = -0.036 × 1 = -0.036", "after loss, which uses it"),
        ("d loss/d output = 1 × d loss/d error = 1 × -0.036 = -0.036", "after error, which uses it"),
        (
            "d loss/d net = (1 - output × output) × d loss/d output = 0.5591 × -0.036 = -0.0201",
            "after output, which uses it",
        ),
        ("d loss/d bias = 1 × d loss/d net = 1 × -0.0201 = -0.0201", "after net, which uses it"),
        ("d loss/d weight = input × d loss/d net = 0.4 × -0.0201 = -0.008", "after net, which uses it"),
        ("d loss/d input = weight × d loss/d net = 0.5 × -0.0201 = -0.0101", "after net, which uses it"),
    ]
    text = str(explain(neuron()))
    for step in steps:
        assert " = ".join(step.equation) in text
        assert step.why in text


def test_variables_are_names_and_every_value_may_be_a_row() -> None:
    a, b = Value(2.0), Value(3.0)
    total = a * b + 1
    assert [row.name for row in explain(total).rows] == ["a", "b", "total"]
    assert [row.name for row in explain(total, detail="value").rows] == ["a", "b", "v3", "total"]
    assert [row.name for row in explain(total, names={}).rows] == ["v1", "v2", "v3", "v4"]
    assert explain(total, names={"sum of all": total}).steps[0].equation[0] == "d sum of all/d sum of all"


def test_functions_and_long_lines_are_taken_apart() -> None:
    x = Value(0.5, "x")
    y = (x * 2 + 1).tanh()
    assert [row.formula for row in explain(y, names={"y": y}).rows] == ["", "x * 2", "v2 + 1", "tanh(v3)"]
    long = x
    for _ in range(30):
        long = long * 1.01 + x
    assert len(explain(long, names={"long": long}).rows) == 61
    shared = x * 2  # used twice, so it stands inside no formula
    z = shared * shared
    assert [row.formula for row in explain(z, names={"z": z}).rows] == ["", "x * 2", "v2 * v2"]


def test_formulas_keep_the_parentheses_of_the_graph() -> None:
    a, b, c = Value(2.0, "a"), Value(3.0, "b"), Value(4.0, "c")
    for value, formula in (
        ((a - (b - c)), "a - (b - c)"),
        (((a - b) - c), "a - b - c"),
        (((a + b) * c), "(a + b) * c"),
        ((-a) ** 2, "(-a) ** 2"),
        (-(a**2), "-a ** 2"),
        ((a**b) ** c, "(a ** b) ** c"),
        (a ** (b**c), "a ** (b ** c)"),
        (a / (b * c), "a / (b * c)"),
        ((-2.0) * a + (-3.0), "a * (-2) + (-3)"),
        (a * (-b), "a * (-b)"),
    ):
        numbers = {"a": 2.0, "b": 3.0, "c": 4.0}
        written = explain(value, names={"y": value}).rows[-1].formula
        assert eval(written, {}, numbers) == value.data
        assert written == formula or written.replace("-2 * a", "a * (-2)") == formula


# --------------------------------------------------------------------------------------------------- what backward does


@examples(100)
@given(st.integers(0, 10**9), st.sampled_from(["stage", "value"]))
def test_the_gradients_are_those_of_backward_to_the_bit(seed: int, detail: str) -> None:
    loss = random_graph(seed)
    nodes = graph_of(loss)
    explanation = explain(loss, detail=detail, names={}, faux=False)
    assert all(v.grad == 0 for v in nodes)
    loss.backward()
    shown = {row.name: row for row in explanation.rows}
    for i, v in enumerate(nodes, 1):
        row = shown.pop(v.label or f"v{i}", None)
        if row:
            assert repr(row.global_gradient) == repr(v.grad)
            assert row.value == v.data or math.isnan(v.data)
        assert row or detail == "stage"
    assert not shown
    again = explain(loss, detail=detail, names={}, faux=False)
    assert repr(again.rows) == repr(explanation.rows)  # the texts: a nan is not equal to another
    assert str(again) == str(explanation)


@examples(50)
@given(st.integers(0, 10**9), st.sampled_from(["stage", "value"]))
def test_every_stage_comes_after_all_that_use_it_and_is_the_sum_of_its_parts(seed: int, detail: str) -> None:
    explanation = explain(random_graph(seed), detail=detail, names={}, faux=False)
    gradients = {row.name: row.global_gradient for row in explanation.rows}
    seen, reached = set[str](), {explanation.output}  # by a gradient
    for step, row in zip(explanation.steps, reversed(explanation.rows)):
        assert {user for user, _ in row.local_gradients} <= seen
        passing = [(user, x) for user, x in row.local_gradients if x is not None and user in reached]
        reached |= {row.name} if passing else set()
        assert ("no gradient passes to it from" in step.why) == (row.name not in reached)
        for user, x in passing:
            assert user in step.why or "more" in step.why
            if f"d {explanation.output}/d {user}" not in " = ".join(step.equation):
                assert not math.isfinite(x * gradients[user]), "a product that could be shown"
                assert re.search(rf"whatever comes from {user}\b|not the product of|and so on", step.why)
        assert step.equation[-1] == in_equation(row.global_gradient)
        seen.add(row.name)
        if row.local_gradients and all(map(math.isfinite, gradients.values())):
            parts = [x * gradients[user] for user, x in passing]
            size = max(map(abs, parts), default=0.0)  # parts may cancel: to 0, or to the rounding error of the largest
            assert math.isclose(sum(parts), row.global_gradient, rel_tol=1e-9, abs_tol=1e-9 * max(size, 1.0))


def test_the_numbers_of_an_equation_have_one_format() -> None:
    x = Value(65000.123, "x")
    y = x * 1.2345678
    z = 0.123456789 * y * x
    equations = [" = ".join(step.equation) for step in explain(z, names={"y": y, "z": z}).steps]
    assert equations == [
        "d z/d z = 1",
        "d z/d y = x × 0.123456789 × d z/d z = 8024.7065 × 1 = 8024.7065",
        "d z/d x = 0.123456789 × y × d z/d z + 1.2345678 × d z/d y = 9907.0442 × 1 + 1.2345678 × 8024.7065 = "
        "9907.0442 + 9907.0442 = 19814.0884",
    ]


def holds(numbers: str, result: str) -> bool:
    """Return True if the numbers combine to the result, but for the rounding of its last digit."""
    shown = Decimal(result.strip("()"))
    combined: float = eval(numbers.replace("×", "*"))
    return abs(combined - float(shown)) <= 0.61 * 10.0 ** int(shown.as_tuple().exponent)


def test_the_arithmetic_of_an_equation_holds_as_it_is_shown() -> None:
    rng = random.Random(3)
    for _ in range(40):
        x, y = Value(rng.uniform(-40, 40), "x"), Value(10 ** rng.uniform(-3, 3), "y")
        z = x * 0.0359632 * y + (x * y * rng.uniform(-9, 9)).tanh() * 24.5 + y.log() * 1234.5
        for step in explain(z, names={"z": z}).steps[1:]:
            _, _, products, *sums, total = step.equation
            for parts in sums:
                assert holds(parts, total), step.equation
                for product, part in zip(products.split(" + "), parts.split(" + "), strict=True):
                    assert holds(product, part), step.equation
            assert sums or holds(products, total), step.equation


@pytest.mark.parametrize("g", [6.0, 1.5])
def test_false_arithmetic_is_refused(g: float) -> None:
    forgetful = Op("forgetful({})", lambda x: x * x, lambda g, z, x: 2 * x)
    x = Value(3.0, "x")
    with pytest.raises(GradientMismatch, match=r"linear in g, but the rule of forgetful .*check_gradients"):
        explain(forgetful(x) * g)
    assert explain(forgetful(x)).rows[0].global_gradient == 6.0  # where g is 1, the equation holds


def test_where_paths_meet_each_part_is_shown() -> None:
    x, w = Value(3.0, "x"), Value(-2.0, "w")
    net = x * w
    net.label = "net"
    loss = net * net + x
    loss.label = "loss"
    step = explain(loss).steps[-1]
    assert step.equation == (
        "d loss/d x",
        "1 × d loss/d loss + w × d loss/d net",
        "1 × 1 + (-2 × -12)",
        "1 + 24",
        "25",
    )
    assert step.why == "after loss and net, which use it: their parts add up"


def test_the_faux_gradient_is_that_of_the_check() -> None:
    loss = neuron()
    for v, row in zip([v for v in graph_of(loss) if v.label], explain(loss).rows):
        assert row.faux_gradient == faux_gradient(loss, v)
    assert "faux" not in str(explain(loss, faux=False)) + explain(loss, faux=False)._repr_html_()


def test_nothing_in_the_graph_changes() -> None:
    loss = neuron()
    nodes = graph_of(loss)
    for i, v in enumerate(nodes):
        v.grad = i
    before = [(v.data, v.grad, v.label) for v in nodes]
    str(explain(loss)), to_text(loss)
    assert [(v.data, v.grad, v.label) for v in nodes] == before


def test_a_nan_can_be_explained_while_anomalies_are_watched() -> None:
    x = Value(-1.0, "x")
    y = x.log() * 2
    with autograd.detect_anomaly():
        rows = explain(y, names={"y": y}).rows
    assert (rows[0].global_gradient, math.isnan(rows[-1].value)) == (-2.0, True)


def test_numbers_that_do_not_fit_together_are_refused() -> None:
    x = Value(2.0)
    y = x * x
    x.data = 3
    with pytest.raises(ValueError, match="forward"):
        explain(y)
    assert explain(y.forward()).rows[-1].value == 9.0


# --------------------------------------------------------------------------------------- formulas come from the table


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_a_formula_evaluates_to_its_number(name: str) -> None:
    op = TABLE[name]
    rng = random.Random(name)
    for _ in range(20):
        intervals = op.domain if op.arity else op.domain * 4
        numbers = {letter: max(low, 0) + rng.uniform(0.1, 0.9) for letter, (low, _) in zip("abcd", intervals)}
        operands = {Value(x): letter for letter, x in numbers.items()}
        z = record(op, tuple(operands))
        pulls = op.pulls(1.0, z.data, *numbers.values())
        terms = {v: Term(letter) for v, letter in {**operands, z: "z"}.items()}
        for pull, found in zip(pulls, line_gradients([z], terms), strict=True):
            assert found.number == pull
            if pull is None:
                assert found.formula is None
                continue
            assert found.formula
            formula = found.formula.text.replace("×", "*")
            assert math.isclose(eval(formula, {**TABLE, **numbers, "z": z.data}), pull, rel_tol=1e-3), (
                formula
            )  # constants are rounded


def test_a_users_rule_is_shown_as_it_was_written() -> None:
    Op(
        "wrong({})", lambda x: x**3, lambda g, z, x: g * 5 * x
    )  # a planted error: there is no second list of derivatives
    x = Value(2.0, "x")
    y = TABLE["wrong"](x)
    assert explain(y, names={"y": y}).steps[-1].equation[1:] == ("5 × x × d y/d y", "10 × 1", "10")


@pytest.mark.parametrize(
    "rule",
    [
        lambda g, z, x: g * math.exp(x),
        lambda g, z, x: g * 2.0 if x > 0 else g * 3.0,
        lambda g, z, x: g * 2.0 if x else g * 3.0,
        lambda g, z, x: g * 2.0 if x != 0.0 else g * 3.0,
        lambda g, z, x: g * float(x),
        lambda g, z, x: g * {0.0: 2.0}.get(x, 3.0),
    ],
)
def test_where_a_rule_needs_numbers_the_number_stands_alone(rule: Any) -> None:
    own = Op("own({})", lambda x: x, rule)
    x = Value(0.0, "x")
    y = own(x)
    local = rule(1.0, 0.0, 0.0)
    shown = f"{local:.6g}" if local == int(local) else f"{local:.4f}"
    assert explain(y, names={"y": y}).steps[-1].equation[1] == f"{shown} × d y/d y"


def test_a_formula_too_long_to_read_gives_way_to_its_number() -> None:
    x, y = Value(2.0, "x" * 40), Value(3.0, "y" * 40)
    power = x**y
    steps = explain(power, names={"power": power}).steps
    assert steps[2].equation[1] == "12 × d power/d power"  # y × x ** (y - 1)


@pytest.mark.parametrize(
    ("pull", "text"),
    [
        (lambda x: x - 0.0, "x"), (lambda x: 1.0 * x, "x"), (lambda x: x * 1.0, "x"), (lambda x: x / 1.0, "x"),
        (lambda x: x**1.0, "x"), (lambda x: x**0.0, "1"), (lambda x: -1.0 * x, "-x"), (lambda x: x * -1.0, "-x"),
        (lambda x: autograd.where(0.0, 1.0, x), "x"), (lambda x: x.tanh(), "tanh(x)"), (lambda x: 2 - x, "(2 - x)"),
        (lambda x: autograd.dot([x], [2.0]), "dot([x], [2])"),
    ],
)  # fmt: skip
def test_operations_that_change_nothing_are_left_out_of_a_formula(pull: Any, text: str) -> None:
    own = Op("own({})", lambda x: x, lambda g, z, x: g * pull(x) if isinstance(x, Value) else g * pull(Value(x)).data)
    x = Value(0.5, "x")
    y = own(x)
    assert explain(y, names={"y": y}).steps[-1].equation[1].removesuffix(" × d y/d y") == text


def test_choices_read_as_choices() -> None:
    x = Value(0.5, "x")
    y = x.relu()
    y.label = "y"
    assert explain(y).steps[-1].equation == ("d y/d x", "(1 if x > 0 else 0) × d y/d y", "1 × 1", "1")


@pytest.mark.parametrize(
    ("name", "numbers", "formulas"),
    [
        ("atan2", (0.7, 1.3), ["y / (y × y + x × x)", "-(x / (x × x + y × y))"]),
        ("hypot", (0.7, 1.3), ["x / sqrt(x × x + y × y)", "y / sqrt(y × y + x × x)"]),
        ("hypot", (0.0, 0.0), ["out", "out"]),
        ("asinh", (0.7,), ["1 / sqrt(1 + x × x)"]),
        ("asinh", (-1e9,), ["1 / abs(x)"]),
        ("pow", (0.7, 1.3), ["y × x ** (y - 1)", "out × log(x)"]),
        ("pow", (0.0, 2.0), ["y × x ** (y - 1)", "out × log(1 + abs(x))"]),
    ],
)
def test_choices_that_protect_a_rule_are_decided(name: str, numbers: Sequence[float], formulas: Sequence[str]) -> None:
    """A kink is the operation's mathematics; where there is none, a choice keeps a rule from overflow or 0 / 0."""
    op = TABLE[name]
    out = op(*map(Value, numbers, "xy"))
    equations = {step.equation[0]: step.equation[1] for step in explain(out, names={"out": out}).steps}
    shown = [equations[f"d out/d {x}"].removesuffix(" × d out/d out") for x in "xy"[: len(numbers)]]
    assert shown == formulas


@pytest.mark.parametrize(
    ("name", "numbers", "formula"),
    [
        ("gelu", (-0.5,), "(0.5 × erfc(-0.707106781 × x) + x × (0.39894228 × exp(-0.5 × x × x)))"),
        ("gelu", (40.5,), "1"),
        ("gelu", (-1e300,), "0"),
        ("silu", (0.5,), "(sigmoid(x) + x × (0.25 × (1 - tanh(0.5 × x) × tanh(0.5 × x))))"),
        ("silu", (-799.0,), "(sigmoid(x) + x × (sigmoid(x) × sigmoid(-x)))"),
        ("silu", (801.0,), "1"),
        ("elu", (2.0, 0.5), "(1 if x > 0 else y × exp(0.5 × x) × exp(0.5 × x))"),
        ("elu", (-2.0, 0.5), "(1 if x > 0 else y × exp(0.5 × x) × exp(0.5 × x))"),
        ("clip", (-2.0, -1.0, 1.0), "(0 if y > x else (0 if x > z else 1))"),
        ("max", (2.0, 1.0), "(1 if x > y else (0 if y > x else 0.5))"),
        ("largest", (1.0, 2.0, 1.5), "(0 if out > x else 0.5)"),  # it would be the first of two
        ("smallest", (2.0, 1.0, 1.5), "(0 if x > out else 0.5)"),
        ("atan", (1e60,), "1e-60 / (1e-120 + x / 1e+60 × (x / 1e+60)) / 1e+60"),
    ],
)
def test_formulas_have_the_choices_that_a_reader_needs(name: str, numbers: Sequence[float], formula: str) -> None:
    op = TABLE[name]
    leaves = [*map(Value, numbers, "xyz")]
    out = op(leaves) if op.variadic else op(*leaves)
    step = next(step for step in explain(out, names={"out": out}).steps if step.equation[0] == "d out/d x")
    assert step.equation[1].removesuffix(" × d out/d out") == formula


def test_a_bound_that_is_none_is_no_choice() -> None:
    x = Value(2.0, "x")
    for out, formula in (
        (x.clip(), "1"),
        (x.clip(0.0), "(0 if 0 > x else 1)"),
        (x.clip(high=0.0), "(0 if x > 0 else 1)"),
    ):
        equation = explain(out, names={"out": out}).steps[-1].equation
        assert equation[1] == f"{formula} × d out/d out"


EXTREME = [
    s * x for x in (0.0, 1e-300, 1e-60, 0.3, 0.7, 1.5, 39.5, 50.0, 1e3, 1.23456789e60, 1.23456789e300) for s in (1, -1)
]


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_local_gradient_has_a_formula_in_every_branch(name: str) -> None:
    """But for angles and distances far out, where the squares would overflow: scaling them is too long to read."""
    op, rng = TABLE[name], random.Random(name)
    points = [[x] * (op.arity or 4) for x in EXTREME]
    points += [rng.choices(EXTREME, k=len(points[0])) for _ in range(60) if op.arity != 1]
    for point in points:
        leaves = [*map(Value, point, "abcd")]
        out = record(op, tuple(leaves))
        names = {v: Term(v.label or "out") for v in [*leaves, out]}
        for found in line_gradients([out], names):
            if found.number is not None and not math.isnan(found.number):
                assert found.formula
                far = name in ("atan", "atan2", "hypot") and not 1e-50 < max(map(abs, point)) < 1e50
                assert len(found.formula.text) < 80 or far, (point, found.formula)


def nested(x: Any) -> Any:
    for i in range(40):
        x = autograd.where(x - i, x + 1, -x)
    return x


@pytest.mark.parametrize(
    "slope",
    [
        lambda x: functools.reduce(lambda y, _: y * y, range(60), x),  # 2**60 times x
        lambda x: functools.reduce(lambda y, _: y + 1, range(50_000), x),
        nested,
    ],
)
def test_a_formula_that_nobody_could_read_is_not_written(slope: Callable[[Any], Any]) -> None:
    own = Op("own({})", lambda x: x, lambda g, z, x: g * slope(x))
    x = Value(1.0, "x")
    out = own(x)
    out.backward()
    equation = explain(out, names={"out": out}).steps[-1].equation
    assert equation[1].removesuffix(" × d out/d out") == significant(x.grad, 5)


def test_choices_in_a_users_rule_stay() -> None:
    leaky = Op("leaky({})", lambda x: autograd.where(x, x, 0.1 * x), lambda g, z, x: autograd.where(x, g, 0.1 * g))
    out = leaky(Value(-2.0, "x"))
    assert explain(out, names={"out": out}).steps[-1].equation[1] == "(1 if x > 0 else 0.1) × d out/d out"


def test_operations_of_many_operands() -> None:
    xs, ws = [Value(float(i), f"x{i}") for i in range(3)], [Value(0.5, f"w{i}") for i in range(3)]
    net = autograd.dot(xs, ws)
    equations = {step.equation[0]: step.equation[1] for step in explain(net, names={"net": net}).steps}
    assert equations["d net/d x1"] == "w1 × d net/d net"
    assert equations["d net/d w2"] == "x2 × d net/d net"
    total = autograd.sum([*xs, xs[0]])
    step = explain(total, names={"total": total}).steps[-1]
    assert step.equation[1] == "1 × d total/d total + 1 × d total/d total"
    assert step.why == "after total, which uses it twice: the parts of both paths add up"


# ------------------------------------------------------------------------------------------------- hostile and extreme


def test_hostile_labels_break_no_line_and_no_page() -> None:
    def texts(label: str) -> tuple[Explanation, list[str]]:
        loss = neuron()
        graph_of(loss)[0].label = label
        explanation = explain(loss)
        return explanation, [str(explanation), to_text(loss)]

    assert len(ET.fromstring(texts("input")[0]._repr_html_()).findall(".//td")) == 7 * 6
    for label in [*HOSTILE, "\x1b[31mred", "\ud800"]:
        explanation, shown = texts(label)
        same, plain = texts("x" * width(visible(label)))
        page, plain_page = ET.fromstring(explanation._repr_html_()), ET.fromstring(same._repr_html_())
        if width(visible(label)) <= LONGEST_NAME:  # a wider plain label would be cut
            assert [len(text.splitlines()) for text in shown] == [len(text.splitlines()) for text in plain]
            assert len(page.findall(".//td")) == len(plain_page.findall(".//td"))
        for text in shown:
            assert any(visible(label) in line for line in text.splitlines())
            assert all(c.isprintable() or c == "\n" for c in text)
            text.encode()
        assert page.find(".//b") is None
        assert page.findall(".//td")[0].text == visible(label)


@examples(40)
@given(st.text())
def test_any_label_keeps_its_line(label: str) -> None:
    x = Value(2.0, label or None)
    y = x * x
    assert len(to_text(y, names={}).splitlines()) == 4
    page = ET.fromstring(explain(y, names={})._repr_html_())
    assert len(page.findall(".//tr")) == 3


def test_wide_letters_keep_the_columns() -> None:
    x = Value(2.0, "重み")
    y = x * Value(3.0, "e\u0301te\u0301")  # two combining accents
    lines = str(explain(y, names={"y": y})).splitlines()[:4]
    assert lines[1].startswith("重み   ")
    assert lines[2].startswith("e\u0301te\u0301    ")


def test_the_notebook_sees_a_table_with_all_digits_and_the_steps() -> None:
    page = ET.fromstring(explain(neuron())._repr_html_())
    assert [th.text for th in page.findall(".//th")][:2] == ["name", "formula"]
    assert any(td.get("title") == "-0.008042171772040318" for td in page.findall(".//td"))
    assert "d loss/d weight = input × d loss/d net = 0.4 × -0.0201 = -0.008" in [
        c.text for c in page.findall(".//code")
    ]
    assert "color" not in ET.tostring(page, encoding="unicode")  # the notebook's own, light or dark


def test_a_bare_value_echoes_as_text_and_an_explanation_as_its_table() -> None:
    rich = [f"_repr_{kind}_" for kind in ("html", "svg", "png", "markdown", "mimebundle", "latex")]
    assert not any(hasattr(Value(1.0), name) for name in [*rich, "_ipython_display_", "_mime_"])
    explanation = explain(neuron())
    assert repr(explanation) == str(explanation)


@pytest.mark.parametrize("number", [0.0, -0.0, math.inf, -math.inf, math.nan, 1e-300, 1e300])
def test_rich_output_of_any_number(number: float) -> None:
    x = Value(number, "x")
    y = x * x + 1 / x
    explanation = explain(y, names={"y": y})
    ET.fromstring(explanation._repr_html_())
    assert str(explanation)
    assert "y = " in to_text(y, names={"y": y})


def test_a_large_graph_is_refused_at_once_with_advice() -> None:
    random.seed(1)
    x = Value(0.5)
    loss: Value = autograd.sum([(x * i).tanh() for i in range(32_500)])
    started = time.process_time()
    with pytest.raises(ValueError, match=r"65,002 nodes.*max_nodes=200.*explain\(hidden\)"):
        explain(loss)
    assert time.process_time() - started < 1.0
    assert len(to_text(loss).splitlines()) == 1002
    with pytest.raises(ValueError, match="max_nodes=3"):
        explain(neuron(), max_nodes=3)


def test_a_leaf_a_constant_and_no_value() -> None:
    x = Value(2.0, "x")
    assert [(step.equation, step.why) for step in explain(x).steps] == [
        (("d x/d x", "1"), "first, because backward begins here")
    ]
    empty: Value = autograd.sum([x, 1.0])
    assert explain(empty, names={"empty": empty}).rows[-1].formula == "sum([x, 1])"
    for thing in (3.0, [x], None):
        with pytest.raises(TypeError, match="takes a Value"):
            explain(thing)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="takes a Value"):
            to_text(thing)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="detail"):
        explain(x, detail="nodes")


def test_long_sums_are_wrapped() -> None:
    x = Value(0.5, "x")
    parts = [x * i for i in range(40)]
    loss: Value = autograd.sum([p.tanh() for p in parts])
    explanation = explain(loss, names={})
    assert isinstance(explanation, Explanation)
    assert max(map(len, str(explanation).splitlines()[len(explanation.rows) + 1 :])) <= 100
    assert explanation.steps[-1].why == "after v41, v40, v39, v38 and 36 more, which use it: their parts add up"


def test_a_neuron_with_many_inputs() -> None:
    random.seed(1)
    unit = nn.Neuron(64)
    output = unit([0.1] * 64)
    rows = explain(output, names={}).rows
    assert rows[-3].formula == "dot of 128 operands"
    assert len(rows) == 65 + 3


def test_a_wide_dot_is_refused() -> None:
    one = Value(1.0)
    with pytest.raises(ValueError, match="20,000 edges, too large to explain"):
        explain(autograd.dot([one] * 10_000, [one] * 10_000))


def test_constants_that_are_not_equal_to_themselves_or_equal_to_others() -> None:
    """Each engine hands out constants as it likes: the same float each time, or another one."""
    x = Value(0.5, "x")
    for y in (x**math.nan, x * math.nan + math.nan, autograd.clip(x, -math.inf, math.nan) * -0.0 + 0.0):
        assert str(y.data) in str(explain(y))

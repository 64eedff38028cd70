"""What `explain` prints is true: every product and sum, of every row of the table, over the whole range of floats."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from arithmetic import check_step, is_shown_as, summands
from cases import cases

from autograd import GradientMismatch, Value, explain
from autograd.engine import graph_of
from autograd.ops import BUILT_IN, TABLE, Op
from autograd.views.chain_rule import ChainRule
from autograd.views.explain import Explanation
from autograd.views.gradients import in_equation

inf, nan = math.inf, math.nan
NUMBERS = [0.0, -0.0, *(s * x for x in (5e-324, 1e-310, 1e-300, 1e-160, 0.3, 1.0, 2.5, 1e160, 1e300) for s in (1, -1))]
NUMBERS += [inf, -inf, nan, 3e160, 1.7976931348623157e308, 0.0359632]
GRADIENTS = [0.0, 1.0, -2.5, 1e200, -1e200, 1e-200, inf, -inf, nan, 5e-324, 4.0 / 3]


def check(output: Value, detail: str) -> Explanation:
    """Check all that is printed about an output."""
    explanation = explain(output, names={"out": output}, detail=detail, faux=False)
    nodes = graph_of(output)
    output.zero_grad()
    output.backward()
    named = {v.label or (f"v{i}" if v is not output else "out"): v for i, v in enumerate(nodes, start=1)}
    numbers = {name: v.data for name, v in named.items()}
    gradients = {name: v.grad for name, v in named.items()}
    known = {f"d out/d {name}": gradient for name, gradient in gradients.items()}
    for step, row in zip(explanation.steps, reversed(explanation.rows), strict=True):
        assert str(row.global_gradient + 0.0) == str(gradients[row.name] + 0.0)
        assert is_shown_as(gradients[row.name], step.equation[-1], decimals=4)
        assert step.equation[-1] == in_equation(gradients[row.name])
        parts = check_step(step, numbers, known)
        if detail == "value" and row.name != "out" and "no gradient passes to it" not in step.why:
            check_parts(step, parts, named[row.name], nodes)
    return explanation


def check_parts(step: ChainRule, parts: Sequence[str], x: Value, nodes: Sequence[Value]) -> None:
    """Check that the parts are what the rules give, and that one that is a product is shown as a product."""
    numeric = summands(step.equation[2]) if len(step.equation) > 3 else [None] * len(parts)
    found = iter(zip(parts, numeric, strict=True))
    for v in reversed(nodes):
        operands = [u.data if isinstance(u, Value) else u for u in v.args]
        for u, slope, pull in zip(v.args, *(v.op.pulls(g, v.data, *operands) for g in (1.0, v.grad))) if v.op else ():
            if u is x and slope is not None:
                part, factors = next(found)
                assert is_shown_as(pull + 0.0, part), (step.equation, pull)
                product = slope * v.grad
                if product == pull or (math.isnan(product) and math.isnan(pull)):
                    assert factors and "×" in factors, (step, slope, v.grad)
    assert next(found, None) is None, step.equation


def last_step(output: Value) -> ChainRule:
    """Return what is printed about the oldest leaf, all of which is true."""
    return check(output, "value").steps[-1]


# ---------------------------------------------------------------------------------------------------- single mistakes


@pytest.mark.parametrize(
    ("name", "operands", "silent"),
    [
        ("relu", [-1.0], 0),
        ("relu", [0.0], 0),
        ("sign", [3.0], 0),
        ("step", [3.0], 0),
        ("max", [-3.0, -2.0], 0),
        ("min", [-3.0, -2.0], 1),
        ("where", [1.0, 2.0, 3.0], 2),
        ("where", [-1.0, 2.0, 3.0], 1),
        ("largest", [1.0, 2.0, 0.0], 2),
        ("smallest", [1.0, 0.0, 2.0], 2),
    ],
)
def test_what_a_choice_does_not_pass_is_no_product_with_infinity(name: str, operands: list[float], silent: int) -> None:
    op = TABLE[name]
    leaves = [Value(x, f"x{i}") for i, x in enumerate(operands)]
    z = op(leaves) if op.variadic else op(*leaves)
    step = next(step for step in check(z * inf, "value").steps if step.equation[0] == f"d out/d {leaves[silent].label}")
    assert step.equation[1:] == ("0",)
    assert f"the rule of {name} passes 0 here, whatever comes from v{len(operands) + 1}" in step.why


def test_a_logarithm_of_what_relu_cuts_off() -> None:
    x = Value(-1.0, "x")
    assert last_step(x.relu().log()) == ChainRule(
        ("d out/d x", "0"), "after v2, which uses it; the rule of relu passes 0 here, whatever comes from v2"
    )


def test_an_infinite_local_gradient_below_a_gradient_of_0() -> None:
    step = last_step(Value(5e-324, "x").log() * 0)
    assert step.equation == ("d out/d x", "0")
    assert step.why.endswith("the rule of log gives 0, not the product of inf and 0")


def test_a_power_below_a_subnormal_gradient() -> None:
    step = last_step(Value(0.0, "x") ** -0.25 * -5e-324)
    assert step.equation[-2:] == ("-inf × -4.941e-324", "inf")


@pytest.mark.parametrize(
    ("x", "g", "equation"),
    [
        (3e160, inf, ("1.112e-321 × inf", "inf")),
        (1e160, 1e200, ("1e-320 × 1e+200", "1e-120")),
        (1e165, 1e300, ("0 × 1e+300", "0")),
    ],
)
def test_a_local_gradient_that_vanishes(x: float, g: float, equation: tuple[str, ...]) -> None:
    assert last_step(Value(x, "x").atan() * g).equation[-len(equation) :] == equation


def test_a_constant_has_the_same_digits_in_the_formula_and_below() -> None:
    x = Value(2.0, "x")
    assert last_step(x * 0.0359632).equation[1:] == ("0.0359632 × d out/d out", "0.0359632 × 1", "0.036")
    assert last_step(x * 0.123456789123 * 1e5).equation[1:] == (
        "0.123456789 × d out/d v2",
        "0.123456789 × 100000",
        "12345.6789",
    )
    cancelling = last_step(x * 0.123456789123 * 999999.0 + x * -123456.0)
    assert "0.1234567891 × d out/d v2" in cancelling.equation[1]


def test_a_formula_has_the_digits_that_give_its_number() -> None:
    x = Value(0.1, "x")
    out = (x - 0.1000000001) ** 2 * 1e10
    step = check(out, "stage").steps[-1]
    assert step.equation[1:] == ("20000000000 × (x - 0.1000000001) × d out/d out", "-2 × 1", "-2")


def test_parts_are_added_in_the_order_of_backward() -> None:
    x = Value(1.0, "x")
    first = x * 1.5e308  # unnamed, so on the line of the output, but older than what follows
    second = (x * 1e308).stop_gradient() * 0 + x * -1.5e308
    second.label = "second"
    out = first + second + x * 1.5e308
    step = check(out, "stage").steps[-1]
    assert step.equation[-2:] == ("1.5e+308 + (-1.5e+308) + 1.5e+308", "1.5e+308")


def test_the_largest_floats_do_not_overflow_when_they_are_shown() -> None:
    x = Value(1.7976931348623157e308, "x")
    y = Value(0.5, "y")
    assert check(x * y, "value").steps[-2].equation[2:] == ("1.79769e+308 × 1", "1.798e+308")


def test_a_rule_that_clips_the_gradient_is_refused() -> None:
    clipped = Op("clipped({})", lambda x: 3 * x, lambda g, z, x: TABLE["min"](g * 3, 5.0))
    with pytest.raises(GradientMismatch, match="linear in g, but the rule of clipped"):
        explain(clipped(Value(1.0, "x")) * 100)


def test_a_line_of_several_steps_gives_what_its_rules_give() -> None:
    x = Value(1e-200, "x")
    y = x * 1e200 * 1e200  # its local gradient overflows
    y.label = "y"
    step = check(y * 1e-300, "stage").steps[-1]
    assert step.equation == ("d out/d x", "1e+100")
    assert step.why.endswith("the line of y gives 1e+100, not the product of inf and 1e-300")


# ------------------------------------------------------------------------------------------------------- the campaign


def graphs(op: Op, rng: random.Random, count: int) -> Iterator[tuple[Value, str]]:
    """Yield outputs that pull gradients of all sizes through a row, at operands of all sizes."""
    for i in range(count):
        picked = [rng.choice(NUMBERS) for _ in range(op.arity or 4)]
        g = GRADIENTS[i % len(GRADIENTS)]
        operands: list[Any] = [Value(x, f"x{place}") for place, x in enumerate(picked)]
        if rng.random() < 0.2:
            operands[-1] = operands[0]
        results = [op(*op.lists(operands)) if op.variadic else op(*operands)]
        if rng.random() < 0.3:
            results.append(TABLE["mul"](operands[0], rng.choice(NUMBERS)))
        if rng.random() < 0.3:
            results[0] = results[0] * rng.choice(NUMBERS)
        terms = [z * g for z in results]
        output = terms[0] if len(terms) == 1 else terms[0] + terms[1]
        yield output, rng.choice(["stage", "value"])


@pytest.mark.parametrize("name", sorted(BUILT_IN))
@pytest.mark.parametrize("count", cases([8], campaign=[22]))
def test_all_arithmetic_is_true(name: str, count: int) -> None:
    rng = random.Random(f"arithmetic of {name}")
    for output, detail in graphs(TABLE[name], rng, count):
        check(output, detail)

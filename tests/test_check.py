"""Faux gradients and the gradient check: right gradients pass, wrong ones are shown, kinks are marked."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from campaigns import planted_rules
from cases import cases

import autograd
from autograd import GradientMismatch, Value, check_gradients, faux_gradient, grad
from autograd.engine import graph_of, record
from autograd.ops import BUILT_IN, TABLE, Op
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
        (lambda z, x: nudge(1.0, x), TypeError, "expected a Value as output, got float 1.0: only Values remember"),
        (lambda z, x: nudge(z, 1.0), TypeError, "wrt is the Value to perturb, got float 1.0: .* Write x = Value"),
        (lambda z, x: faux_gradient(z, x, tiny=0), ValueError, "a small number"),
        (lambda z, x: faux_gradient(z, x, tiny=math.nan), ValueError, "a small number"),
        (lambda z, x: nudge(z, x, tiny="1"), TypeError, "float"),
        (lambda z, x: faux_gradient(z, x, method="middle"), ValueError, "'forward' or 'central'"),
        (lambda z, x: check_gradients(z, [x, 2.0]), TypeError, "inputs are Values, .* got float 2.0: a plain number"),
        (lambda z, x: check(2.0), TypeError, "expected a Value as output"),
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
    "relu almost at 0": (lambda x: x.relu(), 1e-7, "ok"),
    "asin at 1": (lambda x: x.asin(), 1.0, "kink"),
    "asin at 1 on the way": (lambda x: (x - x).erfc().asin() * 2, 0.5, "kink"),
    "length 0": (lambda x: autograd.hypot(x, 0.0), 0.0, "kink"),
}


def test_what_has_few_digits_because_it_is_subnormal_is_unsure() -> None:
    leaves = [Value(v) for v in (6.3e-114, 7.4e-92, 6.2e-117, 1.44)]
    product = leaves[0] * leaves[1] * leaves[2] * leaves[3]
    assert [line.verdict for line in check_gradients(product)][-1] == "unsure"
    rng = random.Random(0)
    for _ in range(100):
        leaves = [Value(10 ** rng.uniform(-120, -90)) for _ in range(3)]
        check_gradients(leaves[0] * leaves[1] * leaves[2] * Value(rng.uniform(0.1, 2)))
    slope = Op("slope({})", lambda x: x * x, lambda g, z, x: g * 3 * x)
    with pytest.raises(GradientMismatch):
        check_gradients(slope(Value(1e-150)) * 1e-150)


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


CURVED: dict[str, tuple[Callable[[Any], Any], Callable[[float], float], Callable[[float], float], float]] = {
    "hardswish at 3": (lambda x: x * autograd.clip(x + 3, 0, 6) / 6, lambda x: (2 * x + 3) / 6, lambda x: 1.0, 3.0),
    "exp(-|x|)": (lambda x: autograd.exp(-abs(x)), math.exp, lambda x: -math.exp(-x), 0.0),
    "min(x², 4)": (lambda x: autograd.min(x * x, 4.0), lambda x: 2 * x, lambda x: 0.0, 2.0),
    "min(x³, 1)": (lambda x: autograd.min(x * x * x, 1), lambda x: 3 * x * x, lambda x: 0.0, 1.0),
    "x³ before 1, x² after": (lambda x: autograd.where(x - 1, x * x, x**3), lambda x: 3 * x * x, lambda x: 2 * x, 1.0),
    "x before 1, 1/x after": (lambda x: autograd.where(x - 1, 1 / x, x), lambda x: 1.0, lambda x: -1 / x / x, 1.0),
    "log, then a line": (
        lambda x: autograd.where(x - 2, autograd.log(x), x / 10 + math.log(2) - 0.2),
        lambda x: 0.1,
        lambda x: 1 / x,
        2.0,
    ),
}


def slope_chosen(
    left: Callable[[float], float], right: Callable[[float], float], at: float, chosen: Callable[[float, float], float]
) -> Callable[..., Any]:
    """The rule of a function with a corner, where it is chosen from the slopes on both sides."""

    def rule(g: Any, z: Any, x: Any) -> Any:
        return g * (chosen(left(x), right(x)) if x == at else left(x) if x < at else right(x))

    return rule


@pytest.mark.parametrize("name", CURVED)
def test_corners_between_curved_sides_are_kinks(name: str) -> None:
    computes, left, right, at = CURVED[name]
    choices: list[Callable[[float, float], float]] = [lambda x, y: x, lambda x, y: y, lambda x, y: 0.3 * x + 0.7 * y]
    for chosen in choices:
        assert check_gradients(own(computes, slope_chosen(left, right, at, chosen))(Value(at)))[0].verdict == "kink"
    for off in (0.3, 1e-3, 1e-5):
        above = own(computes, slope_chosen(left, right, at, lambda x, y, off=off: max(x, y) + off))  # type: ignore[misc]
        with pytest.raises(GradientMismatch):
            check_gradients(above(Value(at)))
        below = own(computes, slope_chosen(left, right, at, lambda x, y, off=off: min(x, y) - off))  # type: ignore[misc]
        assert verdict_on(below, at) in ("wrong", "unsure")  # unsure where that is the mean slope over some distance


def verdict_on(op: Op, at: float) -> str:
    """The verdict on the rule of an operation on one operand."""
    try:
        return check_gradients(op(Value(at)))[0].verdict
    except GradientMismatch:
        return "wrong"


def test_random_corners_between_curved_sides_are_kinks() -> None:
    rng = random.Random(0)
    found = []
    for i in range(300):
        at, level = rng.choice([0.0, 1.0, 2.5, -3.0, 1e-5, 400.0]), rng.choice([1.0, 0.0, -7.0])
        a, b, c, d = (rng.uniform(-2, 2) for _ in range(4))
        computes = lambda x, s=(at, level, a, b, c, d): (  # noqa: E731
            s[1] + (x - s[0]) * (s[2] + s[3] * (x - s[0]) if x > s[0] else s[4] + s[5] * (x - s[0]))
        )
        rule = slope_chosen(
            lambda x, s=(at, c, d): s[1] + 2 * s[2] * (x - s[0]),  # type: ignore[misc]
            lambda x, s=(at, a, b): s[1] + 2 * s[2] * (x - s[0]),  # type: ignore[misc]
            at,
            (lambda x, y: x) if i % 2 else (lambda x, y: y),
        )
        found.append(check_gradients(own(computes, rule)(Value(at)))[0].verdict)
    assert set(found) <= {"kink", "unsure"}
    assert found.count("kink") > 0.95 * len(found)


def test_a_vertical_tangent_at_the_edge_of_a_domain_is_a_kink() -> None:
    """The function is 0 beyond the edge, as entropies are."""
    entropy = Op(
        f"own_{len(TABLE)}({{}})",
        lambda p: -p * math.log(p) if p > 0 else 0.0,
        lambda g, z, p: -g * (math.log(p) + 1) if p > 0 else g * math.inf,
        domain=[(0.0, math.inf)],
    )
    assert [check_gradients(entropy(Value(p)))[0].verdict for p in (0.0, 1e-300, 0.3)] == ["kink", "ok", "ok"]


def test_a_wrong_gradient_at_a_kink_still_fails() -> None:
    wrong = Op("wrong_relu({})", lambda x: max(x, 0.0), lambda g, z, x: g * 2)
    with pytest.raises(GradientMismatch):
        check_gradients(wrong(Value(0.0)))


# -------------------------------------------------------------------------------------------- each operation by itself


def own(computes: Callable[[float], float], rule: Callable[..., Any]) -> Op:
    """An operation on one operand, in the table until the test ends."""
    return Op(f"own_{len(TABLE)}({{}})", computes, rule)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (1 - 2 * (x + 0.5)).relu() ** 2,
        lambda x: x.relu() ** 2,
        lambda x: x * abs(x),
        lambda x: x.relu() ** 3 + x,
        lambda x: autograd.max(x, 0.0) * x,
    ],
)
def test_a_corner_whose_slope_is_multiplied_by_0_is_no_kink(f: Callable[[Value], Value]) -> None:
    assert [line.verdict for line in check_gradients(f(Value(0.0)))] == ["ok"]


@pytest.mark.parametrize("factor", [0.5, -1.0, 0.0, 1.001, math.nan])
@pytest.mark.parametrize("at", [1e-9, -1e-9, 1e-150, 1e-50, 1e150, 1.0])
def test_a_wrong_rule_for_a_reciprocal_fails_at_every_scale(factor: float, at: float) -> None:
    def rule(g: Any, z: Any, x: Any) -> Any:
        return -g * factor * z * z if 0.1 < x / at < 10 else -g * z * z  # right elsewhere

    wrong = own(lambda x: 1 / x if x else math.inf, rule)
    with pytest.raises(GradientMismatch):
        check_gradients(wrong(Value(at)))


def test_a_wrong_rule_fails_below_a_large_constant() -> None:
    silent = own(math.sin, lambda g, z, x: 0.0 * g)
    with pytest.raises(GradientMismatch, match="the rule of own_"):
        check_gradients(1e12 + silent(Value(0.5)))


@pytest.mark.parametrize("name", ["log", "log2", "sqrt", "cbrt", "asinh", "atan", "exp", "sigmoid", "tanh", "erf"])
@pytest.mark.parametrize("at", [1e-10, 1e-160, 1e-300, 1e-6, 0.3])
def test_smooth_functions_are_ok_at_every_scale(name: str, at: float) -> None:
    assert [line.verdict for line in check_gradients(TABLE[name](Value(at)) * 3)] == ["ok"]


@pytest.mark.parametrize("at", [1e-10, -1e-10, 1e-150, 1e150, 3.0])
def test_right_reciprocals_are_ok_at_every_scale(at: float) -> None:
    x = Value(at)
    assert [line.verdict for line in check_gradients(1 / x)] == ["ok"]
    assert [line.verdict for line in check_gradients(x.asinh())] == ["ok"]


def test_a_rule_that_gives_nan_where_the_function_is_smooth_is_wrong() -> None:
    for computes in (math.sin, lambda x: 3.0, lambda x: x):
        wrong = own(computes, lambda g, z, x: g * math.nan)
        with pytest.raises(GradientMismatch, match="gives nan for g = 1"):
            check_gradients(wrong(Value(0.5)))


@pytest.mark.parametrize(
    ("name", "operands", "verdicts"),
    [
        ("atan2", (1.7e308, 1.7e308), ["ok", "ok"]),  # its neighbours among the operands would be infinite
        ("atan2", (math.inf, 1.5), ["unsure", "unsure"]),
        ("pow", (-1e300, -1e300), ["ok", "unsure"]),  # flat, because all floats near the exponent are even
        ("pow", (-2.0, 3.0), ["ok", "kink"]),
    ],
)
def test_a_nan_outside_the_domain_is_no_mistake(name: str, operands: tuple[float, ...], verdicts: list[str]) -> None:
    values = [Value(x) for x in operands]
    assert [line.verdict for line in check_gradients(TABLE[name](*values), values)] == verdicts


def test_a_rule_of_0_is_unsure_where_only_wide_differences_show_the_slope() -> None:
    """The narrow ones see a constant: the slope is -1e-21, and floats near the result are 2e-16 apart."""
    numbers = -24924233128.838943, -0.6446519894908069
    values = [Value(x) for x in numbers]
    wrong = planted_rules.planted(TABLE["atan2"], "zero", 0, only_near=numbers)
    assert [line.verdict for line in check_gradients(record(wrong, tuple(values)), values)] == ["unsure", "ok"]


SATURATED: dict[str, tuple[float, ...]] = {
    "expm1": (-237.0, -50.0),
    "sigmoid": (40.0, 700.0),
    "tanh": (17.5,),
    "erf": (6.0, 10.0, -26.0),
    "erfc": (-10.0,),
    "atan": (1e17, -1e150),
    "elu": (-50.0, -700.0),
    "hypot": (1e-100,),
    "pow": (1e-100, 1e-250),
}


@pytest.mark.parametrize(("name", "at"), [(name, at) for name, ats in SATURATED.items() for at in ats])
def test_a_rule_of_0_is_unsure_where_the_function_saturates(name: str, at: float) -> None:
    """The result has the same bits all around, the slope is a normal number, and the rule is right elsewhere."""
    op = TABLE[name]
    numbers = (at,) if op.arity == 1 else (at, 1.0 if name != "pow" else 1e-250)
    values = [Value(x) for x in numbers]
    wrong = planted_rules.planted(op, "zero", 0, only_near=numbers)
    assert check_gradients(record(wrong, tuple(values)), values[0])[0].verdict == "unsure"
    if abs(grad(record(op, tuple(values)), values[0]).data) > 1e-290:
        assert check_gradients(record(op, tuple(values)), values[0])[0].verdict == "unsure"


def test_a_rule_of_0_from_where_the_function_saturates_is_unsure() -> None:
    tail = Op("tail({})", TABLE["expm1"].function, lambda g, z, x: autograd.where(x + 37, g * autograd.exp(x), 0.0))
    assert check_gradients(tail(Value(-237.0)))[0].verdict == "unsure"
    assert check_gradients(Value(30.0).tanh())[0].verdict == "unsure", "1 - z * z is 0, the derivative 3.5e-26"


HAT = Op("hat({})", lambda x: max(1 - abs(x), 0.0), lambda g, z, x: autograd.where(z, -g * autograd.sign(x), 0.0))
SIX = Op(
    "six({})", lambda x: min(max(x, 0.0), 6.0), lambda g, z, x: autograd.where(z, autograd.where(6 - z, g, 0.0), 0.0)
)
RAMP = Op("ramp({})", lambda x: float(x > 0.5), lambda g, z, x: 0.0)
"""Operations of users, without a word of their corners."""

CONSTANT: dict[str, Callable[[Value], Any]] = {
    "relu": lambda x: x.relu(),
    "relu, large": lambda x: (x * 1e300).relu(),
    "clip": lambda x: x.clip(-1.0, 1.0),
    "max": lambda x: autograd.max(x, 3.0),
    "largest": lambda x: autograd.largest([x, 3.0, 1.0]),
    "smallest": lambda x: autograd.smallest([x, -5.0, 1.0]),
    "where": lambda x: autograd.where(x, x, 2.0),
    "sign": lambda x: x.sign(),
    "floor": lambda x: x.floor() + x.ceil() + autograd.round(x),
    "floordiv": lambda x: x // 2,
    "power 0": lambda x: x**0,
    "times 0": lambda x: x * 0,
    "exp": lambda x: (x * 1e3).exp(),
    "sigmoid": lambda x: (x * -1e3).sigmoid(),
    "erf": lambda x: (x * 20).erf(),
    "erfc": lambda x: (x * -20).erfc(),
    "expm1": lambda x: (x * 1e3).expm1(),
    "softplus": lambda x: (x * 1e3).softplus(),
    "hypot": lambda x: autograd.hypot(x * 1e-200, 1e200),
    "hat": HAT,
    "six": lambda x: SIX(5 - x * 2),
    "ramp": RAMP,
}


@pytest.mark.parametrize("name", CONSTANT)
@pytest.mark.parametrize("at", [-4.3, -1.7])
def test_a_rule_of_0_is_ok_where_the_function_is_constant_or_its_slope_underflows(name: str, at: float) -> None:
    assert [line.verdict for line in check_gradients(CONSTANT[name](Value(at)))] == ["ok"]


def test_a_rule_that_is_the_mean_of_the_slopes_beside_a_corner_fails() -> None:
    """The corner is 3.5e-312 away: wide differences straddle it, and agree with half of the slope."""
    wrong = planted_rules.planted(TABLE["largest"], "half", 1)
    with pytest.raises(GradientMismatch, match="the rule of largest for operand 2"):
        check_gradients(record(wrong, (Value(-3.543260951804e-312), Value(0.0))) + 1e-300)


@pytest.mark.parametrize("at", [1.0, 0.0, 0.5, 2.3])
@pytest.mark.parametrize("name", ["floor", "ceil", "round"])
def test_jumps_are_no_slope_however_many_of_them_a_difference_spans(name: str, at: float) -> None:
    op = TABLE[name]
    jumps = at == 0.5 if name == "round" else at in (0.0, 1.0)
    assert [line.verdict for line in check_gradients(op(Value(at)))] == ["kink" if jumps else "ok"]
    slope_of_1 = planted_rules.planted(op, "additional term", 0, only_near=[2.3])
    with pytest.raises(GradientMismatch, match="gives 1 for g = 1; a perturbation gives 0"):
        check_gradients(record(slope_of_1, (Value(2.3),)))


def test_a_wrong_sign_near_a_stationary_point_fails() -> None:
    wrong = own(lambda x: x**3, lambda g, z, x: g * -3 * x * x if abs(x) < 1e-3 else g * 3 * x * x)
    for at in (1e-8, 1e-4, -1e-90):
        with pytest.raises(GradientMismatch):
            check_gradients(wrong(Value(at)))


def test_an_underflow_on_the_way_is_ok() -> None:
    (line,) = check_gradients(2 * (1 - Value(1e304)).exp())
    assert (line.analytic, line.numeric, line.verdict) == (0.0, 0.0, "ok")


@pytest.mark.parametrize("at", [0.0, 1.5, -700.0])
def test_a_rule_that_forgets_g_fails_where_the_operation_is_the_output(at: float) -> None:
    """There g is 1."""
    wrong = own(lambda x: x * x, lambda g, z, x: 2 * x)
    with pytest.raises(GradientMismatch, match=r"rules are linear in g, .* for g = 1 and .* for g = "):
        check_gradients(wrong(Value(at)))
    twice = own(lambda x: x * x, lambda g, z, x: 2 * x * g * g)
    with pytest.raises(GradientMismatch, match="linear"):
        check_gradients(twice(Value(at)))


@pytest.mark.parametrize("name", ["floor", "ceil", "round"])
def test_jumps_seen_from_afar_are_no_slope(name: str) -> None:
    """Differences as wide as whole numbers show the slope 1."""
    assert [line.verdict for line in check_gradients(TABLE[name](Value(1257.7640830616192)))] == ["ok"]
    with pytest.raises(GradientMismatch, match="gives 1 for g = 1; a perturbation gives 0"):
        check_gradients(record(planted_rules.planted(TABLE[name], "additional term", 0), (Value(1257.7640830616192),)))


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("floor", (8e300,)),
        ("ceil", (2.0**52,)),
        ("round", (1e17,)),
        ("mod", (0.65, 5e-300)),
        ("mod", (1e300, 3.0)),
        ("floordiv", (235.5048422742354, -1.8048971362517013e-12)),
    ],
)
def test_jumps_closer_than_floats_hide_what_a_function_does(name: str, numbers: tuple[float, ...]) -> None:
    assert {line.verdict for line in check_gradients(TABLE[name](*map(Value, numbers)))} == {"unsure"}


@pytest.mark.slice
@pytest.mark.parametrize("y", [1.0, 2.0, 0.5, 2.0**-1000, 2.0**30, 0.3, 3.0])
@pytest.mark.parametrize("name", ["mod", "floordiv"])
def test_all_floats_may_be_multiples_of_a_power_of_two(name: str, y: float) -> None:
    for far in (2.0**54, 1e17, 1e20, 1e100):
        x, divisor = Value(far * y), Value(y)
        assert {line.verdict for line in check_gradients(TABLE[name](x, divisor))} == {"unsure"}
    with pytest.raises(GradientMismatch):
        check_gradients(record(planted_rules.planted(TABLE[name], "additional term", 0), (Value(2.3), Value(1.0))))
    smallest = check_gradients(TABLE[name](Value(1.0), Value(5e-324)))  # whose multiples all floats are
    assert {line.verdict for line in smallest} == {"unsure"}


@pytest.mark.parametrize("condition", [0.0, 1.0])
def test_an_operand_without_part_in_a_kink_does_not_hide_it(condition: float) -> None:
    x, y = Value(2.0), Value(3.0)
    assert [line.verdict for line in check_gradients(autograd.where(condition, x, y), [x, y])] == ["ok", "ok"]
    assert [line.verdict for line in check_gradients(x.clip(2.0, y), [x, y])] == ["kink", "ok"]


@pytest.mark.parametrize(
    ("function", "numbers"),
    [
        (autograd.pow, (1.0, 1e20)),
        (autograd.pow, (1.0, -3e16)),
        (autograd.pow, (1.2208916107354485e-106, -2.7e-15)),
        (autograd.pow, (3e-200, 1e-13)),
        (autograd.sin, (3.4781819926419455e225,)),
        (autograd.cos, (4.3e234,)),
        (autograd.tan, (2.15e159,)),
        (autograd.sqrt, (-0.0,)),
    ],
)
def test_what_lies_between_floats_is_no_mistake(function: Op, numbers: tuple[float, ...]) -> None:
    found = {line.verdict for line in check_gradients(function(*map(Value, numbers)))}
    assert found <= {"ok", "unsure", "kink"}
    assert "unsure" in found or numbers == (-0.0,)


def positive(x: float) -> float:
    assert x > 0
    return x * x


def cautious(x: float) -> float:
    if x < 0:
        raise TypeError("negative")
    return x * x


ONLY_SOMEWHERE: dict[str, tuple[Callable[[float], Any], Callable[..., Any]]] = {
    "a power that turns complex": (lambda x: x**1.5, lambda g, z, x: g * 1.5 * x**0.5),
    "a rule that turns complex": (lambda x: abs(x) ** 1.5, lambda g, z, x: g * 1.5 * x**0.5),
    "a list of numbers": (lambda x: [0.0, 1.0, 4.0, 9.0][int(x)], lambda g, z, x: g * 0.0),
    "a dict": (lambda x: {2: 5.0}[int(x)], lambda g, z, x: g * 0.0),
    "TypeError": (cautious, lambda g, z, x: g * 2 * x),
    "AssertionError": (positive, lambda g, z, x: g * 2 * x),
    "None": (lambda x: x * x if x > 0 else None, lambda g, z, x: g * 2 * x),
}


@pytest.mark.parametrize("name", ONLY_SOMEWHERE)
@pytest.mark.parametrize("at", [2.25, 2.75])
def test_what_a_function_raises_elsewhere_is_no_matter_of_its_user(name: str, at: float) -> None:
    computes, rule = ONLY_SOMEWHERE[name]
    assert [line.verdict for line in check_gradients(own(computes, rule)(Value(at)))] == ["ok"]
    wrong = own(computes, lambda g, z, x: rule(g, z, x) + g * 1e-3)
    with pytest.raises(GradientMismatch, match="the rule of own_"):
        check_gradients(wrong(Value(at)))


def test_what_a_rule_raises_at_the_numbers_of_the_graph_reaches_its_user() -> None:
    broken = own(lambda x: x * x, lambda g, z, x: g * 2 * {}[x])
    with pytest.raises(KeyError):
        check_gradients(broken(Value(2.0)))


def test_a_kink_that_has_a_value_only_somewhere() -> None:
    stairs = Op(f"own_{len(TABLE)}({{}})", math.floor, lambda g, z, x: 0.0, kink=lambda x: {0: x, 1: 1 - x}[int(x)])
    for at in (0.3, 1.5, 3.5):
        assert [line.verdict for line in check_gradients(stairs(Value(at)))] == ["ok"]


def test_a_row_of_a_fixed_number_of_operands_in_a_list() -> None:
    weights = [0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    op = Op(
        "filtered([{}])",
        lambda *xs: math.fsum(weights[i] * xs[i] for i in range(8)),
        lambda g, z, *xs: [g * w for w in weights],
        variadic=True,
    )
    try:
        lines = check_gradients(op([Value(float(i)) for i in range(8)]))
    finally:
        del TABLE["filtered"]
    assert {line.verdict for line in lines} == {"ok"}


def test_a_mistake_at_a_corner_or_a_jump_is_not_one_of_its_numbers() -> None:
    ones = tuple(Value(1.0) for _ in range(100))
    assert {line.verdict for line in check_gradients(TABLE["largest"](ones))} == {"kink"}
    with pytest.raises(GradientMismatch, match=r"gives -0\.01 for g = 1"):
        check_gradients(record(planted_rules.planted(TABLE["largest"], "sign", 7), ones))
    x, y = Value(-103.61637077838749), Value(-103.61637077838749)
    assert {line.verdict for line in check_gradients(x % y)} == {"kink"}
    with pytest.raises(GradientMismatch, match="the rule of mod for operand 1"):
        check_gradients(record(planted_rules.planted(TABLE["mod"], "1.001", 0), (x, y)))
    at = -4.333977983447e-312  # from far beyond 0, x % y rises as y does
    wrong = planted_rules.planted(TABLE["mod"], "sign", 1, only_near=(at, at))
    assert [line.verdict for line in check_gradients(record(wrong, (Value(at), Value(at))))] == ["kink", "unsure"]


SUBNORMAL_SLOPES: dict[str, Callable[[], Value]] = {
    "atan": lambda: Value(-2.19e160).atan() * Value(2.09e159),
    "atan2": lambda: autograd.atan2(Value(1.77e160), -1.45) * 1e160,
    "atan, times a constant": lambda: Value(7.5e160).atan() * -4.98e100,
    "a gradient that vanishes inside the rule": lambda: autograd.atan2(Value(1e-100), 1e-300) * 1e-150,
}


@pytest.mark.parametrize("name", SUBNORMAL_SLOPES)
def test_lost_digits_of_a_slope_are_not_blamed_on_the_rule(name: str) -> None:
    output = SUBNORMAL_SLOPES[name]()
    assert check_gradients(output)[0].verdict == "unsure", "no difference shows the gradient"
    autograd.explain(output)


def test_a_slope_that_is_rounded_to_0_is_ok() -> None:
    """The slope is 1.7e-324; 0 is the float next to it, and neither the rule nor a difference has another."""
    output = (Value(2.874) ** 5e-324) * 8.6e160
    (line,) = check_gradients(output)
    assert (line.analytic, line.numeric, line.verdict) == (0.0, 0.0, "ok")
    autograd.explain(output)


@pytest.mark.slice
@pytest.mark.parametrize("at", [2.874, 1e-310, 5e-324, -1e-300])
@pytest.mark.parametrize("g", [1.0, 1e160, 1e-160, -0.3])
def test_a_rule_that_forgets_g_fails_where_its_slope_is_subnormal(at: float, g: float) -> None:
    rules: list[Callable[..., Any]] = [
        lambda g, z, x: 2 * x,
        lambda g, z, x: g * g * 2 * x,
        lambda g, z, x: g * x + x,
    ]
    for rule in rules:
        with pytest.raises(GradientMismatch, match="rules are linear in g"):
            check_gradients(own(lambda x: x * x, rule)(Value(at)) * g)


@pytest.mark.parametrize("scale", [1e-310, 5e-324])
@pytest.mark.parametrize("g", [3.0, 1e160, 1e-160, -0.3])
def test_explain_refuses_false_products_of_subnormal_slopes(scale: float, g: float) -> None:
    for rule in (lambda g, z, x: scale, lambda g, z, x: scale * g + scale, lambda g, z, x: scale * g * abs(g)):
        with pytest.raises(GradientMismatch, match="rules are linear in g"):
            autograd.explain(own(lambda x: scale * x, rule)(Value(2.5)) * g)


def test_a_term_without_g_fails_however_small_it_is_beside_the_other() -> None:
    wrong = own(lambda x: x * x + 1e-5 * math.sin(x), lambda g, z, x: g * 2 * x + 1e-5 * autograd.cos(x))
    with pytest.raises(GradientMismatch, match="rules are linear in g"):
        check_gradients(wrong(Value(1.5)))
    wrong = own(lambda x: 1e-310 * x, lambda g, z, x: g * 1e-310 + 1e-315)
    with pytest.raises(GradientMismatch, match=r"gives 1.00001e-310 for g = 1 and 9.9.*e-316 for g = 0"):
        check_gradients(wrong(Value(1.5)))


def test_a_rule_whose_gradient_overflows_in_python_is_judged_without_it() -> None:
    """With g = 2 ** 500 Python's ** raises."""
    wrong = own(lambda x: x * x, lambda g, z, x: 2 * x * g**3)
    with pytest.raises(GradientMismatch, match="rules are linear in g"):
        check_gradients(wrong(Value(1.5)))


def test_the_example_of_an_own_operation_without_g_fails() -> None:
    source = (Path(__file__).parents[1] / "examples" / "new_operation.py").read_text(encoding="utf-8")
    forgetful = source.replace("lambda g, z, x: g * slope(x)", "lambda g, z, x: slope(x)")
    assert forgetful != source
    with pytest.raises(GradientMismatch, match="rules are linear in g, but the rule of mish at mish"):
        exec(forgetful, {})


@pytest.mark.parametrize(
    ("computes", "rule"),
    [
        (lambda x: (x + 1e8) - 1e8, lambda g, z, x: g * 1.0),
        (lambda x: math.sin(x) + 1e16, lambda g, z, x: g * autograd.cos(x)),
        (lambda x: float(f"{math.exp(x):.7g}"), lambda g, z, x: g * autograd.exp(x)),
        (lambda x: math.sin(1e3 * x) + 1e8 - 1e8, lambda g, z, x: g * 1e3 * autograd.cos(1e3 * x)),
    ],
)
def test_a_function_with_rounding_errors_is_not_blamed_on_its_rule(
    computes: Callable[[float], float], rule: Callable[..., Any]
) -> None:
    rough, rng = own(computes, rule), random.Random(8)
    for _ in range(60):
        x = Value(rng.uniform(-3, 3) * 10 ** rng.choice([0, 0, -3, -6]))
        assert {line.verdict for line in check_gradients(rough(x))} <= {"ok", "unsure"}


DROWNED: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "1 - cos(x)": (lambda x: 1 - autograd.cos(x), autograd.sin),
    "log(1 + x * x)": (lambda x: autograd.log(1 + x * x), lambda x: 2 * x / (1 + x * x)),
    "sqrt(1 + x * x) - 1": (lambda x: autograd.sqrt(1 + x * x) - 1, lambda x: x / autograd.sqrt(1 + x * x)),
    "exp(x) - 1 - x": (lambda x: autograd.exp(x) - 1 - x, autograd.expm1),
    "(1 + x) ** 2 - 1": (lambda x: (1 + x) * (1 + x) - 1, lambda x: 2 + 2 * x),
}


@pytest.mark.slice
@pytest.mark.parametrize("name", DROWNED)
@pytest.mark.parametrize("at", [1e-9, 1e-12, 1e-16, -1e-20, 1e-75, -1e-150])
def test_a_function_that_drowns_in_its_own_rounding_is_not_blamed_on_its_rule(name: str, at: float) -> None:
    computes, slope = DROWNED[name]
    assert check_gradients(own(computes, lambda g, z, x: g * slope(x))(Value(at)))[0].verdict in ("ok", "unsure")
    for wrong in (lambda g, z, x: g * (slope(x) + 1), lambda g, z, x: g * 1.1 * slope(x)):
        with pytest.raises(GradientMismatch):
            check_gradients(own(computes, wrong)(Value(at)))


def test_steps_that_are_no_rounding_do_not_hide_a_slope() -> None:
    for at in (0.4, -0.3, 0.6):
        ramp = own(lambda x: float(x > 0.5), lambda g, z, x: g)
        with pytest.raises(GradientMismatch, match="gives 1 for g = 1; a perturbation gives 0"):
            check_gradients(ramp(Value(at)))


@pytest.mark.slice
@pytest.mark.parametrize("large", [1e16, 1e17, 1e18, 1e20, 1e100])
@pytest.mark.parametrize("at", [1.0, 0.1, -3e5])
@pytest.mark.parametrize("f", [lambda x: x, math.sin, lambda x: x * x, math.atan])
def test_a_rule_of_0_is_never_ok_beside_a_large_constant(f: Callable[[float], float], at: float, large: float) -> None:
    computes, rule = (lambda x: f(x) + large), (lambda g, z, x: 0.0 * g)
    assert verdict_on(own(computes, rule), at) in ("unsure", "wrong")


def test_a_weight_of_0_or_a_case_that_is_not_chosen_is_ok_beside_a_large_number() -> None:
    x, y = Value(2.0), Value(1e20)
    assert [line.verdict for line in check_gradients(autograd.where(1.0, y, x), [x])] == ["ok"]
    assert [line.verdict for line in check_gradients(autograd.dot([x, 3.0], [0.0, 1.0]), [x])] == ["ok"]
    assert [line.verdict for line in check_gradients(autograd.max(x, y), [x])] == ["ok"]
    assert [line.verdict for line in check_gradients(autograd.logaddexp(x, y), [x])] == ["ok"]


@pytest.mark.parametrize(
    ("name", "numbers"),
    [("div", (1.0, 0.0)), ("log", (0.0,)), ("log1p", (-1.0,)), ("atanh", (1.0,)), ("pow", (0.0, -2.0))],
)
@pytest.mark.parametrize("mistake", ["zero", "sign"])
def test_a_wrong_rule_at_a_pole_fails(name: str, numbers: tuple[float, ...], mistake: str) -> None:
    values = [Value(x) for x in numbers]
    place = 1 if name == "div" else 0
    assert check_gradients(TABLE[name](*values), values)[place].verdict == "kink"
    if (name, mistake) == ("pow", "sign"):
        return  # on one side the slope is inf, on the other -inf
    wrong = planted_rules.planted(TABLE[name], mistake, place, only_near=numbers)
    with pytest.raises(GradientMismatch, match=r"a perturbation gives -?inf"):
        check_gradients(record(wrong, tuple(values)), values)


def test_where_a_function_begins_to_overflow_is_no_pole() -> None:
    most = sys.float_info.max
    bounded = own(autograd.exp, lambda g, z, x: g * autograd.min(z, most))
    at = math.log(most)
    for _ in range(4):
        at = math.nextafter(at, math.inf)
        assert verdict_on(bounded, at) == "unsure"


def test_a_period_that_fits_between_floats_is_not_blamed_on_the_rule() -> None:
    """The floats around this x, 2 ** 941 apart, nearly a multiple of 2 pi: the sine looks straight."""
    assert [line.verdict for line in check_gradients(Value(2.775171629104083e299).sin())] == ["unsure"]


def test_a_rule_that_clips_the_gradient_from_above_fails() -> None:
    clipping = own(lambda x: x * x, lambda g, z, x: 2 * x * autograd.min(g, 1.0))
    with pytest.raises(GradientMismatch, match="linear"):
        check_gradients(clipping(Value(1.5)))


def test_swapped_rules_fail_where_the_operands_are_equal() -> None:
    swapped = Op("swapped({}, {})", lambda x, y: x * y, lambda g, z, x, y: g * x, lambda g, z, x, y: g * y)
    with pytest.raises(
        GradientMismatch, match=r"the rule of swapped for operand 1 at swapped\(.* a perturbation gives"
    ):
        check_gradients(swapped(Value(2.0), Value(2.0)))


def test_a_mismatch_names_the_first_wrong_operation() -> None:
    first = Op("first({})", math.sin, lambda g, z, x: g * 2 * autograd.cos(x))
    second = Op("second({})", math.sin, lambda g, z, x: -g * autograd.cos(x))
    with pytest.raises(GradientMismatch) as error:
        check_gradients(second(first(Value(0.5, "x")).exp()) * 2)
    message = str(error.value)
    assert "the rule of first at first(0.5) gives 1.7551651238 for g = 1; a perturbation gives 0.877582562" in message
    assert "the rule of second" not in message


def test_what_is_negligible_and_unsure_does_not_matter() -> None:
    x = Value(40.0)
    assert [line.verdict for line in check_gradients(x.erf())] == ["ok"]  # flat
    y = Value(10.0)
    assert [line.verdict for line in check_gradients(y.erf())] == ["unsure"]  # 4e-44
    assert [line.verdict for line in check_gradients(y.erf() + y)] == ["ok"]


def test_rules_of_many_operands() -> None:
    xs = [Value(0.1 * i + 0.3) for i in range(200)]
    mean_square = Op(
        "mean_square([{}])",
        lambda *xs: math.fsum(x * x for x in xs) / len(xs),
        lambda g, z, *xs: [g * 2 * x / len(xs) for x in xs],
        variadic=True,
    )
    assert {line.verdict for line in check_gradients(mean_square(xs))} == {"ok"}
    assert {line.verdict for line in check_gradients(autograd.dot(xs, xs) + autograd.sum(xs))} == {"ok"}
    wrong = Op(
        "wrong_square([{}])",
        lambda *xs: math.fsum(x * x for x in xs),
        lambda g, z, *xs: [g * (2.2 if i == 150 else 2) * x for i, x in enumerate(xs)],
        variadic=True,
    )
    with pytest.raises(GradientMismatch, match=r"1 of 200 .* the rule of wrong_square for operand 151"):
        check_gradients(wrong(xs))


def sum_of_squares(factor: Callable[[int, float], float], calls: list[int]) -> Op:
    """A row on many operands, whose rule is wrong by a factor for each of them."""

    def computes(*xs: float) -> float:
        calls[0] += 1
        return math.fsum(x * x for x in xs)

    return Op(
        f"sum_of_squares_{len(TABLE)}([{{}}])",
        computes,
        lambda g, z, *xs: [g * 2 * factor(i, x) * x for i, x in enumerate(xs)],
        variadic=True,
    )


@pytest.mark.parametrize("large", cases([-1e4], campaign=[10.0]))
def test_a_large_operand_does_not_hide_wrong_rules_of_the_others(large: float) -> None:
    numbers = [1.0] * 100
    numbers[50] = large
    xs = [Value(x) for x in numbers]
    assert {line.verdict for line in check_gradients(sum_of_squares(lambda i, x: 1, [0])(xs))} <= {"ok", "unsure"}
    at = (*range(4, 50), *range(51, 100))  # right where the row is judged at other operands, four of them
    wrong = sum_of_squares(lambda i, x: 2 if 0.9 < x < 1.1 and i in at else 1, [0])
    with pytest.raises(GradientMismatch, match=r"95 of 100 gradients .* the rule of sum_of_squares"):
        check_gradients(wrong(xs))


def test_slopes_of_opposite_signs_do_not_hide_a_wrong_rule() -> None:
    xs = [Value(x) for i in range(100) for x in (1.0 + i / 100, -1.0 - i / 100)]
    wrong = sum_of_squares(lambda i, x: 1.0001 if i in (76, 77) else 1, [0])
    with pytest.raises(GradientMismatch, match=r"2 of 200 .* operand 7[78]"):
        check_gradients(wrong(xs))


def test_the_price_of_many_operands_is_bounded() -> None:
    rng = random.Random(4)
    for factor, most in ((1.0, 600), (1.1, 45_000)):
        calls = [0]
        xs = [Value(rng.uniform(0.1, 3)) for _ in range(100)]
        output = sum_of_squares(lambda i, x, factor=factor: factor, calls)(xs)  # type: ignore[misc]
        if factor == 1:
            check_gradients(output)
        else:
            with pytest.raises(GradientMismatch, match="100 of 100"):
                check_gradients(output)
        assert calls[0] < most


@pytest.mark.parametrize("count", cases([300], campaign=[600]))
def test_the_check_is_right_about_planted_rules(count: int) -> None:
    """As a classifier; `tests/campaigns/planted_rules.py --count 20000` takes two minutes."""
    found = planted_rules.results(seed=0, count=count)
    assert not found.alarms
    assert not found.misses
    assert min(found.right.total(), found.planted.total()) >= count / 2
    assert found.unsure <= found.sure / 20
    assert found.planted_unsure <= found.planted_sure / 20


@pytest.mark.parametrize("count", cases([100], campaign=[300]))
def test_the_check_is_right_about_rules_at_hard_points(count: int) -> None:
    found = planted_rules.results(seed=0, count=count, drawn=planted_rules.hard_trials)
    assert not found.alarms
    assert not found.misses
    assert found.planted["wrong"] > found.planted.total() / 2
    assert found.right["kink"] > found.right.total() / 4  # poles and corners


@pytest.mark.parametrize(("computes", "slope"), planted_rules.DROWNED)
@pytest.mark.parametrize("at", [1.6e-14, -1.45e-6, 2.53e-7, 1e-100])
def test_a_rule_of_0_only_where_a_function_drowns_is_not_ok(
    computes: Callable[[Any], Any], slope: Callable[[Any], Any], at: float
) -> None:
    zero = planted_rules.planted(planted_rules.own_row(computes, slope), "zero", 0, only_near=[at])
    assert check_gradients(record(zero, (Value(at),)))[0].verdict == "unsure"


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


def test_a_zero_that_rounding_made_is_no_mistake() -> None:
    rng = random.Random(5)
    for _ in range(200):
        x = Value(rng.uniform(-5, 5))
        for y in (autograd.log2(x / x), (x / x).exp(), (x - x / 3 * 3) * 2, autograd.sum([x] * 100) / (x * 7)):
            assert [line.verdict for line in check_gradients(y)] == ["ok"]


def test_where_rounding_drowns_the_differences_it_is_unsure() -> None:
    x = Value(0.5)
    assert [line.verdict for line in check_gradients((x + 1e16) - 1e16)] == ["unsure"]


def test_gradients_below_the_normal_numbers_have_few_digits() -> None:
    xs = [Value(0.1 + 0.001 * i) for i in range(400)]
    y = xs[0]
    for x in xs[1:]:
        y = y * x.tanh()
    assert {line.verdict for line in check_gradients(y)} == {"ok"}


def test_a_rule_that_forgets_the_gradient_from_above_fails() -> None:
    wrong = Op("forgetful({})", lambda x: x * x, lambda g, z, x: 2 * x)
    with pytest.raises(GradientMismatch):
        check_gradients(wrong(Value(1.5)) * 3)


def test_a_kink_that_nothing_moves_to_or_from_does_not_matter() -> None:
    x = Value(1.5)
    y = (x.sign() - 1).relu() + x
    assert [line.verdict for line in check_gradients(y)] == ["ok"]


def counted(calls: list[int]) -> Op:
    """An operation that counts how often it is computed."""

    def computes(x: float, y: float) -> float:
        calls[0] += 1
        return math.sin(x) * y

    pulls = (lambda g, z, x, y: g * autograd.cos(x) * y, lambda g, z, x, y: g * autograd.sin(x))
    return Op("counted({}, {})", computes, *pulls)


def shapes(op: Op, n: int) -> dict[str, Value]:
    """Graphs with n leaves or more: a sum of terms, chains, layers, and a leaf that enters everywhere."""
    rng = random.Random(n)
    xs = [Value(rng.uniform(0.5, 1)) for _ in range(n)]
    chain = skipped = xs[0]
    for x in xs[1:]:
        chain = op(chain, x)
        skipped = op(skipped, x) + xs[0]
    width = int(n**0.5)
    hidden = [autograd.sum([op(x, 0.5) for x in xs[i : i + width]]) for i in range(0, n, width)]
    layers = autograd.sum([autograd.sum([op(Value(0.1 / width), h) for h in hidden]).tanh() for _ in range(width)])
    return {"sum": autograd.sum([op(x, x) for x in xs]), "chain": chain, "skipped": skipped, "layers": layers}


@pytest.mark.parametrize("shape", ["sum", "chain", "skipped", "layers"])
def test_the_work_grows_with_the_graph_not_with_its_square(shape: str) -> None:
    calls = [0]
    output = shapes(counted(calls), 900)[shape]
    calls[0] = 0
    assert {line.verdict for line in check_gradients(output)} == {"ok"}
    assert calls[0] <= 12 * len(graph_of(output))


def with_an_error(op: Op, place: int) -> Op:
    """The row with one rule off by one part in ten thousand, in no table."""
    rule = op.rules[place]
    assert rule is not None
    wrong = object.__new__(Op)
    rules = [*op.rules[:place], lambda *args: 1.0001 * rule(*args), *op.rules[place + 1 :]]
    wrong.__dict__.update(op.__dict__, rules=tuple(rules))
    return wrong


def graph_with(op: Op, names: list[str], seed: float) -> tuple[Value, list[Value]]:
    """A random graph of these operations, with `op` somewhere in it, and its leaves."""
    rng = random.Random(seed)
    leaves = [Value(rng.uniform(0.2, 2)) for _ in range(3)]
    pool, place = [*leaves], rng.randrange(12)
    for i in range(12):
        chosen = op if i == place else TABLE[rng.choice(names)]
        v = record(chosen, tuple(rng.choice(pool[-5:]) for _ in range(chosen.arity or 0)))
        if i == place or (math.isfinite(v.data) and abs(v.data) < 1e6):
            pool.append(v)
    return autograd.sum(pool[-4:]), leaves


def test_planted_errors_of_one_in_ten_thousand_are_caught() -> None:
    rng = random.Random(9)
    names = sorted(name for name in BUILT_IN if TABLE[name].arity and all(TABLE[name].rules))
    planted = caught = 0
    while planted < 60:
        op, seed = TABLE[rng.choice(names)], rng.random()
        output, leaves = graph_with(op, names, seed)
        wrong, wrong_leaves = graph_with(with_an_error(op, rng.randrange(op.arity or 0)), names, seed)
        right = [g.data for g in grad(output, leaves)]
        found = [g.data for g in grad(wrong, wrong_leaves)]
        if (
            math.isfinite(output.data)
            and all(map(math.isfinite, right))
            and any(abs(x) > 1e-3 and abs(x - y) > 3e-5 * abs(x) for x, y in zip(right, found, strict=True))
        ):
            planted += 1
            check_gradients(output)
            try:
                verdicts = {line.verdict for line in check_gradients(wrong)}
            except GradientMismatch:
                caught += 1
            else:
                assert verdicts & {"unsure", "kink"}  # at a kink, all slopes between those of its sides are right
    assert caught >= planted - 1

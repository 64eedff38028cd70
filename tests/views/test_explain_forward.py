"""`explain(output, forward=x)`: how a nudge of x travels to the output, in true arithmetic, beside backward mode."""

from __future__ import annotations

import math
import random
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from arithmetic import check_step
from cases import cases
from graphs import neuron, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st
from test_true_arithmetic import graphs

import autograd
from autograd import GradientMismatch, Value, explain, jvp, nn
from autograd.engine import graph_of
from autograd.ops import BUILT_IN, TABLE, Op
from autograd.views import forward_mode
from autograd.views.chain_rule import ChainRule
from autograd.views.gradients import in_equation

inf = math.inf


def steps_of(output: Value, start: Value, **options: Any) -> tuple[ChainRule, ...]:
    """Return the forward steps from one Value of the graph."""
    [nudge] = explain(output, forward=start, faux=False, names={"out": output}, **options).forward
    return nudge.steps


# ------------------------------------------------------------------------------------------------------------- the walk


def test_the_neuron_forward_step_by_step() -> None:
    loss = neuron()
    weight = graph_of(loss)[1]
    explanation = explain(loss, forward=weight)
    [nudge] = explanation.forward
    assert nudge.start == "weight"
    assert [(" = ".join(step.equation), step.why) for step in nudge.steps] == [
        ("d weight/d weight = 1", "first, because the nudge begins here"),
        ("d net/d weight = input × d weight/d weight = 0.4 × 1 = 0.4", "after weight, which it uses"),
        (
            "d output/d weight = (1 - output × output) × d net/d weight = 0.5591 × 0.4 = 0.2236",
            "after net, which it uses",
        ),
        ("d error/d weight = 1 × d output/d weight = 1 × 0.2236 = 0.2236", "after output, which it uses"),
        (
            "d loss/d weight = error × d error/d weight = -0.036 × 0.2236 = -0.008",
            "after error, which it uses; backward gives the same",
        ),
    ]
    backward, forward = str(explanation).split("Forward, step by step, starting at weight: ")
    assert backward.rstrip() == str(explain(loss)).rstrip()  # beside it, unchanged
    for step in nudge.steps:
        assert " = ".join(step.equation) in forward
        assert step.why in forward


def test_where_paths_meet_their_sum_is_shown_in_the_order_of_the_formula() -> None:
    x, w = Value(3.0, "x"), Value(-2.0, "w")
    step = steps_of(x * w + x, x)[-1]
    assert step.equation == ("d out/d x", "w × d x/d x + 1 × d x/d x", "-2 × 1 + 1 × 1", "-2 + 1", "-1")
    assert step.why == "after x, which it uses twice: the parts of both paths add up; backward gives the same"
    assert steps_of(w * x + x * 3, x)[-1].equation[1] == "w × d x/d x + 3 × d x/d x"
    u, v = x * w, x.tanh()
    u.label, v.label = "u", "v"
    step = steps_of(u - v, x)[-1]
    assert step.equation[1] == "1 × d u/d x + (-1 × d v/d x)"
    assert step.why == "after u and v, which it uses: their parts add up; backward gives the same"


def test_only_what_a_nudge_reaches_has_a_step() -> None:
    x, w = Value(3.0, "x"), Value(-2.0, "w")
    other = w.tanh()
    other.label = "other"
    assert [step.equation[0] for step in steps_of(x.sin() * other, x, detail="value")] == [
        "d x/d x", "d v4/d x", "d out/d x"
    ]  # fmt: skip
    assert [step.equation[0] for step in steps_of(x.sin() * other, w)] == ["d w/d w", "d other/d w", "d out/d w"]


def test_a_result_can_be_nudged_also_one_inside_a_line() -> None:
    x = Value(3.0, "x")
    inner = x * 2
    out = inner + 1
    assert [row.formula for row in explain(out, names={"out": out}).rows] == ["", "x * 2 + 1"]
    explanation = explain(out, forward=out.args[0], names={"out": out})
    assert [row.formula for row in explanation.rows] == ["", "x * 2", "v2 + 1"]
    assert [step.equation for step in explanation.forward[0].steps] == [
        ("d v2/d v2", "1"), ("d out/d v2", "1 × d v2/d v2", "1 × 1", "1")
    ]  # fmt: skip
    [step] = steps_of(out, out)
    assert (step.equation, step.why) == (("d out/d out", "1"), "first, because the nudge begins here")


def test_several_values_have_a_walk_each() -> None:
    x, w, b = Value(3.0, "x"), Value(-2.0, "w"), Value(0.5, "b")
    out = (x * w + b).tanh()
    explanation = explain(out, forward=[x, (w, [b, x])])
    assert [nudge.start for nudge in explanation.forward] == ["x", "w", "b"]
    assert str(explanation).count("Forward, step by step") == 3
    assert explain(out, forward=iter([x, w])).forward == explanation.forward[:2]
    assert explain(out, forward=np.array([x, b])).forward == explanation.forward[::2]
    assert explain(out, forward=[]) == explain(out)


def test_operations_of_many_operands() -> None:
    w = [Value(float(i), f"w{i}") for i in range(3)]
    total = autograd.dot(w, [1.0, w[0], 3.0])
    assert steps_of(total, w[0])[-1].equation == (
        "d out/d w0", "1 × d w0/d w0 + w1 × d w0/d w0", "1 × 1 + 1 × 1", "1 + 1", "2"
    )  # fmt: skip
    assert steps_of(autograd.largest(w), w[2])[-1].equation[-1] == "1"


@settings(max_examples=12)
@given(st.integers(0, 10**9), st.sampled_from(["stage", "value"]))
def test_forward_and_backward_agree_on_random_graphs(seed: int, detail: str) -> None:
    loss = random_graph(seed)
    nodes = graph_of(loss)
    explanation = explain(loss, forward=nodes, detail=detail, names={}, faux=False)
    gradients = {row.name: row.global_gradient for row in explanation.rows}
    for nudge in explanation.forward:
        seen = set[str]()
        for step in nudge.steps:
            for used in re.findall(rf"× d (\w+)/d {nudge.start}\b", step.equation[1] if len(step.equation) > 2 else ""):
                assert used in seen, step
            seen.add(step.equation[0].removeprefix("d ").removesuffix(f"/d {nudge.start}"))
        gradient, (*_, shown) = gradients[nudge.start], nudge.steps[-1].equation
        if all(map(math.isfinite, gradients.values())) and math.isfinite(float(shown)):
            assert math.isclose(float(shown), gradient, rel_tol=1e-3, abs_tol=1e-4), nudge
        same = nudge.steps[-1].why.endswith(("backward gives the same", "the nudge begins here"))
        backward = [step.equation[-1] for step in explanation.steps if step.equation[0].endswith(f"/d {nudge.start}")]
        assert same == ([shown] == backward)


# ------------------------------------------------------------------------------------ where nothing passes, or too much


def test_a_walk_says_where_the_gradient_stops() -> None:
    x = Value(3.0, "x")
    stopped = x.stop_gradient()
    stopped.label = "stopped"
    after_it = stopped * 2
    after_it.label = "after"
    steps = steps_of(after_it + x, x)
    assert [(step.equation, step.why) for step in steps[1:3]] == [
        (("d stopped/d x", "0"), "no nudge passes to it from x"),
        (("d after/d x", "0"), "nothing moves in stopped, which it uses"),
    ]
    assert steps[3].equation == ("d out/d x", "1 × d x/d x", "1 × 1", "1")
    choice = autograd.where(x, x * 2, 1.0)
    assert steps_of(choice, x)[-1].equation[1] == "(1 if x > 0 else 0) × d v2/d x"  # x is not only its condition


def test_what_does_not_move_adds_no_0_times_infinity() -> None:
    x = Value(0.5, "x")
    whole = x.floor()
    whole.label = "whole"
    steps = steps_of(whole * inf, x)
    assert steps[1].equation == ("d whole/d x", "0 × d x/d x", "0 × 1", "0")
    assert (steps[2].equation, steps[2].why) == (
        ("d out/d x", "0"),
        "nothing moves in whole, which it uses; backward gives the same",
    )
    never = autograd.where(-1.0, x, 2.0)
    assert steps_of(never * inf, x)[-1].why.startswith("nothing moves in v2")
    line = steps_of(x // 2 * inf + x, x)[-1]  # the same inside a line
    assert line.equation[-2:] == ("0 + 1", "1")
    assert line.why.endswith("backward gives the same")


def test_a_speed_of_0_is_multiplied_as_any_other() -> None:
    x = Value(-1.0, "x")
    *_, step = steps_of(x.relu().log(), x)
    assert step.equation[1:] == ("1 / v2 × d v2/d x", "inf × 0", "nan")
    assert step.why == "after v2, which it uses; backward gives 0: there the rule of relu passes 0, whatever comes"


def difference(output: Value, start: Value) -> str:
    """Return what is said of backward mode, which gives another number."""
    last = steps_of(output, start)[-1].why
    assert "backward gives the same" not in last
    return last.partition("; ")[2]


def test_a_difference_from_backward_mode_has_its_reason() -> None:
    def there(rule: str, gives: str = "0") -> str:
        return f"backward gives {gives}: there the rule of {rule} passes 0, whatever comes"

    t = Value(-1.0, "t")
    for op in ("relu", "max", "clip", "largest"):
        applied: Any = {
            "max": lambda: autograd.max(t, 0.0), "clip": lambda: t.clip(0.0, 1.0),
            "largest": lambda: autograd.largest([t, 0.0]), "relu": t.relu,
        }[op]  # fmt: skip
        for output in (applied().log(), applied() ** 0.5, 1 / applied(), (applied() * 2).sqrt()):
            assert difference(output, t) == there(op), op
    zero = Value(0.0, "zero")
    assert difference((-zero.sqrt()).relu(), zero) == (
        "the rule of relu passes 0 here, whatever comes from v3; backward gives nan"
    )
    assert difference((-zero.sqrt()).relu().sin(), zero) == (
        "the rule of relu passes 0, whatever comes; backward gives nan"
    )
    steps: dict[str, Any] = {"floor": autograd.floor, "step": autograd.step, "floordiv": lambda v: v // 2.0}
    for rule, f in steps.items():
        whole = f(zero.sqrt())
        whole.label = "whole"
        assert (
            difference(whole, zero) == f"the rule of {rule} passes 0 here, whatever comes from v2; backward gives nan"
        )
        assert difference(whole * 2, zero) == f"the rule of {rule} passes 0, whatever comes; backward gives nan"
    x = Value(-1.0, "x")
    power = x**-inf  # 1, with an infinite slope; forward that meets log(1) = 0, backward log(1) + 1
    assert difference(power * power.log(), x) == "backward, which multiplies and adds in another order, gives -inf"


def test_the_parts_of_a_line_are_multiplied_from_the_operand_to_the_result() -> None:
    x = Value(2.0, "x")
    step = steps_of(x * 1e200 * 1e200 * 1e-300, x)[-1]
    assert step.equation == ("d out/d x", "inf")
    assert step.why.startswith("after x, which it uses; the line of out gives inf, not the product of 1e+100 and 1; ")


def test_a_line_that_adds_in_another_order_gives_its_own_sum() -> None:
    x = Value(2.0, "x")
    *_, step = steps_of((x * 1e200 + x * -1e200) * 1e200, x)
    assert step.equation == ("d out/d x", "0")
    assert step.why.startswith("after x, which it uses; the line of out gives 0, not the sum of inf and -inf; backward")


# ---------------------------------------------------------------------------------------------- operations of one's own


def test_a_rule_that_needs_numbers_shows_its_number() -> None:
    own = Op("own({})", lambda x: x, lambda g, z, x: g * math.exp(x))
    x = Value(0.0, "x")
    assert steps_of(own(x) * 2, x)[1].equation == ("d v2/d x", "1 × d x/d x", "1 × 1", "1")


def test_a_rule_that_is_not_linear_in_the_speed_is_refused() -> None:
    clipped = Op("clipped({})", lambda x: 3 * x, lambda g, z, x: TABLE["min"](g * 3, 5.0))
    x = Value(1.0, "x")
    out = clipped(x * 100)
    assert explain(out)  # where g is 1, the equation holds
    with pytest.raises(GradientMismatch, match="linear in g, but the rule of clipped"):
        explain(out, forward=x)


def test_an_operation_of_ones_own_is_defined_below() -> None:
    cube = Op("cube({})", lambda x: x * x * x, lambda g, z, x: g * 3 * x * x)
    x = Value(2.0, "x")
    explanation = explain(cube(x), forward=x)
    assert explanation.forward[0].steps[-1].equation[1:] == ("3 × x × x × d x/d x", "12 × 1", "12")
    assert r"\text{where }" in explanation.to_latex()


# ------------------------------------------------------------------------------------------------------ how it is shown


def test_each_walk_is_typeset_below_a_line_that_says_what_it_is() -> None:
    w, b, x = Value(0.5, "w"), Value(0.6, "50% #1"), Value(0.4, "x")
    net = w * x + b
    net.label = "net"
    latex = explain(net.tanh(), forward=[w, b], names={}).to_latex()
    parts = latex.split("\n\n")
    assert [part.partition("\n")[0] for part in parts] == [
        "Values, with the numbers put in:",
        r"Backward, step by step, starting at $v_{6}$:",
        r"Forward, step by step, starting at $w$:",
        r"Forward, step by step, starting at $\text{50\%\ \#1}$:",
    ]
    for part, derivative in zip(
        parts[1:], (r"\partial v_{6}}{", r"}{\partial w}", r"}{\partial \text{50\%\ \#1}}"), strict=True
    ):
        equations = part.split(r"\\")
        assert part.count(r"\begin{align*}") == part.count(r"\end{align*}") == 1
        assert len(equations) >= 3 and all(derivative in equation for equation in equations)
    assert explain(net, forward=[]).to_latex() == explain(net).to_latex()
    assert ":" not in explain(net).to_latex()


def test_a_nudge_is_printed_as_its_part_of_the_explanation() -> None:
    x = Value(3.0, "x")
    explanation = explain((x * x).sin() * x, forward=[x])
    [nudge] = explanation.forward
    assert str(nudge).startswith("Forward, step by step, starting at x: how fast each stage changes")
    assert str(explanation).endswith("\n\n" + str(nudge))
    assert "\n1. d x/d x = 1\n" in str(nudge) and f"{nudge.steps[-1]}".partition("\n")[0].split(" = ")[-1] in str(nudge)
    assert repr(nudge).startswith("Nudge(start='x', steps=(ChainRule(")


def test_slopes_are_found_once_for_all_walks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[Value]()
    slopes = forward_mode._slopes
    monkeypatch.setattr(forward_mode, "_slopes", lambda v: asked.append(v) or slopes(v))  # type: ignore[func-returns-value]
    x = Value(0.3, "x")
    y = x.sin().cos().tanh()
    explanation = explain(y, forward=graph_of(y))
    assert len(explanation.forward) == 4
    assert sorted(asked, key=id) == sorted(graph_of(y)[1:], key=id)


def test_a_walk_is_typeset_after_the_backward_steps() -> None:
    loss = neuron()
    explanation = explain(loss, forward=graph_of(loss)[1])
    shorter = explain(loss)
    typeset = r"\frac{\partial \mathrm{loss}}{\partial \mathrm{weight}} &= \mathrm{error} \times "
    assert typeset + r"\frac{\partial \mathrm{error}}{\partial \mathrm{weight}}" in explanation.to_latex()
    assert typeset not in shorter.to_latex()
    page, plain = (ET.fromstring(e._repr_html_()) for e in (explanation, shorter))
    assert len(page.findall(".//ol")) == len(plain.findall(".//ol")) + 2  # the steps, and the same as text
    assert "d loss/d weight = error × d error/d weight = -0.036 × 0.2236 = -0.008" in [
        c.text for c in page.findall(".//code")
    ]


@pytest.mark.parametrize("digits", [2, 9])
def test_a_walk_has_the_digits_that_are_asked_for(digits: int) -> None:
    x = Value(0.7342, "x")
    step = steps_of((x * 1.234).sin(), x, digits=digits)[-1]
    shown = {2: ("0.62 × 1.2", "0.76"), 9: ("0.616896642 × 1.234", "0.761250457")}[digits]
    assert step.equation[2:] == shown
    assert step.signs == ("=", "=", "≈")  # 0.62 × 1.2 is 0.744


def test_a_graph_that_is_out_of_date_is_refused() -> None:
    x = Value(3.0, "x")
    y = x * x
    x.data = 4.0
    with pytest.raises(ValueError, match="out of date"):
        explain(y, forward=x)


@pytest.mark.parametrize(
    ("start", "error", "said"),
    [
        (lambda x, y: Value(1.0, "other"), ValueError, r"not in the graph of y, .*pass a Value that the output was"),
        (lambda x, y: y * 2, ValueError, "it was computed from y, so the arguments are swapped"),
        (
            lambda x, y: 0.4,
            TypeError,
            "forward is the Value to nudge, or a list of them, got float 0.4: a plain ",
        ),
        (lambda x, y: True, TypeError, r"got bool True: name it, as in explain\(loss, forward=x\)"),
        (lambda x, y: "x", TypeError, "got str 'x'"),
        (lambda x, y: Value, TypeError, "got the class 'Value'"),
        (lambda x, y: [x, None], TypeError, "got NoneType None"),
        (lambda x, y: {"x": x}, TypeError, "got str 'x'"),
        (lambda x, y: nn.Neuron(2), TypeError, r"got Neuron: for a walk from each parameter, its parameters\(\)"),
    ],
)
def test_mistakes_are_explained(start: Any, error: type[Exception], said: str) -> None:
    x = Value(3.0, "x")
    y = x * x
    with pytest.raises(error, match=said):
        explain(y, forward=start(x, y))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((0,), {}), ((), {"mode": "forward"}), ((), {"wrt": 0}), ((), {"inputs": 0}), ((0,), {"faux": False})],
)
def test_other_ways_to_ask_for_forward_mode_say_how_it_is_asked_for(arguments: Any, named: dict[str, Any]) -> None:
    x = Value(3.0, "x")
    said = r"^explain\(\) .*; write forward=x, or a list, for forward mode\. A call is written explain\(loss, forward="
    with pytest.raises(TypeError, match=said):
        explain(x * x, *arguments, **named)
    with pytest.raises(TypeError, match=r"argument 'precision'; write digits=3\. A call"):
        explain(x * x, precision=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"^explain\(\) lacks output\. A call"):
        explain()  # type: ignore[call-arg]


# --------------------------------------------------------------------------------------------------- its truth, by rows


def check_walks(output: Value, detail: str) -> None:
    """Check all that is printed about nudges of all Values of a graph."""
    nodes = graph_of(output)
    named = {v.label or (f"v{i}" if v is not output else "out"): v for i, v in enumerate(nodes, start=1)}
    numbers = {name: v.data for name, v in named.items()}
    starts = [v for v in nodes if v.op is None]
    explanation = explain(output, forward=starts, names={"out": output}, detail=detail, faux=False)
    for nudge in explanation.forward:
        for tangent in (1.0, Value(1.0)):
            speeds = jvp(nodes, named[nudge.start], tangent)
            known = {f"d {name}/d {nudge.start}": speed.data for name, speed in zip(named, speeds, strict=True)}
            for step in nudge.steps:
                check_step(step, numbers, known)
                assert step.equation[-1] == in_equation(known[step.equation[0]]), step


@pytest.mark.parametrize(
    "f",
    [
        lambda t: (0 * t).log(),
        lambda t: 1 / (0 * t),
        lambda t: autograd.dot([0.0], [t]).log(),
        lambda t: autograd.largest([(t - 3).sqrt(), 1.0]),  # infinite, times the 0 of what is not the largest
    ],
)
def test_speeds_that_happen_to_be_0_are_multiplied(f: Callable[[Value], Value]) -> None:
    check_walks(f(Value(3.0, "t")), "value")


@pytest.mark.parametrize("name", sorted(BUILT_IN))
@pytest.mark.parametrize("count", cases([4], campaign=[12]))
def test_all_arithmetic_is_true(name: str, count: int) -> None:
    rng = random.Random(f"forward arithmetic of {name}")
    for output, detail in graphs(TABLE[name], rng, count):
        check_walks(output, detail)

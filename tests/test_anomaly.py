"""`detect_anomaly`: the first nan or infinity is named with its cause, and nothing is left behind."""

from __future__ import annotations

import copy
import gc
import itertools
import math
import pickle
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interrupts import interrupted

import autograd
from autograd import AnomalyError, Value, anomaly, detect_anomaly, engine, events, faux_gradient, grad
from autograd.ops import BUILT_IN, TABLE, Op

HERE = Path(__file__).name


def caught(work: Callable[[], Any]) -> AnomalyError:
    with pytest.raises(AnomalyError) as problem, detect_anomaly():
        work()
    return problem.value


# -------------------------------------------------------------------------------------------------------- forward


def test_the_operation_its_operands_and_the_line_of_source_are_named() -> None:
    x, scale = Value(-1.0, "x"), Value(2.0)

    def work() -> None:
        scaled = x * scale
        scaled.log() + 1

    error = caught(work)
    lines = str(error).splitlines()
    assert lines[0] == "nan produced in the forward pass by log: v4 = log(scaled)"
    assert "  operand scaled = -2.0: x * scale, recorded at" in lines[1]
    assert lines[1].endswith("scaled = x * scale")
    assert HERE in lines[2]
    assert lines[2].endswith(": scaled.log() + 1")
    assert error.source is not None and error.source.endswith("scaled.log() + 1")
    assert error.node is not None and math.isnan(error.node.data)
    assert isinstance(error, ArithmeticError)


@pytest.mark.parametrize(
    "work, first",
    [
        (lambda x: x / 0, "inf produced in the forward pass by div (/): v2 = x / 0"),
        (lambda x: 1 / (x - 1), "inf produced in the forward pass by div (/): v3 = 1 / v2"),
        (lambda x: (x * 1000).exp(), "inf produced in the forward pass by exp: v3 = exp(v2)"),
        (lambda x: -x / 0, "-inf produced in the forward pass by div (/): v3 = v2 / 0"),
        (lambda x: (-x) ** 0.5, "nan produced in the forward pass by pow (**): v3 = v2 ** 0.5"),
        (
            lambda x: autograd.hypot(1e308, x * 1.7e308),
            "inf produced in the forward pass by hypot: v3 = hypot(1e+308, v2)",
        ),
        (
            lambda x: autograd.dot([x, x], [1e308, 1e308]),
            "inf produced in the forward pass by dot: v2 = dot([x, x], [1e+308, 1e+308])",
        ),
        (lambda x: autograd.where(x, x / 0, x), "inf produced in the forward pass by div (/): v2 = x / 0"),
        (lambda x: max(x, x - math.inf), "-inf produced in the forward pass by sub (-): v2 = x - inf"),
    ],
)
def test_every_way_to_record_is_watched(work: Callable[[Value], Any], first: str) -> None:
    assert str(caught(lambda: work(Value(1.0, "x")))).splitlines()[0] == first


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_leaf_that_is_not_finite_is_named_as_the_cause(number: float) -> None:
    bad = Value(number, "bad")
    lines = str(caught(lambda: bad * 2)).splitlines()
    assert lines[0].startswith(f"{number} produced in the forward pass by mul (*): v2 = bad * 2")
    assert lines[1] == f"  {number} came from the leaf bad"
    with detect_anomaly():
        assert autograd.where(Value(1.0), 3.0, bad).data == 3.0  # it does no harm here


def test_a_result_from_before_is_named_as_the_cause() -> None:
    early = Value(0.0).log()
    assert "-inf came from the result recorded outside detect_anomaly(), early" in str(caught(lambda: early + 1))


def test_of_many_operands_those_that_are_not_finite_are_shown() -> None:
    xs = [Value(float(i), f"x{i}") for i in range(50)]
    xs[40].data = math.nan
    lines = str(caught(lambda: autograd.sum(xs))).splitlines()
    assert lines[0] == "nan produced in the forward pass by sum: v51 = sum of 50 operands"
    assert lines[2] == "  operand x40 = nan: a leaf"
    assert lines[8] == "  and 44 more operands"


def test_a_replay_names_the_first_and_changes_nothing() -> None:
    x = Value(2.0, "x")
    squared = x * x
    y = (squared - 5).exp()
    z = y * y + squared
    squared.label, y.label = "squared", "y"
    before = [v.data for v in engine.graph_of(z)]
    x.data = 40
    error = caught(z.forward)
    assert str(error).splitlines()[0] == "inf produced in the forward pass by exp: y = exp(v3)"
    assert "  operand v3 = 1595.0: squared - 5" in str(error)
    assert [v.data for v in error.path] == [y.data, (y * y).data, z.data]
    assert [v.data for v in engine.graph_of(z)][1:] == before[1:]


LOST: dict[str, Callable[[Value], Value]] = {
    "sqrt at 0": lambda x: (x * 2 - 2).sqrt() * 3 + x,
    "of several uses": lambda x: (x - 1).log() * x + x * x,
    "a result that is its own gradient": lambda x: (x * 800).exp() * 2,
    "a branch that was not chosen": lambda x: autograd.where(x, x, (x * 1000).expm1()),
    "a sum that overflows": lambda x: x * 1e308 + x * 1e308,
    "many operands": lambda x: autograd.dot([x - 1, x], [x, (x - 1).sqrt()]),
}


@pytest.mark.parametrize("name", LOST)
def test_grad_says_what_backward_says(name: str) -> None:
    x = Value(1.0, "x")
    y = LOST[name](x)
    y.label = "y"
    message = str(caught(y.backward))
    assert "in the backward pass" in message
    assert str(caught(lambda: grad(y, x))) == message
    assert str(caught(lambda: grad(y, [Value(0.0), x]))) == message


def test_grad_says_it_of_second_derivatives_too() -> None:
    x = Value(0.0, "x")
    y = (x * 2) ** 1.5

    def work() -> None:
        first = grad(y, x)
        first.label = "first"
        grad(first, x)

    error = caught(work)
    assert str(error).startswith(
        "inf produced in the backward pass by pow (**): the gradient that v3 = v2 ** 0.5 pulls"
    )
    assert error.source is not None and error.source.endswith("first = grad(y, x)")
    assert error.path[-1].label == "first"


def test_grad_is_watched_only_on_the_way_to_its_inputs() -> None:
    x, w = Value(0.0, "x"), Value(3.0, "w")
    y = x.sqrt() * w
    with detect_anomaly():
        assert grad(y, w).data == 0.0
    assert "by sqrt" in str(caught(lambda: grad(y, [w, x])))


def test_what_overflows_inside_of_a_rule_is_no_anomaly_if_the_gradient_is_finite() -> None:
    x = Value(1e200, "x")
    y = x.asinh()
    with detect_anomaly():
        first = grad(y, x)
        y.backward()
    assert first.data == x.grad == 1e-200


def test_gradients_that_were_lost_before_are_traced_to_the_first() -> None:
    x = Value(1000.0, "x")
    y = autograd.where(x, x, x.expm1())
    g = grad(y, x)
    loss = g * g
    said = r"first in the graph: v\d = exp\(x\) = inf"
    assert re.search(said, str(caught(loss.backward)))
    assert re.search(said, str(caught(lambda: g * 2)))


def test_grad_outside_is_not_watched() -> None:
    x = Value(0.0)
    y = x.sqrt()
    caught(lambda: grad(y, x))
    assert grad(y, x).data == math.inf
    with detect_anomaly():
        other: list[float] = []
        thread = threading.Thread(target=lambda: other.append(grad(y, x).data))
        thread.start()
        thread.join()
    assert other == [math.inf]


# ------------------------------------------------------------------------------------------------------- backward


def test_the_rule_the_gradients_and_the_path_to_the_output_are_named() -> None:
    x, w = Value(0.0, "x"), Value(3.0, "w")
    x.grad = w.grad = 7.0

    def work() -> None:
        root = x.sqrt()
        product = root * w
        loss = product + 1
        loss.backward()

    error = caught(work)
    assert [line for line in str(error).splitlines() if "recorded at" not in line] == [
        "inf produced in the backward pass by sqrt: the gradient that root = sqrt(x) pulls back to x",
        "  gradient from above: 3.0, local gradient: inf",
        "  result root = 0.0",
        "  operand x = 0.0: a leaf",
        "  path to the output:",
        "    root = sqrt(x)",
        "    product = root * w",
        "    loss = product + 1",
    ]
    assert error.source is not None and error.source.endswith("root = x.sqrt()")
    assert [v.data for v in error.path] == [0.0, 0.0, 1.0]
    assert (x.grad, w.grad) == (7.0, 7.0)
    assert all(v.grad == 0 for v in error.path)


def test_a_node_recorded_before_has_no_line() -> None:
    x = Value(0.0, "x")
    y = x.sqrt()
    error = caught(y.backward)
    assert error.source is None
    assert "recorded outside detect_anomaly()" in str(error)
    with pytest.raises(AnomalyError) as again:
        with detect_anomaly():
            z = x.sqrt()
        with detect_anomaly():
            z.backward()
    assert again.value.source is not None  # recorded under an earlier watch is good enough


def with_root(x: Value, function: Callable[[Value], Value]) -> Value:
    """Use one square root several times."""
    return function(x.sqrt())


UNCHOSEN: dict[str, tuple[float, Callable[[Value], Any]]] = {
    "expm1": (1000.0, lambda x: autograd.where(x, x, x.expm1())),
    "exp": (1000.0, lambda x: autograd.where(x, x, x.exp() - 1)),
    "sinh": (1000.0, lambda x: autograd.where(-x, x.sinh(), x)),
    "log": (0.0, lambda x: autograd.where(x, x.log(), x)),
    "sqrt, at 0": (0.0, lambda x: autograd.where(x, x.sqrt(), 2 * x)),
    "div": (0.0, lambda x: autograd.where(x, 1 / x, 1.0)),
    "pow": (0.0, lambda x: autograd.where(x, x**-1.5, 1.0)),
    "mul": (math.inf, lambda x: autograd.where(x, 1.0, Value(2.0, "w") * x)),
    "sqrt": (-1.0, lambda x: autograd.where(x, x.sqrt(), x)),
    "asin": (2.0, lambda x: autograd.where(1 - x, x.asin(), x)),
    "sqrt, far below": (0.0, lambda x: autograd.where(x, -(3 * x.sqrt()).tanh() + 1, 2 * x) * 5 - 1),
    "sqrt, used twice": (0.0, lambda x: with_root(x, lambda r: autograd.where(x, r * 2 + r, x))),
    "sqrt, in two branches": (
        0.0,
        lambda x: with_root(x, lambda r: autograd.where(x, r, x) + autograd.where(x, r, x)),
    ),
    "log, in a where in a where": (0.0, lambda x: autograd.where(1 - x, x, autograd.where(x, x.log(), 2.0))),
    "exp, in a where in a where": (1000.0, lambda x: autograd.where(1 - x, autograd.where(x, x.exp(), 2.0), x)),
    "sqrt, under relu": (0.0, lambda x: (x.sqrt() - 1).relu() + x),
    "sqrt, under max": (0.0, lambda x: autograd.max(x.sqrt(), 1.0) + x),
    "sqrt, under an infinite max": (0.0, lambda x: autograd.max(x.sqrt(), math.inf) + x),
    "sqrt, also a condition": (
        0.0,
        lambda x: with_root(x, lambda r: autograd.where(x, r, x) + autograd.where(r, 1, x)),
    ),
    "sqrt, under min": (0.0, lambda x: autograd.min(-1.0, x.sqrt() * 2) + x),
    "exp, under leaky_relu": (1000.0, lambda x: (-x.exp()).leaky_relu(0.0) + x),
    "exp, under elu": (1000.0, lambda x: (-x.exp()).elu() + x),
    "sqrt, under largest": (0.0, lambda x: autograd.largest([x.sqrt(), x + 1, 0.5])),
}
"""Numbers and functions whose gradient is nan because of a branch that is not chosen; the operation whose local
gradient is infinite or nan comes first in the name."""


@pytest.mark.parametrize("name", UNCHOSEN)
def test_a_nan_from_a_branch_that_was_not_chosen_is_told_as_such(name: str) -> None:
    number, function = UNCHOSEN[name]
    x = Value(number, "x")
    y = function(x)
    error = caught(y.backward)
    assert str(error).startswith(f"nan produced in the backward pass by {name.partition(',')[0]}")
    assert "in a branch that was not chosen" in str(error) and "cure" in str(error)
    assert ("and 0 * nan is nan" in str(error)) is (name in ("sqrt", "asin")), "outside their domains"
    assert x.grad == 0.0


@pytest.mark.parametrize("where", [autograd.where, lambda c, x, y: autograd.where(-c, y, x)])
@pytest.mark.parametrize("factor", [1.0, -3.0])
def test_a_nan_up_an_unchosen_branch_is_told_in_second_derivatives(where: Any, factor: float) -> None:
    x = Value(1000.0, "x")
    first = grad(where(x, x * x, (x - 1000) ** 1.5) * factor, x)
    for differentiate in (first.backward, lambda: grad(first, x)):
        error = str(caught(differentiate))
        assert error.startswith("nan produced in the backward pass by pow")
        assert "it is in a branch that was not chosen" in error and "has chosen 0, a factor of its gradient" in error
        assert "cure: give pow a harmless operand" in error


def test_a_factor_of_0_that_nothing_chose_is_no_branch() -> None:
    x, zero = Value(0.0, "x"), Value(0.0, "zero")
    for factor in (zero, -zero, zero * 2, autograd.where(x + 1, zero, 1.0), autograd.relu(zero)):
        assert "not chosen" not in str(caught((factor * x.sqrt()).backward))
    assert "not chosen" not in str(caught((-Value(1000.0).exp()).softplus().backward))


def test_the_choice_its_operand_and_its_line_are_named() -> None:
    x = Value(0.0, "x")

    def work() -> None:
        root = x.sqrt()
        chosen = autograd.where(x, 2 * root, x)
        loss = chosen * 3
        loss.backward()

    lines = str(caught(work)).splitlines()
    assert lines[:2] == [
        "nan produced in the backward pass by sqrt: the gradient that root = sqrt(x) pulls back to x",
        "  it is in a branch that was not chosen: chosen = where(x, v3, x) passes a gradient of 0 to v3 (operand 2), "
        "and 0 * inf is nan",
    ]
    assert lines[2].startswith("  chosen was recorded at ") and lines[2].endswith("autograd.where(x, 2 * root, x)")
    assert lines[3].startswith("  cure: give sqrt a harmless operand")
    assert lines[4] == "  gradient from above: 0.0, local gradient: inf"


def test_an_infinity_at_recording_hints_at_a_branch_that_is_not_chosen() -> None:
    x, bad = Value(1000.0, "x"), Value(math.inf)
    last = str(caught(lambda: autograd.where(x, x, x.expm1()))).splitlines()[-1]
    assert last == (
        "  if this is in a branch of where that is not chosen, clamp its operand: "
        "where(c, a, f(where(c, k, b))) for where(c, a, f(b))"
    )
    chosen = caught(lambda: autograd.where(x, bad, x))
    assert "clamp" not in str(chosen)


@pytest.mark.parametrize(
    "function, unchosen",
    [
        (lambda x: autograd.where(x, x, x.expm1()) * 2, True),
        (lambda x: autograd.where(x, x, 1 - x.expm1() * 0.5), True),
        (lambda x: autograd.where(x, x.expm1(), x), False),
        (lambda x: autograd.where(x, x, e := x.expm1()) + e, False),
        (lambda x: autograd.where(x.expm1(), x, 1.0), False),
        (lambda x: x.expm1(), False),
    ],
)
def test_a_replay_tells_whether_only_unchosen_branches_use_it(
    function: Callable[[Value], Value], unchosen: bool
) -> None:
    x = Value(-1.0, "x")
    y = function(x)
    x.data = 1000.0
    assert ("only through a branch that was not chosen" in str(caught(y.forward))) is unchosen


def test_recording_inside_is_not_advised_where_an_infinity_would_come_first() -> None:
    for number, function, advised in [(1000.0, autograd.expm1, False), (0.0, autograd.sqrt, True)]:
        x = Value(number, "x")
        y = autograd.where(1 - x if number else x, function(x), 2 * x)
        error = str(caught(y.backward))
        assert "in a branch that was not chosen" in error
        assert ("record it inside" in error) is advised


@pytest.mark.parametrize(
    "cured",
    [
        lambda x: autograd.where(x, x, autograd.expm1(autograd.where(x, 0.0, x))),
        lambda x: autograd.where(x, x, autograd.expm1(autograd.min(x, 0.0))),
        lambda x: autograd.where(1 - x, autograd.where(1 - x, x, 1.0).exp(), x),
    ],
)
def test_the_cure_cures(cured: Callable[[Value], Value]) -> None:
    x = Value(1000.0)
    with detect_anomaly():
        cured(x).backward()
    assert x.grad == 1.0


half = Op("half_choice({})", lambda x: x / 2, lambda g, z, x: g * (0.5 if x > 0 else 0.0))  # a choice without `where`


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.sqrt() * 0,
        lambda x: x.sqrt() - x.sqrt() * 1 + 0 * x.sqrt(),
        lambda x: with_root(x, lambda r: r - r),  # terms that cancel
        lambda x: with_root(x, lambda r: autograd.where(1 - x, r, x) - autograd.where(1 - x, r, x)),
        lambda x: x.sqrt().step() + x.sqrt().sign(),
        lambda x: abs(x.sqrt()),  # a corner, not a branch
        lambda x: autograd.hypot(x.sqrt(), 0.0) * 0 + autograd.atan2(x.sqrt(), 0.0),
        lambda x: (x.sqrt() * 1e-300) * 1e-300,  # an underflow
        lambda x: (x.sqrt() * 0) * 0,
        lambda x: half(x.sqrt()),
        lambda x: with_root(x, lambda r: autograd.where(x, r, x) + 0 * r),  # a branch, and a factor of 0
        lambda x: (x * 0).sqrt(),
        lambda x: x.log() * (0 * x),
    ],
)
def test_no_other_nan_is_told_so(function: Callable[[Value], Value]) -> None:
    x = Value(0.0, "x")
    y = function(x)
    error = caught(y.backward)
    assert "not chosen" not in str(error)


def test_a_seed_of_0_is_no_choice() -> None:
    x = Value(0.0, "x")
    y = x.sqrt() * 2
    assert "not chosen" not in str(caught(lambda: y.backward(0.0)))


def test_a_sum_of_finite_parts_may_overflow() -> None:
    x = Value(1.0, "x")
    y = x * 1e308 - x * -0.5e308
    assert "the sum of the gradients of x, to which it adds" in str(caught(lambda: y.backward(1.2)))


def test_which_of_two_equal_operands() -> None:
    x = Value(math.inf, "x")
    y = autograd.atan2(x, x)
    assert "to x (operand 1)" in str(caught(y.backward))


def test_gradients_from_before_and_seeds() -> None:
    x = Value(2.0, "x")
    y = x * x
    x.grad = math.nan
    assert "Was zero_grad() forgotten?" in str(caught(y.backward))
    assert math.isnan(x.grad)
    x.grad = 0.0
    assert "came from the seed" in str(caught(lambda: y.backward(math.inf)))
    with pytest.raises(TypeError), detect_anomaly():
        y.backward("1")


def test_a_long_path_is_shortened_and_has_no_depth_limit() -> None:
    x = Value(0.0, "x")
    y = x.sqrt()
    for _ in range(100_000):
        y = y + 1.0
    error = caught(y.backward)
    assert len(error.path) == 100_001
    assert "... 99,989 more ..." in str(error)
    assert len(str(error).splitlines()) == 6 + 13


# ------------------------------------------------------------------------------------- what is right stays as it is


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(sorted(BUILT_IN)), st.floats(-2, 2)), min_size=1, max_size=8))
def test_it_raises_exactly_where_something_is_not_finite_and_changes_no_bit(moves: list[tuple[str, float]]) -> None:
    def build(x: Value) -> Value:
        y: Any = x
        for name, number in moves:
            op: Any = TABLE[name]
            y = op(*op.lists([y, number, x, y])) if op.variadic else op(*[y, x, number][: op.arity])
        return cast(Value, y)

    x, again = Value(0.7, "x"), Value(0.7, "x")
    y = build(x)
    y.backward()
    nodes = engine.graph_of(y)
    finite = all(math.isfinite(v.data) and math.isfinite(v.grad) for v in nodes)
    try:
        with detect_anomaly():
            watched = build(again)
            watched.backward()
    except AnomalyError as error:
        assert error.path[0] is error.node
        assert again.grad == 0.0
        assert not finite
    else:
        assert finite
        assert (repr(watched.data), repr(again.grad)) == (repr(y.data), repr(x.grad))


def test_off_means_off() -> None:
    own = engine.new_node
    with detect_anomaly():
        assert engine._new_result is not own
        with detect_anomaly():
            pass
        assert engine._new_result is not own
        with pytest.raises(AnomalyError):
            Value(0.0).log()
    assert engine._new_result is own
    with pytest.raises(KeyError), detect_anomaly():
        raise KeyError
    assert engine._new_result is own
    assert not (events.recorded or events.replayed or events.pulled)
    assert math.isnan(Value(-1.0).log().data)


def test_as_a_decorator() -> None:
    @detect_anomaly()
    def step(number: float) -> float:
        return Value(number).log().data

    assert step(1.0) == 0.0
    for _ in range(2):
        with pytest.raises(AnomalyError):
            step(0.0)
    assert engine._new_result is engine.new_node


def test_other_threads_are_left_alone() -> None:
    inside, done = threading.Event(), threading.Event()
    found: list[float] = []

    def work() -> None:
        inside.wait(60)
        x = Value(0.0)
        y = x.sqrt()
        y.backward()
        found.append(x.grad)
        found.append(x.log().data)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    with detect_anomaly():
        inside.set()
        assert done.wait(60)
        with pytest.raises(AnomalyError):
            Value(0.0).log()
    thread.join()
    assert found == [math.inf, -math.inf]


def test_watches_of_many_threads_end_with_the_last() -> None:
    barrier = threading.Barrier(4)
    errors: list[str] = []

    def work() -> None:
        barrier.wait(60)
        for _ in range(200):
            try:
                with detect_anomaly():
                    Value(0.0).log()
            except AnomalyError as error:
                errors.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 800
    assert engine._new_result is engine.new_node


def test_ctrl_c_at_any_point_is_not_lost_and_leaves_no_watch_behind() -> None:
    x = Value(2.0)

    def work() -> None:
        with detect_anomaly():
            x * x  # freed at once, with its place

    def watch_elsewhere() -> None:
        with detect_anomaly():
            inside.set()
            done.wait(60)

    inside, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=watch_elsewhere)  # while it watches, events are announced in all threads
    thread.start()
    inside.wait(60)
    own = events.recorded.copy()
    try:
        for at in itertools.count(1):
            over = not interrupted(work, at)
            assert events.recorded == own, f"after an interrupt at {at}"
            assert Value(0.0).log().data == -math.inf, f"after an interrupt at {at}"
            if over:
                break
        assert at > 100
    finally:
        done.set()
        thread.join()


def test_copies_and_nudges_compute_nothing_of_the_graph() -> None:
    x = Value(0.0, "x")
    bad = x.log()
    with detect_anomaly():
        assert copy.copy(bad).data == copy.deepcopy(bad).data == -math.inf
        assert pickle.loads(pickle.dumps(bad)).data == -math.inf
        y = x * 2
        assert math.isfinite(faux_gradient(y, x))
        assert autograd.log(0.0) == -math.inf  # floats alone have no graph to tell about


def test_a_users_operation_is_watched_at_the_line_that_used_it() -> None:
    own = Op("own({})", lambda x: x, lambda g, z, x: g * math.nan)
    x = Value(1.0, "x")
    error = caught(lambda: own(x).backward())
    assert str(error).startswith("nan produced in the backward pass by own: the gradient that v2 = own(x) pulls back")
    assert error.source is not None and "own(x).backward()" in error.source


def test_watches_may_end_in_any_order() -> None:
    first, second = detect_anomaly(), detect_anomaly()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    with pytest.raises(AnomalyError):
        Value(0.0).log()
    second.__exit__(None, None, None)
    assert Value(0.0).log().data == -math.inf


def test_the_watch_keeps_no_graph_alive() -> None:
    gc.collect()  # graphs of other tests
    with detect_anomaly():
        before = len(anomaly._places)
        y = Value(1.0) * 2 + 3
        assert len(anomaly._places) == before + 2
        del y
        assert len(anomaly._places) == before


def test_the_error_survives_a_pickle_and_hostile_labels_a_line() -> None:
    x = Value(0.0, "two\nlines\x1b[31m")
    error = caught(x.log)
    assert len(str(error).splitlines()) == 5
    assert "\x1b" not in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)

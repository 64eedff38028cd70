"""Operations that users add: correct ones work everywhere; mistakes are reported at the definition."""

from __future__ import annotations

import builtins
import functools
import itertools
import math
import operator
import random
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser
from needs import ARRAY_MODULES, BACKENDS, array_module, need_compiler
from office import Office, written

import autograd
from autograd import (
    GradientMismatch,
    Value,
    check_gradients,
    detect_anomaly,
    draw,
    exp,
    explain,
    explore,
    grad,
    sign,
    to_spreadsheet,
    to_text,
    where,
)
from autograd.engine import graph_of
from autograd.errors import UnsupportedOperationError
from autograd.ops import TABLE, Op
from autograd.trees import tree_leaves


def mean_rule(g: Any, z: Any, *xs: Any) -> list[Any]:
    return [g * (1 / len(xs))] * len(xs)


def test_an_operation_of_any_number_of_operands() -> None:
    mean = Op("mean([{}])", lambda *xs: math.fsum(xs) / len(xs), mean_rule, variadic=True)
    x, y = Value(1.0, "x"), Value(4.0, "y")
    z = mean([x, y, 4.0])
    assert z.data == 3.0
    z.backward()
    assert (x.grad, y.grad) == (1 / 3, 1 / 3)
    assert [g.data for g in grad(z, [x, y])] == [1 / 3, 1 / 3]
    check_gradients(z * z)
    assert "mean([x, y, 4])" in draw(z).source


def test_a_notebook_cell_can_be_run_again() -> None:
    x = Value(3.0)
    Op("twice({})", lambda x: x * 2, lambda g, z, x: g * 2)
    old = x.twice()  # type: ignore[attr-defined]
    Op("twice({})", lambda x: x + x, lambda g, z, x: g + g)
    assert x.twice().op is TABLE["twice"]  # type: ignore[attr-defined]
    assert old.forward().data == 6.0
    Op("twice([{}])", lambda *xs: 2 * sum(xs), lambda g, z, *xs: [g * 2] * len(xs), variadic=True)
    assert not hasattr(x, "twice")


def test_an_operator_of_your_own() -> None:
    for _ in range(2):  # twice, as in a notebook
        Op(
            "{} @ {}",
            lambda x, y: x * y,
            lambda g, z, x, y: g * y,
            lambda g, z, x, y: g * x,
            name="at",
            method="__matmul__",
        )
    v: Any = Value(3.0)
    z = 2 @ (v @ 5)
    assert z.data == 30.0
    z.backward()
    assert v.grad == 10.0
    for name in ("__matmul__", "__rmatmul__"):
        delattr(Value, name)


@pytest.mark.parametrize("pull", [1, True, np.float64(2.0), np.float32(0.5), 0])
def test_what_a_rule_returns_becomes_a_float_or_a_value(pull: Any) -> None:
    steady = Op("steady({})", lambda x: x, lambda g, z, x: pull)
    x = Value(3.0)
    steady(x).backward()
    assert type(x.grad) is float
    assert x.grad == float(pull)
    first = grad(steady(x), x)
    assert type(first) is Value
    assert grad(first, x).data == 0.0


def test_what_an_operation_computes_becomes_a_float() -> None:
    rounded = Op("rounded({})", round, lambda g, z, x: g)
    assert type(rounded(Value(2.6)).data) is float
    assert rounded(2.6) == 3.0


CAPTURED = Value(5.0)


@pytest.mark.parametrize(
    ("computes", "rule", "error", "said"),
    [
        (lambda x: x, lambda g, z, x: g * CAPTURED, TypeError, ".data"),
        (lambda x: x, lambda g, z, x: g * (-8) ** 0.5, TypeError, "real number, got complex"),
        (lambda x: x, lambda g, z, x: None, TypeError, "forget its return"),
        (lambda x: None, lambda g, z, x: g, TypeError, "forget its return"),
    ],
)
def test_mistakes_in_functions_are_reported(
    computes: Callable[..., Any], rule: Callable[..., Any], error: type[Exception], said: str
) -> None:
    faulty = Op("faulty({})", computes, rule)
    x = Value(2.0)
    with pytest.raises(error, match=said):
        faulty(x).backward()
    assert x.grad == 0.0


@pytest.mark.parametrize("count", [1, 3])
def test_a_wrong_number_of_pulls_is_reported(count: int) -> None:
    mean = Op("mean([{}])", lambda *xs: sum(xs) / len(xs), lambda g, z, *xs: [g] * count, variadic=True)
    x, y = Value(1.0), Value(2.0)
    z = mean([x, y])
    for differentiate in (z.backward, lambda: grad(z, x), lambda: draw(z)):
        with pytest.raises(ValueError, match=f"returned {count} pulls for 2 operands"):
            differentiate()
    assert x.grad == 0.0


def test_pulls_may_come_from_a_generator() -> None:
    mean = Op("mean([{}])", lambda *xs: sum(xs) / len(xs), lambda g, z, *xs: (g * 0.5 for _ in xs), variadic=True)
    x, y = Value(1.0), Value(2.0)
    z = mean([x, y])
    z.backward()
    assert (x.grad, grad(z, y).data) == (0.5, 0.5)


def keep(g: Any, z: Any, x: Any) -> Any:
    return g


def keep_two(g: Any, z: Any, x: Any, y: Any) -> Any:
    return g


def keep_all(g: Any, z: Any, *xs: Any) -> Any:
    return g


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Op("f({})", float, lambda g, x: g), "called with g, z and the operands"),
        (lambda: Op("f({}, {})", max, keep, keep), "called with g, z and the operands"),
        (lambda: Op("f({})", float, keep, domain=[(0, 1), (0, 1)]), "one interval for each"),
        (lambda: Op("lambda({})", float, keep), "no name"),
        (lambda: Op("f", float, mean_rule, variadic=True), "as many rules"),
        (lambda: Op("f({})", float, keep, method="__abs__"), "__abs__"),
        (lambda: Op("data({})", float, keep), "'data'"),
        (lambda: Op("exp({})", float, keep), "already"),
        (lambda: Op("backward({})", float, keep), "already"),
        (lambda: Op("{} @ {}", float, keep, keep), "no name"),
        (lambda: Op("w({})", by_hand, mean_rule), r"any number of operands, with \*args: pass variadic=True"),
        (lambda: Op("w({}, {})", by_hand, keep_all, keep_all), r"with \*args: pass variadic=True"),
        (lambda: Op("twice({})", float), "as many rules"),
        (lambda: Op("twice({})", float, keep, keep), "as many rules"),
    ],
)
def test_rows_that_make_no_sense_are_refused(make: Callable[[], Op], said: str) -> None:
    before = dict(TABLE)
    with pytest.raises(ValueError, match=said):
        make()
    assert before == TABLE
    assert abs(Value(-1.0)).op is TABLE["abs"]
    assert callable(Value.backward)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda v: autograd.sum(v, v), r"sum\(\) takes \(values\)"),
        (lambda v: autograd.dot([v]), r"dot\(\) takes \(xs, ys\)"),
        (lambda v: autograd.where(v, 1.0), r"where\(\) takes \(c, x, y\)"),
        (lambda v: autograd.tanh(v, v), r"tanh\(\) takes \(x\)"),
        (lambda _: autograd.tanh(), r"tanh\(\) takes \(x\)"),
        (lambda v: autograd.tanh(1.0, 2.0), r"tanh\(\) takes \(x\)"),
        (lambda v: v.max(), r"max\(\) takes \(x, y\)"),
        (autograd.sum, "a list of values, got Value"),
        (lambda v: autograd.dot([v], [np.ma.array([1.0, 2.0])]), "got MaskedArray"),
    ],
)
def test_a_wrong_call_names_the_operation_and_what_it_takes(call: Callable[[Any], Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        call(Value(1.0))


@pytest.mark.parametrize("rule", [lambda *_: 0.0, lambda g, *_: g])
@pytest.mark.parametrize("operands", [0, 2, 3])
def test_a_rule_that_names_no_operands_takes_no_others(rule: Callable[..., Any], operands: int) -> None:
    level = Op("level({})", lambda *xs: xs[0], rule)
    assert level(Value(2.0)).data == 2.0
    with pytest.raises(TypeError, match=r"level\(\) takes"):
        level(*[Value(1.0)] * operands)


def test_help_shows_no_annotations() -> None:
    for op in TABLE.values():
        assert "Any" not in (op.__doc__ or "")
        assert "Any" not in str(op.__signature__)


def test_lists_of_any_sequence_type_are_summed() -> None:
    values: Sequence[Value] = [Value(1.0), Value(2.0)]
    assert autograd.sum(iter(values)).data == 3.0
    assert autograd.sum(dict.fromkeys(values)).data == 3.0


# In every target -----------------------------------------------------------------------------------------------------


def own_rows() -> dict[str, Op]:
    """Operations written with the table's: alone, in each other, with several operands, with any number, with none."""
    cube = Op("cube({})", lambda x: x * x * x, lambda g, z, x: g * 3 * x * x)
    bell = Op("bell({})", lambda x: exp(-x * x), lambda g, z, x: g * -2 * x * z)
    return {
        "cube": cube,
        "bell": bell,
        "hump": Op("hump({})", lambda x: bell(cube(x)) + 0.5, lambda g, z, x: g * (z - 0.5) * -2 * cube(x) * 3 * x * x),
        "huber": Op(
            "huber({}, {})",
            lambda x, y: where(abs(x) - y, y * (abs(x) - y / 2), x * x / 2),
            lambda g, z, x, y: g * where(abs(x) - y, y * sign(x), x),
            lambda g, z, x, y: g * where(abs(x) - y, abs(x) - y, 0.0),
        ),
        "mean": Op("mean([{}])", lambda *xs: autograd.sum(xs) / len(xs), mean_rule, variadic=True),
        "second": Op("second({}, {})", lambda x, y: y, lambda g, z, x, y: 0.0, lambda g, z, x, y: g),
        "seven": Op("seven({})", lambda x: 7, lambda g, z, x: 0.0),
    }


def own_graphs(leaves: Sequence[Value]) -> tuple[list[Value], list[Value]]:
    """A graph of each own row, its gradients, and second derivatives."""
    rows = own_rows()
    x, y = leaves
    outputs = [rows[name](x * y) for name in ("cube", "bell", "hump", "seven")]
    outputs += [rows["huber"](x, y), rows["huber"](x, 0.25), rows["second"](x, y), rows["mean"]([x, y, 2.0, x * x])]
    first = [g for z in outputs for g in grad(z, list(leaves))]
    return outputs, [*first, *(g for z in first for g in grad(z, list(leaves)))]


POINTS = [[0.5, 1.5], [-1.25, 0.75], [3.0, -0.3], [0.0, 2.0], [-0.0, -1.0], [0.1, 0.1]]


def test_own_rows_have_the_graph_s_bits(backend: str) -> None:
    leaves = [Value(0.5), Value(1.5)]
    outputs, gradients = own_graphs(leaves)
    recorded = [*outputs, *gradients]
    one = autograd.compile(recorded, (leaves,), backend=backend)
    batch = autograd.compile(recorded, (leaves,), in_axes=0, backend=backend)
    for point, in_batch in zip(POINTS, batch(POINTS), strict=True):
        for v, x in zip(leaves, point, strict=True):
            v.data = x
        want = [repr(v.forward().data) for v in recorded]
        assert list(map(repr, one(point))) == want
        assert list(map(repr, in_batch)) == want


@pytest.mark.parametrize("module", ARRAY_MODULES)
def test_own_rows_on_a_module_s_arrays(module: str) -> None:
    xp = array_module(module)
    leaves = [Value(0.5), Value(1.5)]
    outputs, gradients = own_graphs(leaves)
    recorded = [*outputs, *gradients]
    want = autograd.compile(recorded, (leaves,), in_axes=0)(POINTS)
    got = autograd.compile(recorded, (leaves,), in_axes=0, backend=xp)(POINTS)
    assert np.allclose(got, want, rtol=1e-13, atol=1e-300)


def test_own_rows_in_a_browser(chromium: Browser, tmp_path: Path) -> None:
    leaves = [Value(0.5, "x"), Value(1.5, "y")]
    outputs, _ = own_graphs(leaves)
    second = grad(outputs[0] + outputs[2], leaves[0])
    output = autograd.sum([*outputs, second])
    chromium.open(explore(output, tmp_path / "page.html", names={}))
    shown = chromium.run(
        """return [...document.querySelectorAll("#rows tr")].map(row =>
            [...row.querySelectorAll("td")].slice(1).map(cell =>
                [...cell.querySelectorAll("data")].map(number => Number(number.value))))"""
    )
    assert chromium.complaints() == []
    output.backward()
    for v, cells in zip(graph_of(output), shown, strict=True):
        assert cells[0][0] == pytest.approx(v.data, rel=1e-12)
        assert cells[2][0] == pytest.approx(v.grad, rel=1e-12, abs=1e-300)


def test_own_rows_in_libreoffice(office: Office, tmp_path: Path) -> None:
    leaves = [Value(0.5, "x"), Value(1.5, "y")]
    outputs, _ = own_graphs(leaves)
    second = grad(outputs[0] + outputs[2], leaves[0])
    path = to_spreadsheet(autograd.sum([*outputs, second]), tmp_path / "own.xlsx", names={}, train=leaves, attempts=3)
    for computed, stored in zip(office.computed(path), written(path), strict=True):
        for place, cell in stored.items():
            if cell.formula is not None:
                assert computed[place].shown == pytest.approx(cell.shown, rel=1e-9, abs=1e-9), (place, cell)


def test_a_formula_that_grows_with_every_step_is_refused(tmp_path: Path) -> None:
    def orbit(x: Any) -> Any:
        for _ in range(60):
            x = x * x - 0.5
        return x

    own = Op("orbit({})", orbit, lambda g, z, x: g)
    with pytest.raises(ValueError, match=r"more than 100,000 characters: .* used too often"):
        to_spreadsheet(own(Value(0.5)), tmp_path / "own.xlsx")


def test_own_rows_in_loops_and_long_means(tmp_path: Path) -> None:
    need_compiler()
    rows = own_rows()
    rng = random.Random(1)
    w, x = [[Value(rng.uniform(-1, 1)) for _ in range(9)] for _ in range(20)], [Value(0.25 * i) for i in range(9)]
    hidden = [rows["hump"](autograd.dot(row, x)) for row in w]
    loss = rows["mean"](hidden)
    outputs, inputs = (loss, grad(loss, w)), (w, x)
    arguments = [[[v.data for v in row] for row in w], [v.data for v in x]]
    want = tree_leaves(autograd.compile(outputs, inputs)(*arguments))
    for backend in BACKENDS:
        got = tree_leaves(autograd.compile(outputs, inputs, backend=backend)(*arguments))
        assert list(map(repr, got)) == list(map(repr, want))


def test_what_a_function_reads_may_change() -> None:
    """A notebook defines a slope, or another operation, again: what is compiled then is what the graph computes."""
    slope = [0.5]
    leak = Op("leak({})", lambda x: x * slope[0], lambda g, z, x: g * slope[0])
    x = Value(3.0)
    assert autograd.compile(leak(x), x, in_axes=0, backend=np)([3.0]) == [1.5]
    slope[0] = 0.25
    assert autograd.compile(leak(x), x, in_axes=0, backend=np)([3.0]) == [0.75]


def test_what_is_recorded_for_a_target_is_not_an_anomaly() -> None:
    far = Op("far({})", lambda x: autograd.acosh(x) * 2, lambda g, z, x: g)
    x = Value(3.0)
    with detect_anomaly():
        y = far(x)
        assert autograd.compile(y, x, backend="numpy")(3.0) == y.data


# Functions that only Python can run ----------------------------------------------------------------------------------


def by_hand(*xs: float) -> float:
    total = 0
    for x in xs:
        total = total + x  # type: ignore[assignment]
    return total


def helper(*xs: float) -> float:
    return sum(xs)


BUILT_IN_SUM = sum


class Total:
    """A callable object, and a bound method that reaches Python's sum through an attribute."""

    def __init__(self) -> None:
        self.total = sum

    def __call__(self, *xs: Any) -> Any:
        return 2 * sum(xs)

    def method(self, *xs: Any) -> Any:
        return self.total(xs) / 2


class Adder:
    add: Any = staticmethod(sum)


PYTHON_ONLY: dict[str, tuple[Callable[..., Any], str]] = {
    "math": (lambda x, y: math.exp(x) + y, "a plain number would lose the gradient"),
    "a branch": (lambda x, y: x if x > 0 else y, "compares its operands"),
    "max": (max, "compares its operands"),
    "truth": (lambda x, y: x or y, "neither true nor false"),
    "float": (lambda x, y: float(x) * y, "a plain number would lose the gradient"),
    "sum": (lambda x, y: sum([x, y]), "adds with Python's sum"),
    "sum in a helper": (lambda x, y: 2 * helper(x, y), "adds with Python's sum"),
    "sum by another name": (lambda x, y: BUILT_IN_SUM((x, y)), "adds with Python's sum"),
    "sum of a module": (lambda x, y: builtins.sum([x, y]), "adds with Python's sum"),
    "sum of a class": (lambda x, y: Adder.add([x, y], 2.5), "adds with Python's sum"),
    "sum in a reduction": (
        lambda x, y: functools.reduce(lambda a, b: Adder.add([b], a), [x, y]),
        "adds with Python's sum",
    ),
    "sum in a generator": (lambda x, y: math.prod(sum([v, x]) for v in (y,)), "adds with Python's sum"),
    "sum in an object": (Total(), "adds with Python's sum"),
    "sum in a method": (Total().method, "adds with Python's sum"),
    "sum from a float": (lambda x, y: sum((x, y), 0.0), "adds with Python's sum"),
    "sum from a number": (lambda x, y: Total().total([x, y], 2.5), "adds with Python's sum"),
    "sum from an operand": (lambda x, y: sum([y], x), "adds with Python's sum"),
    "identity": (lambda x, y: x * 2 if x == y else x, "something different on Values"),
    "data": (lambda x, y: y + getattr(x, "data", x), "something different on Values"),
    "no number": (lambda x, y: [x, y][0] if isinstance(x, float) else "x", "on Values it raises TypeError"),
}


RULES_ON_FLOATS: dict[str, Callable[..., Any]] = {
    "math": lambda g, z, x: g * math.exp(x),
    "float": lambda g, z, x: g * autograd.exp(float(x)),
    "truth": lambda g, z, x: g * autograd.exp(x) if x else g,
    "range": lambda g, z, x: g * autograd.exp(x) * len(range(int(x) - int(x) + 1)),
}


@pytest.mark.parametrize("name", RULES_ON_FLOATS)
def test_a_rule_that_fails_on_values_is_named_at_the_first_gradient_that_is_a_graph(name: str) -> None:
    own = Op("own({})", autograd.exp.function, RULES_ON_FLOATS[name])
    x = Value(0.5)
    y = own(x)
    y.backward()
    assert x.grad == math.exp(0.5)
    assert check_gradients(y)[0].verdict == "ok"
    with pytest.raises(TypeError, match=r"a rule of own fails on Values.*autograd\.exp\(x\), not math") as caught:
        grad(y, x)
    assert isinstance(caught.value.__cause__, TypeError)


def read(x: Any) -> float:
    return x.data if isinstance(x, Value) else x


KEEPING: dict[str, Callable[..., Any]] = {
    "data": lambda g, z, x: read(g) * 3 * read(x) ** 2,
    "data of one factor": lambda g, z, x: g * 3 * x * read(x),
    "data of the result": lambda g, z, x: g * 3 * autograd.div(read(z), x),
}


@pytest.mark.parametrize("name", KEEPING)
@pytest.mark.parametrize("at", [1.5, -0.7, 1e-100, 1e100])
def test_the_check_finds_a_rule_that_keeps_numbers_of_values(name: str, at: float) -> None:
    """Its first gradient is right, in floats and as a graph; the second one, and a compiled first one, are not."""
    own = Op("own({})", lambda x: x * x * x, KEEPING[name])
    x = Value(at)
    assert grad(own(x), x).data == pytest.approx(3 * at * at)
    with pytest.raises(
        GradientMismatch, match=r"the rule of own keeps numbers in the graph of a gradient: recorded at"
    ):
        check_gradients(own(x))
    many = Op("many([{}])", autograd.sum.function, lambda g, z, *xs: [g * (1 + 0 * read(x)) for x in xs], variadic=True)
    assert check_gradients(many([x, 2.0]))[0].verdict == "ok"  # the numbers make no difference
    many = Op(
        "many([{}])", lambda *xs: sum(x * x for x in xs), lambda g, z, *xs: [g * 2 * read(x) for x in xs], variadic=True
    )
    with pytest.raises(GradientMismatch, match="keeps numbers"):
        check_gradients(many([Value(3.0), 2.0]))


@pytest.mark.parametrize("at", [1.0, math.nextafter(1.0, 0.0), 0.3, -5.0])
def test_a_rule_with_an_if_keeps_a_branch_but_no_numbers(at: float) -> None:
    own = Op("own({})", lambda x: x * x / 2 if x < 1 else x - 0.5, lambda g, z, x: g * x if x < 1 else g)
    assert check_gradients(own(Value(at)))[0].verdict == "ok"


@pytest.mark.slice(most=7)
@pytest.mark.parametrize(("function", "reason"), PYTHON_ONLY.values(), ids=PYTHON_ONLY)
def test_a_function_that_only_python_can_run(function: Callable[..., Any], reason: str, tmp_path: Path) -> None:
    """Python and NumPy call it; every other target refuses it with one message, which says how to write it.

    The message ends with an alternative that exists there: a backend can be chosen in `compile`, not in a view.
    """
    own = Op("own({}, {})", function, lambda g, z, x, y: g, lambda g, z, x, y: 0.0)
    x, y = Value(0.5, "x"), Value(2.0, "y")
    z = own(x, y) * 3
    for backend in ("python", "numpy"):  # which can call a function of Python
        assert autograd.compile(z, (x, y), backend=backend)(0.5, 2.0) == z.data
        assert autograd.compile(z, (x, y), in_axes=0, backend=backend)([0.5], [2.0]) == [z.data]
    backends, views = "Or pass backend='python' or 'numpy'", "Or use draw, explain or to_text"
    targets: list[tuple[str, Callable[[], Any]]] = [
        (backends, lambda: autograd.compile(z, (x, y), backend="c")),
        (backends, lambda: autograd.compile(z, (x, y), backend=np)),
        (views, lambda: explore(z, tmp_path / "page.html")),
        (views, lambda: to_spreadsheet(z, tmp_path / "own.xlsx")),
        (views, lambda: to_spreadsheet(z, tmp_path / "own.xlsx", train=[x])),
    ]
    messages = set()
    for otherwise, target in targets:
        with pytest.raises(UnsupportedOperationError, match=f"'own' runs in Python only: .*{reason}") as refused:
            target()
        message, found, _ = str(refused.value).partition(otherwise)
        assert found and ("backend" in str(refused.value)) == (otherwise is backends)
        messages.add(message)
    (message,) = messages
    for advice in ("autograd.tanh(x), not math.tanh(x)", "where(c, x, y)", "autograd.sum, not sum"):
        assert advice in message
    assert draw(z) and explain(z) and to_text(z)
    assert list(tmp_path.iterdir()) == []


def test_adding_by_hand_is_not_a_python_sum() -> None:
    total = Op("total([{}])", by_hand, lambda g, z, *xs: [g] * len(xs), variadic=True)
    tail = Op("tail({})", lambda x: autograd.sum([x, x]), lambda g, z, x: g * 2)  # an attribute of that name
    x, y = Value(0.1), Value(0.2)
    z = total([x, y, tail(x)])
    assert autograd.compile(z, (x, y), backend=np)(0.1, 0.2) == z.data


def test_a_profiler_is_left_alone() -> None:
    total = Op("total({}, {})", lambda x, y: sum([x, y]), keep_two, keep_two)
    x, y = Value(0.1), Value(0.2)
    z = total(x, y)
    events: list[str] = []
    sys.setprofile(lambda frame, event, argument: events.append(event))
    try:
        profile = sys.getprofile()
        assert autograd.compile(z, (x, y), backend=np)(3.0, 0.5) == 3.5  # unseen, and of the same bits
        assert sys.getprofile() is profile
    finally:
        sys.setprofile(None)
    assert "c_call" in events
    with pytest.raises(UnsupportedOperationError, match="adds with Python's sum"):
        autograd.compile(z, (x, y), backend=np)
    assert sys.getprofile() is None


@pytest.mark.parametrize("summed", [lambda xs: functools.partial(sum, xs)(), lambda xs: next(map(sum, [xs]))])
def test_a_sum_that_is_not_announced_never_changes_bits(summed: Callable[..., Any]) -> None:
    """From Python 3.12 on, sum compensates floats, but not Values: the bits differ, and show it."""
    total = Op("total([{}])", lambda *xs: summed(xs), lambda g, z, *xs: [g] * len(xs), variadic=True)
    xs = [Value(x) for x in (1e16, 1.0, -1e16, 0.1)]
    z = total(xs)
    if sum([1e16, 1.0, -1e16]) == 0.0:
        assert autograd.compile(z, xs, backend=np)([x.data for x in xs]) == z.data
    else:
        with pytest.raises(UnsupportedOperationError, match="something different on Values"):
            autograd.compile(z, xs, backend=np)


def without_a_module() -> Callable[..., Any]:
    """A function whose `__module__` is None, as `exec` makes it without `__name__`."""
    names: dict[str, Any] = {}
    exec("def own(x, y):\n    return x * y", {}, names)
    own: Callable[..., Any] = names["own"]
    assert own.__module__ in (None, "builtins")
    own.__module__ = None  # type: ignore[assignment]
    return own


@pytest.mark.slice(most=6)
@pytest.mark.parametrize(
    "function",
    [
        without_a_module(),
        functools.partial(without_a_module(), 0.5),
        lambda x, y: x * y * sum(1 for _ in range(3)),
        lambda x, y: x * builtins.max(2.0, 0.5) + y,
        lambda x, y: x + len(builtins.range(3)) * y,
        lambda x, y: 0 + x + y,
        lambda x, y: autograd.ops.add(1.0, x) * sum([0.5, 0.25]),
        lambda x, y: functools.reduce(operator.add, [x, y, x]),
        lambda x, y: functools.reduce(operator.add, [x, y, x], 0),
        lambda x, y: functools.reduce(operator.add, (x, y), 0.0),
        lambda x, y: operator.add(x, y).__add__(2.0),
        lambda x, y: operator.add(1.0, x) * operator.add(0, y),
        lambda x, y: math.prod(map(operator.add, [x, 2.0], [y, x])),
        lambda x, y: autograd.ops.add(0.0, x) + [*itertools.accumulate([x, y])][-1],
        lambda x, y: next(map(sum, [(x, y)])),  # C code calls sum, which has the bits of + for two operands
        by_hand,
    ],
)
def test_functions_that_add_no_operand_with_sum_run_everywhere(function: Callable[..., Any], tmp_path: Path) -> None:
    if isinstance(function, functools.partial):
        own, leaves = Op("own({})", function, lambda g, z, x: g * 0.5), [Value(0.1, "x")]
    else:
        own, leaves = (
            Op("own({}, {})", function, lambda g, z, x, y: g, lambda g, z, x, y: 0.0),
            [Value(0.1, "x"), Value(0.7, "y")],
        )
    z = own(*leaves)
    for backend in (*BACKENDS, np):
        assert autograd.compile(z, (leaves,), backend=backend)([v.data for v in leaves]) == z.data
    assert explore(z).html
    assert to_spreadsheet(z, tmp_path / "own.xlsx").exists()


def test_comparisons_in_other_threads_are_not_the_function_s() -> None:
    stop = threading.Event()

    def compare() -> None:
        v = Value(1.0)
        while not stop.is_set():
            assert not v > 2

    thread = threading.Thread(target=compare)
    thread.start()
    try:
        x = Value(2.0)
        y = own_rows()["cube"](x)
        for _ in range(50):
            assert autograd.compile(y, x, backend=np)(2.0) == 8.0
    finally:
        stop.set()
        thread.join()


@pytest.mark.slice
@pytest.mark.parametrize("outputs", [1, 60])
@pytest.mark.parametrize("operands", [3, 80])
def test_numpy_calls_a_variadic_function_for_long_lists_too(operands: int, outputs: int) -> None:
    """NumPy puts long lists into loops, where a sum adds and any other operation does not."""
    widest = Op("widest([{}])", lambda *xs: builtins.max(xs), lambda g, z, *xs: [g] * len(xs), variadic=True)
    xs = [Value(math.sin(i)) for i in range(operands)]
    results = [widest([x * k for x in xs]) for k in range(1, outputs + 1)]
    samples = [[math.cos(i * s) for i in range(operands)] for s in range(3)]
    want = autograd.compile(results, (xs,), in_axes=0)(samples)
    assert autograd.compile(results, (xs,), in_axes=0, backend="numpy")(samples) == want
    assert autograd.compile(results, (xs,), backend="numpy")(samples[0]) == want[0]
    with pytest.raises(UnsupportedOperationError, match="runs in Python only"):
        autograd.compile(results, (xs,), backend=np)

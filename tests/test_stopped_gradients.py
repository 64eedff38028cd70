"""Rules that are None: no gradient passes there, and where all rules of a row are, no perturbation."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from programs import same

import autograd
from autograd import (
    GradientMismatch,
    Value,
    check_gradients,
    draw,
    explain,
    explore,
    faux_gradient,
    grad,
    stop_gradient,
)
from autograd.engine import graph_of
from autograd.ops import TABLE, Op


def both(f: Callable[[Value], Value], at: float) -> float:
    """The gradient of f, by `backward` and by `grad`, which agree."""
    x = Value(at)
    y = f(x)
    y.backward()
    assert same(x.grad, grad(y, x).data)
    return x.grad


@pytest.mark.parametrize(
    ("f", "at", "gradient"),
    [
        (lambda x: autograd.where(x.log(), x, 2 * x), 0.0, 2.0),  # not 0 * inf
        (lambda x: autograd.where(x.log(), x, 2 * x), 3.0, 1.0),
        (lambda x: autograd.where(x.sqrt(), 5.0, 7.0) * x, 0.0, 7.0),
        (lambda x: stop_gradient(x.log()) + x, 0.0, 1.0),
        (lambda x: stop_gradient(x) * x, 3.0, 3.0),
        (stop_gradient, 3.0, 0.0),
        (lambda x: (x * stop_gradient(x * x)).exp(), 0.5, 0.25 * math.exp(0.125)),
    ],
)
def test_nothing_passes(f: Callable[[Value], Value], at: float, gradient: float) -> None:
    assert both(f, at) == gradient


def test_what_no_gradient_reached_has_gradient_0_from_then_on() -> None:
    x = Value(2.0)
    square = x * x
    square.backward()
    assert (square.grad, x.grad) == (1.0, 4.0)
    y = stop_gradient(square) + x
    y.backward()
    assert (square.grad, x.grad) == (0.0, 5.0)


def test_no_node_of_a_gradient_depends_on_what_was_stopped() -> None:
    x, c = Value(2.0), Value(3.0)
    y = autograd.where(c.exp(), x * x, x)
    assert grad(y, c).op is None
    assert grad(stop_gradient(x * c), [x, c])[0].op is None
    assert [v.op.name for v in graph_of(grad(stop_gradient(x) * x, x)) if v.op] == ["stop_gradient"]


def test_it_survives_forward_unlike_a_fresh_leaf() -> None:
    x = Value(3.0)
    y = stop_gradient(x) * x
    x.data = 5.0
    y.forward().backward()
    assert (y.data, x.grad) == (25.0, 5.0)
    assert stop_gradient(2) == 2.0
    assert x.stop_gradient().data == 5.0


def test_perturbations_stop_too() -> None:
    x = Value(3.0)
    stopped = stop_gradient(x * x)
    y = stopped * x
    assert faux_gradient(y, x, method="central") == pytest.approx(9.0)
    assert faux_gradient(y, stopped) == pytest.approx(3.0)  # the number itself can be nudged
    assert [line.verdict for line in check_gradients(y, [x, stopped])] == ["ok", "ok"]
    assert [line.verdict for line in check_gradients(grad(y, x), x)] == ["ok"]  # of the gradient, a graph itself


def test_a_missing_rule_is_found() -> None:
    half = Op("half_of({}, {})", lambda x, y: x * y, lambda g, z, x, y: g * y, None)
    with pytest.raises(GradientMismatch):
        check_gradients(half(Value(2.0), Value(3.0)))


@pytest.mark.parametrize(("computes", "rule"), [(abs, 0), (abs, 3.0), (abs, "g"), (3.0, None)])
def test_a_rule_is_a_function_or_none(computes: Any, rule: Any) -> None:
    """0 is not None: as a rule it would stop the gradient in silence."""
    with pytest.raises(TypeError, match="takes functions; None in place of a rule"):
        Op("odd_rule({})", computes, rule)
    assert "odd_rule" not in TABLE


def test_rows_of_your_own() -> None:
    kept = Op("kept({}, {})", lambda x, y: x * y, lambda g, z, x, y: g * y, None)
    x, y = Value(2.0), Value(3.0)
    z = kept(x, y.log())
    z.backward()
    assert (x.grad, y.grad) == (math.log(3.0), 0.0)
    assert kept.pulls(1.0, 6.0, 2.0, 3.0) == (3.0, None)
    assert (kept.stops, kept.passes(0), kept.passes(1)) == (False, True, False)
    frozen = Op("frozen({})", lambda x: x * x, None, note="A target.")
    assert frozen.stops
    assert str(frozen.__signature__) == "(x)"
    assert both(lambda x: frozen(x) * x, 3.0) == 9.0
    blend = Op(
        "blend([{}])",
        lambda *xs: xs[0] + xs[1],
        lambda g, z, *xs: [g, None, *[g] * (len(xs) - 2)],
        variadic=True,
    )
    assert both(lambda x: blend([x, x.log(), x]) * 1, 0.0) == 2.0
    with pytest.raises(TypeError, match="forget its return"):
        Op("forgot({})", lambda x: x, lambda g, z, x: None)(Value(1.0)).backward()
    with pytest.raises(ValueError, match="needs as many rules"):
        Op("all_stopped([{}])", lambda *xs: 0.0, None, variadic=True)


def training_step() -> tuple[Any, Any]:
    """A loss with paths that end in None, and its gradients, by all parameters."""
    ps, xs = [Value(0.3 * i - 0.7) for i in range(8)], [Value(0.5), Value(-1.5)]
    hidden = [autograd.dot(ps[i : i + 2], xs) for i in range(0, 8, 2)]
    gates = [autograd.where(stop_gradient(h) - 0.1, h, 0.1 * h) for h in hidden]
    loss = (autograd.sum(gates) - stop_gradient(autograd.max(hidden[0], hidden[1]))) ** 2
    return (loss, grad(loss, ps)), (ps, xs)


def test_compiled_steps_have_the_bits_of_the_graph(backend: str) -> None:
    (loss, gradients), (ps, xs) = training_step()
    f = autograd.compile((loss, gradients), (ps, xs), backend=backend)
    rng = random.Random(1)
    for _ in range(5):
        for v in [*ps, *xs]:
            v.data = rng.uniform(-2, 2)
        value, found = f([p.data for p in ps], [x.data for x in xs])
        assert value == loss.forward().data
        loss.zero_grad()
        loss.backward()
        assert found == [p.grad for p in ps]


def test_a_drawing_shows_where_the_gradient_stops() -> None:
    x = Value(3.0, "x")
    y = stop_gradient(x) * x
    dot = draw(y).source
    (line,) = [line for line in dot.splitlines() if "no gradient passes" in line]
    assert "none" in line
    assert "dashed" in line
    assert sum("none" in line for line in draw(y, local=False).source.splitlines()) == 0
    c = Value(1.0, "c")
    assert "c to v4: no gradient passes" in draw(autograd.where(c, x, x + 1)).source


def test_an_explanation_says_where_the_gradient_stops() -> None:
    x = Value(0.0, "x")
    y = autograd.where(x.log(), x, 2 * x)
    text = str(explain(y, names={"y": y}))
    assert "none on y" in text
    assert "no gradient passes to it from y" in text
    assert "d y/d x = " in text
    rows = {row.name: row for row in explain(y, names={"y": y}).rows}
    assert rows["x"].global_gradient == 2.0
    assert ("y", None) in [use for row in rows.values() for use in row.local_gradients]


def test_an_explorer_page_knows_where_the_gradient_stops() -> None:
    x = Value(3.0, "x")
    page = explore(stop_gradient(x) * x)
    found = re.search(r"const graph = (.*?);\n", page.html)
    assert found
    nodes = json.loads(found[1])["nodes"]
    assert [node["blocked"] for node in nodes] == [[], [0], []]
    assert nodes[1]["stops"]

"""The `backward` of docs/how-it-works.md, taken from the page: the same gradients as the engine's, on random graphs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from reference import EVERYTHING, Graph, record
from test_properties import EXACT, WILD, graphs

from autograd import Value, jvp
from autograd.engine import graph_of
from autograd.views.gradients import reached_by_gradients

PAGE = Path(__file__).parent.parent / "docs" / "how-it-works.md"
Backward = Callable[[Value], dict[Value, float]]


def code_that_defines(name: str) -> str:
    """The block of the page with `def name`."""
    blocks = re.findall("^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (code,) = [block for block in blocks if f"def {name}(" in block]
    return str(code)


BACKWARD, TOPOLOGICAL_ORDER = code_that_defines("backward"), code_that_defines("topological_order")
FORWARD = code_that_defines("forward")


def function(name: str, *code: str) -> Any:
    names: dict[str, Any] = {}
    exec("\n".join(code), names)
    return names[name]


def check(backward: Backward, graph: Graph) -> None:
    """Compare all gradients with the engine's, to the last bit."""
    output = record(graph)[-1]
    found = backward(output)
    output.backward()
    nodes = graph_of(output)
    assert found.keys() == reached_by_gradients(output, nodes)
    assert [found.get(v, 0.0).hex() for v in nodes] == [v.grad.hex() for v in nodes]


def test_it_has_fifteen_lines() -> None:
    assert len([line for line in BACKWARD.splitlines() if line]) <= 15


@settings(max_examples=75)
@given(graphs(EVERYTHING, WILD))
def test_the_page_computes_the_engines_gradients(graph: Graph) -> None:
    check(function("backward", BACKWARD), graph)


@settings(max_examples=50)
@given(EXACT)
def test_any_topological_order_gives_the_same_gradients_where_sums_are_exact(graph: Graph) -> None:
    check(function("backward", BACKWARD, TOPOLOGICAL_ORDER, "graph_of = topological_order"), graph)


@settings(max_examples=30)
@given(EXACT)
def test_forward_on_the_page_gives_the_same_where_sums_are_exact(graph: Graph) -> None:
    forward = function("forward", BACKWARD, FORWARD)
    *_, output = nodes = record(graph)
    gradients = function("backward", BACKWARD)(output)
    for x in nodes:
        speeds = forward(output, x)
        assert speeds.get(output, 0.0) == gradients.get(x, 0.0)
        assert [*speeds.values()] == [t.data for t in jvp([*speeds], x, 1.0)]


def test_the_search_goes_as_deep_as_the_graph() -> None:
    output = Value(1.0)
    for _ in range(20_000):
        output = output + 1.0
    assert function("topological_order", BACKWARD, TOPOLOGICAL_ORDER)(output) == graph_of(output)


BREADTH_FIRST = """
def breadth_first(output):
    visited = [output]
    for v in visited:
        visited += [x for x in dict.fromkeys(v.args) if isinstance(x, Value) and x not in visited]
    return visited
"""

USED_TWICE: Graph = (("leaf", (2.0,)), ("neg", (0,)), ("sin", (1,)), ("+", (1, 2)))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("reversed(graph_of(output))", "breadth_first(output)"),
        ("gradients.get(x, 0.0) + pull", "pull"),
        ("gradients.get(x, 0.0) + pull", "pull + 2 * gradients.get(x, 0.0)"),
        ("pulls = v.op.pulls(gradients[v]", "pulls = v.op.pulls(1.0"),
    ],
    ids=["too early", "overwrites", "counts twice", "local gradients"],
)
def test_a_mistake_is_found(right: str, wrong: str) -> None:
    assert BACKWARD.count(right) == 1
    backward = function("backward", BACKWARD.replace(right, wrong), BREADTH_FIRST)

    @settings(max_examples=50, database=None, phases=[Phase.explicit, Phase.generate])
    @given(graphs(EVERYTHING, WILD))
    @example(USED_TWICE)
    def compare(graph: Graph) -> None:
        check(backward, graph)

    with pytest.raises(AssertionError):
        compare()

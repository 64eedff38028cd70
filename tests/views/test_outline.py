"""`to_text`: every Value once, every use of it, and no more lines than asked for."""

from __future__ import annotations

import re

import pytest
from graphs import neuron, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import Value, draw, explain, to_text
from autograd.engine import graph_of


def test_the_graph_as_a_tree_with_shared_values_written_once() -> None:
    loss = neuron()
    lines = to_text(loss).splitlines()
    assert [line.split("  data")[0].rstrip() for line in lines[:-1]] == [
        "loss = v8 / 2",
        "  v8 = error ** 2",
        "    error = output - 0.7",
        "      output = tanh(net)",
        "        net = v4 + bias",
        "          v4 = input * weight",
        "            input",
        "            weight",
        "          bias",
    ]
    assert lines[-1] == "(all gradients are 0: call backward() first to see them)"
    loss.backward()
    assert to_text(loss).splitlines()[7].endswith("data 0.5        grad -0.008")
    assert "grad -0.00804217" in to_text(loss, digits=6).splitlines()[7]


def test_it_shows_itself_as_text() -> None:
    loss = neuron()
    outline = to_text(loss)
    assert isinstance(outline, str)
    assert repr(outline) == str(outline) == "\n".join(outline.splitlines())
    x = Value(1.0)
    assert repr(autograd.compile([x * x], [x]).source).startswith("def compiled(")


@settings(max_examples=50)
@given(st.integers(0, 10**9))
def test_every_value_is_written_once_and_every_use_is_there(seed: int) -> None:
    loss = random_graph(seed)
    nodes = graph_of(loss)
    lines = to_text(loss, names={}).splitlines()
    uses = [re.sub(r"^\s*(\[\d+\] )?", "", line) for line in lines if not line.startswith("(")]
    references = [line for line in uses if line.endswith("(above)")]
    written = [re.split(r" = |  ", line)[0] for line in uses if not line.endswith("(above)")]
    assert sorted(written) == sorted(v.label or f"v{i}" for i, v in enumerate(nodes, 1))
    assert len(references) + len(written) == 1 + sum(isinstance(x, Value) for v in nodes for x in v.args)


def test_a_long_chain() -> None:
    x = Value(0.5)
    for _ in range(100_000):
        x = x + 1.0
    with pytest.raises(ValueError, match="100,001 nodes"):
        explain(x)
    lines = to_text(x).splitlines()
    assert lines[-2] == "... and 99,001 more Values: to_text(output, max_nodes=None) writes all"
    assert max(map(len, lines)) < 120
    assert lines[999].strip().startswith("[999] v99002 = v99001 + 1")


def test_the_tree_is_as_long_as_one_asks() -> None:
    x = Value(0.5, "x")
    loss: Value = autograd.sum([x * i for i in range(2000)])
    assert len(to_text(loss, max_nodes=10).splitlines()) == 12
    assert len(to_text(loss, max_nodes=None).splitlines()) == 4002
    assert to_text(loss).splitlines()[0].startswith("loss = sum of 2,000 operands")


def test_gradients_of_another_output_are_not_shown_as_its_own() -> None:
    w = Value(2.0, "w")
    (w * 3).backward()
    other = w * w + 1
    said = "call backward() on this one first"
    assert said in to_text(other)
    assert said in draw(other).source
    assert "grad" not in to_text(other).splitlines()[0]
    other.backward()
    assert said not in to_text(other)
    assert said not in draw(other).source

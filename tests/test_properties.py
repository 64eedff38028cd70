"""Properties of random graphs: shared nodes, constants on either side, every operation."""

import copy
import heapq
import math
import pickle
import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import pytest
from cases import examples
from hypothesis import given
from hypothesis import strategies as st
from reference import (
    ARITY,
    EVERYTHING,
    OPERATIONS,
    POLYNOMIAL,
    RATIONAL,
    Graph,
    ancestors,
    bits,
    data,
    exact,
    exact_in_floats,
    gradients,
    leaves,
    record,
)

import autograd
from autograd import Value, grad
from autograd.ops import BUILT_IN, TABLE

thorough = examples(75)

INTEGERS = st.integers(-4, 4).map(float)
FLOATS = st.floats(-3, 3) | st.sampled_from([0.0, -0.0, 0.5, 1.0, -1.0, 2.0, 20.0]) | INTEGERS
WILD = FLOATS | st.floats() | st.sampled_from([math.inf, -math.inf, math.nan, 5e-324, 1e308, -1e308])


@st.composite
def graphs(
    draw: st.DrawFn,
    names: Sequence[str],
    numbers: st.SearchStrategy[float],
    fits: Callable[[Graph], bool] = lambda graph: True,
) -> Graph:
    graph: Graph = tuple(("leaf", (x,)) for x in draw(st.lists(numbers, min_size=1, max_size=4)))
    for _ in range(draw(st.integers(1, 12))):
        name = draw(st.sampled_from(names))
        count = ARITY.get(name, 2) or 2 * draw(st.integers(1, 3))
        index = st.integers(0, len(graph) - 1)
        operands = draw(st.lists(index | numbers, min_size=count, max_size=count))
        recorded = draw(st.integers(0, count - 1))  # at least one operand is a node
        operands[recorded] = draw(index)
        larger: Graph = (*graph, (name, tuple(operands)))
        graph = larger if fits(larger) else (*graph, ("neg", (operands[recorded],)))
    return graph


EXACT = graphs(POLYNOMIAL, INTEGERS, exact_in_floats)


def test_every_operation_is_in_the_random_graphs() -> None:
    reached = set()
    for name, f in OPERATIONS.items():
        z = f(*[Value(0.5) for _ in range(ARITY.get(name, 2) or 2)])
        assert isinstance(z, Value) and z.op is not None
        assert TABLE[z.op.name] is z.op
        reached.add(z.op.name)
    assert reached >= BUILT_IN


@thorough
@given(EXACT)
def test_integer_graphs_agree_with_fractions_exactly(graph: Graph) -> None:
    values, tangents = exact(graph)
    nodes = record(graph)
    assert [Fraction(v.data) for v in nodes] == [x.a for x in values]
    nodes[-1].backward()
    assert [Fraction(v.grad) for v in nodes] == [x.a for x in tangents[-1]]


@thorough
@given(EXACT, st.lists(st.integers(-4, 4), min_size=4, max_size=4))
def test_gradients_of_gradients_of_integer_graphs_agree_with_fractions_exactly(
    graph: Graph, direction: list[int]
) -> None:
    _, tangents = exact(graph, direction)
    nodes = record(graph)
    inputs = [nodes[i] for i in leaves(graph)]
    slope = autograd.dot(grad(nodes[-1], inputs), direction[: len(inputs)])
    assert Fraction(slope.data) == sum(tangents[-1][i].a * r for i, r in enumerate(direction[: len(inputs)]))
    expected = [tangents[-1][i].b for i in leaves(graph)]
    assert [Fraction(g.data) for g in grad(slope, inputs)] == expected
    slope.backward()
    assert [Fraction(v.grad) for v in inputs] == expected


def swept(graph: Graph, nodes: list[Value]) -> list[float]:
    """Return the gradients of the last node, added in floats: nodes in reverse order of creation, operands in order."""
    expected = [0.0] * len(graph)
    expected[-1] = 1.0
    for i in sorted(ancestors(graph, len(graph) - 1), reverse=True):
        name, operands = graph[i]
        x = [nodes[x].data if isinstance(x, int) else x for x in operands]
        g, half = expected[i], len(x) // 2
        pulls: list[float]
        match name:
            case "leaf":
                continue
            case "*" | "dot":
                pulls = [g * y for y in x[half:] + x[:half]]
            case "-":
                pulls = [g, -g]
            case "neg":
                pulls = [-g]
            case "/":
                by = OPERATIONS["/"]  # of a Value: 1/0 is inf
                pulls = [by(Value(g), x[1]).data, -g * by(by(Value(x[0]), x[1]), x[1]).data]
            case _:
                pulls = [g] * len(x)
        for operand, pull in zip(operands, pulls, strict=True):
            if isinstance(operand, int):
                expected[operand] += pull
    return expected


@thorough
@given(graphs(RATIONAL, WILD))
def test_gradients_are_added_in_reverse_order_of_creation_operands_in_order(graph: Graph) -> None:
    nodes = record(graph)
    nodes[-1].backward()
    assert gradients(nodes) == list(map(bits, swept(graph, nodes)))


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_additions_shows_in_the_last_digits_and_is_kept(seed: int) -> None:
    rng = random.Random(seed)
    graph: Graph = tuple(("leaf", (rng.uniform(-1, 1),)) for _ in range(3))
    for _ in range(30):  # thirds and the like, much shared: every sum is rounded
        name = rng.choice(["+", "-", "*", "sum", "dot"])
        recent = [rng.randrange(max(0, len(graph) - 8), len(graph)) for _ in range(2 if len(name) == 1 else 4)]
        graph = (*graph, (name, tuple(recent)), ("/", (len(graph), 3.0)))
    graph = (*graph, ("sum", (len(graph) - 1, 0, 1, 2)))
    nodes = record(graph)
    nodes[-1].backward()
    expected = swept(graph, nodes)
    assert all(map(math.isfinite, expected)) and expected[0] != 0.0
    assert gradients(nodes) == list(map(bits, expected))


# ------------------------------------------------------------------------------------------------------- backward


@thorough
@given(graphs(EVERYTHING, WILD))
def test_backward_twice_doubles_leaves_exactly_and_leaves_intermediates_fresh(graph: Graph) -> None:
    nodes = record(graph)
    nodes[-1].backward()
    once = [v.grad for v in nodes]
    nodes[-1].backward()
    expected = [g + g if name == "leaf" else g for g, (name, _) in zip(once, graph, strict=True)]
    assert gradients(nodes) == list(map(bits, expected))
    nodes[-1].zero_grad()
    assert [v.grad for v in nodes] == [0.0] * len(nodes)


@thorough
@given(graphs(EVERYTHING, WILD), st.data())
def test_two_losses_that_share_a_subgraph_add_exactly(graph: Graph, choice: st.DataObject) -> None:
    pick = st.integers(0, len(graph) - 1)
    losses = choice.draw(st.tuples(pick, pick))
    alone = []
    for loss in losses:
        nodes = record(graph)
        nodes[loss].backward()
        alone.append([v.grad for v in nodes])
    nodes = record(graph)
    for loss in losses:
        nodes[loss].backward()
    second = ancestors(graph, losses[1])
    for i, (name, _) in enumerate(graph):
        if name == "leaf":
            assert bits(nodes[i].grad) == bits(alone[0][i] + alone[1][i])
        else:  # of the last call that met it
            assert bits(nodes[i].grad) == bits(alone[1 if i in second else 0][i])


@thorough
@given(graphs(EVERYTHING, WILD), st.sampled_from(EVERYTHING))
def test_a_dead_node_changes_nothing(graph: Graph, name: str) -> None:
    nodes = record(graph)
    nodes[-1].backward()
    dead: list[Value] = []
    operands = ARITY.get(name, 2) or 2

    def branch_off(v: Value) -> None:
        dead.append(OPERATIONS[name](*[v] * operands))
        dead.append(dead[-1] * v)

    beside_dead = record(graph, beside=branch_off)
    beside_dead[-1].backward()
    assert data(beside_dead) == data(nodes)
    assert gradients(beside_dead) == gradients(nodes)
    assert [v.grad for v in dead] == [0.0] * len(dead)


@thorough
@given(graphs(EVERYTHING, WILD))
def test_a_graph_gives_the_same_bits_on_every_run(graph: Graph) -> None:
    runs = []
    litter: list[object] = []
    for _ in range(3):
        nodes = record(graph, beside=lambda v: litter.append([object(), {}, Value(1.0)]))  # moves addresses
        nodes[-1].backward()
        runs.append([(v.data.hex(), v.grad.hex()) for v in nodes])
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.filterwarnings("ignore:.*arguments are swapped")  # it asks for all nodes, those after the output too
@thorough
@given(graphs(EVERYTHING, WILD), st.data())
def test_grad_equals_backward_bit_for_bit(graph: Graph, choice: st.DataObject) -> None:
    nodes = record(graph)
    output = nodes[choice.draw(st.integers(0, len(graph) - 1))]
    results = grad(output, nodes)
    assert type(results) is list and all(isinstance(g, Value) for g in results)
    assert [v.grad for v in nodes] == [0.0] * len(nodes), "grad() writes no .grad"
    output.backward()
    assert data(results) == gradients(nodes)
    for v, alone in zip(nodes, [grad(output, v) for v in nodes], strict=True):
        assert bits(alone.data) == bits(v.grad)


@thorough
@given(graphs(EVERYTHING, WILD), st.data())
def test_forward_after_changing_leaves_equals_recording_anew(graph: Graph, choice: st.DataObject) -> None:
    changed = tuple((name, (choice.draw(WILD),)) if name == "leaf" else (name, x) for name, x in graph)
    output = choice.draw(st.integers(0, len(graph) - 1))
    nodes, anew = record(graph), record(changed)
    before = data(nodes)
    for i in leaves(graph):
        nodes[i].data = anew[i].data
    nodes[output].forward()
    replayed = ancestors(graph, output) | set(leaves(graph))
    assert data(nodes) == [bits(v.data) if i in replayed else before[i] for i, v in enumerate(anew)]
    nodes[output].backward()
    anew[output].backward()
    assert gradients(nodes) == gradients(anew)


@thorough
@given(EXACT, st.randoms(use_true_random=False))
def test_the_order_of_construction_does_not_matter(graph: Graph, rng: random.Random) -> None:
    waiting = [{x for x in operands if isinstance(x, int)} if n != "leaf" else set() for n, operands in graph]
    ready = [(rng.random(), i) for i, operands in enumerate(waiting) if not operands]
    heapq.heapify(ready)
    order = []
    while ready:
        _, made = heapq.heappop(ready)
        order.append(made)
        for i, operands in enumerate(waiting):
            if made in operands:
                operands.remove(made)
                if not operands:
                    heapq.heappush(ready, (rng.random(), i))
    assert sorted(order) == list(range(len(graph)))
    nodes, shuffled = record(graph), record(graph, order)
    assert data(shuffled) == data(nodes)
    for v in (nodes[-1], shuffled[-1]):
        v.backward()
    assert gradients(shuffled) == gradients(nodes)
    assert data(grad(shuffled[-1], shuffled)) == gradients(nodes)


# ---------------------------------------------------------------------------------------------------------- copies


def structure(nodes: list[Value]) -> list[tuple[object, ...]]:
    """Return the content of a list of nodes, with references to nodes replaced by their indices."""
    place = {v: i for i, v in enumerate(nodes)}
    told: list[tuple[object, ...]] = []
    for v in nodes:
        operands = [place[x] if isinstance(x, Value) else bits(x) for x in v.args]
        told.append((bits(v.data), bits(v.grad), v.label, v.op and v.op.name, operands))
    return told


LABELS = st.none() | st.text(max_size=5) | st.sampled_from(["\ud800", "\0", "input", 'a"]; evil [label="x'])


COPIES: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "pickle 2": lambda x: pickle.loads(pickle.dumps(x, 2)),
}


@thorough
@given(graph=graphs(EVERYTHING, WILD), by=st.sampled_from(list(COPIES)), choice=st.data())
def test_a_copy_preserves_data_gradients_labels_and_sharing(graph: Graph, by: str, choice: st.DataObject) -> None:
    nodes = record(graph)
    for v in nodes:
        v.label = choice.draw(LABELS)
    nodes[-1].backward()
    order = choice.draw(st.permutations(range(len(nodes))))
    twins: list[Value] = [None] * len(nodes)  # type: ignore[list-item]
    for i, twin in zip(order, COPIES[by]([nodes[i] for i in order]), strict=True):
        twins[i] = twin
    assert not set(twins) & set(nodes)
    assert structure(twins) == structure(nodes)
    assert all(twin.op is v.op for twin, v in zip(twins, nodes, strict=True))
    before = structure(nodes)
    twins[-1].backward()
    assert structure(nodes) == before, "the original is left alone"
    nodes[-1].backward()
    assert structure(nodes) == structure(twins)
    ends = [(v * v + nodes[0] * 2).tanh() for v in (nodes[-1], twins[-1])]  # built on, with older nodes beside
    assert bits(grad(ends[0], nodes[-1]).data) == bits(grad(ends[1], twins[-1]).data)

"""Networks stand in columns: the plan, as numbers without any drawing."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd.views.columns import Block, Columns, columns_of

Edges = list[tuple[str, str]]


def connected(*layers: Sequence[str]) -> Edges:
    """Return the edges of fully connected layers."""
    return [(x, y) for before, after in pairwise(layers) for x in before for y in after]


def framed(**layers: Sequence[str]) -> dict[str, Hashable]:
    return {node: frame for frame, nodes in layers.items() for node in nodes}


def shown(columns: Columns[str]) -> list[list[str]]:
    """Return the text of each column: names of nodes, and of the tails of what passes."""
    return [
        [" ".join(block.nodes) if block.nodes else f"({block.tail})" for block in blocks] for blocks in columns.columns
    ]


def heights(columns: Columns[str], size: float = 10.0, distance: float = 2.0) -> dict[Block[str], float]:
    """Return the heights where all nodes have one size, and slots have none."""
    rows, room = dict[str, float](), dict[Block[str], tuple[float, float]]()
    for block in (block for blocks in columns.columns for block in blocks):
        half = len(block.nodes) * size / 2
        rows |= {node: (i + 0.5) * size - half for i, node in enumerate(block.nodes)}
        room[block] = (half, half)
    return columns.heights(rows, room, distance)


def test_a_layer_is_a_column() -> None:
    layers = ["x1 x2".split(), "a1 a2 a3".split(), ["b1"], ["loss"]]
    columns = Columns(
        [node for layer in layers for node in layer], connected(*layers), framed(a=layers[1], b=layers[2])
    )
    assert shown(columns) == [["x1", "x2"], ["a1 a2 a3"], ["b1"], ["loss"]]
    assert columns.column == {node: i for i, layer in enumerate(layers) for node in layer}
    assert columns.slots == {}
    middle = heights(columns)
    assert [middle[block] for blocks in columns.columns for block in blocks] == pytest.approx(
        [-6.0, 6.0, 0.0, 0.0, 0.0]
    )


def test_what_goes_into_a_layer_is_in_the_order_of_its_use() -> None:
    edges = [("x2", "a"), ("x1", "a"), ("x3", "a")]
    assert shown(Columns(["x1", "x2", "x3", "a"], edges, framed(layer=["a"]))) == [["x2", "x1", "x3"], ["a"]]


def test_an_edge_that_skips_a_layer_passes_it() -> None:
    h, f = ["h1", "h2"], ["f1", "f2"]
    edges = [*connected(["x"], h, f), ("f1", "y1"), ("h1", "y1"), ("f2", "y2"), ("h2", "y2")]
    columns = Columns(["x", *h, *f, "y1", "y2"], edges, framed(h=h, f=f))
    assert shown(columns) == [["x"], ["h1 h2"], ["(h1)", "f1 f2", "(h2)"], ["y1", "y2"]]
    assert columns.route("h1", "y1") == [columns.slots["h1", 2]]
    assert columns.route("f1", "y1") == []
    assert columns.crossings() == 1  # of the edges between the layers
    middle = heights(columns)
    assert middle[columns.slots["h1", 2]] == pytest.approx(-12.0)
    assert middle[columns.slots["h2", 2]] == pytest.approx(12.0)


def test_edges_of_one_node_share_a_slot() -> None:
    a, b, c = ["a1", "a2"], ["b1", "b2"], ["c1", "c2"]
    edges = [*connected(["x"], a, b, c), ("x", "c1"), ("x", "c2"), ("x", "y"), *connected(c, ["y"])]
    columns = Columns(["x", *a, *b, *c, "y"], edges, framed(a=a, b=b, c=c))
    assert set(columns.slots) == {("x", 1), ("x", 2), ("x", 3)}
    assert columns.route("x", "c2") == [columns.slots["x", 1], columns.slots["x", 2]]


def test_targets_stand_beside_what_uses_them() -> None:
    """One beside the last layer; of many, each in the way to its own error, in a column of their own."""
    for n in (1, 2, 3, 10):
        out, targets, errors = ([f"{name}{i}" for i in range(n)] for name in ("out", "t", "e"))
        edges = [
            *connected(["x"], out),
            *((v, e) for vs in (out, targets) for v, e in zip(vs, errors)),
            *connected(errors, ["l"]),
        ]
        columns = Columns(["x", *targets, *out, *errors, "l"], edges, framed(layer=out))
        assert {columns.column[target] for target in targets} == {1 if n <= 2 else 2}
        assert [block.nodes[0] for block in columns.columns[-2]] == errors
        beside = [block.nodes[0] for block in columns.columns[columns.column["t0"]] if block.nodes]
        assert [node for node in beside if node in targets] == targets
        assert columns.crossings() == 0  # of two targets, one is above the layer and one below


def test_what_is_computed_from_parameters_alone_comes_late() -> None:
    edges = [("x", "a"), ("a", "b"), ("b", "c"), ("c", "loss"), ("rate", "penalty"), ("penalty", "loss")]
    columns = Columns(["x", "rate", "a", "b", "c", "penalty", "loss"], edges, framed(a=["a"], b=["b"]))
    assert (columns.column["rate"], columns.column["penalty"]) == (2, 3)


def test_networks_side_by_side_stand_apart() -> None:
    nodes = ["x", *(f"{name}{i}" for i in range(3) for name in ("a", "b", "y"))]
    edges = [e for i in range(3) for e in [("x", f"a{i}"), ("x", f"b{i}"), (f"a{i}", f"y{i}"), (f"b{i}", f"y{i}")]]
    frames = {f"{name}{i}": ("hidden" if name != "y" else "out", i) for i in range(3) for name in ("a", "b", "y")}
    columns = Columns(nodes, edges, frames)
    assert shown(columns) == [["x"], ["a0 b0", "a1 b1", "a2 b2"], ["y0", "y1", "y2"]]
    middle = heights(columns)
    for hidden, out in zip(columns.columns[1], columns.columns[2], strict=True):
        assert middle[hidden] == pytest.approx(middle[out], abs=0.5)  # each behind its own


def test_crossed_inputs_are_put_in_order() -> None:
    edges = [("x1", "b"), ("x2", "a"), ("a", "y"), ("b", "y")]
    columns = Columns(["x1", "x2", "a", "b", "y"], edges, {})
    assert columns.crossings() == 0


def test_what_is_computed_comes_early_unless_fewer_edges_would_pass_by() -> None:
    """Behind a layer, from which a chain leads to the end: one result of one stays beside it, two of one do not."""
    chain = [("x", "a"), ("a", "c"), ("c", "d"), ("d", "y")]
    frames = {"a": "layer"}
    assert columns_of("xacdby", [*chain, ("a", "b"), ("b", "y")], frames)["b"] == 2
    two = [("a", "b"), ("a", "e"), ("b", "y"), ("e", "y")]
    column = columns_of("xacdbey", [*chain, *two], {**frames, "b": "other", "e": "other"})
    assert column["b"] == column["e"] == column["y"] - 1 == 3


def test_nodes_of_a_frame_that_depend_on_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="depend on each other"):
        Columns(["a", "b"], [("a", "b")], framed(layer=["a", "b"]))


def test_there_may_be_nothing() -> None:
    assert Columns[str]([], [], {}).columns == []
    assert shown(Columns(["x"], [], {})) == [["x"]]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], Edges, Mapping[str, Hashable]]:
    """Return layers, some of them in one or two frames, with edges that may skip any number of them."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=6))
    nodes = [[f"{i}.{k}" for k in range(n)] for i, n in enumerate(sizes)]
    frames = dict[str, Hashable]()
    for i, layer in enumerate(nodes):
        how = draw(st.sampled_from(["free", "one frame", "two frames"]))
        if how != "free":
            frames |= {node: (i, how == "two frames" and k % 2) for k, node in enumerate(layer)}
    pairs = [(x, y) for i, layer in enumerate(nodes) for x in layer for later in nodes[i + 1 :] for y in later]
    edges = draw(st.lists(st.sampled_from(pairs), max_size=30)) if pairs else []
    return [node for layer in nodes for node in layer], edges, frames


@settings(max_examples=60)
@given(graphs())
def test_any_network_stands_in_columns(graph: tuple[list[str], Edges, Mapping[str, Hashable]]) -> None:
    nodes, edges, frames = graph
    columns = Columns(nodes, edges, frames)
    inside = [node for blocks in columns.columns for block in blocks for node in block.nodes]
    assert sorted(inside) == sorted(nodes)
    assert all(columns.columns)  # none is empty
    for blocks in columns.columns:
        for block in blocks:
            assert {frames.get(node) for node in block.nodes} <= {block.frame}
            assert block.frame is not None or len(block.nodes) <= 1
            assert list(block.nodes) == [node for node in nodes if node in block.nodes]  # in their order
    by_frame = {
        frame: {columns.column[node] for node in nodes if frames.get(node) == frame} for frame in frames.values()
    }
    assert all(len(column) == 1 for column in by_frame.values())
    for tail, head in edges:
        assert columns.column[tail] < columns.column[head]
        route = columns.route(tail, head)
        assert len(route) == columns.column[head] - columns.column[tail] - 1
        for i, slot in enumerate(route, start=columns.column[tail] + 1):
            assert slot in columns.columns[i]
    assert sum(block.is_slot for blocks in columns.columns for block in blocks) == len(columns.slots)
    middle = heights(columns)
    for blocks in columns.columns:
        for upper, lower in pairwise(blocks):
            assert middle[lower] - middle[upper] >= 5.0 * (len(upper.nodes) + len(lower.nodes)) + 2.0 - 1e-6
    if all(sum(block.frame is not None for block in blocks) <= 1 for blocks in columns.columns):
        assert all(abs(middle[block]) < 1e-3 for block in middle if block.frame is not None)
    again = Columns(nodes, edges, frames)
    assert shown(again) == shown(columns)
    assert [heights(again)[block] for blocks in again.columns for block in blocks] == [
        middle[block] for blocks in columns.columns for block in blocks
    ]

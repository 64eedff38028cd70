"""Measure how legible a drawing would be, before it is laid out, and choose who lays it out.

Where neurons are drawn, everything stands in columns, which `placing.py` makes: a layer is one. Graphviz would mix up
the neurons of a layer beside an open one, and wind edges round them. It lays out Values, and whole layers; and an open
neuron that is alone keeps its frame there, as it does beside layers.
"""

from autograd.views.columns import columns_of
from autograd.views.draw.plan import Node, Operation, Plan

# Edges that pass by a node, on average; measured: up to 6 in the gallery, 18 in random graphs of 24 nodes.
_MOST_PASSING = 12.0
# Nodes that follow one another: side by side each takes about 220 points, and one below the other 90.
_MOST_BESIDE, _MOST_BELOW = 24, 60


def arrange(plan: Plan, larger: float) -> str:
    """Choose who lays out a plan, and return what makes its drawing unreadable, if anything does.

    Arguments:
        plan: what is drawn; it may lose frames.
        larger: how many times larger than usual the drawing may be.
    """
    if plan.shows_several_neurons:
        plan.stand_in_columns()
    passed = passing(plan)
    if passed > _MOST_PASSING * larger:
        return f"more than {_MOST_PASSING * larger:.0f} edges pass by each node"
    return (
        f"more than {_MOST_BELOW * larger:.0f} nodes follow one another" if length(plan) > _MOST_BELOW * larger else ""
    )


def direction_of(plan: Plan) -> str:
    """Return where a drawing runs: to the right, or down if it would be too wide."""
    return "LR" if length(plan) <= _MOST_BESIDE else "TB"


def length(plan: Plan) -> int:
    """Return the number of columns of a drawing, of nodes that follow one another; those of circles are narrow."""
    return len({column for node, column in _columns(plan).items() if not isinstance(node, Operation)})


def passing(plan: Plan) -> float:
    """Return how many edges pass by the nodes of a column on their way to others, on average over the columns.

    Where a plan stands in columns, the edges from one node pass them as one.
    """
    edges = [(edge.tail, edge.head) for edge in plan.edges]
    column = _columns(plan)
    if plan.stands_in_columns:
        last: dict[Node, int] = {}
        for tail, head in edges:
            last[tail] = max(column[head], last.get(tail, 0))
        passed = sum(end - column[tail] - 1 for tail, end in last.items())
    else:
        passed = sum(column[head] - column[tail] - 1 for tail, head in edges)
    return passed / max(1, max(column.values(), default=0))


def _columns(plan: Plan) -> dict[Node, int]:
    """Return the column of each node, which Graphviz finds much the same."""
    frames = {node: frame for node in plan.nodes if (frame := plan.frame_of(node))} if plan.stands_in_columns else {}
    return columns_of(plan.nodes, [(edge.tail, edge.head) for edge in plan.edges], frames)

"""Measure how legible a drawing would be, before it is laid out, and choose who lays it out.

A network of neurons stands in columns, which `placing.py` makes: a layer is one. But an open neuron has a frame of its
own around several columns, and that only Graphviz can place. It does so well where few edges pass by, and none from the
parameters in one frame to other uses of them; they would wind round everything, or run through boxes. Then the open
neuron stands in the columns as well, without a frame.
"""

from autograd.views.columns import columns_of
from autograd.views.draw.plan import Node, Plan

# Edges that pass by a node, on average; measured: up to 6 in the gallery, 18 in random graphs of 24 nodes.
_MOST_PASSING, _MOST_PASSING_FRAMES = 12.0, 6.0


def arrange(plan: Plan, larger: float) -> str:
    """Choose who lays out a plan, and return what makes its drawing unreadable, if anything does.

    Arguments:
        plan: what is drawn; it may lose frames.
        larger: how many times larger than usual the drawing may be.
    """
    passed = passing(plan)
    if (
        plan.detail == "neuron"
        and plan.boxes
        and (not plan.frames or plan.is_dense or plan.shares_parameters or passed > _MOST_PASSING_FRAMES * larger)
    ):
        plan.stand_in_columns()
        passed = passing(plan)
    return f"{passed:.0f} edges pass by each node" if passed > _MOST_PASSING * larger else ""


def passing(plan: Plan) -> float:
    """Return how many edges pass by the nodes of a column on their way to others, on average over the columns.

    Where a plan stands in columns, the edges from one node pass them as one.
    """
    edges = [(edge.tail, edge.head) for edge in plan.edges]
    frames = {node: frame for node in plan.nodes if (frame := plan.frame_of(node))} if plan.stands_in_columns else {}
    column = columns_of(plan.nodes, edges, frames)
    if plan.stands_in_columns:
        last: dict[Node, int] = {}
        for tail, head in edges:
            last[tail] = max(column[head], last.get(tail, 0))
        passed = sum(end - column[tail] - 1 for tail, end in last.items())
    else:
        passed = sum(column[head] - column[tail] - 1 for tail, head in edges)
    return passed / max(1, max(column.values(), default=0))

"""Measure how legible a drawing would be, before it is laid out."""

from autograd.views.draw.folding.merging import in_order, into, out_of
from autograd.views.draw.plan import Node, Plan


def passing(plan: Plan) -> float:
    """Return how many edges pass by the boxes of a column on their way to others, on average over the columns.

    The columns are the ranks of a layout: a box stands right of all from which edges come to it, and a leaf left of the
    first that uses it.
    """
    incoming, column = into(plan), dict[Node, int]()
    order = in_order(plan)
    for node in order:
        column[node] = max((column[edge.tail] + 1 for edge in incoming[node]), default=0)
    for node, edges in out_of(plan).items():
        if not incoming[node] and edges:
            column[node] = min(column.get(edge.head, 1) for edge in edges) - 1
    lengths = [column[edge.head] - column[edge.tail] for edge in plan.edges if edge.head in column]
    return (sum(lengths) - len(lengths)) / max(1, max(column.values(), default=0))

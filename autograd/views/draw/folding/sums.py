"""Find long sums and products, as Python's `sum` and loops record them: one addition after the other."""

from collections.abc import Mapping
from typing import cast

from autograd.engine import Value
from autograd.ops import TABLE, Op
from autograd.views.draw.folding.merging import Limits, into, merge_parallel_edges, out_of
from autograd.views.draw.plan import Constant, Edge, LongSum, Node, OperandEdge, Plan, Use

# The operations of which a chain is one operation of many terms, what begins a chain without changing it, and at which
# places a result of the same chain may stand: a - (b - c) is not a - b - c.
_CHAINS: Mapping[Op, tuple[str, float | None]] = {
    TABLE["add"]: ("sum", 0.0),
    TABLE["sub"]: ("sum", 0.0),
    TABLE["mul"]: ("product", 1.0),
    TABLE["max"]: ("max", None),
    TABLE["min"]: ("min", None),
}


def fold_sums(plan: Plan, limits: Limits) -> None:
    """Draw a long chain of additions as one sum, of multiplications as one product, and so on.

    What is on the way has no name of its own, and no other use.
    """
    incoming, outgoing = into(plan), out_of(plan)
    inside = set[Node]()
    most = limits.of(plan)
    dropped = set[Node]()  # constants with which a chain begins
    for v in reversed(plan.nodes):
        if v in inside or not isinstance(v, Value) or v.op not in _CHAINS:
            continue
        way, terms, neutral = _terms(v, incoming, outgoing)
        if len(terms) - len(neutral) > most:
            users = {edge: cast(Value, edge.head) for edge in terms}
            inside.update(way)
            dropped.update(edge.tail for edge in neutral)
            plan.sums[v] = LongSum([(users[edge], edge.place) for edge in terms if edge not in neutral], way)
            for edge in terms:
                edge.head = v
    if plan.sums:
        gone = inside | dropped
        plan.nodes = [node for node in plan.nodes if node not in gone]
        plan.edges = [edge for edge in plan.edges if edge.tail not in gone]
    merge_parallel_edges(plan, limits.alike)


def _terms(
    v: Value, incoming: Mapping[Node, list[Edge]], outgoing: Mapping[Node, list[Edge]]
) -> tuple[dict[Value, Use], list[Edge], list[Edge]]:
    """Return the results on the way to `v`, from the last one on, the edges of the terms, and those without effect."""
    name, start = _CHAINS[cast(Op, v.op)]
    way, terms, neutral = dict[Value, Use](), list[Edge](), list[Edge]()
    waiting = list(reversed(incoming[v]))
    while waiting:  # in the order in which a reader meets the terms
        edge = waiting.pop()
        x = edge.tail
        if (
            isinstance(x, Value)
            and isinstance(edge, OperandEdge)
            and _CHAINS.get(cast(Op, x.op), ("",))[0] == name
            and not x.label
            and len(outgoing[x]) == 1
            and not (edge.place == 1 and edge.user.op is TABLE["sub"])
        ):
            way[x] = edge.user, edge.place
            waiting += reversed(incoming[x])
            continue
        terms.append(edge)
        if isinstance(x, Constant) and x.numbers == [start] and edge.place == 0 and len(outgoing[x]) == 1:
            neutral.append(edge)
    return way, terms, neutral

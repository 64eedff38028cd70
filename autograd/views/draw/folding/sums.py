"""Find long sums and products, as Python's `sum` and loops record them: one addition after the other."""

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from typing import cast

from autograd.engine import Value
from autograd.ops import TABLE, Op
from autograd.views.draw.folding.merging import Limits, into, merge_parallel_edges, out_of
from autograd.views.draw.plan import Box, BundleEdge, Constant, Edge, LongSum, Node, OperandEdge, Plan, Use

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

    What is on the way has no other use, and no name of the user's: one who writes loss = data + penalty means two sums.
    """
    incoming, outgoing = into(plan), out_of(plan)
    inside = set[Node]()
    most = min(limits.of(plan), limits.terms)
    dropped = set[Node]()  # constants with which a chain begins
    instead: dict[Edge, Edge | None] = {}
    for v in reversed(plan.nodes):
        if v in inside or not isinstance(v, Value) or v.op not in _CHAINS:
            continue
        way, terms, neutral = _terms(v, incoming, outgoing, ())
        kept = plan.kept(way, limits.alike)
        if kept:
            way, terms, neutral = _terms(v, incoming, outgoing, kept)
        uses = {edge: _uses(edge) for edge in terms if edge not in neutral}
        if sum(map(len, uses.values())) > most:
            inside.update(way)
            dropped.update(edge.tail for edge in neutral)
            plan.sums[v] = LongSum([use for edge in uses for use in uses[edge]], way)
            bundled = _bundles(uses)
            for edge in (*terms, *filter(None, bundled.values())):
                edge.head = v
            instead.update(bundled)
    if plan.sums:
        gone = inside | dropped
        plan.nodes = [node for node in plan.nodes if node not in gone]
        edges = [instead.get(edge, edge) for edge in plan.edges]
        plan.edges = [edge for edge in edges if edge is not None and edge.tail not in gone]
    merge_parallel_edges(plan, limits)


def _terms(
    v: Value, incoming: Mapping[Node, list[Edge]], outgoing: Mapping[Node, list[Edge]], kept: Container[Value]
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
            and x not in kept
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


def _uses(edge: Edge) -> list[Use]:
    """Return the uses of operands by a result that an edge into it stands for."""
    user = cast(Value, edge.head)
    if isinstance(edge, BundleEdge):
        return [(user, place) for place, x in enumerate(user.args) if x in edge.carried]
    return [(user, edge.place)]


def _bundles(uses: Mapping[Edge, Sequence[Use]]) -> dict[Edge, Edge | None]:
    """Return what to draw in place of edges from the same layer: of the first, one that carries all values.

    None is drawn in place of the others. What is added is one bundle, and what is subtracted another.
    """
    bundles: dict[tuple[Box, bool, *tuple[bool, ...]], list[Edge]] = defaultdict(list)
    for edge in uses:
        if isinstance(edge.tail, Box) and not edge.tail.is_one_value:
            are_parameters = isinstance(edge, BundleEdge) and edge.are_parameters
            subtracted = [user.op is TABLE["sub"] and place == 1 for user, place in uses[edge]]
            bundles[edge.tail, are_parameters, *sorted(set(subtracted))].append(edge)
    found: dict[Edge, Edge | None] = {}
    for (box, are_parameters, *_), edges in bundles.items():
        if len(edges) > 1:
            carried = dict.fromkeys(cast(Value, user.args[place]) for edge in edges for user, place in uses[edge])
            found.update(dict.fromkeys(edges))
            found[edges[0]] = BundleEdge(
                box, edges[0].head, edges[0].place, carried=list(carried), are_parameters=are_parameters
            )
    return found

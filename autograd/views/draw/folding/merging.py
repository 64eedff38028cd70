"""What all folds share: which nodes are alike, which edges belong together, and how several become one."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from autograd.engine import Value
from autograd.ops import TABLE
from autograd.views.draw.plan import (
    BeforeBox,
    BundleEdge,
    Constant,
    Copies,
    Edge,
    InputsBox,
    LayerBox,
    Node,
    OperandEdge,
    Plan,
)

_USES = 4  # from that number of uses on, a network is drawn once
_SYMMETRIC = {TABLE["sum"], TABLE["largest"]}  # of any number of operands, in any order


@dataclass(frozen=True)
class Limits:
    """How much is drawn one by one.

    Attributes:
        alike: the most things of one kind, in a row or one below the other.
        few: the same in a drawing of more than `large` nodes, of layers, of a network that computes a batch, or of
            repeated steps.
        terms: the most terms of a sum, each of which would make a stair of one more step.
    """

    alike: int = 12
    terms: int = 5
    few: int = 3
    large: int = 60

    def times(self, factor: float) -> "Limits":
        """Return the limits of a larger picture: one who wants more nodes than usual wants stairs, too."""
        alike = round(self.alike * factor)
        return Limits(alike, self.terms if factor == 1.0 else alike, self.few, round(self.large * factor))

    def of(self, plan: Plan) -> int:
        """Return how many things of one kind are drawn one by one in this plan."""
        has_steps = any(copies.are_steps for copies in plan.copies.values())
        is_coarse = plan.detail == "layer" and bool(plan.boxes)
        return self.few if len(plan.nodes) > self.large or is_coarse or has_steps or is_batch(plan) else self.alike


def is_batch(plan: Plan) -> bool:
    """Return True if a neuron or a layer is used so often that it is drawn once."""
    uses = Counter(kind_of(node, plan) for node in plan.nodes if isinstance(node, LayerBox))
    return max(uses.values(), default=0) >= _USES


def kind_of(node: Node, plan: Plan) -> Hashable:
    """Return what two nodes have in common whose operands may make them alike.

    Neurons are alike if they have the same parameters, and a parameter is like itself alone.
    """
    if isinstance(node, Value):
        if node.op is None:
            return node if node in plan.own else "leaf"
        exponent = [x for x in node.args[1:] if node.op is TABLE["pow"] and not isinstance(x, Value)]
        terms = len(plan.sums[node].terms) if node in plan.sums else 0
        return node.op, terms, *map(repr, exponent)
    if isinstance(node, LayerBox):
        return tuple((p, neuron.activation) for neuron in node.neurons for p in neuron.parameters)
    if isinstance(node, Constant):
        return "constant", len(node.numbers)
    if isinstance(node, InputsBox):
        return "inputs", len(node.inputs)
    return node


def role_of(edge: Edge, plan: Plan) -> Hashable:
    """Return what an edge is to its head: the place of the operand, unless the places are all the same."""
    head = edge.head
    if isinstance(head, Value) and isinstance(edge, OperandEdge):
        if head in plan.sums:
            return "term", edge.user.op, edge.place if edge.user.op is TABLE["sub"] else 0
        if head.op in _SYMMETRIC:
            return "term", head.op
        if head.op is TABLE["dot"]:
            return "term", edge.place * 2 // len(head.args)
    return edge.role


def into(plan: Plan) -> dict[Node, list[Edge]]:
    """Return the edges into each node."""
    edges: dict[Node, list[Edge]] = {node: [] for node in plan.nodes}
    for edge in plan.edges:
        edges[edge.head].append(edge)
    return edges


def out_of(plan: Plan) -> dict[Node, list[Edge]]:
    """Return the edges out of each node."""
    edges: dict[Node, list[Edge]] = {node: [] for node in plan.nodes}
    for edge in plan.edges:
        edges[edge.tail].append(edge)
    return edges


def in_order(plan: Plan) -> list[Node]:
    """Return the nodes, each after those from which edges come to it, otherwise in the order of creation.

    Nodes in a circle are left out: there is one if, say, half of a layer depends on the other half.
    """
    edges, waits = out_of(plan), {node: len(edges) for node, edges in into(plan).items()}
    # First all from which a graph begins: a constant has no place of its own in the order of creation.
    free = [(False, i) for i, node in enumerate(plan.nodes) if not waits[node]]
    place = {node: i for i, node in enumerate(plan.nodes)}
    ordered = list[Node]()
    while free:
        node = plan.nodes[heapq.heappop(free)[1]]
        ordered.append(node)
        for edge in edges[node]:
            waits[edge.head] -= 1
            if not waits[edge.head]:
                heapq.heappush(free, (True, place[edge.head]))
    return ordered


def merge(plan: Plan, groups: Iterable[Sequence[Node]], unit: tuple[str, int] | None = None) -> None:
    """Draw the first node of each group for all of them.

    Arguments:
        plan: what is changed.
        groups: nodes that are alike.
        unit: what the members of a group of that size are: ("samples", 20).
    """
    first: dict[Node, Node] = {}
    for group in groups:
        first.update(dict.fromkeys(group, group[0]))
        times = plan.copies[group[0]].times if group[0] in plan.copies else []
        word = unit[0] if unit is not None and len(group) == unit[1] else ""
        copies = [copy for node in group for copy in plan.copies_of(node)]
        plan.copies[group[0]] = Copies(copies, [*times, (len(group), word)])
    together: dict[Hashable, list[Edge]] = defaultdict(list)
    for edge in plan.edges:
        ends = first.get(edge.tail, edge.tail), first.get(edge.head, edge.head)
        apart = None if edge.tail in first or edge.head in first else edge
        together[ends, type(edge), role_of(edge, plan), apart].append(edge)
    plan.nodes = [node for node in plan.nodes if first.get(node, node) is node]
    plan.edges = _bundled([_as_one(edges, first) for edges in together.values()])


def _bundled(edges: Sequence[Edge]) -> list[Edge]:
    """Return the edges, those that carry values from one node into the same layer as one."""
    bundles: dict[Hashable, list[BundleEdge]] = defaultdict(list)
    for edge in edges:
        if isinstance(edge, BundleEdge):
            bundles[edge.tail, edge.head, edge.are_parameters].append(edge)
    for first, *others in bundles.values():
        if others:
            first.carried = list(dict.fromkeys(v for edge in (first, *others) for v in edge.carried))
            first.copies = [copy for edge in (first, *others) for copy in edge.all]
    left_out = {edge for _, *others in bundles.values() for edge in others}
    return [edge for edge in edges if edge not in left_out]


def merge_parallel_edges(plan: Plan, limits: Limits) -> None:
    """Draw one edge for those between the same two nodes with the same role, if they are many."""
    together: dict[Hashable, list[Edge]] = defaultdict(list)
    for edge in plan.edges:
        together[edge.tail, edge.head, type(edge), role_of(edge, plan)].append(edge)
    plan.edges = []
    for edges in together.values():
        most = limits.terms if edges[0].head in plan.sums else limits.alike
        plan.edges += [_as_one(edges, {})] if len(edges) > most else edges


def _as_one(edges: Sequence[Edge], first: dict[Node, Node]) -> Edge:
    def is_of_first(edge: Edge) -> bool:
        return first.get(edge.tail, edge.tail) is edge.tail and first.get(edge.head, edge.head) is edge.head

    drawn = next(filter(is_of_first, edges), edges[0])
    if len(edges) > 1:
        drawn.copies = [copy for edge in edges for copy in edge.all]
    drawn.tail, drawn.head = first.get(drawn.tail, drawn.tail), first.get(drawn.head, drawn.head)
    return drawn


def is_given(node: Node) -> bool:
    """Return True for a leaf, a constant, or what stands for some: nothing is computed there."""
    if isinstance(node, Value):
        return node.op is None
    return isinstance(node, (Constant, InputsBox, BeforeBox))

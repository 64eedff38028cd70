"""Cut the middle out of a long chain of operations."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from autograd.engine import Value
from autograd.views.draw.folding.merging import Limits, in_order, into, is_given, out_of
from autograd.views.draw.plan import BundleEdge, CutBox, Edge, Node, Plan

_KEPT = 4  # operations at each end
_FEWEST_LEFT_OUT = 2  # operations beside one that has a name


def cut_chains(plan: Plan, limits: Limits) -> None:
    """Draw one box for the middle of a chain: of results that the next one uses, and nothing else.

    Where two chains meet, the longer one goes on. What has a name of the user's stays, and there is a box on each side.
    """
    order = in_order(plan)
    incoming, outgoing = into(plan), out_of(plan)
    length: dict[Node, int] = {}  # of the longest chain that ends there
    previous: dict[Node, Node] = {}
    for node in order:
        ways = [edge.tail for edge in incoming[node] if _goes_only_to(node, outgoing[edge.tail])]
        longest = max(ways, key=length.__getitem__, default=None)
        length[node] = 0 if is_given(node) or not isinstance(node, Value) else 1
        if length[node] and longest is not None and length[longest]:
            previous[node] = longest
            length[node] += length[longest]
    box_of = dict[Node, CutBox]()
    ends = set(order) - set(previous.values())
    for node in order:
        if node in ends and length[node] > limits.alike:
            chain = [node]
            while chain[-1] in previous:
                chain.append(previous[chain[-1]])
            middle = chain[-_KEPT - 1 : _KEPT - 1 : -1]
            kept = plan.kept(middle, limits.alike)
            for stays, run in groupby(middle, kept.__contains__):
                some = [*run]
                if not stays and (len(some) >= _FEWEST_LEFT_OUT or not kept):
                    _gather(plan, some, set(chain), (incoming, outgoing), box_of)
    if box_of:
        _cut(plan, order, box_of)


def _goes_only_to(node: Node, edges: Sequence[Edge]) -> bool:
    return all(edge.head is node for edge in edges)


def _gather(
    plan: Plan,
    middle: Sequence[Node],
    chain: set[Node],
    edges: tuple[Mapping[Node, Sequence[Edge]], Mapping[Node, Sequence[Edge]]],
    box_of: dict[Node, CutBox],
) -> None:
    """Give a box to the middle of a chain, and to what is used nowhere else.

    Arguments:
        plan: where they are.
        middle: those nodes of the chain that are not drawn.
        chain: all of its nodes.
        edges: the edges into each node, and those out of it.
        box_of: where the box is noted; what is in another one stays there.
    """
    incoming, outgoing = edges
    box = CutBox([], [], frame=plan.frame_of(middle[0]))
    box_of.update(dict.fromkeys(middle, box))
    others = dict[Node, int]()  # uses that are not inside
    waiting = [*middle]
    while waiting:
        for edge in incoming[waiting.pop()]:
            node = edge.tail
            others[node] = others.get(node, len(outgoing[node])) - 1
            is_named_result = not is_given(node) and node in plan.named
            if not others[node] and node not in box_of and node not in chain and not is_named_result:
                box_of[node] = box
                waiting.append(node)


def _cut(plan: Plan, order: Sequence[Node], box_of: Mapping[Node, CutBox]) -> None:
    """Draw the boxes in place of what is in them."""
    inside: dict[CutBox, list[Value]] = {box: [] for box in box_of.values()}
    for node in order:
        if node in box_of:
            inside[box_of[node]] += plan.values_of(node)
    for box, values in inside.items():
        box.values, box.leaves = ([v for v in values if (v.op is None) == is_leaf] for is_leaf in (False, True))
    carried: dict[tuple[Node, CutBox], list[Value]] = {}
    edges = list[Edge]()
    for edge in plan.edges:
        value, head = edge.tail, box_of.get(edge.head)
        edge.tail = box_of.get(value, value)
        if head is None:
            edges.append(edge)
        elif edge.tail is not head:
            carried.setdefault((edge.tail, head), []).extend([value] if isinstance(value, Value) else [])
    plan.edges = edges + [BundleEdge(tail, box, carried=some[:1]) for (tail, box), some in carried.items()]
    plan.boxes += inside
    first: dict[CutBox, Node] = {}
    for node, box in box_of.items():
        first.setdefault(box, node)
    plan.nodes = [box_of.get(node, node) for node in plan.nodes if node not in box_of or first[box_of[node]] is node]

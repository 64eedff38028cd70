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
                    _cut(plan, order, some, set(chain))


def _goes_only_to(node: Node, edges: Sequence[Edge]) -> bool:
    return all(edge.head is node for edge in edges)


def _cut(plan: Plan, order: Sequence[Node], middle: Sequence[Node], chain: set[Node]) -> None:
    """Draw a box for the middle of a chain, and for what is used nowhere else."""
    outgoing: Mapping[Node, list[Edge]] = out_of(plan)
    inside = set(middle)
    for node in reversed(order):
        users = [edge.head for edge in outgoing.get(node, [])]
        is_named_result = not is_given(node) and node in plan.named
        if users and node not in chain and not is_named_result and inside.issuperset(users):
            inside.add(node)
    values = [v for node in order if node in inside for v in plan.values_of(node)]
    results, leaves = ([v for v in values if (v.op is None) == is_leaf] for is_leaf in (False, True))
    box = CutBox(results, leaves, frame=plan.frame_of(middle[0]))
    carried: dict[Node, list[Value]] = {}
    edges = list[Edge]()
    for edge in plan.edges:
        if edge.head in inside:
            if edge.tail not in inside:
                carried.setdefault(edge.tail, []).extend([edge.tail] if isinstance(edge.tail, Value) else [])
            continue
        if edge.tail in inside:
            edge.tail = box
        edges.append(edge)
    edges += [BundleEdge(tail, box, carried=list(dict.fromkeys(some))[:1]) for tail, some in carried.items()]
    plan.boxes.append(box)
    plan.nodes[plan.nodes.index(middle[0])] = box
    plan.nodes = [node for node in plan.nodes if node not in inside]
    plan.edges = edges

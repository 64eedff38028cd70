"""Find nodes that are alike: the samples of a batch, the terms of a sum.

Two nodes are alike if they are of one kind, come from nodes that are alike, and go to nodes that are alike. So a class
of nodes is divided as long as its members differ in the classes of their neighbours (the refinement of partitions, as
it minimizes finite automata: Hopcroft 1971). What is shared, such as a weight, goes to many nodes of one class; how
many they are does not matter: a target that two samples have in common does not make them differ from the others.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from autograd.views.draw.folding.merging import (
    Limits,
    in_order,
    into,
    is_batch,
    is_given,
    kind_of,
    merge,
    out_of,
    role_of,
)
from autograd.views.draw.plan import LayerBox, Node, Plan

_LEAST_SAVED = 0.25  # of the nodes; fewer are not worth that some are drawn for others


def fold_copies(plan: Plan, limits: Limits, *, loosely: bool = False) -> bool:
    """Draw nodes that are alike once, where they are many; return True if there were any.

    Arguments:
        plan: what is changed.
        limits: how many are drawn one by one.
        loosely: whether leaves are alike already if they are used by nodes of the same kinds, as the inputs in the
            middle of a convolution are, and those at its ends are not.
    """
    order = in_order(plan)
    if len(order) < len(plan.nodes):
        return False
    most = limits.of(plan)
    classes = [
        alike for alike in _classes(plan, order, of_a_batch=is_batch(plan), loosely=loosely) if len(alike) > most
    ]
    if loosely:
        classes = [alike for alike in _with_the_same_heads(plan, classes) if len(alike) > most]
    boxes = [alike for alike in classes if isinstance(alike[0], LayerBox)]
    if not boxes and sum(len(alike) - 1 for alike in classes) < _LEAST_SAVED * len(order):
        classes = [alike for alike in classes if len(alike) > limits.alike]
    sizes = list({len(alike) for alike in boxes})
    all_of_them = sum(map(len, boxes)) == sum(isinstance(node, LayerBox) for node in order)
    # A network that is used as a whole computes samples; a layer of it that is used more often than others need not.
    merge(plan, classes, ("samples", sizes[0]) if len(sizes) == 1 and all_of_them else None)
    return bool(classes)


def _with_the_same_heads(plan: Plan, classes: Iterable[Sequence[Node]]) -> Iterable[list[Node]]:
    """Divide the classes of leaves, and of constants, into those that go to what will be the same nodes."""
    first = {node: alike[0] for alike in classes for node in alike}
    parts = defaultdict[Hashable, list[Node]](list)
    for node, edges in out_of(plan).items():
        if node in first:
            heads = frozenset((role_of(edge, plan), first.get(edge.head, edge.head)) for edge in edges)
            parts[first[node], heads if is_given(node) else None].append(node)
    return parts.values()


def _classes(plan: Plan, order: Sequence[Node], *, of_a_batch: bool, loosely: bool) -> Iterable[list[Node]]:
    """Return the classes of nodes that are alike, each in order.

    Arguments:
        of_a_batch: whether results are alike whatever they are used for: the loss of a sample may choose one output of
            a network, by the sample's class.
        loosely: as for `fold_copies`.
    """
    numbers: dict[Hashable, int] = {}  # of roles, so that they can be sorted
    places = {e: numbers.setdefault((type(e), role_of(e, plan)), len(numbers)) for e in plan.edges}
    before = {node: [(places[e], e.tail) for e in edges] for node, edges in into(plan).items()}
    after = {node: [(places[e], e.head) for e in edges] for node, edges in out_of(plan).items()}
    if of_a_batch or loosely:
        after.update((node, []) for node in order if not is_given(node))
    kinds: dict[Hashable, int] = {}
    found = {node: kinds.setdefault(kind_of(node, plan), len(kinds)) for node in order}
    count, last = len(kinds), 0
    if loosely:
        seen = {node: (found[node], *sorted({(place, found[head]) for place, head in after[node]})) for node in order}
        kinds = {}
        found = {node: kinds.setdefault(signature, len(kinds)) for node, signature in seen.items()}
        after = {node: [] for node in order}
    while count > last:
        last = count
        found, _ = _refined(found, order, before, list)
        found, count = _refined(found, order[::-1], after, set)
    classes = defaultdict[int, list[Node]](list)
    for node in order:
        classes[found[node]].append(node)
    return classes.values()


def _refined(
    found: Mapping[Node, int],
    order: Sequence[Node],
    neighbours: Mapping[Node, list[tuple[int, Node]]],
    gathered: Callable[[Iterable[tuple[int, int]]], Iterable[tuple[int, int]]],
) -> tuple[dict[Node, int], int]:
    """Return the classes divided by those of neighbours, and their number; neighbours come first in the order."""
    numbers: dict[Hashable, int] = {}
    new: dict[Node, int] = {}
    for node in order:
        seen = sorted(gathered((place, new[other]) for place, other in neighbours[node]))
        new[node] = numbers.setdefault((found[node], *seen), len(numbers))
    return new, len(numbers)

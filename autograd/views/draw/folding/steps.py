"""Find steps that are repeated one after the other, each with results of the one before: a recurrent unit.

A loop records the same operations in the same order in each round. So a repeated step is a run of nodes, in the order
of creation, of which each is like the one a period later: it is of the same kind, and each of its operands is the same
node (a weight), or another leaf (the input of that step), or the node a period later. An operand from the step before
comes from elsewhere in the first step.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, cast

from autograd.views.draw.folding.merging import Limits, in_order, into, is_given, kind_of, merge
from autograd.views.draw.plan import BeforeBox, Box, BundleEdge, Edge, Node, Plan, StartEdge

_FEWEST = 4  # steps that are folded
_MOST_COMPARED = (
    100_000  # pairs of nodes, in half a second: rounds that differ a little take the square of their number
)


class _Run(NamedTuple):
    """A run of steps in a sequence of nodes."""

    start: int
    period: int
    steps: int

    @property
    def length(self) -> int:
        return self.period * self.steps


def fold_steps(plan: Plan, limits: Limits) -> bool:
    """Draw repeated steps once; return True if there were any."""
    sequence = [node for node in in_order(plan) if not is_given(node)]
    finder = _Finder(plan, sequence, limits)
    best = max(finder.runs(), key=lambda run: run.length, default=None)
    if best is None:
        return False
    _fold(plan, best, finder)
    return True


class _Finder:
    """The search for steps in a sequence of nodes."""

    def __init__(self, plan: Plan, sequence: Sequence[Node], limits: Limits) -> None:
        self.sequence, self.limits = sequence, limits
        self.place = {node: i for i, node in enumerate(sequence)}
        self.kinds = {node: kind_of(node, plan) for node in plan.nodes}
        self.incoming: dict[Node, dict[Hashable, Edge]] = {
            node: {(edge.place, isinstance(edge, BundleEdge) and edge.are_parameters): edge for edge in edges}
            for node, edges in into(plan).items()
        }

        kinds: dict[Hashable, int] = {}
        self.numbers = [kinds.setdefault(self.kinds[node], len(kinds)) for node in sequence]
        self.beginnings: dict[tuple[int, ...], list[int]] = defaultdict(list)  # where the same kinds follow each other
        for i in range(len(sequence)):
            self.beginnings[self._beginning(i)].append(i)
        self.compared = 0

    def runs(self) -> Iterator[_Run]:
        """Yield runs of steps that do not overlap; of those with the same beginning, the longest."""
        start = 0
        while start < len(self.sequence) and self.compared < _MOST_COMPARED:
            several, found = list[_Run](), list[_Run]()
            for period in self._periods(start):
                self.compared += 1
                if any(period % run.period == 0 for run in several):
                    continue  # several steps as one
                run = _Run(start, period, self._alike(start, period) // period + 1)
                if run.steps >= _FEWEST:
                    several.append(run)
                    if self._is_worth_it(run):
                        found.append(run)
                        if start + run.length + period > len(self.sequence):
                            break  # no other run is longer by a whole step
                if self.compared >= _MOST_COMPARED:
                    break
            longest = max(found, key=lambda run: run.length, default=None)
            if longest is not None:
                yield longest
            start += longest.length if longest else max((run.length - run.period for run in several), default=1)

    def _periods(self, start: int) -> Iterator[int]:
        """Yield the distances to what begins like the nodes from `start` on, where there is room for enough steps."""
        alike = self.beginnings[self._beginning(start)]
        for i in islice(alike, bisect_right(alike, start), None):
            if (i - start) * _FEWEST > len(self.sequence) - start:
                break
            yield i - start

    def _beginning(self, i: int) -> tuple[int, ...]:
        return tuple(self.numbers[i : i + _FEWEST - 1])

    def _alike(self, start: int, period: int) -> int:
        """Return for how many nodes from `start` on the one a period later is alike."""
        i = start
        while i + period < len(self.sequence) and self._match(i, period, start):
            i += 1
        return i - start

    def _match(self, i: int, period: int, start: int) -> bool:
        self.compared += 1
        a, b = self.sequence[i], self.sequence[i + period]
        if self.kinds[a] != self.kinds[b]:
            return False
        ours, theirs = dict(self.incoming[a]), self.incoming[b]
        step = (i + period - start) // period  # of b
        begins = False  # whether a takes from outside what b takes from a step before
        for place, y in theirs.items():
            x = ours.pop(place, None)
            from_x, from_y = (-1 if e is None else self.place.get(e.tail, -1) for e in (x, y))
            if from_x < start <= from_y and step - 1 < (i + period - start) // period - (from_y - start) // period:
                begins = True
            elif x is None or type(x) is not type(y):
                return False
            elif x.tail is y.tail:
                if from_x >= start:
                    return False
            elif from_y < start:  # another leaf
                if from_y >= 0 or from_x >= 0 or self.kinds[x.tail] != self.kinds[y.tail]:
                    return False
            elif from_x < start or from_y - from_x != period:
                return False
        # A layer has one edge for all values from one step before, but perhaps several for the first ones.
        return not ours or (begins and all(self.place.get(edge.tail, -1) < start for edge in ours.values()))

    def carried(self, run: _Run) -> list[tuple[int, Hashable, int]]:
        """Return which edges of a step come from an earlier one: the index of the head in its step, the place of the
        edge there, and how many steps it goes back."""
        last = run.start + run.length - run.period  # all that this step needs from others is there
        return [
            (i - last, place, run.steps - 1 - (self.place[edge.tail] - run.start) // run.period)
            for i in range(last, last + run.period)
            for place, edge in self.incoming[self.sequence[i]].items()
            if run.start <= self.place.get(edge.tail, -1) < last
        ]

    def _is_worth_it(self, run: _Run) -> bool:
        """Return True for steps that depend on each other and are no mere chain: they share something, or branch."""
        if not self.carried(run):
            return False
        first, second = (self.sequence[run.start + k * run.period :][: run.period] for k in (0, 1))
        if any(isinstance(node, Box) for node in first):
            return True
        if run.length <= self.limits.alike:
            return False
        tails, others = ([{edge.tail for edge in self.incoming[v].values()} for v in step] for step in (second, first))
        if any(self.place.get(node, -1) < run.start for node in set().union(*tails) & set().union(*others)):
            return True
        return any(sum(self.place.get(node, -1) >= run.start for node in some) > 1 for some in tails)


def _fold(plan: Plan, run: _Run, finder: _Finder) -> None:
    steps = [finder.sequence[i : i + run.period] for i in range(run.start, run.start + run.length, run.period)]
    before: dict[tuple[Node, int], BeforeBox] = {}
    starts: dict[tuple[Node, Node], None] = {}
    gone = set[Edge]()
    for i, place, back in finder.carried(run):
        edges = [finder.incoming[step[i]].get(place) for step in steps]
        last = cast(Edge, edges[-1])
        node = steps[0][steps[-1 - back].index(last.tail)]
        box = before.setdefault((node, back), BeforeBox(node, back))
        for step, edge in zip(steps, edges):
            if edge is None or finder.place.get(edge.tail, -1) < run.start:
                others = finder.incoming[steps[-1][i]].keys() - {place}
                outside = [e for k, e in finder.incoming[step[i]].items() if k not in others]
                starts.update(((e.tail, box), None) for e in outside)
                gone.update(e for e in outside if e is not edge or type(e) is not type(last))
            if edge is not None:
                edge.tail = box
    at = plan.nodes.index(steps[0][0])
    plan.boxes += before.values()
    plan.nodes[at:at] = before.values()
    plan.edges = [edge for edge in plan.edges if edge not in gone] + [StartEdge(tail, box) for tail, box in starts]
    merge(plan, [*map(list, zip(*steps)), *_inputs(steps, finder.incoming)], ("steps", run.steps))


def _inputs(steps: Sequence[Sequence[Node]], incoming: Mapping[Node, Mapping[Hashable, Edge]]) -> Iterable[list[Node]]:
    """Return the leaves that enter the steps at the same place; those of one step may be others' at another place."""
    group: dict[Node, list[Node]] = {}
    for nodes in zip(*steps):
        for place in incoming[nodes[-1]]:
            tails = list(dict.fromkeys(incoming[node][place].tail for node in nodes if place in incoming[node]))
            if len(tails) > 1 and all(map(is_given, tails)):
                joined = list(dict.fromkeys(x for tail in tails for x in group.get(tail, [tail])))
                group.update(dict.fromkeys(joined, joined))
    return {id(nodes): nodes for nodes in group.values()}.values()

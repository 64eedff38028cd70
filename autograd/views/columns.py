"""Stand the nodes of a network in columns: which node is in which column, at which height, and how its edges run.

A network is read from the left to the right, a layer to a column. What belongs to one frame (the neurons of a layer)
stands together, in order. An edge that skips columns goes through a slot in each of them, so that it crosses no node;
the edges that leave one node share their slots. All this is numbers and the caller's own nodes: no Graphviz, no text.

The order in a column is that of the barycentres (Sugiyama, Tagawa and Toda, "Methods for visual understanding of
hierarchical system structures", 1981). The heights are those nearest to the mean of the neighbours' that leave enough
room, which is an isotonic regression (Barlow et al., "Statistical inference under order restrictions", 1972).
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Generic, TypeVar

N = TypeVar("N", bound=Hashable)

_MOST_AMONG_FRAMES = 2  # nodes beside a frame that wait for the next column; more of them get a column of their own
_SWEEPS = 12  # over all columns, for the order, and for the heights; there is no gain in more
_FIRM, _OF_SLOT, _FAINT = 1e6, 0.1, 1e-5  # weights: of what shall not move for others, to what moves for all others


@dataclass(eq=False)
class Block(Generic[N]):
    """What stands together in a column: the nodes of a frame, a single node, or none, in a slot for edges that pass."""

    nodes: Sequence[N]
    frame: Hashable | None = None
    tail: N | None = None  # of the edges that pass

    @property
    def is_slot(self) -> bool:
        return not self.nodes


_End = tuple[Block[N], int]
_Neighbours = defaultdict[Block[N], list[tuple[Block[N], float, float]]]


class Columns(Generic[N]):
    """The columns of a graph without cycles.

    Arguments:
        nodes: all nodes, in the order that is kept where nothing speaks for another.
        edges: tail and head of each edge.
        frames: the frame of each node that is in one. Those of a frame stand in one column: none depends on another.

    Attributes:
        columns: the blocks of each column, from top to bottom.
        column: the number of the column of each node.
        slots: the slot of a node's edges in a column.

    >>> network = Columns(["x", "a", "b", "y"], [("x", "a"), ("x", "b"), ("a", "y"), ("b", "y"), ("x", "y")],
    ...     {"a": "layer", "b": "layer"})
    >>> [[block.nodes for block in blocks] for blocks in network.columns]  # the edge from x to y passes the layer
    [[['x']], [['a', 'b'], ()], [['y']]]
    >>> network.route("x", "y") == [network.slots["x", 1]]
    True
    """

    def __init__(self, nodes: Sequence[N], edges: Sequence[tuple[N, N]], frames: Mapping[N, Hashable]) -> None:
        blocks = _blocks(nodes, frames)
        self._block = {node: block for block in blocks for node in block.nodes}
        self._row = {node: i for block in blocks for i, node in enumerate(block.nodes)}
        joined = dict.fromkeys((self._block[tail], self._block[head]) for tail, head in edges)
        number = _numbers(blocks, list(joined))
        self.column = {node: number[block] for node, block in self._block.items()}
        first_use = {tail: i for i, (tail, _) in reversed(list(enumerate(edges)))}
        self.columns: list[list[Block[N]]] = [[] for _ in range(max(number.values(), default=-1) + 1)]
        heads = {head for _, head in joined}
        self._sources = {block for block in blocks if block not in heads}
        # Results are in the order of their creation, and what goes into them in the order in which they use it.
        in_order = [block for block in blocks if block not in self._sources]
        in_order += sorted(
            (block for block in blocks if block in self._sources),
            key=lambda block: first_use.get(block.nodes[0], len(edges)),
        )
        for block in in_order:
            self.columns[number[block]].append(block)
        self.slots: dict[tuple[N, int], Block[N]] = {}
        for tail, head in edges:
            for i in range(self.column[tail] + 1, self.column[head]):
                if (tail, i) not in self.slots:
                    self.slots[tail, i] = Block((), tail=tail)
                    self.columns[i].append(self.slots[tail, i])
        # The parts of edges between a column and the next, each with the block and the row in it at both ends.
        parts: dict[tuple[_End[N], _End[N]], None] = {}
        for tail, head in edges:
            ends = [self._end(tail), *((slot, 0) for slot in self.route(tail, head)), self._end(head)]
            parts.update(dict.fromkeys(pairwise(ends)))
        self._parts, self._edges = list(parts), list(dict.fromkeys(edges))
        self._put_in_order()

    def route(self, tail: N, head: N) -> list[Block[N]]:
        """Return the slots that an edge goes through."""
        return [self.slots[tail, i] for i in range(self.column[tail] + 1, self.column[head])]

    def _end(self, node: N) -> _End[N]:
        return self._block[node], self._row[node]

    # Order -----------------------------------------------------------------------------------------------------------

    def _put_in_order(self) -> None:
        """Sort each column by the places of the neighbours, and keep the order with the fewest crossings."""
        before: dict[Block[N], list[_End[N]]] = defaultdict(list)
        after: dict[Block[N], list[_End[N]]] = defaultdict(list)
        for tail, head in self._parts:
            before[head[0]].append(tail)
            after[tail[0]].append(head)
        best, fewest = [list(blocks) for blocks in self.columns], self.crossings()
        for sweep in range(_SWEEPS):
            neighbours = after if sweep % 2 == 0 else before
            for blocks in reversed(self.columns) if sweep % 2 == 0 else self.columns:
                places = self._places()
                mean = {
                    block: sum(places[other] + row for other, row in neighbours[block]) / len(neighbours[block])
                    for block in blocks
                    if neighbours[block]
                }
                moving = iter(sorted((block for block in blocks if block in mean), key=mean.__getitem__))
                blocks[:] = [next(moving) if block in mean else block for block in blocks]
            crossings = self.crossings()
            if crossings < fewest:
                best, fewest = [list(blocks) for blocks in self.columns], crossings
        self.columns = best

    def _places(self) -> dict[Block[N], float]:
        """Return the place of the first row of each block, counted from the middle of its column."""
        places: dict[Block[N], float] = {}
        for blocks in self.columns:
            sizes = [max(len(block.nodes), 1) for block in blocks]
            top = -(sum(sizes) - 1) / 2
            places.update(zip(blocks, accumulate(sizes, initial=top)))
        return places

    def crossings(self) -> int:
        """Return the number of times that an edge crosses another between two columns."""
        places, between = self._places(), defaultdict[int, list[tuple[float, float]]](list)
        number = {block: i for i, blocks in enumerate(self.columns) for block in blocks}
        for (tail, i), (head, j) in self._parts:
            between[number[tail]].append((places[tail] + i, places[head] + j))
        return sum(_inversions([head for _, head in sorted(parts)]) for parts in between.values())

    # Heights ---------------------------------------------------------------------------------------------------------

    def heights(
        self, rows: Mapping[N, float], room: Mapping[Block[N], tuple[float, float]], distance: float
    ) -> dict[Block[N], float]:
        """Return the height of the middle of each block; 0 is the middle of the picture, and heights grow downwards.

        Where no column has two frames, all frames are in the middle.

        Arguments:
            rows: the height of each node from the middle of its block.
            room: what each block needs above and below its middle.
            distance: between the blocks of a column.
        """
        plain = all(sum(block.frame is not None for block in blocks) <= 1 for blocks in self.columns)
        weights = {
            block: _FAINT if block in self._sources else _OF_SLOT if block.is_slot else 1.0
            for blocks in self.columns
            for block in blocks
        }
        before, after = self._neighbours(rows)
        found: dict[Block[N], float] = {}
        for sweep in range(_SWEEPS):
            for blocks in reversed(self.columns) if sweep % 2 else self.columns:
                wanted = []
                for block in blocks:
                    near = [*before[block], *(after[block] if sweep else ())]  # at first beside what it is made from
                    at = [(found[other] + difference, weight) for other, difference, weight in near]
                    if block.frame is not None and plain:
                        wanted.append((0.0, _FIRM))
                    else:
                        wanted.append((_mean(at), weights[block]))
                gaps = [room[upper][1] + distance + room[lower][0] for upper, lower in pairwise(blocks)]
                found.update(_nearest(wanted, gaps, blocks))
        return found

    def _neighbours(self, rows: Mapping[N, float]) -> tuple[_Neighbours[N], _Neighbours[N]]:
        """Return the blocks before and after each block that it shall be beside; `rows` as for `heights`.

        With them goes how much higher or lower the block itself shall be, and the weight of that. What passes a column
        is drawn to both its ends, and these to each other.
        """
        before, after = _Neighbours[N](list), _Neighbours[N](list)
        for tail, head in self._edges:
            first, last, route = self._block[tail], self._block[head], self.route(tail, head)
            given = first in self._sources and last.frame is None
            before[last].append((first, rows[tail] - rows[head], _FAINT if given else 1.0))
            after[first].append((last, rows[head] - rows[tail], _FAINT if route else 1.0))
            for one, slot, other in zip([first, *route], route, [*route[1:], last], strict=False):
                before[slot].append((one, 0.0 if one.is_slot else rows[tail], 1.0))
                after[slot].append((other, 0.0 if other.is_slot else rows[head], 1.0))
        return before, after


def _mean(weighted: Sequence[tuple[float, float]]) -> float:
    """Return the mean of numbers with their weights; 0 if there are none."""
    return sum(x * weight for x, weight in weighted) / (sum(weight for _, weight in weighted) or 1.0)


def columns_of(nodes: Iterable[N], edges: Iterable[tuple[N, N]], frames: Mapping[N, Hashable]) -> dict[N, int]:
    """Return the number of the column of each node; the arguments are those of `Columns`, which sorts them as well.

    >>> columns_of(["x", "a", "b", "y"], [("x", "a"), ("b", "y"), ("a", "y")], {})
    {'x': 0, 'a': 1, 'b': 1, 'y': 2}
    """
    block_of = {node: block for block in _blocks(nodes, frames) for node in block.nodes}
    joined = dict.fromkeys((block_of[tail], block_of[head]) for tail, head in edges)
    number = _numbers(list(dict.fromkeys(block_of.values())), list(joined))
    return {node: number[block] for node, block in block_of.items()}


def _blocks(nodes: Iterable[N], frames: Mapping[N, Hashable]) -> list[Block[N]]:
    """Return the blocks of nodes, those of a frame together."""
    members = defaultdict[Hashable, list[N]](list)
    for node in nodes:
        members[("frame", frames[node]) if node in frames else ("node", node)].append(node)
    return [Block(inside, frames.get(inside[0])) for inside in members.values()]


def _numbers(blocks: Sequence[Block[N]], edges: Sequence[tuple[Block[N], Block[N]]]) -> dict[Block[N], int]:
    """Return the number of the column of each block.

    What is computed comes as early as it can, and what is given as late: beside what uses it. So does what is computed
    from that alone, if it enters no frame. Where many would wait beside a frame, they get a column of their own.
    """
    before, after = defaultdict[Block[N], list[Block[N]]](list), defaultdict[Block[N], list[Block[N]]](list)
    for tail, head in edges:
        before[head].append(tail)
        after[tail].append(head)
    number: dict[Block[N], int] = {}
    missing = {block: len(before[block]) for block in blocks}
    ready = [block for block in blocks if not missing[block]]
    for block in ready:
        number[block] = max((number[other] + 1 for other in before[block]), default=0)
        for other in after[block]:
            missing[other] -= 1
            if not missing[other]:
                ready.append(other)
    if len(number) < len(blocks):
        raise ValueError("the nodes of a frame depend on each other")
    fed = {block for block in blocks if block.frame is not None}  # frames, and what is computed from them
    if not fed:
        fed = {block for block in blocks if before[block]}
    for block in ready:
        if any(other in fed for other in before[block]):
            fed.add(block)
    for block in reversed(ready):
        # Fewer edges pass the columns behind a block that comes late, if fewer come to it than leave it.
        widens = len(block.nodes) > sum(len(other.nodes) for other in before[block])
        if after[block] and (block not in fed or widens):
            number[block] = min(number[other] for other in after[block]) - 1
    framed = {number[block] for block in blocks if block.frame is not None}
    waiting = defaultdict[int, list[Block[N]]](list)
    for block in blocks:
        if block not in fed and number[block] in framed:
            waiting[number[block]].append(block)
    for i in sorted(waiting, reverse=True):
        if len(waiting[i]) > _MOST_AMONG_FRAMES:
            for block in blocks:
                if number[block] > i or block in waiting[i]:
                    number[block] += 1
    used = {n: i for i, n in enumerate(sorted(set(number.values())))}
    return {block: used[n] for block, n in number.items()}


def _inversions(values: Sequence[float]) -> int:
    """Return the number of pairs of which the first is the larger.

    >>> _inversions([3.0, 1.0, 2.0, 2.0])
    3
    """
    rank = {value: i for i, value in enumerate(sorted(set(values)), start=1)}
    counts, found = [0] * (len(rank) + 1), 0  # a binary indexed tree (Fenwick, 1994): how often each rank was met
    for seen, value in enumerate(values):
        i, not_larger = rank[value], 0
        while i:
            not_larger += counts[i]
            i &= i - 1
        found += seen - not_larger
        i = rank[value]
        while i < len(counts):
            counts[i] += 1
            i += i & -i
    return found


def _nearest(
    wanted: Iterable[tuple[float, float]], gaps: Sequence[float], keys: Iterable[Block[N]]
) -> dict[Block[N], float]:
    """Return the heights nearest to the wanted ones, by weighted squares, of which each is a gap below the one before.

    >>> list(_nearest([(0.0, 1.0), (0.0, 1.0), (9.0, 1.0)], [4.0, 4.0], "abc").values())
    [-2.0, 2.0, 9.0]
    """
    offsets = list(accumulate(gaps, initial=0.0))
    pools: list[tuple[float, float, int]] = []  # mean, weight, and how many stand together in it
    for (height, weight), offset in zip(wanted, offsets):
        pool = (height - offset, weight, 1)
        while pools and pools[-1][0] >= pool[0]:
            mean, other, n = pools.pop()
            pool = ((mean * other + pool[0] * pool[1]) / (other + pool[1]), other + pool[1], n + pool[2])
        pools.append(pool)
    means = [mean for mean, _, n in pools for _ in range(n)]
    return {key: mean + offset for key, mean, offset in zip(keys, means, offsets)}

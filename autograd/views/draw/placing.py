"""Place the nodes of a drawing in columns, as `views/columns.py` has them, and its edges and their labels between them.

Graphviz's own layout is made for graphs of any kind: where a layer has many neurons, it pulls the columns of a network
apart, and winds edges round labels. So a drawing of a network says itself where everything is; the engine `nop2` of
Graphviz, which its attribute `layout` asks for, draws things where they are. Without that attribute the same text is
laid out as any other.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import NamedTuple

import graphviz

from autograd.views.columns import Block, Columns
from autograd.views.draw.style import Attributes
from autograd.views.render import PLACED, size_of_label

_POINTS = 72.0  # to an inch: Graphviz has sizes in inches, and positions in points
_ADVANCE, _LINE = 0.63, 1.2  # of a character, and of a line, as parts of the font's size, hinted for a screen
_OUTLINE = 4.0  # points between two outlines of a box
_ARROW = 10.0  # points of an arrow of size 1
_FRAME, _TITLE = 10.0, 6.0  # points between a frame and what is in it; beside its title
_CORNER = 12.0  # points before and after the corner of an edge, in which it bends
_SLOT = 3.0  # points on both sides of an edge in its slot
_AIR, _CLEAR = 1.5, 5.0  # points between a label and what it shall not touch, at least, and better
_BESIDE = 8.0  # points between a label and the columns
_BETWEEN, _BETWEEN_LAYERS, _FEW = 28.0, 64.0, 8  # points between columns, more where more edges run between them
_STEEPEST, _WIDE = 4.0, 200.0  # rise of edges for which columns move apart, up to so many points
_WIDER, _WIDEST = 1.3, 320.0  # the factor by which they move apart for labels, up to so many points
_APART = 1.0, 2.0  # factors by which nodes stand apart, across: at first, and for labels
_STEP, _STEPS = 4.0, 12  # points from one place that is tried for a label to the next, at least; how many on each side
_SPREAD, _PORTS = 0.7, 16.0  # the part of a box's side that its edges share, and the points between two, at most


class Line(NamedTuple):
    """A statement that draws an edge."""

    tail: str
    head: str
    look: Attributes


@dataclass(eq=False)
class Sketch:
    """The statements of a drawing before they are placed; it is written to as a `graphviz.Digraph` is."""

    items: list[str | Sketch] = field(default_factory=list)  # names of nodes, and frames
    nodes: dict[str, Attributes] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    look: Attributes = field(default_factory=dict)
    name: str = ""

    def node(self, name: str, label: str, **look: str) -> None:
        self.items.append(name)
        self.nodes[name] = {"label": label, **look}

    def edge(self, tail: str, head: str, label: str | None = None, **look: str) -> None:
        self.lines.append(Line(tail, head, look if label is None else {"label": label, **look}))

    def attr(self, **look: str) -> None:
        self.look.update(look)

    @contextmanager
    def subgraph(self, name: str) -> Iterator[Sketch]:
        inner = Sketch(name=name)
        self.items.append(inner)
        yield inner

    def write(self, graph: graphviz.Digraph) -> None:
        """Write all statements."""
        for item in self.items:
            if isinstance(item, Sketch):
                with graph.subgraph(name=item.name) as subgraph:
                    subgraph.attr(**item.look)
                    item.write(subgraph)
            else:
                graph.node(item, **self.nodes[item])
        for tail, head, look in self.lines:
            graph.edge(tail, head, **look)

    @property
    def body(self) -> Sketch:
        """What is inside, where one frame is around everything; else the sketch itself."""
        [*items] = self.items
        return items[0].body if len(items) == 1 and isinstance(items[0], Sketch) and items[0].frames else self

    @property
    def frames(self) -> list[Sketch]:
        return [item for item in self.items if isinstance(item, Sketch)]


def place(sketch: Sketch, drawing: graphviz.Digraph, direction: str) -> bool:
    """Give everything in a sketch its place, and the drawing the engine that keeps it.

    Arguments:
        sketch: frames in it have no frames inside, but for one that is around everything.
        drawing: it has the attributes that all nodes, or all edges, have in common.
        direction: where the picture runs, as in `style.ENDS`.

    Returns:
        whether there is room for the labels of all edges; those without are taken away.
    """
    body = sketch.body
    placing = _Placing(body, drawing, direction, _APART[0])
    if 0 < placing.missing <= len(placing.labels_at):  # few of many would not do
        placing = min(placing, _Placing(body, drawing, direction, _APART[1]), key=lambda tried: tried.missing)
    placing.write()
    if body is not sketch:
        placing.write_around(sketch.frames[0])
    drawing.graph_attr["layout"] = PLACED
    return not placing.missing


class _Point(NamedTuple):
    """A place in points: how far along the picture's direction, and how far across it, down where it runs right."""

    along: float
    across: float


class _Part(NamedTuple):
    """The part of an edge between a column and the next; along, it is counted from where the first one ends."""

    start: _Point
    end_inside: float  # how far the end is inside of the next column: in its frame
    end: float  # across

    def at(self, width: float) -> tuple[_Point, _Point]:
        """Return both ends where the columns are so far apart."""
        return self.start, _Point(width + self.end_inside, self.end)


@dataclass(frozen=True)
class _Label:
    """The label of an edge: half of its size, and the part of the edge that it stands at."""

    part: _Part
    along: float
    across: float


class _Placing:
    """The places in one sketch."""

    def __init__(
        self,
        sketch: Sketch,
        drawing: graphviz.Digraph,
        direction: str,
        apart: float,
    ) -> None:
        self.sketch, self.direction = sketch, direction
        self.horizontal = direction in ("LR", "RL")
        graph, self.common_to_nodes, self.common_to_edges = drawing.graph_attr, drawing.node_attr, drawing.edge_attr
        self.between_nodes = float(graph["nodesep"]) * _POINTS * apart
        self.common_to_frames, self.font = {"fontsize": graph["fontsize"]}, graph["fontname"]
        self.looks = dict(sketch.nodes)
        self.frames: dict[str, Sketch] = {}
        for frame in sketch.frames:
            self.looks |= frame.nodes
            self.frames |= dict.fromkeys(frame.nodes, frame)
        self.columns = Columns(
            [node for item in sketch.items for node in (item.nodes if isinstance(item, Sketch) else [item])],
            [(line.tail, line.head) for line in sketch.lines],
            self.frames,
        )
        self.sizes = {node: self._size_of_box(look) for node, look in self.looks.items()}
        self._make_even()
        self._set_across()
        self._set_ports()
        self._set_along()
        self.missing = sum("label" in line.look for line in sketch.lines) - len(self.labels_at)

    # Sizes -----------------------------------------------------------------------------------------------------------

    def _size_of_text(self, look: Mapping[str, str], common: Mapping[str, str]) -> tuple[float, float]:
        """Return the width and the height of a label in points."""
        size = float(look.get("fontsize", common["fontsize"]))
        columns, lines = size_of_label(look.get("label", ""), self.font)
        return columns * size * _ADVANCE + 2, lines * size * _LINE

    def _along_and_across(self, width: float, height: float) -> tuple[float, float]:
        return (width, height) if self.horizontal else (height, width)

    def _size_of_box(self, look: Mapping[str, str]) -> tuple[float, float]:
        width, height = self._size_of_text(look, self.common_to_nodes)
        margins = [float(x) * _POINTS * 2 for x in look.get("margin", self.common_to_nodes["margin"]).split(",")]
        width, height = width + margins[0], height + margins[-1]
        if look.get("shape") == "ellipse":  # which has the text's rectangle inside
            width, height = (
                max(math.sqrt(2) * size, float(look.get(side, "0")) * _POINTS)
                for side, size in (("width", width), ("height", height))
            )
        return self._along_and_across(width + self._outline(look), height + self._outline(look))

    def _outline(self, look: Mapping[str, str]) -> float:
        """Return how much larger a second outline makes a box."""
        return 2 * _OUTLINE * (int(look.get("peripheries", "1")) - 1)

    def _size_of_label(self, line: Line) -> tuple[float, float]:
        text = {**line.look, "label": line.look["label"].strip()}
        return self._along_and_across(*self._size_of_text(text, self.common_to_edges))

    def _size_of_title(self, block: Block[str]) -> tuple[float, float]:
        return self._size_of_text(self.frames[block.nodes[0]].look, self.common_to_frames)

    def _make_even(self) -> None:
        """Make the boxes of a frame of one size, and as long as each other what is given in a column.

        But not what is computed beside them: a long formula would stretch all others.
        """
        computed = {line.head for line in self.sketch.lines}
        for blocks in self.columns.columns:
            given = [node for block in blocks for node in block.nodes if block.frame is None and node not in computed]
            self._make_as_long(given)
            for block in blocks:
                if block.frame is not None:
                    self._make_as_long(block.nodes)
                    widest = max(self.sizes[node][1] for node in block.nodes)
                    self.sizes.update((node, (self.sizes[node][0], widest)) for node in block.nodes)

    def _make_as_long(self, nodes: Iterable[str]) -> None:
        boxes = [node for node in nodes if self._is_box(node)]
        longest = max((self.sizes[node][0] for node in boxes), default=0.0)
        self.sizes.update((node, (longest, self.sizes[node][1])) for node in boxes)

    def _is_box(self, node: str) -> bool:
        return self.looks[node].get("shape") == "box"

    # Across ----------------------------------------------------------------------------------------------------------

    def _set_across(self) -> None:
        """Set how far across each node and each slot is."""
        rows = dict[str, float]()
        self.room = room = dict[Block[str], tuple[float, float]]()
        for block in (block for blocks in self.columns.columns for block in blocks):
            sizes = [self.sizes[node][1] for node in block.nodes]
            half = (sum(sizes) + self.between_nodes * (len(sizes) - 1)) / 2
            ends = list(accumulate((size + self.between_nodes for size in sizes), initial=-half))
            rows.update((node, end + size / 2) for node, end, size in zip(block.nodes, ends, sizes, strict=False))
            if block.is_slot:
                room[block] = _SLOT, _SLOT
            elif block.frame is None:
                room[block] = half, half
            else:
                width, height = self._size_of_title(block)
                # A title is over its layer, or on the left of a layer that stands in a row, where no edge comes.
                room[block] = half + _FRAME + _TITLE + (height if self.horizontal else width), half + _FRAME
        self.middle = self.columns.heights(rows, room, self.between_nodes)
        self.across = {node: height + rows[node] for block, height in self.middle.items() for node in block.nodes}

    def _set_ports(self) -> None:
        """Set how far across each edge is where it leaves its tail, and where it enters its head."""
        leaving, entering = (
            defaultdict[str, dict[object, list[int]]](dict),
            defaultdict[str, dict[object, list[int]]](dict),
        )
        for i, (tail, head, _) in enumerate(self.sketch.lines):
            slots = self.columns.route(tail, head)  # edges that share a slot leave as one
            leaving[tail].setdefault(slots[0] if slots else i, []).append(i)
            entering[head][i] = [i]
        self.starts, self.ends = [0.0] * len(self.sketch.lines), [0.0] * len(self.sketch.lines)
        for sides, found in ((leaving, self.starts), (entering, self.ends)):
            for node, ports in sides.items():
                lines = sorted(ports.values(), key=lambda lines: self._other_end(lines[0], node))
                for port, across in zip(lines, self._spread(node, lines), strict=True):
                    for i in port:
                        found[i] = across

    def _other_end(self, i: int, node: str) -> float:
        """Return how far across an edge is at the other end of its part beside this node."""
        tail, head, _ = self.sketch.lines[i]
        slots = self.columns.route(tail, head)
        if slots:
            return self.middle[slots[0 if node == tail else -1]]
        return self.across[head if node == tail else tail]

    def _spread(self, node: str, ports: Sequence[Sequence[int]]) -> list[float]:
        """Return how far across the ports of a node are: apart, but for edges between layers that show no numbers."""
        lines = [self.sketch.lines[i] for port in ports for i in port]
        if all(line.head in self.frames and "label" not in line.look for line in lines):
            return [self.across[node]] * len(ports)
        step = min(self.sizes[node][1] * _SPREAD / max(len(ports) - 1, 1), _PORTS)
        return [self.across[node] + (i - (len(ports) - 1) / 2) * step for i in range(len(ports))]

    # Along -----------------------------------------------------------------------------------------------------------

    def _set_along(self) -> None:
        """Set where each column begins and ends, wide enough apart for the labels between them, and place these."""
        columns = self.columns.columns
        lengths = [max(self.sizes[node][0] for block in blocks for node in block.nodes) for blocks in columns]
        self.margins = {block: self._margin(block) for blocks in columns for block in blocks}
        self.inset = [max(self.margins[block] for block in blocks) for blocks in columns]
        parts, labels = self._parts()
        position, self.nodes_at, self.labels_at = 0.0, list[tuple[float, float]](), dict[int, _Point]()
        for i, length in enumerate(lengths):
            begin = position + self.inset[i]
            self.nodes_at.append((begin, begin + length))
            end = begin + length + self.inset[i]
            width, places = self._fit(parts[i], labels[i])
            self.labels_at |= {line: _Point(end + place.along, place.across) for line, place in places.items()}
            position = end + width

    def _margin(self, block: Block[str]) -> float:
        """Return how far the nodes of a block are inside of its frame, which is as long as its title."""
        if block.frame is None:
            return 0.0
        title = self._size_of_title(block)[0] + 2 * _TITLE if self.horizontal else 0.0
        return max(_FRAME, (title - self._length(block)) / 2)

    def _length(self, block: Block[str]) -> float:
        return max(self.sizes[node][0] for node in block.nodes)

    def _parts(self) -> tuple[list[list[_Part]], list[dict[int, _Label]]]:
        """Return the parts of edges behind each column, and the labels that stand at them."""
        parts: list[dict[_Part, None]] = [{} for _ in self.columns.columns]
        labels: list[dict[int, _Label]] = [{} for _ in self.columns.columns]
        for i, (line, heights) in enumerate(zip(self.sketch.lines, self._heights(), strict=True)):
            first = self.columns.column[line.tail]
            for k, (start, end) in enumerate(pairwise(heights)):
                column = first + k
                inside = self.inset[column] if k == 0 else 0.0
                last = k == len(heights) - 2
                part = _Part(_Point(-inside, start), self.inset[column + 1] if last else 0.0, end)
                parts[column][part] = None
                if last and "label" in line.look:
                    along, across = self._size_of_label(line)
                    labels[column][i] = _Label(part, along / 2, across / 2)
        return [list(each) for each in parts], labels

    def _heights(self) -> list[list[float]]:
        """Return how far across each edge is where it leaves its tail, in its slots, and where it enters its head."""
        return [
            [start, *(self.middle[slot] for slot in self.columns.route(line.tail, line.head)), end]
            for line, start, end in zip(self.sketch.lines, self.starts, self.ends, strict=True)
        ]

    def _fit(self, parts: Sequence[_Part], labels: Mapping[int, _Label]) -> tuple[float, dict[int, _Point]]:
        """Return the width between two columns, and the places of the labels there.

        The columns move apart until no label is on an edge, or on another label. If that does not help, edges that
        join the same two nodes have one label where theirs are the same, or there are none between these columns.
        """
        rise = max((abs(part.end - part.start.across) for part in parts), default=0.0)
        longest = max((label.along * 2 + 2 * _BESIDE for label in labels.values()), default=0.0)
        least = _BETWEEN_LAYERS if len(parts) > _FEW else _BETWEEN
        least = max(least, longest, min(rise / _STEEPEST, _WIDE))
        for wanted in (labels, self._without_repeats(labels)):
            width = least
            while width <= max(_WIDEST, least):
                places = _places(parts, wanted, width)
                if len(places) == len(wanted):
                    return width, places
                width *= _WIDER
        return least, {}

    def _without_repeats(self, labels: Mapping[int, _Label]) -> dict[int, _Label]:
        lines = {i: self.sketch.lines[i] for i in labels}
        firsts = {(line.tail, line.head, line.look["label"]): i for i, line in reversed(lines.items())}
        return {i: labels[i] for i in sorted(firsts.values())}

    # Writing ---------------------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Give each node, frame, edge and label the attributes that place it."""
        for node, look in self.looks.items():
            length, width = self.sizes[node]
            end = self.nodes_at[self.columns.column[node]][1]
            look["pos"] = self._written(_Point(end - length / 2, self.across[node]))
            outline = self._outline(look)
            sizes = self._along_and_across(length - outline, width - outline)
            look["width"], look["height"] = (f"{size / _POINTS:.4f}" for size in sizes)
        for block in (block for blocks in self.columns.columns for block in blocks):
            if block.frame is not None:
                side, margin = self.nodes_at[self.columns.column[block.nodes[0]]][1], self.margins[block]
                begin, end = side - self._length(block) - margin, side + margin
                above, below = self.room[block]
                look, middle = self.frames[block.nodes[0]].look, self.middle[block]
                look["bb"] = self._written(*self._corners(_Point(begin, middle - above), _Point(end, middle + below)))
                if not self.horizontal:
                    left = middle - above + _TITLE + self._size_of_title(block)[0] / 2
                    look["lp"] = self._written(_Point((begin + end) / 2, left))
        for i, (line, heights) in enumerate(zip(self.sketch.lines, self._heights(), strict=True)):
            line.look["pos"] = self._path(line, heights)
            if i in self.labels_at:
                line.look["lp"] = self._written(self.labels_at[i])
            else:
                line.look.pop("label", None)

    def write_around(self, frame: Sketch) -> None:
        """Place a frame that is around everything, with its text below."""
        ends = [(middle - self.room[block][0], middle + self.room[block][1]) for block, middle in self.middle.items()]
        sizes = {i: self._size_of_label(self.sketch.lines[i])[1] / 2 for i in self.labels_at}
        ends += [(at.across - sizes[i], at.across + sizes[i]) for i, at in self.labels_at.items()]
        corners = self._corners(
            _Point(self._outer(0)[0], min(low for low, _ in ends)),
            _Point(self._outer(-1)[1], max(high for _, high in ends)),
        )
        (left, bottom), (right, top) = (self._to_the_right_and_up(corner) for corner in corners)
        width, height = self._size_of_text(frame.look, self.common_to_frames)
        wider = max(width - (right - left), 0.0) / 2
        frame.look["bb"] = f"{left - wider:.2f},{bottom - height - 2 * _TITLE:.2f},{right + wider:.2f},{top:.2f}"

    def _outer(self, column: int) -> tuple[float, float]:
        """Return where a column begins and ends, with the frames in it."""
        (begin, end), inset = self.nodes_at[column], self.inset[column]
        return begin - inset, end + inset

    def _sides(self, node: str, across: float) -> tuple[float, float]:
        """Return where a node begins and ends along a line that crosses it."""
        length, width = self.sizes[node]
        middle, half = self.nodes_at[self.columns.column[node]][1] - length / 2, length / 2
        if self.looks[node].get("shape") == "ellipse":
            half *= math.sqrt(max(1 - (2 * (across - self.across[node]) / width) ** 2, 0.0))
        return middle - half, middle + half

    def _path(self, line: Line, heights: Sequence[float]) -> str:
        """Return the path of an edge as a spline: straight lines, and arrows at their ends."""
        first, last = self.columns.column[line.tail], self.columns.column[line.head]
        points = [_Point(self._sides(line.tail, heights[0])[1], heights[0])]
        for column, across in enumerate(heights[1:-1], start=first + 1):
            points += [_Point(at, across) for at in self._outer(column)]
        begin, side = self.nodes_at[last][0], self._sides(line.head, heights[-1])[0]
        if side - begin > _CORNER:  # inside of its column, whose other nodes it passes level
            points.append(_Point(begin, heights[-1]))
        points.append(_Point(side, heights[-1]))
        arrow = _ARROW * float(self.common_to_edges["arrowsize"])
        written = f"e,{self._written(points[-1])} "
        if line.look.get("dir") == "both":
            written = f"s,{self._written(points[0])} {written}"
            points[0] = _towards(points[0], points[1], arrow)
        points[-1] = _towards(points[-1], points[-2], arrow)
        return written + " ".join(map(self._written, _spline(points)))

    def _corners(self, one: _Point, other: _Point) -> tuple[_Point, _Point]:
        """Return the corners at the bottom left and at the top right of a rectangle."""
        along, across = sorted((one.along, other.along)), sorted((one.across, other.across))
        if self.direction in ("RL", "TB"):
            along.reverse()
        if self.horizontal:
            across.reverse()
        return _Point(along[0], across[0]), _Point(along[1], across[1])

    def _to_the_right_and_up(self, point: _Point) -> tuple[float, float]:
        """Return the coordinates of a point as Graphviz has them."""
        forward = point.along if self.direction in ("LR", "BT") else -point.along
        return (forward, -point.across) if self.horizontal else (point.across, forward)

    def _written(self, *points: _Point) -> str:
        return ",".join(f"{x:.2f}" for point in points for x in self._to_the_right_and_up(point))


def _towards(one: _Point, other: _Point, distance: float) -> _Point:
    """Return the point so far from one point on the way to the other."""
    share = min(distance / (math.dist(one, other) or 1.0), 0.5)
    return _Point(*(a + (b - a) * share for a, b in zip(one, other, strict=True)))


def _spline(points: Sequence[_Point]) -> list[_Point]:
    """Return the control points of straight lines from point to point, with round corners."""
    spline = [points[0]]

    def add_line(end: _Point) -> None:
        start = spline[-1]
        spline.extend(
            (_towards(start, end, math.dist(start, end) / 3), _towards(end, start, math.dist(start, end) / 3), end)
        )

    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        add_line(_towards(corner, before, _CORNER))
        end = _towards(corner, after, _CORNER)
        spline.extend((corner, corner, end))
    add_line(points[-1])
    return spline


def _places(parts: Sequence[_Part], labels: Mapping[int, _Label], width: float) -> dict[int, _Point]:
    """Return places for labels beside their edges, on no edge and no other label; for some, if it is too narrow."""
    lines = [(part, *part.at(width)) for part in parts]
    free = {i: _free(label, lines, width) for i, label in labels.items()}
    order = sorted(labels, key=lambda i: len(free[i]))
    best: dict[int, _Point] = {}
    for _ in labels:  # a label that finds no place is first the next time
        places = dict[int, _Point]()
        for i in order:
            for point in free[i]:
                if not any(_overlap(point, labels[i], other, labels[k]) for k, other in places.items()):
                    places[i] = point
                    break
        if len(places) > len(best):
            best = places
        late = [i for i in order if i not in places]
        if not late or not all(free[i] for i in late) or order[: len(late)] == late:
            break
        order = late + [i for i in order if i in places]
    return best


def _free(label: _Label, lines: Sequence[tuple[_Part, _Point, _Point]], width: float) -> list[_Point]:
    """Return the places for a label that are on no edge, those first that are farther from other edges."""
    found = []
    points = list(_beside(label, width))
    reach = label.across + _CLEAR
    lowest, highest = min(at for _, at in points) - reach, max(at for _, at in points) + reach
    others = [
        (start, end)
        for part, start, end in lines
        if part != label.part and min(start.across, end.across) < highest and max(start.across, end.across) > lowest
    ]
    for point in points:
        near = False
        for start, end in others:
            distance = _distance(point, label, start, end)
            if distance < _AIR:
                break
            near = near or distance < _CLEAR
        else:
            found.append((near, point))
    return [point for _, point in sorted(found, key=lambda place: place[0])]


def _beside(label: _Label, width: float) -> Iterator[_Point]:
    """Yield places for a label, those in the middle first, on both sides of its edge."""
    start, end = label.part.at(width)
    slope = (end.across - start.across) / (end.along - start.along)
    away = label.across + abs(slope) * label.along + _AIR
    free = max(width / 2 - label.along - _BESIDE, 0.0)
    step = max(free / _STEPS, _STEP)
    for k in range(int(free / step + 0.01) + 1):
        for along in dict.fromkeys((width / 2 - k * step, width / 2 + k * step)):
            across = start.across + slope * (along - start.along)
            yield _Point(along, across - away)
            yield _Point(along, across + away)


def _distance(point: _Point, label: _Label, start: _Point, end: _Point) -> float:
    """Return how far a line is from a label at a point, measured across."""
    slope = (end.across - start.across) / (end.along - start.along)
    middle = start.across + slope * (point.along - start.along) - point.across
    return abs(middle) - abs(slope) * label.along - label.across


def _overlap(one: _Point, label: _Label, other: _Point, others: _Label) -> bool:
    return (
        abs(one.along - other.along) < label.along + others.along + _AIR
        and abs(one.across - other.across) < label.across + others.across + _AIR
    )

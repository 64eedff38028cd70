"""Lay out the boxes and arrows of a page: Graphviz places boxes of known sizes, without any text in them."""

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from autograd.views.render import MOST_RANKS_SPANNED, PATIENCE, Drawing, ranks_spanned

_PIXELS = 72.0  # to an inch, Graphviz's unit
_BOX = {"shape": "box", "fixedsize": "true", "label": ""}
_EDGE = {"arrowhead": "none", "fontname": "Courier", "fontsize": "11"}
_ROOM = "0.000000"  # for a number beside an edge


class Layout(NamedTuple):
    """Positions in pixels from the top left corner: centres of boxes; paths of edges, and centres of their numbers."""

    width: float
    height: float
    boxes: list[list[float]]
    edges: list[list[Any]]


def lay_out(boxes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int, bool]], direction: str) -> Layout:
    """Return the layout of boxes of these sizes (width, height in pixels), and of edges from box to box.

    Arguments:
        edges: tail, head, and True if the edge is labelled with a number; sorted by head.
        direction: "LR" (left to right) or "TB" (top to bottom).

    Raises:
        GraphvizNotFound: Graphviz is not installed.
    """
    spanned = ranks_spanned(len(boxes), [(tail, head) for tail, head, _ in edges])
    drawing = Drawing("layout", format="plain")
    drawing.graph_attr.update(
        PATIENCE, rankdir=direction, nodesep="0.22", ranksep="0.3" if direction == "LR" else "0.25"
    )
    drawing.node_attr.update(_BOX)
    drawing.edge_attr.update(_EDGE)
    for i, (width, height) in enumerate(boxes):
        drawing.node(f"n{i}", width=f"{width / _PIXELS:.4f}", height=f"{height / _PIXELS:.4f}")
    for tail, head, numbered in edges:
        drawing.edge(f"n{tail}", f"n{head}", label=_ROOM if numbered and spanned <= MOST_RANKS_SPANNED else None)
    return _from_plain(drawing.pipe(encoding="utf-8"), len(boxes), edges)


def _from_plain(plain: str, boxes: int, edges: Sequence[tuple[int, int, bool]]) -> Layout:
    """Read Graphviz's format `plain` (https://graphviz.org/docs/outputs/plain/): inches, from the bottom left corner.

    >>> plain = "graph 1 2 1\\nnode n0 0.5 0.5 1 1\\nedge n0 n0 1 0.5 1 0.000000 0.25 0.25 solid black\\nstop"
    >>> _from_plain(plain, 1, [(0, 0, True)])
    Layout(width=144.0, height=72.0, boxes=[[36.0, 36.0]], edges=[['M36 0', 18.0, 54.0]])
    """
    open_edges: dict[tuple[str, str], deque[int]] = defaultdict(deque)  # several may join the same two boxes
    for i, (tail, head, _) in enumerate(edges):
        open_edges[f"n{tail}", f"n{head}"].append(i)
    size, places, paths = [0.0, 0.0], [[0.0, 0.0] for _ in range(boxes)], [["", 0.0, 0.0] for _ in edges]

    def pixels(x: str, y: str) -> list[float]:
        return [round(float(x) * _PIXELS, 1), round(size[1] - float(y) * _PIXELS, 1)]

    for line in plain.splitlines():
        kind, *words = line.split()
        if kind == "graph":
            size = [float(word) * _PIXELS for word in words[1:3]]
        elif kind == "node":
            places[int(words[0][1:])] = pixels(words[1], words[2])
        elif kind == "edge":
            ends = 3 + 2 * int(words[2])
            points = [pixels(*words[i : i + 2]) for i in range(3, ends, 2)]
            written = [f"{x:g} {y:g}" for x, y in points]
            path = "M" + "C".join([written[0], " ".join(written[1:])] if written[1:] else written)
            number = pixels(*words[ends + 1 : ends + 3]) if words[ends] == _ROOM else points[len(points) // 2]
            paths[open_edges[words[0], words[1]].popleft()] = [path, *number]
    return Layout(round(size[0], 1), round(size[1], 1), places, paths)

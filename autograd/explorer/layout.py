"""Where the boxes and arrows of a page stand: Graphviz lays out boxes of known sizes, without a word in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from autograd.drawing import Drawing

_PIXELS = 72.0  # to an inch, Graphviz's unit
_FLAT = {"shape": "box", "fixedsize": "true", "label": ""}


class Layout(NamedTuple):
    """Places in pixels, from the top left corner: boxes by their centre, edges by path and place of the label."""

    width: float
    height: float
    boxes: list[list[float]]
    edges: list[list[Any]]


def lay_out(boxes: Sequence[tuple[float, float]], edges: Iterable[tuple[int, int, bool]], direction: str) -> Layout:
    """Return the layout of boxes of these sizes (width, height in pixels), and of edges from box to box.

    Arguments:
        edges: where from, where to, and whether the edge carries a number.
        direction: "LR" (left to right) or "TB" (top to bottom).

    Raises:
        GraphvizNotFound: there is no Graphviz.
    """
    edges = list(edges)
    drawing = Drawing("layout", format="plain")
    drawing.graph_attr.update(rankdir=direction, nodesep="0.22", ranksep="0.3" if direction == "LR" else "0.25")
    drawing.node_attr.update(_FLAT)
    drawing.edge_attr.update(arrowhead="none", fontname="Courier", fontsize="11")
    for i, (width, height) in enumerate(boxes):
        drawing.node(f"n{i}", width=f"{width / _PIXELS:.4f}", height=f"{height / _PIXELS:.4f}")
    for i, (tail, head, numbered) in enumerate(edges):
        # The label holds the place of the number, and tells which edge it is: several may join the same two boxes.
        drawing.edge(f"n{tail}", f"n{head}", label=f"e{i:06}" if numbered else None)
    return _read(drawing.pipe(encoding="utf-8"), len(boxes), edges)


def _read(plain: str, boxes: int, edges: Sequence[tuple[int, int, bool]]) -> Layout:
    """Read Graphviz's format `plain` (https://graphviz.org/docs/outputs/plain/): inches, from the bottom left corner.

    >>> _read("graph 1 2 1\\nnode n0 0.5 0.5 1 1 more\\nedge n0 n0 1 0.5 1 e000000 0.25 0.25 solid black\\nstop", 1, [(0, 0, True)])
    Layout(width=144.0, height=72.0, boxes=[[36.0, 36.0]], edges=[['M36 0', 18.0, 54.0]])
    """  # noqa: E501
    without_number = {(f"n{tail}", f"n{head}"): i for i, (tail, head, numbered) in enumerate(edges) if not numbered}
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
            points = [f"{x:g} {y:g}" for x, y in (pixels(*words[i : i + 2]) for i in range(3, ends, 2))]
            path = "M" + "C".join([points[0], " ".join(points[1:])] if points[1:] else points)
            if (words[0], words[1]) in without_number:  # a constant's only edge
                paths[without_number[words[0], words[1]]] = [path, 0.0, 0.0]
            else:
                paths[int(words[ends][1:])] = [path, *pixels(*words[ends + 1 : ends + 3])]
    return Layout(round(size[0], 1), round(size[1], 1), places, paths)

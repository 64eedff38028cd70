"""The legend of a drawing: what its shapes, colours and lines mean, for those that are in it."""

import html
from collections.abc import Iterable, Sequence

from autograd.views.draw.style import Attributes, Style

_SWATCH, _HEIGHT, _GAP = 28, 16, 10  # points
_ENTRIES_IN_A_ROW = {"LR": 4, "RL": 4, "TB": 2, "BT": 2}

# In the order of the legend: kinds of nodes, then of lines (of edges, and of outlines) and texts, with what they mean.
_BOXES = ("leaf", "result", "output", "neuron", "layer", "operation")
_LINES = {
    "positive": "positive gradient",
    "negative": "negative gradient",
    "neither": "gradient 0",
    "mixed": "gradients of both signs",
    "constant line": "constant: no gradient",
    "stopped": "no gradient passes",
    "parameters": "parameters",
}
_TEXTS = {
    "data": "data: value",
    "grad": "grad: gradient of the output",
    "faux": "faux: the same by nudging",
    "local": "on an edge: local gradient",
    "weight·input": "into a neuron: weight·input, thick where large",
    "weight": "into a neuron: weight, thick where weight·input is large",
    "thickness": "into a neuron: thick where weight·input is large",
    "copies": "× 20: one for 20 that are alike",
    "earlier": "{outline} box: from an earlier step",
    "order": "1., 2., …: visits of backward()",
}


def legend(style: Style, seen: Iterable[str], captions: Sequence[str]) -> str:
    """Return a legend as the label of a graph, in Graphviz's own language like HTML.

    Arguments:
        style: the look of the drawing.
        seen: the kinds that are in the drawing, keys of the dictionaries above.
        captions: lines to write below it. They must not be a user's: nothing that is like HTML is made of these.
    """
    there = set(seen)
    entries = [_box(style, kind) + _text(kind) for kind in _BOXES if kind in there]
    entries += [_line(style, kind) + _text(text) for kind, text in _LINES.items() if kind in there]
    texts = [text.format(outline=style.outline_of_earlier) for kind, text in _TEXTS.items() if kind in there]
    entries += [_text(text, COLSPAN="2") for text in texts]
    n, gap = _ENTRIES_IN_A_ROW[style.direction], _table(_GAP, 1, {})
    rows = [gap.join(entries[i : i + n]) for i in range(0, len(entries), n)]
    rows += [_text(line, align="CENTER", COLSPAN=str(3 * n - 1)) for line in captions]
    body = "".join(f"<TR>{row}</TR>" for row in rows)
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3">{body}</TABLE>>'


def _text(line: str, align: str = "LEFT", **look: str) -> str:
    return _cell(html.escape(line), align, **look)


def _box(style: Style, kind: str) -> str:
    if kind == "operation":
        look, size = style.operation(), _HEIGHT
    else:
        look, size = style.box("neuron" if kind == "layer" else kind), _SWATCH
    drawn = {"COLOR": look["color"], "BGCOLOR": look["fillcolor"]}
    if "rounded" in look["style"] or kind == "operation":
        drawn["STYLE"] = "ROUNDED"
    if look.get("peripheries") == "2":
        return _table(size, _HEIGHT, {"BORDER": "1", "CELLBORDER": "1", "CELLSPACING": "2", **drawn}, around=3)
    return _table(size, _HEIGHT, {"BORDER": "2", **drawn}, around=2)


def _line(style: Style, kind: str) -> str:
    look = {
        "positive": style.line(1.0),
        "negative": style.line(-1.0),
        "neither": style.line(0.0),
        "mixed": style.line(),
        "constant line": style.constant_line(),
        "stopped": style.stopped_line(),
        "parameters": style.bundle_line(are_parameters=True),
    }[kind]
    cell = {"BORDER": "2", "SIDES": "B", "COLOR": look["color"]}  # the lower side is the line
    if "style" in look:
        cell["STYLE"] = look["style"].upper()
    return _table(_SWATCH, _HEIGHT // 2, {}, cell)


def _table(width: int, height: int, table: Attributes, cell: Attributes | None = None, *, around: int = 0) -> str:
    """Return a cell with a table of one empty cell, which without a fixed size would be as wide as its column.

    Arguments:
        width, height: in points.
        table, cell: attributes.
        around: the width of the lines around the cell, and of the space between them.
    """
    inside = {"WIDTH": str(width - 2 * around), "HEIGHT": str(height - 2 * around), **(cell or {})}
    fixed = {"FIXEDSIZE": "TRUE", "WIDTH": str(width), "HEIGHT": str(height)}
    looks = {"BORDER": "0", "CELLBORDER": "0", "CELLSPACING": "0", "CELLPADDING": "0", **fixed, **table}
    return _cell(f"<TABLE{_attributes(looks)}><TR>{_cell('', **inside)}</TR></TABLE>")


def _cell(content: str, align: str = "CENTER", **look: str) -> str:
    return f"<TD{_attributes({'ALIGN': align, **look})}>{content}</TD>"


def _attributes(look: Attributes) -> str:
    return "".join(f' {name}="{value}"' for name, value in look.items())

"""Draw a graph with Graphviz: `draw(output)`.

At full detail there is one node for each Value, one small node for each use of a constant, and one edge for each
operand, with the local gradient on it. A network is drawn more coarsely: a box for a neuron, or for a whole layer. The
picture runs from the leaves on the left to the output on the right.

`draw` chooses the finest detail that is still readable, and refuses a graph that is too large at any. `plan.py` decides
which Values share a box and which edges join the boxes, `folding` draws once what is alike, `style.py` says how each
kind looks, and `dot.py` writes that as DOT.
"""

import difflib
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from autograd.engine import Value
from autograd.names import Names, names_of
from autograd.staleness import OUT_OF_DATE, warn_if_stale
from autograd.text import quoted, visible
from autograd.views.draw.dot import Pen
from autograd.views.draw.folding import USUAL_NODES, fold
from autograd.views.draw.legibility import arrange, direction_of
from autograd.views.draw.plan import Plan
from autograd.views.draw.style import FONT_SIZE, Style, check_choice
from autograd.views.limits import Size, graph_to_show, largest_size, size_of, too_large
from autograd.views.network import FoundLayer, find_layers
from autograd.views.render import FONT, Drawing

__all__ = ["Drawing", "draw"]

_DETAILS = ("auto", "value", "neuron", "layer")
_MOST_VALUES, _MOST_NEURONS = 60, 100  # that "auto" draws one by one
_MOST_IN_A_COLUMN = 32  # neurons of a layer, or its inputs: more would be a strip that nobody sees whole
_MOST_FOLDED = 20_000  # nodes that may become few when what is alike is folded; that takes about two seconds


def draw(
    output: Value,
    *,
    detail: str = "auto",
    expand: Iterable[str] = (),
    max_nodes: int = USUAL_NODES,
    names: Names | None = None,
    local: bool = True,
    faux: bool = False,
    show: str | Iterable[str] | None = "auto",
    digits: int | None = None,
    ops: bool = False,
    order: bool = False,
    legend: bool = False,
    caption: bool | str = True,
    theme: str = "auto",
    colours: Mapping[str, str] | None = None,
    font: str = FONT,
    font_size: float = FONT_SIZE,
    direction: str = "auto",
) -> Drawing:
    r"""Return a drawing of the graph of `output`.

    Every Value shows its name, its formula, its number and its gradient. Every edge shows the local gradient: how fast
    the result at its head changes with the operand at its tail. Constants have no gradient, so the edges from them are
    dotted and bare. A Value without a label has the name of the variable that it is bound to where `draw` is called, or
    v1, v2, ... by its place in the order of creation.

    What is alike is drawn once, with the range of its numbers: the samples of a batch, the steps of a recurrent unit,
    the terms of a long sum, and that sum. A long chain of other operations is cut in the middle.

    Leaves are grey boxes, results white ones with round corners, and the output is a yellow box with a double outline.
    Positive gradients are blue, negative ones orange, zeros grey. In SVG, hovering over a node or an edge shows its
    numbers with all digits.

    Arguments:
        output: the Value to draw, usually the loss. Call `output.backward()` first to see gradients.
        detail: `"value"` draws every Value. `"neuron"` draws a neuron as one box in the frame of its layer, with
            weight·input on the edges that enter it (with many edges, in their tooltips; a thicker edge is a larger
            product), and the layers in columns. `"layer"` draws a layer as one box. `"auto"` is the first of these with
            up to 60 nodes in which no neuron is used twice, or with 100 neurons and 32 in a layer. Neurons are found in
            Modules, yours too, where a sum has one parameter in each product and perhaps one more, the bias; and by
            labels of parameters, such as `layer1.neuron3.weight2` and `layer1.neuron3.bias`. Where none is found, every
            Value is drawn, and the caption says so. What is computed from parameters alone, such as the sum of their
            squares, is one box too.
        expand: names of neurons or layers to open in a drawing that is not at full detail, as in
            `expand=["layer1.neuron3"]`.
        max_nodes: the largest number of nodes to draw, constants included; with more than 200, more are drawn one by
            one.
        names: names to use before labels and variables, as in `names={"loss": y}` or `names=locals()`; `names={}` uses
            labels only.
        local: whether the edges show local gradients.
        faux: whether the nodes show faux gradients too: how fast the output moves when each number changes by 0.0001.
        show: what boxes and edges say besides names, one or several of `"values"`, `"gradients"`, `"local gradients"`,
            `"formulas"` and `"faux gradients"`, or `"none"`. By default the first four.
        digits: how many significant digits the numbers have; by default as in every view.
        ops: whether operations are circles between the boxes, as in micrograd's lecture; their boxes then have
            formulas only where `show` says so. A box for several operations stays one.
        order: whether nodes are numbered in the order in which `backward()` visits them.
        legend: whether to explain the shapes, colours and lines below the drawing.
        caption: a text below the drawing, in place of the notes there; False for none.
        theme: `"light"`, `"dark"`, `"print"`, in which negative numbers are dashed lines, so that they are told apart
            in grey too, or `"auto"`: in a notebook the notebook's, in SVG the reader's own, else light.
        colours: other colours, such as `{"positive": "teal", "negative": "#c05000"}`. The uses are `"positive"`,
            `"negative"` and `"neither"` (gradients), `"frame"` (around a layer), and those with text on them:
            `"paper"`, `"ink"` and `"faint"` (text), `"leaf"`, `"result"`, `"output"`, `"neuron"`, `"layer"`. Another
            colour for one of the latter makes the theme `"light"` in place of `"auto"`.
        font: its name. Where Graphviz has no such font, rendering gives a warning.
        font_size: in points, of the text in boxes.
        direction: where the picture runs: `"LR"` to the right, `"RL"` to the left, `"TB"` down or `"BT"` up. `"auto"`
            is to the right, or down where more than 24 nodes follow one another, which would be 5,000 points wide.

    Raises:
        TypeError: `output` is not a Value, or another argument has a wrong type.
        ValueError: the drawing would have more than `max_nodes` nodes, or ten times as many edges, or edges in a
            tangle, or more than 60 of them follow one another; or one of the arguments is unknown.

    A notebook shows the drawing. `.view()` opens it, `.render("graph.svg")` writes it (or .png, .pdf), and `.source` is
    its DOT text, for which no Graphviz is needed. `.render("graph.pdf", width_cm=8.4)` is exactly that wide.

    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> y = x * x
    >>> y.backward()
    >>> print(draw(y).source)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    digraph "computation graph" {
        ...
        v1 [label="x\ldata 3\lgrad 6\l" ... tooltip="x\ndata 3.0\ngrad 6.0"]
        v2 [label="y = x * x\ldata 9\lgrad 1\l" ... tooltip="y = x * x\noperation mul\ndata 9.0\ngrad 1.0"]
        v1 -> v2 [label=" 3 " color="#67a9cf" tooltip="d y / d x = 3.0"]
        v1 -> v2 [label=" 3 " color="#67a9cf" tooltip="d y / d x = 3.0"]
    }
    """
    values = graph_to_show(output, "draw(loss)")
    check_choice("detail", detail, _DETAILS)
    opened, max_nodes = _names_to_expand(expand), largest_size(max_nodes)
    style = Style(
        theme=theme,
        direction=direction,
        show=show,
        local=local,
        faux=faux,
        digits=digits,
        caption=caption,
        font=font,
        font_size=font_size,
        colours=colours,
        order=order,
        ops=ops,
        legend=legend,
    )
    layers = find_layers(values, variables=names is None)
    shown = names_of(values, names, repeat_labels=True)  # the edges tell nodes of the same name apart
    named = {v for i, v in enumerate(values, start=1) if shown[v].partition("#")[0] != f"v{i}"}
    plan = _choose_plan(values, layers, detail, opened, max_nodes=max_nodes, named=named, ops=ops)
    if direction == "auto":
        style.direction = direction_of(plan)
    warning = OUT_OF_DATE if warn_if_stale(values) else None
    return Pen(plan, output, shown, style, warning).drawing()


def _choose_plan(
    values: Sequence[Value],
    layers: Sequence[FoundLayer],
    detail: str,
    expand: Sequence[str],
    *,
    max_nodes: int,
    named: Container[Value],
    ops: bool,
) -> Plan:
    """Return the plan at this detail; for "auto", at the finest that is readable.

    Raises:
        ValueError: the drawing is too large, or a name in `expand` is unknown.
    """
    _check_expand(expand, layers)
    details = [detail] if detail != "auto" else _readable(values, layers, expand)
    for tried in details:
        plan = Plan(values, layers, tried, expand, named)
        fault = _join_and_fold(plan, max_nodes, ops=ops)
        if not fault:
            return plan
        if detail == "auto" and tried == "value" and layers and plan.size.fits(max_nodes):
            details += ["neuron", "layer"]  # it has few nodes, and long edges
    raise _unreadable(plan, fault, layers, expand, max_nodes)


def _join_and_fold(plan: Plan, max_nodes: int, *, ops: bool = False) -> str:
    """Make a plan ready to be drawn, and return what makes its drawing unreadable, if anything does."""
    size = plan.join(max(_MOST_FOLDED, max_nodes))
    if plan.nodes:
        fold(plan, max_nodes)
        plan.name_uses()
        if ops and plan.size.fits(max_nodes):
            plan.set_operations_apart()
        size = plan.size
        tangle = arrange(plan, max(1.0, max_nodes / USUAL_NODES)) if size.fits(max_nodes) else ""
        if tangle:
            return f"{size}, and {tangle}"
    if size.nodes > max_nodes:
        return str(Size(size.nodes, 0))
    return "" if size.fits(max_nodes) else str(size)


def _readable(values: Sequence[Value], layers: Sequence[FoundLayer], expand: Sequence[str]) -> list[str]:
    """Return the details for "auto" to try: every Value of a small graph.

    But neurons where one is to be opened, or is used again: edges of its weights would wind round those of each use.
    """
    uses = Counter(neuron.identity for layer in layers for neuron in layer.neurons)
    is_small = size_of(values, _MOST_VALUES, constants=True).nodes <= _MOST_VALUES
    if not layers or (is_small and not expand and max(uses.values()) == 1):
        return ["value"]
    highest = max(max(len(layer.neurons), len(layer.neurons[0].terms)) for layer in layers)
    return ["neuron", "layer"] if len(uses) <= _MOST_NEURONS and highest <= _MOST_IN_A_COLUMN else ["layer"]


def _names_to_expand(expand: Any) -> list[str]:
    if isinstance(expand, str):
        return [expand]
    if not isinstance(expand, Iterable):
        raise TypeError(f"expand takes names such as expand=['layer1.neuron3'], got {quoted(expand)}")
    return list(expand)


def _check_expand(expand: Sequence[str], layers: Sequence[FoundLayer]) -> None:
    known = dict.fromkeys(name for layer in layers for name in (layer.name, *(n.name for n in layer.neurons)))
    for name in expand:
        if name not in known:
            close = map(visible, difflib.get_close_matches(str(name), known, n=3, cutoff=0.5) or list(known)[:3])
            there = (
                f"there is {', '.join(close)}, ..."
                if known
                else "none is found; in Modules they are, and by labels such as weight1 and bias"
            )
            raise ValueError(f"expand: no neuron or layer '{visible(str(name))}' in this graph: {there}")


def _unreadable(
    plan: Plan, fault: str, layers: Sequence[FoundLayer], expand: Sequence[str], max_nodes: int
) -> ValueError:
    """Return the error that says how large the drawing would be, and which arguments to try."""
    # Not beside the number of Values: a drawing has constants, too, and so may have more nodes at the coarsest detail.
    found = "the graph has " if plan.detail == "value" else f"the drawing at detail={plan.detail!r} has "
    coarser = _DETAILS[_DETAILS.index(plan.detail) + 1 :] if layers else ()
    others = [Plan(plan.values, layers, detail, (), plan.named) for detail in coarser]
    advice = [
        f"pass detail={other.detail!r}, which has {other.size.nodes:,} nodes"
        for other in others
        if not _join_and_fold(other, max_nodes)
    ]
    if expand:
        advice.append("expand less")
    advice.append("draw an intermediate value, as in draw(hidden), or the graph of a single sample")
    return too_large(f"{found}{fault}", "for a readable picture", max_nodes, advice)

"""The graph in Graphviz: `draw(output)`.

At full detail there is one node for each Value, one small node for each use of a constant, one edge for each place of
an operand, with the local gradient on it. A network is drawn coarser: a box for a neuron, or for a whole layer. The
picture runs from the leaves on the left to the output on the right.

Three steps, from the top: `draw` finds what there is to draw and chooses the detail; a `_Plan` says which Values stand
in which box and which boxes are joined, and can be counted before any text is made; a `_Pen` writes it down as DOT.
Nodes are named by counters; the text of users goes through `rendering.label_of` and `tooltip_of`.
"""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from operator import itemgetter
from typing import NamedTuple, cast

import graphviz

from autograd.check import faux_gradient
from autograd.engine import Value, graph_of, local_gradients
from autograd.ops import Op
from autograd.views.gradients import missing_gradients as without_gradients
from autograd.views.names import Names, names_of
from autograd.views.network import Layer, Neuron, find_layers
from autograd.views.render import (
    BOTH_THEMES,
    MOST_STAGES,
    PATIENCE,
    THEMES,
    Drawing,
    label_of,
    palette,
    stages_of,
    tooltip_of,
)

__all__ = ["Drawing", "draw"]

DETAILS = ("auto", "value", "neuron", "layer")
_ENDS = {"LR": "ew", "RL": "we", "TB": "sn", "BT": "ns"}  # where an edge leaves a box, and enters one
_MOST_VALUES, _MOST_NEURONS = 60, 100  # that "auto" draws one by one
_EDGES_PER_NODE = 10  # with more of them the picture is a smear however few its nodes are
_LABELLED_EDGES = 40  # into neurons; with more of them, their numbers are in the tooltips
_FEW = 8  # inputs of a layer that are drawn one by one at the detail "layer"
_LONGEST_FORMULA = 64  # characters; in place of a longer one, such as a dot of many, stands the operation's sign
_LONGEST_TOOLTIP = 400

# One font, whose widths all layout engines agree on. Shape and fill tell leaves, results, neurons and the output apart;
# the outline tells the sign of a gradient, and so does the minus sign.
_FONT = "Courier"
_LOOKS = {
    "leaf": {"shape": "box", "style": "filled"},
    "result": {"shape": "box", "style": "rounded,filled"},
    "output": {"shape": "box", "style": "filled", "peripheries": "2"},
    "neuron": {"shape": "box", "style": "rounded,filled"},
}
_CONSTANT = {"shape": "plaintext", "fontsize": "11", "margin": "0.03"}
_DENSE_WIDTH = "2.05"  # inches: boxes of one width for lines of one width
_ROOMY = {"nodesep": "0.25", "ranksep": "0.35"}
_DENSE = {"nodesep": "0.1", "ranksep": "1.2", "splines": "line", "newrank": "true"}
_QUICK = 60  # edges; with up to so many Graphviz may look for the best layout
_IN_ORDER = "0.01"  # mclimit: neurons stand in their order; dot would look long for a better one, which is not there


def draw(
    output: Value,
    *,
    detail: str = "auto",
    expand: Iterable[str] = (),
    max_nodes: int = 200,
    names: Names | None = None,
    local: bool = True,
    faux: bool = False,
    theme: str = "auto",
    direction: str = "LR",
) -> Drawing:
    r"""Return a drawing of the graph that `output` was made from.

    Every Value shows its name, its formula, its number and its gradient. Every edge shows the local gradient: how fast
    the result at its head changes with the operand at its tail. Constants get no gradient, so the edges from them are
    dotted and bare. A Value without a label has the name of the variable that it is bound to where `draw` is called, or
    v1, v2, ... by its place in the order of creation.

    Leaves are grey boxes, results white ones with round corners, the output is a yellow box with a double outline. Blue
    stands for a positive gradient, orange for a negative one, grey for zero. In SVG, pointing at a node or an edge
    shows its numbers with all their digits.

    Arguments:
        output: the Value to draw, usually the loss. Call `output.backward()` first to see gradients.
        detail: `"value"`: every Value. `"neuron"`: a neuron is one box with weight·input on the edges to it (where
            there are many edges, in their tooltips: the thicker, the larger), and its layer is a frame. `"layer"`: a
            layer is one box. `"auto"`: the first of them with up to 60 nodes, or 100 neurons. Neurons are found by the
            labels of their parameters, such as `layer1.neuron3.weight2` and `layer1.neuron3.bias`; what is made of
            parameters alone, such as the sum of their squares, is one box too.
        expand: names of neurons, or layers, to open in a drawing that is not at full detail, as in
            `expand=["layer1.neuron3"]`.
        max_nodes: the largest number of nodes, constants included, that is still drawn.
        names: names to use before labels and variables, as in `names={"loss": y}` or `names=locals()`; `names={}` for
            none but the labels.
        local: whether the edges show local gradients.
        faux: whether the nodes show faux gradients too: what nudging each number by 0.0001 does to the output.
        theme: `"light"`, `"dark"`, or `"auto"`: in SVG the reader's own, else light.
        direction: where the picture runs: `"LR"` to the right, `"RL"`, `"TB"` down or `"BT"`.

    Raises:
        TypeError: `output` is no Value.
        ValueError: the drawing would have more than `max_nodes` nodes, or more than ten times as many edges; or one of
            the arguments is unknown.

    A notebook shows the drawing by itself. `.view()` opens it, `.render("graph.svg")` writes it (or .png, .pdf), and
    `.source` is its DOT text, for which no Graphviz is needed:

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
    if not isinstance(output, Value):
        raise TypeError(f"draw() takes a Value, got {type(output).__name__}: pass a Value, as in draw(loss)")
    for argument, given, known in (
        ("detail", detail, DETAILS),
        ("theme", theme, THEMES),
        ("direction", direction, _ENDS),
    ):
        if given not in known:
            raise ValueError(f"{argument} is one of {', '.join(map(repr, known))}, got {given!r}")
    values = graph_of(output)
    plan = _choose(values, detail, [expand] if isinstance(expand, str) else list(expand), max_nodes)
    called = names_of(values, names, repeat_labels=True)  # the edges tell nodes of the same name apart
    return _Pen(plan, output, called, palette(theme), local=local, faux=faux).drawing(theme, direction)


# What stands where ---------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Frame:
    """A line around a layer's neurons, or around the Values of an open neuron."""

    title: str
    parent: _Frame | None = None


@dataclass(eq=False)
class _Box:
    """One box for several Values: a neuron, a layer, the inputs of a layer, or what is made of parameters alone."""

    kind: str  # "neuron", "layer", "inputs" or "penalty"
    title: str
    frame: _Frame | None = None
    neurons: Sequence[Neuron] = ()
    inputs: Sequence[Value] = ()
    penalty: Sequence[Value] = ()  # its last one is the result

    @property
    def outputs(self) -> Sequence[Value]:
        return [neuron.output for neuron in self.neurons] or self.inputs or self.penalty[-1:]


@dataclass(eq=False)
class _Constant:
    """A small node for a number without a gradient, or for a layer's many."""

    numbers: Sequence[float]


_Node = Value | _Box | _Constant


class _Edge(NamedTuple):
    """What goes from one node to another: an operand, a weighted input, or several Values at once."""

    tail: _Node
    head: _Node
    kind: str  # "operand", "constant", "weighted", "bundle" or "parameters"
    place: int = 0  # of the operand, or of the input
    carried: Sequence[Value] = ()  # by a bundle, or the parameters


class _Plan:
    """Which Values stand in which box, and what joins the boxes, for one choice of the detail."""

    def __init__(self, values: Sequence[Value], layers: Sequence[Layer], detail: str, opened: Sequence[str]) -> None:
        self.detail, self.values = detail, values
        self.boxes: list[_Box] = []
        self.home: dict[Value, _Box] = {}
        self.parameters: set[Value] = set()  # among those at home in a box
        self.frames: dict[Value, _Frame] = {}
        self.constants: list[_Constant] = []
        self.edges: list[_Edge] = []
        if detail != "value":
            times = Counter(layer.name for layer in layers)  # once for each sample
            nth: Counter[str] = Counter()
            for layer in layers:
                nth[layer.name] += 1
                several = f" ({nth[layer.name]} of {times[layer.name]})" if times[layer.name] > 1 else ""
                self._place(layer, several, set(opened))
            self._gather_penalty({p for layer in layers for neuron in layer.neurons for p in neuron.parameters})
        self.shown = [v for v in values if v not in self.home]

    def join(self, max_nodes: int) -> tuple[int, int]:
        """Find what joins the boxes; return the number of nodes, and of edges.

        With more Values and boxes than `max_nodes` there is reason enough to look no further, at a million constants.
        """
        if len(self.shown) + len(self.boxes) > max_nodes:
            return len(self.shown) + len(self.boxes), 0
        if not self.boxes:
            constants = sum(not isinstance(x, Value) for v in self.shown for x in v.args)
            size = len(self.shown) + constants, sum(len(v.args) for v in self.shown)
            if not _fits(size, max_nodes):
                return size
        self._join()
        return len(self.shown) + len(self.boxes) + len(self.constants), len(self.edges)

    def _place(self, layer: Layer, several: str, opened: set[str]) -> None:
        """Give a layer's neurons their boxes, or the frames around what is open."""
        alone = layer.name == layer.neurons[0].name  # a neuron in no layer
        as_one = self.detail == "layer" and layer.name not in opened and not alone
        all_open = self.detail == "neuron" and layer.name in opened
        closed = [] if all_open else [neuron for neuron in layer.neurons if neuron.name not in opened]
        whole = as_one and len(closed) == len(layer.neurons)
        frame = None if alone or whole else _Frame(layer.name + several)
        if as_one and closed:
            rest = "" if whole else f": {len(closed)} more"
            self._add(_Box("layer", f"{layer.name}{several}{rest}", frame, closed))
        for neuron in layer.neurons:
            title = neuron.name + several if frame is None else neuron.name.rpartition(".")[2]
            if neuron not in closed:
                around = _Frame(title, frame)
                for v in [*neuron.parameters, *neuron.nodes]:
                    self.frames.setdefault(v, around)
            elif not as_one:
                self._add(_Box("neuron", title, frame, [neuron]))

    def _add(self, box: _Box) -> None:
        self.boxes.append(box)
        for neuron in box.neurons:
            self.home.update(dict.fromkeys(neuron.nodes, box))
            for v in neuron.parameters:  # of a neuron at work on several samples, at home with the first
                self.home.setdefault(v, box)
                self.parameters.add(v)

    def _gather_penalty(self, parameters: set[Value]) -> None:
        """Give one box to what is made of parameters alone, such as the sum of their squares."""
        made: dict[Value, None] = {}
        results = set[Value]()
        for v in self.values:
            operands = [x for x in v.args if isinstance(x, Value)]
            if operands and v not in self.home and all(x in made or x in parameters for x in operands):
                made[v] = None
            else:
                results.update(x for x in operands if x in made)
        if len(made) > _FEW and len(results) == 1:
            box = _Box("penalty", "", penalty=list(made))
            self.boxes.append(box)
            self.home.update(dict.fromkeys(made, box))

    def _join(self) -> None:
        inputs = {box: [x for _, x in box.neurons[0].terms] for box in self.boxes if box.neurons}
        uses = Counter(x for v in self.shown for x in set(v.args) if isinstance(x, Value))
        uses.update(x for xs in inputs.values() for x in set(xs) if isinstance(x, Value))
        for v in self.shown:
            self._join_operands(v)
        shared: dict[object, _Constant] = {}  # a layer's neurons have the same inputs, so one node for each constant
        for box, xs in inputs.items():
            if box.kind == "layer":
                own = [x for x in xs if isinstance(x, Value) and x.op is None and uses[x] == 1 and x not in self.home]
                self._join_layer(box, xs, list(dict.fromkeys(own)))
                continue
            for place, x in enumerate(xs):
                if isinstance(x, Value):
                    self._edge(x, box, "weighted", place)
                else:
                    key = (box.frame or box, place, repr(x))
                    shared[key] = shared.get(key) or self._constant([x])
                    self._edge(shared[key], box, "weighted", place)
        for box in self.boxes:
            if box.penalty:
                self._join_penalty(box)

    def _join_operands(self, v: Value) -> None:
        bundles: dict[tuple[_Box, bool], list[int]] = {}
        for place, x in enumerate(v.args):
            if not isinstance(x, Value):
                self._edge(self._constant([x]), v, "constant", place)
            elif x not in self.home or (self.home[x].kind in ("neuron", "penalty") and x not in self.parameters):
                self._edge(x, v, "operand", place)
            else:
                bundles.setdefault((self.home[x], x in self.parameters), []).append(place)
        for (box, are_parameters), places in bundles.items():
            carried = list(dict.fromkeys(cast(Value, v.args[place]) for place in places))
            if are_parameters:
                self._edge(box, v, "parameters", 0, carried)
            elif len(carried) > 1:
                self._edge(box, v, "bundle", 0, carried)
            else:
                self._edge(box, v, "operand", places[0])

    def _join_penalty(self, box: _Box) -> None:
        parameters: dict[_Node, dict[Value, None]] = {}
        for v in box.penalty:
            for x in v.args:
                if isinstance(x, Value) and self.home.get(x) is not box:
                    parameters.setdefault(self.home.get(x, x), {})[x] = None
        box.inputs = [x for carried in parameters.values() for x in carried]
        for tail, carried in parameters.items():
            crowded = isinstance(tail, _Box) and tail.kind == "neuron"  # edges from all neurons would hide the others
            if not crowded:
                self._edge(tail, box, "parameters", 0, list(carried))

    def _join_layer(self, box: _Box, xs: Sequence[Value | float], own: Sequence[Value]) -> None:
        """Join a layer with its inputs: those from one box are one edge, and so are many leaves, or constants."""
        if len(own) > _FEW:
            leaves = _Box("inputs", f"{len(own)} inputs", inputs=own)
            self.boxes.append(leaves)
            self.home.update(dict.fromkeys(own, leaves))
            self.shown = [v for v in self.shown if v not in self.home]
        bundles: dict[_Node, list[Value]] = {}
        numbers = []
        for x in xs:
            if isinstance(x, Value):
                bundles.setdefault(self.home.get(x, x), []).append(x)
            else:
                numbers.append(x)
        for tail, carried in bundles.items():
            self._edge(tail, box, "bundle", 0, carried)
        for some in [numbers] if len(numbers) > _FEW else [[x] for x in numbers]:
            self._edge(self._constant(some), box, "constant")

    def _constant(self, numbers: Sequence[float]) -> _Constant:
        self.constants.append(_Constant(numbers))
        return self.constants[-1]

    def _edge(self, tail: _Node, head: _Node, kind: str, place: int = 0, carried: Sequence[Value] = ()) -> None:
        self.edges.append(
            _Edge(self.home.get(tail, tail) if isinstance(tail, Value) else tail, head, kind, place, carried)
        )


def _choose(values: Sequence[Value], detail: str, expand: Sequence[str], max_nodes: int) -> _Plan:
    """Return the plan at this detail, for "auto" at the finest that is readable; refuse what is too large."""
    layers = find_layers(values) if detail != "value" or expand else []
    _check_expand(expand, layers)
    for tried in [detail] if detail != "auto" else _readable(values, layers, expand):
        plan = _Plan(values, layers, tried, expand)
        size = plan.join(max_nodes)
        if _fits(size, max_nodes):
            return plan
    raise ValueError(_refusal(plan, layers or find_layers(values), expand, size, max_nodes))


def _readable(values: Sequence[Value], layers: Sequence[Layer], expand: Sequence[str]) -> list[str]:
    """The details that "auto" tries: all Values of a small graph, unless a neuron is to be opened among closed ones."""
    constants = sum(not isinstance(x, Value) for v in values for x in v.args) if len(values) <= _MOST_VALUES else 0
    if not layers or (len(values) + constants <= _MOST_VALUES and not expand):
        return ["value"]
    return ["neuron", "layer"] if sum(len(layer.neurons) for layer in layers) <= _MOST_NEURONS else ["layer"]


def _fits(size: tuple[int, int], max_nodes: int) -> bool:
    nodes, edges = size
    return nodes <= max_nodes and edges <= max_nodes * _EDGES_PER_NODE


def _check_expand(expand: Sequence[str], layers: Sequence[Layer]) -> None:
    known = dict.fromkeys(name for layer in layers for name in (layer.name, *(n.name for n in layer.neurons)))
    for name in expand:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5) or list(known)[:3]
            there = f"there is {', '.join(close)}, ..." if known else "no parameter has a label such as weight1"
            raise ValueError(f"expand: no neuron or layer {name!r} in this graph: {there}")


def _refusal(plan: _Plan, layers: Sequence[Layer], expand: Sequence[str], size: tuple[int, int], max_nodes: int) -> str:
    """Say how large the drawing would be, and which arguments to try."""
    nodes, edges = size
    found = f"{nodes:,} nodes" + (f" and {edges:,} edges" if edges else "")
    if plan.detail != "value":
        found = f"{len(plan.values):,} nodes, and its drawing at detail={plan.detail!r} {found}"
    advice = []
    for coarser in DETAILS[DETAILS.index(plan.detail) + 1 :] if layers else ():
        fewer = _Plan(plan.values, layers, coarser, ()).join(max_nodes)
        if _fits(fewer, max_nodes):
            advice.append(f"pass detail={coarser!r}, which has {fewer[0]:,} nodes")
    if expand:
        advice.append("expand less")
    advice.append("draw an intermediate value of it, as in draw(hidden), or a smaller example, of one sample")
    advice.append("or pass a larger max_nodes")
    too_large = f"too large for a readable picture (max_nodes={max_nodes:,})"
    return f"the graph has {found}, {too_large}: {'; '.join(advice)}"


# Writing it down -----------------------------------------------------------------------------------------------------


class _Text(NamedTuple):
    """The lines in a box, and those of its tooltip with all digits."""

    shown: Sequence[str]
    exact: Sequence[str]


class _Pen:
    """Writes a plan down as DOT."""

    def __init__(
        self,
        plan: _Plan,
        output: Value,
        called: dict[Value, str],
        colours: Mapping[str, str],
        *,
        local: bool,
        faux: bool,
    ) -> None:
        self.plan, self.output, self.called, self.colours = plan, output, called, colours
        self.local, self.faux = local, faux
        self.locals: dict[Value, Sequence[float]] = {}  # local gradients of results
        self.missing = without_gradients(output, plan.values)
        self.with_gradients = self.missing is None
        self.ids: dict[_Node, str] = {v: f"v{i}" for i, v in enumerate(plan.values, start=1)}
        self.ids |= {box: f"b{i}" for i, box in enumerate(plan.boxes, start=1)}
        self.ids |= {constant: f"c{i}" for i, constant in enumerate(plan.constants, start=1)}
        self.after_neurons = self._call_outputs_after_their_neurons()
        weighted = [edge for edge in plan.edges if edge.kind == "weighted"]
        self.weighs = bool(weighted)
        self.dense = len(weighted) > _LABELLED_EDGES
        self.tangled = self._is_tangled()
        self.largest: dict[object, float] = {}  # |weight * input| to each layer
        for edge in weighted:
            layer, size = _layer_of(edge), _size_of(edge)
            self.largest[layer] = max(self.largest.get(layer, 0.0), size)

    def _is_tangled(self) -> bool:
        """Whether edges are so long that Graphviz would look for room for their numbers for minutes."""
        places = {node: i for i, node in enumerate((*self.plan.values, *self.plan.constants, *self.plan.boxes))}
        ends = [(places[edge.tail], places[edge.head]) for edge in self.plan.edges]
        return not self.plan.boxes and stages_of(len(places), sorted(ends, key=itemgetter(1))) > MOST_STAGES

    def _call_outputs_after_their_neurons(self) -> set[Value]:
        """Give the outputs of neurons that have only a number the neuron's name, where that is free."""
        taken, times, renamed = set(self.called.values()), Counter[str](), set()
        for neuron in (neuron for box in self.plan.boxes for neuron in box.neurons):
            v = neuron.output
            times[neuron.name] += 1
            nth = times[neuron.name]
            name = neuron.name if nth == 1 else f"{neuron.name}#{nth}"
            if self.called[v].partition("#")[0] == self.ids[v] and name not in taken:
                self.called[v] = name
                renamed.add(v)
        return renamed

    def drawing(self, theme: str, direction: str) -> Drawing:
        drawing = Drawing("computation graph", filename="drawing.gv", format="svg")
        text = {"fontname": _FONT, "fontcolor": self.colours["ink"]}
        drawing.graph_attr.update(text, fontsize="12", rankdir=direction, bgcolor=self.colours["paper"])
        drawing.graph_attr.update(_DENSE if self.dense else _ROOMY)
        if len(self.plan.edges) > _QUICK:
            drawing.graph_attr.update(PATIENCE)
        if self.weighs:
            drawing.graph_attr["mclimit"] = _IN_ORDER
        if theme == "auto":
            drawing.graph_attr["class"] = BOTH_THEMES
        drawing.node_attr.update(text, fontsize="12", height="0", width="0", margin="0.12,0.08", penwidth="2")
        drawing.edge_attr.update(text, fontsize="11", arrowsize="0.7", penwidth="1.5")
        if self.dense:  # straight lines, from the end of a box to the beginning of the next, cross no box
            drawing.edge_attr.update(tailport=_ENDS[direction][0], headport=_ENDS[direction][1])
        if notes := list(self._notes()):
            drawing.graph_attr["label"] = r"\n".join(notes)
        self._nodes(drawing)
        for edge in self.plan.edges:
            self._edge(drawing, edge)
        return drawing

    def _notes(self) -> Iterator[str]:
        if self.missing:
            yield self.missing
        if self.tangled and self.local:
            yield "local gradients: too many long edges for their numbers, in SVG point at an edge"
        if self.weighs:
            yield "edges to neurons: weight·input, the thicker, the larger; blue: positive weight, orange: negative"

    def _nodes(self, drawing: Drawing) -> None:
        """Write the nodes in the order of creation, a frame where its first node stands."""
        inside: dict[_Frame | None, dict[_Node | _Frame, None]] = {None: {}}
        home, parameters = self.plan.home, self.plan.parameters
        for v in self.plan.values:
            if v in parameters:
                continue
            node: _Node = home.get(v, v)
            item: _Node | _Frame = node
            frame = node.frame if isinstance(node, _Box) else self.plan.frames.get(v)
            while frame is not None:
                inside.setdefault(frame, {})[item] = None
                item, frame = frame, frame.parent
            inside[None][item] = None
        clusters = count(1)

        def write(graph: graphviz.Digraph, frame: _Frame | None) -> None:
            for item in inside[frame]:
                if isinstance(item, _Frame):
                    with graph.subgraph(name=f"cluster_{next(clusters)}") as subgraph:
                        look = {"style": "rounded,filled", "color": self.colours["frame"], "margin": "10", "class": ""}
                        label, tooltip = label_of([item.title]), tooltip_of([item.title])
                        subgraph.attr(label=label, tooltip=tooltip, fillcolor=self.colours["layer"], **look)
                        write(subgraph, item)
                elif isinstance(item, _Box):
                    self._box(graph, item)
                elif isinstance(item, Value):
                    self._value(graph, item)

        write(drawing, None)
        for constant in self.plan.constants:
            self._constant(drawing, constant)

    def _value(self, graph: graphviz.Digraph, v: Value) -> None:
        name, op = self.called[v], v.op
        look = "output" if v is self.output else "leaf" if op is None else "result"
        title = name if op is None else f"{name} = {_formula(op, v.args, self.called, _LONGEST_FORMULA, _short)}"
        full = name if op is None else f"{name} = {_formula(op, v.args, self.called, _LONGEST_TOOLTIP, repr)}"
        source = [] if op is None else [f"operation {op.name}"]
        shown, exact = self._numbers("data", [v])
        self._box_of(graph, v, look, _Text([title, *shown], [full, *source, *exact]), [v])

    def _box(self, graph: graphviz.Digraph, box: _Box) -> None:
        if box.kind == "inputs":
            shown, exact = self._numbers("data", box.inputs)
            names = ", ".join(self.called[v] for v in box.inputs)
            self._box_of(graph, box, "leaf", _Text([box.title, *shown], [_cut(names), *exact]), box.inputs)
        elif box.kind == "penalty":
            result = box.penalty[-1]
            name, n, on = self.called[result], len(box.penalty), len(box.inputs)
            shown, exact = self._numbers("data", [result])
            made_of = [f"{n:,} operations", f"on {on:,} parameters"]
            text = _Text([name, *made_of, *shown], [name, *made_of, *exact])
            self._box_of(graph, box, "result", text, [result])
        elif box.kind == "layer":
            n, parameters = len(box.neurons), len({p for neuron in box.neurons for p in neuron.parameters})
            activations = ", ".join(dict.fromkeys(_activation(neuron) for neuron in box.neurons))
            made_of = [f"{n} {activations} neuron{'s' if n > 1 else ''}", f"{parameters:,} parameters"]
            shown, exact = self._numbers("data", box.outputs)
            look = "output" if self.output in box.outputs else "neuron"
            self._box_of(
                graph, box, look, _Text([box.title, *made_of, *shown], [box.title, *made_of, *exact]), box.outputs
            )
        else:
            self._neuron(graph, box, box.neurons[0])

    def _neuron(self, graph: graphviz.Digraph, box: _Box, neuron: Neuron) -> None:
        output, name = neuron.output, self.called[neuron.output]
        title = box.title if output in self.after_neurons else f"{name} = {box.title}"
        activation = _activation(neuron)
        shown, exact = self._numbers("net" if activation == "linear" else activation, [output])
        biases = [] if neuron.bias is None else [neuron.bias]
        inner = [("bias", b) for b in biases] + ([] if output is neuron.net else [("net", neuron.net)])
        summed = " + ".join(
            [f"{self.called[w]} * {self._name(x)}" for w, x in neuron.terms] + [self.called[b] for b in biases]
        )
        inside = [(word, v.data) for word, v in inner]
        short = [title, *(f"{word} {_short(x)}" for word, x in inside), *shown]
        if self.dense:
            short = [f"{title} {_short(output.data)}", *shown[1:]]
        text = _Text(
            short,
            [
                _cut(f"{neuron.name}: net = {summed}"),
                f"activation {activation}",
                *(f"{word} {x!r}" for word, x in inside),
                *exact,
            ],
        )
        self._box_of(graph, box, "output" if output is self.output else "neuron", text, [output])

    def _constant(self, graph: graphviz.Digraph, constant: _Constant) -> None:
        numbers = constant.numbers
        few = len(numbers) == 1
        label = _short(numbers[0]) if few else f"{len(numbers)} constants"
        exact = f"constant {numbers[0]!r}" if few else _cut(", ".join(map(repr, numbers)))
        look = {**_CONSTANT, "fontcolor": self.colours["faint"]}
        graph.node(self.ids[constant], label, tooltip=exact, **look)

    def _box_of(self, graph: graphviz.Digraph, node: _Node, look: str, text: _Text, values: Iterable[Value]) -> None:
        """Write a box with its lines of text; its outline is the sign of the gradient, if all its values have one."""
        signs = {self._sign(v.grad) for v in values} if self.with_gradients else {"neither"}
        graph.node(
            self.ids[node],
            label_of(text.shown),
            color=self.colours[signs.pop() if len(signs) == 1 else "neither"],
            fillcolor=self.colours[look],
            tooltip=tooltip_of(text.exact),
            width=_DENSE_WIDTH if self.dense and isinstance(node, _Box) else None,
            **_LOOKS[look],
        )

    def _numbers(self, word: str, values: Sequence[Value]) -> tuple[list[str], list[str]]:
        """Lines with the numbers and gradients of values, short ones to show and exact ones; of many, the range."""
        rows = [(word, [v.data for v in values])]
        if self.with_gradients:
            rows.append(("grad", [v.grad for v in values]))
        if self.faux:
            rows.append(("faux", [faux_gradient(self.output, v) for v in values]))
        shown = [f"{word} {_range(numbers, _short)}" for word, numbers in rows]
        return shown, [f"{word} {_range(numbers, repr)}" for word, numbers in rows]

    def _edge(self, graph: graphviz.Digraph, edge: _Edge) -> None:
        kind, neither = edge.kind, self.colours["neither"]
        tail, head = self.ids[edge.tail], self.ids[edge.head]
        if kind == "operand":
            self._operand(graph, edge)
        elif kind == "weighted":
            self._weighted(graph, edge)
        elif kind == "constant":
            graph.edge(tail, head, color=neither, style="dotted", tooltip="a constant: no gradient")
        else:
            n = len(edge.carried)
            what = "parameter" if kind == "parameters" else "value"
            look = {"style": "dashed"} if kind == "parameters" else {}
            label = f" {n} {what}s " if n > 1 else None
            names = _cut(", ".join(self.called[v] for v in edge.carried))
            graph.edge(tail, head, label, color=neither, tooltip=tooltip_of([names]), **look)

    def _operand(self, graph: graphviz.Digraph, edge: _Edge) -> None:
        v = cast(Value, edge.head)
        name, x = self.called[v], self.called[cast(Value, v.args[edge.place])]
        label, sign, tooltip = None, "neither", f"{x} to {name}"
        if self.local:
            if v not in self.locals:
                self.locals[v] = local_gradients(v)
            local = self.locals[v][edge.place]
            label = None if self.tangled else f" {_short(local)} "  # the spaces keep it off the line
            sign, tooltip = self._sign(local), f"d {name} / d {x} = {local!r}"
        tail, head = self.ids[edge.tail], self.ids[v]
        graph.edge(tail, head, label, color=self.colours[sign], tooltip=tooltip_of([tooltip]))

    def _weighted(self, graph: graphviz.Digraph, edge: _Edge) -> None:
        """An edge into a neuron: blue or orange for the sign of the weight, its local gradient to the net."""
        weight, x = _term(edge)
        number, name = x.data if isinstance(x, Value) else x, self.called[weight]
        tooltip = [f"{name} * {self._name(x)} = {weight.data!r} * {number!r} = {weight.data * number!r}"]
        if self.with_gradients:
            tooltip.append(f"{name}: grad {weight.grad!r}")
        if self.local and isinstance(x, Value):
            tooltip.append(f"d net / d {self._name(x)} = {weight.data!r}")
        largest = self.largest[_layer_of(edge)]
        share = _size_of(edge) / largest if largest else 0.0
        colour = self.colours[self._sign(weight.data)]
        label: str | None = f" {_short(weight.data)}·{_in_product(number)} "
        if self.dense:
            colour, label = f"{colour}{round(255 * (0.35 + 0.65 * share)):02x}", None
        graph.edge(
            self.ids[edge.tail],
            self.ids[edge.head],
            label,
            color=colour,
            penwidth=f"{0.7 + 1.8 * share:.2f}",
            tooltip=tooltip_of(tooltip),
        )

    def _name(self, x: Value | float) -> str:
        return self.called[x] if isinstance(x, Value) else _short(x)

    def _sign(self, gradient: float) -> str:
        return "positive" if gradient > 0 else "negative" if gradient < 0 else "neither"


def _term(edge: _Edge) -> tuple[Value, Value | float]:
    return cast(_Box, edge.head).neurons[0].terms[edge.place]


def _layer_of(edge: _Edge) -> object:
    head = cast(_Box, edge.head)
    return head.frame or head


def _size_of(edge: _Edge) -> float:
    """|weight * input|, as far as it has a size."""
    weight, x = _term(edge)
    size = abs(weight.data * (x.data if isinstance(x, Value) else x))
    return size if math.isfinite(size) else 0.0


# Text ----------------------------------------------------------------------------------------------------------------


def _activation(neuron: Neuron) -> str:
    return neuron.activation.name if neuron.activation else "linear"


def _formula(
    op: Op, args: Iterable[Value | float], names: Mapping[Value, str], longest: int, number: Callable[[float], str]
) -> str:
    infix = op.symbol != op.name
    operands = []
    for x in args:
        if isinstance(x, Value):
            operands.append(names[x])
        else:
            operands.append(f"({number(x)})" if infix and x < 0 else number(x))  # (-2) ** x, not -2 ** x
    formula = op.read(*operands)
    return formula if len(formula) <= longest else op.symbol


def _short(x: float) -> str:
    """Four significant digits, but no exponent below a million: 0.5591, -0.008042, 65000, 1.235e+06."""
    text = f"{x + 0.0:.4g}"  # + 0.0: what is -0 to the last digit is shown as 0
    return f"{x:.0f}" if "e+" in text and abs(x) < 1e6 else text


def _in_product(x: float) -> str:
    return f"({_short(x)})" if x < 0 else _short(x)


def _range(numbers: Sequence[float], text: Callable[[float], str]) -> str:
    """A number, or the smallest and the largest of several; what is not a number is neither."""
    some = [x for x in numbers if not math.isnan(x)] or numbers
    low, high = text(min(some)), text(max(some))
    return low if low == high else f"{low} to {high}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TOOLTIP else f"{text[:_LONGEST_TOOLTIP]} ..."

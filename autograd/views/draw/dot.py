"""Write a plan as DOT: the text of a drawing, and which look of `style.py` each of its nodes and edges has.

Nodes are named by counters; the text of users goes through `label_of` and `tooltip_of` of `render.py`.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import singledispatchmethod
from itertools import count
from typing import TypeVar, cast

from autograd.check import faux_gradients
from autograd.codegen.formulas import BINDING, LOOSE, Term, constant, formula, short_operation, with_sign_of_zero
from autograd.engine import Value, local_gradients
from autograd.ops import TABLE, Op
from autograd.text import LONGEST_FORMULA, LONGEST_NAME, counted, cut
from autograd.views.draw.legend import legend
from autograd.views.draw.placing import Sketch, place
from autograd.views.draw.plan import (
    BeforeBox,
    Box,
    BundleEdge,
    Constant,
    CutBox,
    Edge,
    Frame,
    InputsBox,
    LayerBox,
    NeuronBox,
    Node,
    OperandEdge,
    Operation,
    Plan,
    RegularizerBox,
    ResultEdge,
    StartEdge,
    Use,
    WeightedEdge,
)
from autograd.views.draw.style import Style, sign
from autograd.views.gradients import NO_GRADIENT, missing_gradients
from autograd.views.network import FoundNeuron
from autograd.views.render import (
    LONGEST_CAPTION,
    MOST_RANKS_SPANNED,
    PATIENCE,
    Drawing,
    label_of,
    ranks_spanned,
    tooltip_of,
)

_LONGEST_LINE = 400  # columns of a formula or of a list of names
_OPERANDS = {TABLE["add"]: "term", TABLE["sub"]: "term", TABLE["mul"]: "factor"}
_MIXED = "±"  # the operation of a long sum in which some terms are subtracted
_SHOWN_TERMS, _SHOWN_OPERATIONS = 4, 3  # of a long sum, and kinds of those that are left out of a long chain
_OF_A_LIST = re.compile(r"(.+)\[\d+\]", re.DOTALL)  # which may have the result of each step
_QUICK = 60  # edges; up to this number, Graphviz may search for the best layout
_IN_ORDER = "0.01"  # mclimit: neurons keep their order; dot would search long for a better one, in vain

N = TypeVar("N", bound=Node)
Format = Callable[[float], str]


class Pen:
    """The writer of one plan.

    Arguments:
        plan: the boxes and edges.
        output: the Value at the end of the graph.
        names: the name of each Value.
        style: how it looks.
        warning: what is wrong with the numbers.
    """

    def __init__(
        self, plan: Plan, output: Value, names: dict[Value, str], style: Style, warning: str | None = None
    ) -> None:
        self.plan, self.output, self.names, self.style, self.warning = plan, output, names, style, warning
        self.locals = {v: local_gradients(v) for v in plan.shown} if "local gradients" in style.shows else {}
        self.outer: dict[Value, float] = {}  # the local gradient of a long sum on each result inside
        self.root = {x: v for v, long in plan.sums.items() for x in long.inside}
        self.missing = missing_gradients(output, plan.values) if "gradients" in style.shows else None
        self.with_gradients = "gradients" in style.shows and not self.missing
        self.with_values = "values" in style.shows
        self.visits = plan.visits if style.order else {}
        self.seen = set[str]()  # kinds of nodes and lines, for the legend
        self.ids: dict[Node, str] = {
            **{v: f"v{i}" for i, v in enumerate(plan.values, start=1)},
            **{box: f"b{i}" for i, box in enumerate(plan.boxes, start=1)},
            **{constant: f"c{i}" for i, constant in enumerate(plan.constants, start=1)},
            **{node: f"o{i}" for i, node in enumerate((n for n in plan.nodes if isinstance(n, Operation)), start=1)},
        }
        self.node_of = self._nodes_of_values()
        self.named_after_neurons = self._name_outputs_after_their_neurons()
        self._name_what_a_loop_binds_anew()
        self.earlier = self._names_of_earlier_ones()
        self.used_later = self._used_after_their_step()
        weighted = [edge for edge in plan.edges if isinstance(edge, WeightedEdge)]
        self.weighs = bool(weighted)
        self.weighted = {(edge.head, edge.place): edge for edge in weighted}
        self.dense = plan.is_dense
        self.tangled = self._is_tangled()
        self.largest: dict[object, float] = {}  # |weight * input| of the edges into each layer
        for edge in weighted:
            self.largest[edge.group] = max(self.largest.get(edge.group, 0.0), _size(edge))

        for long in plan.sums.values() if self.locals else ():
            for x, (user, nth) in long.inside.items():
                self.outer[x] = self.outer.get(user, 1.0) * cast(float, self.locals[user][nth])

    def _is_tangled(self) -> bool:
        """Return True if the edges are so long that Graphviz would spend minutes placing their labels."""
        places = {node: i for i, node in enumerate(self.plan.nodes)}
        edges = sorted(((places[edge.tail], places[edge.head]) for edge in self.plan.edges), key=lambda edge: edge[1])
        return (
            not any(isinstance(box, LayerBox) for box in self.plan.boxes)
            and ranks_spanned(len(places), edges) > MOST_RANKS_SPANNED
        )

    def _nodes_of_values(self) -> dict[Value, Node]:
        """Return as which node each result and each leaf is drawn."""
        node_of: dict[Value, Node] = {}
        for node in self.plan.nodes:
            for copy in self.plan.copies_of(node):
                if isinstance(copy, LayerBox):
                    node_of.update((neuron.output, node) for neuron in copy.neurons)
                elif isinstance(copy, Value):
                    node_of[copy] = node
        return node_of

    def _names_of_earlier_ones(self) -> dict[tuple[Value, Value], str]:
        """Return the names of operands from an earlier step, by the result that uses them."""
        return {
            (copy.user, copy.operand): self._earlier(edge.tail)
            for edge in self.plan.edges
            if isinstance(edge, OperandEdge) and isinstance(edge.tail, BeforeBox)
            for copy in edge.all
        }

    def _earlier(self, box: BeforeBox) -> str:
        """Return the name of what is from an earlier step: `h[t-1]`, by the last one's, which is h, or hs[5] of hs."""
        name, copies = self._named(box.node), self.plan.copies_of(box.node)
        of_a_list = _OF_A_LIST.fullmatch(name)
        if of_a_list and sum(self._named_alone(copy).startswith(f"{of_a_list[1]}[") for copy in copies) > 1:
            name = of_a_list[1]
        return f"{name}[t-{box.steps}]"

    def _name_what_a_loop_binds_anew(self) -> None:
        """Let the last result of repeated steps have the name of what they begin with, if nothing else uses that.

        In `w = w - step` both are w; one of them has another name where each is to have its own: w#2.
        """
        edges = self.plan.edges
        uses = Counter(edge.tail for edge in edges if not isinstance(edge, StartEdge))
        for edge in edges:
            if isinstance(edge, StartEdge) and isinstance(edge.tail, Value) and not uses[edge.tail]:
                last = self._shown(cast(BeforeBox, edge.head).node)
                start = self.names[edge.tail]
                if isinstance(last, Value) and re.fullmatch(rf"{re.escape(start)}#\d+", self.names[last]):
                    self.names[last] = start

    def _used_after_their_step(self) -> set[Value]:
        """Return the results of repeated steps, but the last ones, that something outside of the steps uses."""
        copies = [self.plan.copies[node] for node in self.plan.nodes if node in self.plan.copies]
        last = {node: some.nodes[-1] for some in copies if some.are_steps for node in some.nodes}
        users = [v for v in self.plan.values if self.plan.home.get(v, v) not in last]
        return {x for v in users for x in v.args if isinstance(x, Value) and last.get(x, x) is not x}

    def _name_outputs_after_their_neurons(self) -> set[Value]:
        """Name each output of a neuron that has only a number after its neuron, if that name is free."""
        taken, times, renamed = set(self.names.values()), Counter[str](), set()
        for neuron in (neuron for box in self.plan.boxes if isinstance(box, LayerBox) for neuron in box.neurons):
            v = neuron.output
            times[neuron.name] += 1
            nth = times[neuron.name]
            name = neuron.name if nth == 1 else f"{neuron.name}#{nth}"
            if v not in self.plan.named and name not in taken:
                self.names[v] = name
                renamed.add(v)
        return renamed

    def drawing(self) -> Drawing:
        """Return the drawing: a dense one, if the columns have no room for the labels of all edges."""
        drawing, has_room = self._drawn()
        if not has_room and not self.dense:
            self.dense = True
            drawing, _ = self._drawn()
        return drawing

    def _drawn(self) -> tuple[Drawing, bool]:
        """Write everything, and return the drawing, and whether it has room for the labels of all edges."""
        drawing = Drawing("computation graph", filename="drawing.gv", format="svg")
        self.seen = {"copies"} if self.plan.copies else set()
        drawing.graph_attr.update(self.style.graph(dense=self.dense))
        if len(self.plan.edges) > _QUICK:
            drawing.graph_attr.update(PATIENCE)
        if self.weighs:
            drawing.graph_attr["mclimit"] = _IN_ORDER
        drawing.node_attr.update(self.style.nodes())
        drawing.edge_attr.update(self.style.edges(dense=self.dense))
        captions = self.style.captions([*self._notes()], self.warning)
        sketch = Sketch()
        if self.style.legend and isinstance(self.style.caption, str):  # no text of a user's is put into a legend
            with sketch.subgraph(name="cluster") as body:
                body.attr(**self.style.around(), label=label_of(captions, centred=True, longest=LONGEST_CAPTION))
                self._write(body)
            captions = []
        else:
            self._write(sketch)
        has_room = not self.plan.stands_in_columns or place(sketch, drawing, self.style.direction)
        if self.style.legend:
            drawing.graph_attr["label"] = legend(self.style, self.seen, captions)
        elif captions:
            drawing.graph_attr["label"] = label_of(captions, centred=True, longest=LONGEST_CAPTION)
        sketch.write(drawing)
        return drawing, has_room

    def _write(self, graph: Sketch) -> None:
        self._write_nodes(graph)
        for edge in self.plan.edges:
            self._write_edge(edge, graph)

    def _notes(self) -> Iterator[str]:
        if self.missing:
            yield self.missing
        if self.plan.detail != "value" and not self.plan.layers:
            yield "no neuron found, so each Value is drawn: see 'Drawings of networks' in the guide"
        if self.tangled and self.locals:
            yield "local gradients not shown: too many long edges. In the SVG, hover over an edge."
        if self.weighs and not self.style.legend:
            positive, negative = self.style.signs
            kinds = {len(self._factors(edge)) for edge in self.plan.edges if isinstance(edge, WeightedEdge)}
            yield f"edges to neurons: {_thickness(kinds)}; {positive}: positive weight, {negative}: negative"

    # Nodes -----------------------------------------------------------------------------------------------------------

    def _write_frame(
        self,
        graph: Sketch,
        frame: Frame | None,
        inside: Mapping[Frame | None, Iterable[Node | Frame]],
        clusters: Iterator[int],
    ) -> None:
        """Write what is inside a frame, other frames as clusters."""
        for item in inside[frame]:
            if isinstance(item, Frame):
                with graph.subgraph(name=f"cluster_{next(clusters)}") as subgraph:
                    label, tooltip = label_of([item.heading]), tooltip_of([item.heading])
                    subgraph.attr(label=label, tooltip=tooltip, **self.style.frame())
                    self._write_frame(subgraph, item, inside, clusters)
            else:
                self._write_node(item, graph)

    def _write_nodes(self, graph: Sketch) -> None:
        """Write the nodes in the order of creation, each frame with its first node."""
        inside: dict[Frame | None, dict[Node | Frame, None]] = {None: {}}
        for node in self.plan.nodes:
            item: Node | Frame = node
            frame = self.plan.frame_of(node)
            while frame is not None:
                inside.setdefault(frame, {})[item] = None
                item, frame = frame, frame.parent
            inside[None][item] = None
        self._write_frame(graph, None, inside, count(1))

    @singledispatchmethod
    def _write_node(self, node: Node, graph: Sketch) -> None:
        raise NotImplementedError(type(node))

    @_write_node.register
    def _(self, v: Value, graph: Sketch) -> None:
        one, op, copies = self._shown(v), v.op, cast(list[Value], self.plan.copies_of(v))
        name = self.names[one]
        look = "output" if self.output in copies else "leaf" if op is None else "result"
        with_formula = op is not None and "formulas" in self.style.shows
        titled, title, full = self._titled(v, copies), name, name
        lines = []
        if op is not None and one in self.plan.sums:
            terms = self.plan.sums[one].terms
            title = f"{titled} = {self._long_formula(one, copies, _SHOWN_TERMS, self.style.number)}"
            full = cut(f"{titled} = {self._long_formula(one, copies, _LONGEST_LINE, repr)}", _LONGEST_LINE)
            lines.append(counted(len(terms), _OPERANDS.get(op, "operand")))
        elif op is not None:
            title = f"{titled} = {self._formula(one, copies, LONGEST_FORMULA, self.style.number)}"
            full = f"{titled} = {self._formula(one, copies, _LONGEST_LINE, repr)}"
        elif len(copies) > 1:
            title, full = titled, self._listed(copies)
        source = [] if op is None else [*([self._listed(copies)] if titled != name else []), f"operation {op.name}"]
        self._write_box(
            graph,
            v,
            look,
            copies,
            lines=[titled if op and not with_formula else title, *lines, *self._times(v)],
            tooltip=[full, *source],
        )

    def _times(self, node: Node) -> list[str]:
        """Return the line of a box that says how many it stands for."""
        copies = self.plan.copies.get(node)
        return [] if copies is None else [copies.text]

    def _formula(self, one: Value, copies: Sequence[Value], longest: int, number: Format) -> str:
        """Return a formula that is true of all copies: what differs among them is written as a range, or a family."""
        counts = [len(v.args) for v in copies]
        if min(counts) < max(counts):
            return f"{cast(Op, one.op).symbol} of {min(counts):,} to {max(counts):,} operands"

        def operands() -> list[Term]:
            found = [self._operand([(v, nth) for v in copies], number, (one, nth)) for nth in range(len(one.args))]
            # max((x1, …), y) has two operands; in sin(x1, …) that is plain
            return found if len(found) == 1 else [Term(x.within(LOOSE)) if x.text[-1:] == "…" else x for x in found]

        return short_operation(one, operands, longest)

    def _long_formula(self, one: Value, copies: Sequence[Value], most: int, number: Format) -> str:
        """Return the formula of long sums, with at most so many terms: the first ones, and the last one."""
        op, sums, terms = cast(Op, one.op), [self.plan.sums[v].terms for v in copies], self.plan.sums[one].terms
        signs = [
            _signs("-" if user.op is TABLE["sub"] and nth else "+" for user, nth in uses)
            for uses in zip(*sums, strict=True)
        ]
        n = len(terms)
        shown = [*range(n)] if n <= most else [*range(most - 1), n - 1]
        operands = [self._operand([uses[i] for uses in sums], number, terms[i]) for i in shown]
        texts = [x.within(LOOSE if "(" in op.reads else BINDING["neg"]) for x in operands]
        if n > most:
            left_out = {*signs[most - 1 : -1]}
            signs[most - 1 : -1] = left_out if len(left_out) == 1 else "+"
            texts.insert(-1, "…")
        if "(" in op.reads:
            return f"{op.name}({', '.join(texts)})"
        if op is TABLE["mul"]:
            return " * ".join(texts)
        return " ".join([texts[0], *(f"{sign} {text}" for sign, text in zip(signs[1:], texts[1:], strict=True))])

    def _operand(self, uses: Sequence[Use], number: Format, shown: Use) -> Term:
        """Return an operand of copies of a result as a term of a formula.

        Arguments:
            uses: the use of it by each copy.
            number: writes constants.
            shown: its use by that copy whose name the box has.
        """
        x = shown[0].args[shown[1]]
        if isinstance(x, Value) and (shown[0], x) in self.earlier:
            return Term(self.earlier[shown[0], x])
        return self._family([user.args[nth] for user, nth in uses], number)

    def _family(self, xs: Sequence[Value | float], number: Format) -> Term:
        """Return one term for all of these: a name or a number if they have that in common, else what they share.

        That is a range for numbers, `x1, …` for leaves, the name of a box for results that are drawn as one, and that
        of the layer for its neurons.
        """
        number = with_sign_of_zero(number)
        first = xs[0]
        values = dict.fromkeys(x for x in xs if isinstance(x, Value))
        if not isinstance(first, Value) and not values:
            text = _range(cast(Sequence[float], xs), number)
            return constant(text) if " " not in text else Term(text, LOOSE)
        if not all(isinstance(x, Value) for x in xs):
            several = self.names[first] if isinstance(first, Value) else number(first)
            return _together([several, ""])
        if len(values) == 1:
            return Term(self.names[cast(Value, first)])
        node, *others = {self.node_of.get(x) for x in values}
        names = [self.names[v] for v in values] if others else self._names_of(node, values)
        return _together(names)

    def _names_of(self, node: Node | None, values: Collection[Value]) -> Sequence[str]:
        """Return the names of results, or leaves, that are drawn as one node: one, if that is for all of them."""
        if isinstance(node, LayerBox) and not isinstance(node, NeuronBox):
            copies = cast(list[LayerBox], self.plan.copies_of(node))
            own = {neuron.name for box in copies for neuron in box.neurons if neuron.output in values}
            return [*own] if len(own) == 1 else [node.title]
        if isinstance(node, NeuronBox):
            boxes = cast(list[NeuronBox], self.plan.copies_of(node))
            return self._title(node, [box.neurons[0].output for box in boxes])
        if isinstance(node, Value):
            return self._title(node, cast(list[Value], self.plan.copies_of(node)))
        return [self.names[v] for v in values]

    @_write_node.register
    def _(self, box: NeuronBox, graph: Sketch) -> None:
        [neuron] = self._shown(box).neurons
        output, activation = neuron.output, _activation(neuron)
        copies = [copy for box in self.plan.copies_of(box) for copy in cast(NeuronBox, box).neurons]
        outputs = [copy.output for copy in copies]
        titled = self._titled(box, outputs)
        title = box.heading if self.named_after_neurons.issuperset(outputs) else f"{titled} = {box.heading}"
        summands = [
            _product(Term(self.names[w]), self._input(self.weighted[box, i])) for i, (w, _) in enumerate(neuron.terms)
        ]
        inside = []
        if neuron.bias is not None:
            summands.append(self.names[neuron.bias])
            inside.append(("bias", [neuron.bias.data]))
        if output is not neuron.net:
            inside.append(("net", [copy.net.data for copy in copies]))
        summed = cut(f"{neuron.name}: net = {' + '.join(summands)}", _LONGEST_LINE)
        self._write_box(
            graph,
            box,
            "output" if self.output in outputs else "neuron",
            outputs,
            word="net" if activation == "linear" else activation,
            lines=[
                title,
                *(f"{word} {_range(numbers, self.style.number)}" for word, numbers in inside if self.with_values),
            ],
            tooltip=[
                summed,
                f"activation {activation}",
                *self._times(box),
                *(f"{word} {_range(numbers, repr)}" for word, numbers in inside),
            ],
        )

    @_write_node.register
    def _(self, box: LayerBox, graph: Sketch) -> None:
        n, parameters = len(box.neurons), len({p for neuron in box.neurons for p in neuron.parameters})
        activations = ", ".join(dict.fromkeys(_activation(neuron) for neuron in box.neurons))
        text = [box.heading, counted(n, f"{activations} neuron"), counted(parameters, "parameter")]
        copies = [neuron for box in self.plan.copies_of(box) for neuron in cast(LayerBox, box).neurons]
        outputs = [neuron.output for neuron in copies]
        look = "output" if self.output in outputs else "neuron"
        self._write_box(graph, box, look, outputs, lines=text, tooltip=text)

    @_write_node.register
    def _(self, box: InputsBox, graph: Sketch) -> None:
        inputs = [x for box in self.plan.copies_of(box) for x in cast(InputsBox, box).inputs]
        lines, tooltip = [f"{len(box.inputs)} inputs", *self._times(box)], [self._listed(inputs)]
        self._write_box(graph, box, "leaf", inputs, lines=lines, tooltip=tooltip)

    @_write_node.register
    def _(self, box: RegularizerBox, graph: Sketch) -> None:
        result = box.values[-1]
        operations, parameters = len(box.values), len(box.parameters)
        text = [self.names[result], counted(operations, "operation"), f"on {counted(parameters, 'parameter')}"]
        look = "output" if result is self.output else "result"
        self._write_box(graph, box, look, [result], lines=text, tooltip=text)

    @_write_node.register
    def _(self, node: Constant, graph: Sketch) -> None:
        numbers = [x for copy in self.plan.copies_of(node) for x in cast(Constant, copy).numbers]
        label, exact = self.style.number(numbers[0]), f"constant {numbers[0]!r}"
        if len(node.numbers) > 1:
            label = f"{len(node.numbers)} constants"
        elif len(numbers) > 1:
            label = _range(numbers, self.style.number)
        if len(set(map(repr, numbers))) > 1:
            exact = cut(", ".join(map(repr, numbers)), _LONGEST_LINE)
        graph.node(self.ids[node], label, **self.style.constant(), tooltip=exact)

    @_write_node.register
    def _(self, node: Operation, graph: Sketch) -> None:
        v = self._shown(node.result)
        operations = [cast(Op, v.op)]
        text = operations[0].symbol
        if v in self.plan.sums:
            long = self.plan.sums[v]
            operations = sorted({cast(Op, x.op) for x in (v, *long.inside)}, key=lambda op: op.name)
            sign = operations[0].symbol if len(operations) == 1 else _MIXED
            text = f"{sign} {counted(len(long.terms), _OPERANDS.get(operations[0], 'operand'))}"
        self.seen.add("operation")
        tooltip = tooltip_of([f"operation {', '.join(op.name for op in operations)}"])
        graph.node(self.ids[node], label_of([text], centred=True), **self.style.operation(), tooltip=tooltip)

    @_write_node.register
    def _(self, box: CutBox, graph: Sketch) -> None:
        n, operations = len(box.values), Counter(cast(Op, v.op).name for v in box.values)
        listed = [f"{symbol} × {times:,}" for symbol, times in operations.most_common()]
        shown = [*listed[:_SHOWN_OPERATIONS], *["…"][: len(listed) - _SHOWN_OPERATIONS]]
        lines = [f"… {counted(n, 'more operation')}", ", ".join(shown)]
        lines += [f"on {counted(len(box.leaves), 'input')}"] if box.leaves else []
        self._write_box(
            graph, box, "result", box.values, lines=lines, tooltip=[lines[0], ", ".join(listed), *lines[2:]]
        )

    @_write_node.register
    def _(self, box: BeforeBox, graph: Sketch) -> None:
        self.seen.add("earlier")
        text = [self._earlier(box), "one step before" if box.steps == 1 else f"{box.steps} steps before"]
        graph.node(self.ids[box], label_of(text), **self.style.earlier(), tooltip=tooltip_of([" ".join(text)]))

    def _write_box(
        self,
        graph: Sketch,
        node: Node,
        look: str,
        values: Sequence[Value],
        *,
        word: str = "data",
        lines: Sequence[str],
        tooltip: Sequence[str],
    ) -> None:
        """Write a box with its lines of text, then the numbers and gradients of its values; of many, the range.

        The output among many has its own number, too.
        In the tooltip, numbers have all digits. The outline is the sign of the gradient, if all values have one.
        """
        rows = [(word, [v.data for v in values], self.style.number)] if self.with_values else []
        if look == "output" and len(values) > 1 and self.with_values:
            rows.append(("output", [self.output.data], self.style.number))
        if self.with_gradients:
            rows.append(("grad", [v.grad for v in values], self.style.gradient))
        if "faux gradients" in self.style.shows:
            rows.append(("faux", faux_gradients(self.output, values), self.style.gradient))
        shown = [*lines, *(f"{word} {_range(numbers, text)}" for word, numbers, text in rows)]
        if self.dense and isinstance(node, NeuronBox):  # what is left of it: the title with the number, the gradients
            shown = [" ".join([lines[0], *(_range(numbers, text) for _, numbers, text in rows[: self.with_values])])]
            shown += [f"{word} {_range(numbers, text)}" for word, numbers, text in rows[self.with_values :]]
        if node in self.visits:
            self.seen.add("order")
            shown[0] = f"{self.visits[node]}. {shown[0]}"
        self.seen.add("layer" if look == "neuron" and not isinstance(node, NeuronBox) else look)
        self.seen.update(word for word, _, _ in rows)
        graph.node(
            self.ids[node],
            label_of(shown),
            **self.style.box(
                look, self._sign(v.grad for v in values), of_one_width=self.dense and isinstance(node, Box)
            ),
            tooltip=tooltip_of([*tooltip, *(f"{word} {_range(numbers, repr)}" for word, numbers, _ in rows)]),
        )

    def _sign(self, gradients: Iterable[float]) -> float | None:
        """Return a number of the sign that all gradients of a box have, if they are shown and have one."""
        signs = {sign(x): x for x in gradients} if self.with_gradients else {}
        if len(signs) == 1:
            return self._signed(*signs.values())
        self.seen.update(["mixed"] * len(signs))
        return None

    def _signed(self, x: float) -> float:
        """Return a number whose sign is shown, and note that for the legend."""
        self.seen.add(sign(x))
        return x

    # Edges -----------------------------------------------------------------------------------------------------------

    @singledispatchmethod
    def _write_edge(self, edge: Edge, graph: Sketch) -> None:
        self.seen.update(["constant", "constant line"])
        self._line(graph, edge, **self.style.constant_line(), tooltip="a constant: no gradient")

    @_write_edge.register
    def _(self, edge: ResultEdge, graph: Sketch) -> None:
        name = self.names[self._shown(edge.head)]
        self._line(graph, edge, **self.style.line(), tooltip=tooltip_of([f"{name}, the result"]))

    @_write_edge.register
    def _(self, edge: OperandEdge, graph: Sketch) -> None:
        of_last = {self.root.get(copy.user, copy.user): copy for copy in edge.all}
        shown = of_last.get(self._shown(self.root.get(edge.user, edge.user)), edge)
        name = self._family([self.root.get(copy.user, copy.user) for copy in edge.all], repr).within(LOOSE)
        x = self._operand([(copy.user, copy.place) for copy in edge.all], repr, (shown.user, shown.place)).within(LOOSE)
        label, tooltip, look = None, f"{x} to {name}", self.style.line()
        slopes = [self._slope(use) for use in edge.all] if self.locals else []
        numbers = [slope for slope in slopes if slope is not None]
        stopped = not cast(Op, edge.user.op).passes(edge.place) or (self.locals and not numbers)
        if numbers:
            several = f" ({len(numbers):,} ×)" if len(numbers) > 1 else ""
            label, tooltip = (
                _range(numbers, self.style.gradient),
                f"d {name} / d {x} = {_range(numbers, repr)}{several}",
            )
            look = self.style.line(self._signed(numbers[0]) if len({*map(sign, numbers)}) == 1 else None)
            self.seen.add("local")
        elif stopped:
            label, tooltip = NO_GRADIENT if self.locals else None, f"{x} to {name}: no gradient passes"
        if stopped:
            look = self.style.stopped_line()
            self.seen.add("stopped")
        self._line(
            graph,
            edge,
            f" {label} " if label and not self.tangled else None,  # the spaces keep it off the line
            **look,
            tooltip=tooltip_of([tooltip]),
        )

    def _slope(self, edge: OperandEdge) -> float | None:
        """Return the local gradient of what is drawn at the head of an edge."""
        local = self.locals[edge.user][edge.place]
        return local if local is None or edge.user not in self.outer else self.outer[edge.user] * local

    @_write_edge.register
    def _(self, edge: StartEdge, graph: Sketch) -> None:
        self._line(graph, edge, **self.style.bundle_line(are_parameters=False), tooltip="before the first step")

    @_write_edge.register
    def _(self, edge: WeightedEdge, graph: Sketch) -> None:
        """Write an edge into a neuron: blue or orange for the sign of the weight, which is its local gradient."""
        weight, name, x = edge.weight, self.names[edge.weight], self._input(edge)
        numbers = [copy.number for copy in edge.all]
        inputs, products = _range(numbers, repr), _range([weight.data * x for x in numbers], repr)
        tooltip = [f"{_product(Term(name), x)} = {weight.data!r} * {_several(inputs)} = {products}"]
        if self.with_gradients:
            tooltip.append(f"{name}: grad {weight.grad!r}")
        if self.locals and isinstance(edge.input, Value):
            tooltip.append(f"d net / d {x.within(LOOSE)} = {weight.data!r}")
        largest = self.largest[edge.group]
        share = _size(edge) / largest if largest else 0.0
        factors = [self.style.number(x) for x in self._factors(edge)]
        label = f" {_multiplied(factors)} " if factors else None
        look = self.style.weighted_line(self._signed(weight.data), share, dense=self.dense)
        self.seen.add(("thickness", "weight", "weight·input")[len(factors)])
        self._line(graph, edge, label, **look, tooltip=tooltip_of(tooltip))

    def _factors(self, edge: WeightedEdge) -> list[float]:
        """Return the numbers of the label of an edge; the weight is the local gradient."""
        if self.dense:
            return []
        if not self.with_values:
            return [edge.weight.data] if "local gradients" in self.style.shows else []
        return [edge.weight.data, *([] if edge.copies else [edge.number])]  # of several, the tail shows the range

    @_write_edge.register
    def _(self, edge: BundleEdge, graph: Sketch) -> None:
        what = "parameters" if edge.are_parameters else "values"
        self.seen.update(["parameters"] * edge.are_parameters)
        label = f" {len(edge.carried)} {what} " if len(edge.carried) > 1 else None
        tooltip = tooltip_of([self._listed(dict.fromkeys(v for copy in edge.all for v in copy.carried))])
        look = self.style.bundle_line(are_parameters=edge.are_parameters)
        self._line(graph, edge, label, **look, tooltip=tooltip)

    def _line(self, graph: Sketch, edge: Edge, label: str | None = None, **look: str) -> None:
        graph.edge(self.ids[edge.tail], self.ids[edge.head], label, **look)

    # Text ------------------------------------------------------------------------------------------------------------

    def _shown(self, node: N) -> N:
        """Return of which one the formula is written: of repeated steps the last, of other copies the first."""
        copies = self.plan.copies.get(node)
        return cast(N, copies.nodes[-1]) if copies is not None and copies.are_steps else node

    def _named(self, node: Node) -> str:
        """Return the name of a node."""
        if isinstance(node, NeuronBox):
            first, shown = node.neurons[0].output, self._shown(node).neurons[0].output
            return self.names[first if shown in self.named_after_neurons else shown]
        if isinstance(node, LayerBox):
            return node.title
        return self.names[self._shown(node)] if isinstance(node, Value) else self.ids[node]

    def _named_alone(self, copy: Node) -> str:
        """Return the name of the result of one of the copies that a node stands for."""
        v = copy.neurons[0].output if isinstance(copy, NeuronBox) else copy
        return self.names[v] if isinstance(v, Value) else ""

    def _titled(self, node: Node, copies: Sequence[Value]) -> str:
        """Return the names of the results, or leaves, that a node stands for: the first, the last, and chosen ones.

        One name is enough where it is that of the formula, and others have none, nor a use that tells them apart.
        """
        names = self._title(node, copies)
        return names[0] if len(names) == 1 else ", …, ".join(cut(name, LONGEST_NAME) for name in names)

    def _title(self, node: Node, copies: Sequence[Value]) -> Sequence[str]:
        """Return the names of which `_titled` makes a title."""
        shown = self._named(node)
        if len(copies) == 1:
            return [shown]
        named = [v for v in copies if v in self.plan.named]
        chosen = [*dict.fromkeys(self.names[v] for v in named)]
        are_steps = node in self.plan.copies and self.plan.copies[node].are_steps
        is_told_apart = len(chosen) > 1 or shown not in (chosen or [shown]) or not self.used_later.isdisjoint(copies)
        if copies[0].op is not None and not is_told_apart and (are_steps or len(named) in (0, len(copies))):
            return [shown]
        ends = [self.names[copies[0]], *chosen[:1], *chosen[-1:], self.names[copies[-1]]]
        return [*dict.fromkeys(ends)]

    def _input(self, edge: WeightedEdge) -> Term:
        """Return the input of the neuron that is shown."""
        if isinstance(edge.tail, BeforeBox):
            return Term(self._earlier(edge.tail))
        return self._family([copy.input for copy in edge.all], repr)

    def _listed(self, values: Iterable[Value]) -> str:
        return cut(", ".join(self.names[v] for v in values), _LONGEST_LINE)


def _thickness(kinds: set[int]) -> str:
    """Return what the labels and the widths of edges into neurons say, where these numbers are on the labels.

    Arguments:
        kinds: how many factors of weight·input there are on labels: 0, 1 and 2.
    """
    if 2 not in kinds:
        return f"{'weight, ' if 1 in kinds else ''}the thicker, the larger weight·input"
    if kinds == {2}:
        return "weight·input, the thicker, the larger"
    return "weight·input, or weight where there are several inputs; the thicker, the larger weight·input"


def _activation(neuron: FoundNeuron) -> str:
    return neuron.activation.name if neuron.activation else "linear"


def _size(edge: WeightedEdge) -> float:
    return max(copy.size for copy in edge.all)


def _together(names: Sequence[str]) -> Term:
    """Return one name, or the first of several with a sign that there are others."""
    return Term(names[0]) if len(names) == 1 else Term(f"{cut(names[0], LONGEST_NAME)}, …", LOOSE)


def _signs(signs: Iterable[str]) -> str:
    """Return the sign that all terms have, or that of a sum in which some are subtracted."""
    several = {*signs}
    return several.pop() if len(several) == 1 else _MIXED


def _several(numbers: str) -> str:
    """Return a range of numbers as a factor."""
    return f"({numbers})" if " " in numbers else numbers


def _product(x: Term, y: Term) -> str:
    return formula(TABLE["mul"], [x, y]).text


def _multiplied(factors: Sequence[str]) -> str:
    """Return one or two numbers as the label of an edge, with the sign of multiplication that is narrow."""
    first, *others = map(constant, factors)
    return _product(first, *others).replace(" * ", "·") if others else first.text


def _range(numbers: Sequence[float], text: Callable[[float], str]) -> str:
    """Return a number, or the smallest and the largest of several, and how many are nan beside them."""
    some = [x for x in numbers if not math.isnan(x)]
    missing = len(numbers) - len(some)
    if not some:
        return text(numbers[0])
    low, high = text(min(some)), text(max(some))
    spread = low if low == high else f"{low} to {high}"
    return f"{spread}, nan × {missing:,}" if missing else spread

"""Plan a drawing: which Values share a box, and which edges join the boxes.

A plan has no text in it, and can be counted before any is written. There is a class for each kind of box and of edge;
`dot.py` knows how each is written. The modules of `folding` make a plan smaller where much of it is alike.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Container, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self, cast

from autograd.engine import Value, numbers_of
from autograd.views.limits import Size, size_of
from autograd.views.network import FoundLayer, FoundNeuron

_INPUTS_ONE_BY_ONE = 8  # leaves, or constants, that enter a layer box on edges of their own
_LABELLED_EDGES = 40  # into neurons; with more of them, their numbers are in the tooltips
_SMALLEST_REGULARIZER = 9  # operations on parameters alone that share a box


# Nodes of the drawing ------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Titled:
    """A thing with a title, which tells it apart from other uses of the same neurons."""

    title: str
    use: str = field(default="", kw_only=True)  # which use that is: " (1 of 2)"
    rest: str = field(default="", kw_only=True)  # what it lacks: ": 3 more"

    @property
    def heading(self) -> str:
        return f"{self.title}{self.use}{self.rest}"


@dataclass(eq=False)
class Frame(Titled):
    """A line around the neurons of a layer, or around the Values of an open neuron."""

    parent: "Frame | None" = None


@dataclass(eq=False)
class Box:
    """A box for several Values."""

    frame: Frame | None = field(default=None, kw_only=True)
    is_one_value: ClassVar[bool] = False  # if so, an edge from it has one local gradient


@dataclass(eq=False)
class LayerBox(Titled, Box):
    """A layer, or those of its neurons that are not open."""

    neurons: Sequence[FoundNeuron]


@dataclass(eq=False)
class NeuronBox(LayerBox):
    """A single neuron, with its parameters."""

    is_one_value = True


@dataclass(eq=False)
class InputsBox(Box):
    """Many leaves that enter one layer and nothing else."""

    inputs: Sequence[Value]


@dataclass(eq=False)
class RegularizerBox(Box):
    """Everything that is computed from parameters alone, such as the sum of their squares."""

    values: Sequence[Value]  # the last one is the result
    parameters: Sequence[Value]
    is_one_value = True


@dataclass(eq=False)
class CutBox(Box):
    """The middle of a long chain of operations."""

    values: Sequence[Value]  # the last one is the result
    leaves: Sequence[Value]  # that are used nowhere else


@dataclass(eq=False)
class BeforeBox(Box):
    """What a repeated step takes from an earlier one: the result of a node in it."""

    node: "Node"
    steps: int  # how many steps earlier


@dataclass(eq=False)
class Constant:
    """A small node for a number that has no gradient, or for the many that enter a layer."""

    numbers: Sequence[float]


@dataclass(eq=False)
class Operation:
    """A circle between the operands of a Value and its box."""

    result: Value


Node = Value | Box | Constant | Operation


# Edges of the drawing ------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Edge:
    """A line between two nodes. A plain one is the use of a constant, or of an earlier step: it has no gradient."""

    tail: Node
    head: Node
    place: int = 0  # of the operand
    copies: list[Self] = field(default_factory=list, kw_only=True)  # those that it stands for, if not itself alone

    @property
    def role(self) -> Hashable:
        """What tells it from the other edges into its head."""
        return type(self).__name__, self.place

    @property
    def all(self) -> Sequence[Self]:
        """The edges that it stands for."""
        return self.copies or [self]


@dataclass(eq=False)
class StartEdge(Edge):
    """What the first of repeated steps takes in place of the result of an earlier one."""


@dataclass(eq=False)
class OperandEdge(Edge):
    """The use of a Value as an operand; it has a local gradient."""

    user: Value = field(kw_only=True)  # the result of which it is an operand: the head, or one that is folded into it

    @property
    def operand(self) -> Value:
        return cast(Value, self.user.args[self.place])


@dataclass(eq=False)
class ResultEdge(Edge):
    """The way from an operation to its result."""

    tail: Operation
    head: Value


@dataclass(eq=False)
class WeightedEdge(Edge):
    """An input of a neuron, with its weight."""

    head: NeuronBox
    weight: Value = field(kw_only=True)
    input: Value | float = field(kw_only=True)

    @property
    def number(self) -> float:
        """The number of the input."""
        return numbers_of([self.input])[0]

    @property
    def size(self) -> float:
        """|weight * input|; 0 where that is infinite or nan."""
        size = abs(self.weight.data * self.number)
        return size if math.isfinite(size) else 0.0

    @property
    def group(self) -> object:
        """The layer that the edge enters: widths are relative to the largest size in it."""
        return self.head.frame or self.head


@dataclass(eq=False)
class BundleEdge(Edge):
    """One or several Values that enter a layer, or leave one together; or parameters that are used outside too."""

    carried: Sequence[Value] = field(kw_only=True)
    are_parameters: bool = field(default=False, kw_only=True)

    @property
    def role(self) -> Hashable:
        return type(self).__name__, self.place, self.are_parameters


# The plan ------------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Copies:
    """The nodes that one node stands for, itself among them."""

    nodes: list[Node]
    times: list[tuple[int, str]]  # how many, and of what: "samples", "steps", or ""

    @property
    def text(self) -> str:
        """How many they are: "× 20 samples"."""
        return " ".join(f"× {n:,} {unit}".rstrip() for n, unit in self.times)

    @property
    def are_steps(self) -> bool:
        return self.times[-1][1] == "steps"


Use = tuple[Value, int]
"""A result, and the place of an operand of it."""


@dataclass(eq=False)
class LongSum:
    """A long chain of additions that is drawn as one sum, or one of multiplications."""

    terms: list[Use]
    inside: dict[Value, Use]  # the results on the way, from the last one on, with their uses


class Plan:
    """The nodes and edges of a drawing at one level of detail."""

    def __init__(
        self,
        values: Sequence[Value],
        layers: Sequence[FoundLayer],
        detail: str,
        opened: Iterable[str],
        named: Container[Value] = frozenset(),
    ) -> None:
        self.detail, self.values, self.layers = detail, values, layers
        self.named = named  # the Values that have a name of the user's
        self.boxes: list[Box] = []
        self.home: dict[Value, Box] = {}
        self.parameters: set[Value] = set()  # those that belong to a box
        self.own = {p for layer in layers for neuron in layer.neurons for p in neuron.parameters}
        self.frames: dict[Value, Frame] = {}  # around the Values of open neurons
        self.stands_in_columns = False
        self.edges: list[Edge] = []
        self.nodes: list[Node] = []  # once they are joined
        self.copies: dict[Node, Copies] = {}
        self.sums: dict[Value, LongSum] = {}
        self._uses: dict[str, list[list[Titled]]] = defaultdict(list)  # of each layer, what stands for it
        self._layers: dict[LayerBox, FoundLayer] = {}  # to which each box belongs
        self._inputs: dict[tuple[Value, int], Hashable] = {}  # which input of which layer a constant operand is
        self._shared: dict[Hashable, Constant] = {}
        if detail != "value":
            for layer in layers:
                self._place(layer, set(opened))
            self._gather_regularizer(self.own)
        self.shown = [v for v in values if v not in self.home]

    @property
    def is_dense(self) -> bool:
        """Whether there are too many edges into neurons for labels."""
        return sum(isinstance(edge, WeightedEdge) for edge in self.edges) > _LABELLED_EDGES

    @property
    def shows_several_neurons(self) -> bool:
        """Whether single neurons are drawn: as boxes, or at their detail as open ones, several or beside boxes."""
        if any(isinstance(box, NeuronBox) for box in self.boxes):
            return True
        return self.detail == "neuron" and len({*self.frames.values()}) + len(self.boxes) > 1

    def stand_in_columns(self) -> None:
        """Make columns of the layers of a network of neurons; a neuron that is open is in several, and has no frame."""
        self.stands_in_columns = True
        lost = {*self.frames.values()}
        self.frames.clear()
        for box in self.boxes:
            if box.frame in lost:  # what is cut out of a chain in an open neuron
                box.frame = None

    def join(self, most: int) -> Size:
        """Find the edges, and return the size of the drawing.

        If the Values and boxes alone exceed `most`, nothing is joined: there may be a million constants.
        """
        if len(self.shown) + len(self.boxes) > most:
            return Size(len(self.shown) + len(self.boxes), 0)
        if not self.boxes:
            size = size_of(self.shown, most, constants=True)
            if not size.fits(most):
                return size
        self._join()
        drawn = dict.fromkeys(self.home.get(v, v) for v in self.values if v not in self.parameters)
        self.constants = list(dict.fromkeys(edge.tail for edge in self.edges if isinstance(edge.tail, Constant)))
        self.nodes = [*drawn, *self.constants]
        return self.size

    @property
    def size(self) -> Size:
        """The size of the drawing, once it is joined."""
        return Size(len(self.nodes), len(self.edges))

    @property
    def visits(self) -> dict[Node, int]:
        """The place of each node, but constants and operations, in the order in which `backward()` comes to them."""
        places: dict[Node, int] = {copy: i for i, node in enumerate(self.nodes) for copy in self.copies_of(node)}
        cut: dict[Value, Box] = {v: box for box in self.nodes if isinstance(box, CutBox) for v in box.values}
        home = self.home | cut
        homes: Iterable[Node] = (home.get(v, v) for v in reversed(self.values) if v not in self.parameters)
        visited = dict.fromkeys(places[node] for node in homes if node in places)
        return {self.nodes[place]: i for i, place in enumerate(visited, start=1)}

    def set_operations_apart(self) -> None:
        """Give the operations of the Values that are drawn one by one nodes of their own."""
        nodes, self.nodes = self.nodes, []
        apart: dict[Node, Operation] = {}
        for node in nodes:
            if isinstance(node, Value) and node.op is not None:
                apart[node] = Operation(node)
                self.edges.append(ResultEdge(apart[node], node))
                self.nodes.append(apart[node])
            self.nodes.append(node)
        for edge in self.edges:
            if not isinstance(edge, ResultEdge):
                edge.head = apart.get(edge.head, edge.head)

    def copies_of(self, node: Node) -> list[Node]:
        """Return the nodes that one stands for."""
        return self.copies[node].nodes if node in self.copies else [node]

    def kept(self, results: Iterable[Node], most: int) -> set[Value]:
        """Return which of these results keep a node of their own: those with names, unless more than `most` have one.

        Names that a loop gives do not tell its rounds apart for a reader.
        """
        kept = {x for x in results if isinstance(x, Value) and x.op is not None and x in self.named}
        return kept if len(kept) <= most else set()

    def values_of(self, node: Node) -> list[Value]:
        """Return the Values that are drawn as a node that is no box, those inside of a long sum before it."""
        copies = [v for v in self.copies_of(node) if isinstance(v, Value)]
        return [x for v in copies for x in (*reversed(self.sums[v].inside if v in self.sums else {}), v)]

    def frame_of(self, node: Node) -> Frame | None:
        """Return the frame that a node is in."""
        if isinstance(node, Box):
            return node.frame
        v = node.result if isinstance(node, Operation) else node
        return self.frames.get(v) if isinstance(v, Value) else None

    def name_uses(self) -> None:
        """Number the uses of layers that are drawn several times, and note how many a drawn one stands for."""
        drawn: dict[Titled, str] = {}
        for node in self.nodes:
            copies = self.copies.get(node)
            times = f" {copies.text}" if copies else ""
            if isinstance(node, LayerBox):
                drawn[node] = times
            frame = self.frame_of(node)
            while frame is not None:
                drawn[frame] = drawn.get(frame) or times  # its parameters are drawn once
                frame = frame.parent
        for uses in self._uses.values():
            shown = [use for use in uses if not drawn.keys().isdisjoint(use)]
            for nth, use in enumerate(shown, start=1):
                for titled in use:
                    several = f" ({nth} of {len(shown)})" if len(shown) > 1 else ""
                    titled.use = several + drawn.get(titled, "")

    def _place(self, layer: FoundLayer, opened: set[str]) -> None:
        """Give the neurons of a layer their boxes, or the frames around those that are open.

        An open neuron is wide: it has a frame of its own beside that of its layer, unless the whole layer is open.
        """
        alone = layer.name == layer.neurons[0].name  # a neuron in no layer
        as_one = self.detail == "layer" and layer.name not in opened and not alone
        all_open = self.detail == "neuron" and layer.name in opened
        closed = [] if all_open else [neuron for neuron in layer.neurons if neuron.name not in opened]
        whole = as_one and len(closed) == len(layer.neurons)
        frame = None if alone or whole or (as_one and closed) else Frame(layer.name)
        titled: list[Titled] = [] if frame is None else [frame]
        if as_one and closed:
            rest = "" if whole else f": {len(closed)} more"
            titled.append(self._add(LayerBox(layer.name, closed, rest=rest), layer))
        for neuron in layer.neurons:
            short = neuron.name.rpartition(".")[2]
            if neuron not in closed:
                around = Frame(short, frame) if frame and not closed else Frame(neuron.name)
                titled.append(around)
                self._open(neuron, around, layer)
            elif not as_one:
                box = self._add(NeuronBox(short if frame else neuron.name, [neuron], frame=frame), layer)
                titled += [] if frame else [box]
        if frame is not None and not closed:
            titled = [frame]  # the frames in it need no number
        self._uses[layer.name].append(titled)

    def _open(self, neuron: FoundNeuron, around: Frame, layer: FoundLayer) -> None:
        """Put a frame around the Values of a neuron, and note which of their operands are inputs of its layer."""
        for v in [*neuron.parameters, *neuron.nodes]:
            self.frames.setdefault(v, around)
        weights = {weight: i for i, (weight, _) in enumerate(neuron.terms)}
        for v in neuron.nodes:
            half = len(v.args) // 2  # a product, or a dot of two lists
            for place, x in enumerate(v.args):
                weight = v.args[(place + half) % len(v.args)]
                if not isinstance(x, Value) and isinstance(weight, Value) and weight in weights:
                    self._inputs[v, place] = (layer, weights[weight], repr(x))

    def _add(self, box: LayerBox, layer: FoundLayer) -> LayerBox:
        self.boxes.append(box)
        self._layers[box] = layer
        for neuron in box.neurons:
            self.home.update(dict.fromkeys(neuron.nodes, box))
            for v in neuron.parameters:  # with several samples, they belong to the box of the first
                self.home.setdefault(v, box)
                self.parameters.add(v)
        return box

    def _gather_regularizer(self, parameters: set[Value]) -> None:
        """Give one box to everything that is computed from parameters alone."""
        computed: dict[Value, None] = {}
        results = set[Value]()
        for v in self.values:
            operands = [x for x in v.args if isinstance(x, Value)]
            if operands and v not in self.home and all(x in computed or x in parameters for x in operands):
                computed[v] = None
            else:
                results.update(x for x in operands if x in computed)
        if len(computed) >= _SMALLEST_REGULARIZER and len(results) == 1:
            used = dict.fromkeys(x for v in computed for x in v.args if isinstance(x, Value) and x not in computed)
            box = RegularizerBox(list(computed), list(used))
            self.boxes.append(box)
            self.home.update(dict.fromkeys(computed, box))

    def _join(self) -> None:
        inputs = {box: [x for _, x in box.neurons[0].terms] for box in self.boxes if isinstance(box, LayerBox)}
        uses = Counter(x for v in self.shown for x in set(v.args) if isinstance(x, Value))
        uses.update(x for xs in inputs.values() for x in set(xs) if isinstance(x, Value))
        for v in self.shown:
            self._join_operands(v)
        for box, xs in inputs.items():
            if isinstance(box, NeuronBox):
                self._join_neuron(box)
            else:
                self._join_layer(box, xs, uses)
        for other in self.boxes:
            if isinstance(other, RegularizerBox):
                self.edges += [
                    BundleEdge(tail, other, carried=carried, are_parameters=True)
                    for tail, carried in self._by_node(other.parameters).items()
                    if not isinstance(tail, NeuronBox)  # edges from all neurons would hide the others
                ]

    def _join_operands(self, v: Value) -> None:
        bundles: dict[tuple[Box, bool], list[int]] = {}
        for place, x in enumerate(v.args):
            if not isinstance(x, Value):
                self.edges.append(Edge(self._constant(x, self._inputs.get((v, place))), v, place))
            elif x not in self.home or (self.home[x].is_one_value and x not in self.parameters):
                self.edges.append(OperandEdge(self.home.get(x, x), v, place, user=v))
            else:
                bundles.setdefault((self.home[x], x in self.parameters), []).append(place)
        for (box, are_parameters), places in bundles.items():
            carried = list(dict.fromkeys(cast(Value, v.args[place]) for place in places))
            if are_parameters or len(carried) > 1:
                self.edges.append(BundleEdge(box, v, places[0], carried=carried, are_parameters=are_parameters))
            else:
                self.edges.append(OperandEdge(box, v, places[0], user=v))

    def _constant(self, x: float, which: Hashable | None) -> Constant:
        """Return a node for a constant; the neurons of a layer have the same inputs, so one node for each of these."""
        if which is None:
            return Constant([x])
        return self._shared.setdefault(which, Constant([x]))

    def _join_neuron(self, box: NeuronBox) -> None:
        for place, (weight, x) in enumerate(box.neurons[0].terms):
            if isinstance(x, Value):
                tail: Node = self.home.get(x, x)
            else:
                tail = self._constant(x, (self._layers[box], place, repr(x)))
            self.edges.append(WeightedEdge(tail, box, place, weight=weight, input=x))

    def _join_layer(self, box: LayerBox, xs: Sequence[Value | float], uses: Counter[Value]) -> None:
        """Join a layer with its inputs, with one edge for those from one box, for many leaves, or many constants."""
        nodes = [x for x in xs if isinstance(x, Value)]
        own = dict.fromkeys(x for x in nodes if x.op is None and uses[x] == 1 and x not in self.home)
        if len(own) > _INPUTS_ONE_BY_ONE:
            leaves = InputsBox(list(own))
            self.boxes.append(leaves)
            self.home.update(dict.fromkeys(own, leaves))
            self.shown = [v for v in self.shown if v not in self.home]
        places = {x: place for place, x in reversed([*enumerate(xs)])}
        self.edges += [
            BundleEdge(tail, box, places[carried[0]], carried=carried) for tail, carried in self._by_node(nodes).items()
        ]
        numbers = [(place, x) for place, x in enumerate(xs) if not isinstance(x, Value)]
        if len(numbers) > _INPUTS_ONE_BY_ONE:
            self.edges.append(Edge(Constant([x for _, x in numbers]), box, numbers[0][0]))
            return
        layer = self._layers[box]
        self.edges += [Edge(self._constant(x, (layer, place, repr(x))), box, place) for place, x in numbers]

    def _by_node(self, values: Iterable[Value]) -> dict[Node, list[Value]]:
        """Return the values that each node of the drawing holds."""
        by_node: dict[Node, list[Value]] = {}
        for v in values:
            by_node.setdefault(self.home.get(v, v), []).append(v)
        return by_node

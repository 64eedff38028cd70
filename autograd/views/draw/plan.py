"""Plan a drawing: which Values share a box, and which edges join the boxes.

A plan has no text in it, and can be counted before any is written. There is a class for each kind of box and of edge;
`dot.py` knows how each is written.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, cast

from autograd.engine import Value, numbers_of
from autograd.views.limits import Size, size_of
from autograd.views.network import FoundLayer, FoundNeuron

_INPUTS_ONE_BY_ONE = 8  # leaves, or constants, that enter a layer box on edges of their own
_SMALLEST_REGULARIZER = 9  # operations on parameters alone that share a box


# Nodes of the drawing ------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Frame:
    """A line around the neurons of a layer, or around the Values of an open neuron."""

    title: str
    parent: "Frame | None" = None


@dataclass(eq=False)
class Box:
    """A box for several Values."""

    frame: Frame | None = field(default=None, kw_only=True)
    is_one_value: ClassVar[bool] = False  # if so, an edge from it has one local gradient


@dataclass(eq=False)
class LayerBox(Box):
    """A layer, or those of its neurons that are not open."""

    title: str
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
class Constant:
    """A small node for a number that has no gradient, or for the many that enter a layer."""

    numbers: Sequence[float]


Node = Value | Box | Constant


# Edges of the drawing ------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Edge:
    """A line between two nodes. A plain one is the use of a constant, which has no gradient."""

    tail: Node
    head: Node


@dataclass(eq=False)
class OperandEdge(Edge):
    """The use of a Value as an operand; it has a local gradient."""

    head: Value
    place: int  # of the operand


@dataclass(eq=False)
class WeightedEdge(Edge):
    """An input of a neuron, with its weight."""

    head: NeuronBox
    weight: Value
    input: Value | float

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

    carried: Sequence[Value]
    are_parameters: bool = False


# The plan ------------------------------------------------------------------------------------------------------------


class Plan:
    """The nodes and edges of a drawing at one level of detail."""

    def __init__(
        self, values: Sequence[Value], layers: Sequence[FoundLayer], detail: str, opened: Iterable[str]
    ) -> None:
        self.detail, self.values = detail, values
        self.boxes: list[Box] = []
        self.home: dict[Value, Box] = {}
        self.parameters: set[Value] = set()  # those that belong to a box
        self.frames: dict[Value, Frame] = {}
        self.edges: list[Edge] = []
        if detail != "value":
            times = Counter(layer.name for layer in layers)  # once for each sample
            nth: Counter[str] = Counter()
            for layer in layers:
                nth[layer.name] += 1
                several = f" ({nth[layer.name]} of {times[layer.name]})" if times[layer.name] > 1 else ""
                self._place(layer, several, set(opened))
            self._gather_regularizer({p for layer in layers for neuron in layer.neurons for p in neuron.parameters})
        self.shown = [v for v in values if v not in self.home]

    def join(self, max_nodes: int) -> Size:
        """Find the edges, and return the size of the drawing.

        If the Values and boxes alone exceed `max_nodes`, nothing is joined: there may be a million constants.
        """
        if len(self.shown) + len(self.boxes) > max_nodes:
            return Size(len(self.shown) + len(self.boxes), 0)
        if not self.boxes:
            size = size_of(self.shown, max_nodes, constants=True)
            if not size.fits(max_nodes):
                return size
        self._join()
        self.constants = list(dict.fromkeys(edge.tail for edge in self.edges if isinstance(edge.tail, Constant)))
        return Size(len(self.shown) + len(self.boxes) + len(self.constants), len(self.edges))

    def _place(self, layer: FoundLayer, several: str, opened: set[str]) -> None:
        """Give the neurons of a layer their boxes, or the frames around those that are open."""
        alone = layer.name == layer.neurons[0].name  # a neuron in no layer
        as_one = self.detail == "layer" and layer.name not in opened and not alone
        all_open = self.detail == "neuron" and layer.name in opened
        closed = [] if all_open else [neuron for neuron in layer.neurons if neuron.name not in opened]
        whole = as_one and len(closed) == len(layer.neurons)
        frame = None if alone or whole else Frame(layer.name + several)
        if as_one and closed:
            rest = "" if whole else f": {len(closed)} more"
            self._add(LayerBox(f"{layer.name}{several}{rest}", closed, frame=frame))
        for neuron in layer.neurons:
            title = neuron.name + several if frame is None else neuron.name.rpartition(".")[2]
            if neuron not in closed:
                around = Frame(title, frame)
                for v in [*neuron.parameters, *neuron.nodes]:
                    self.frames.setdefault(v, around)
            elif not as_one:
                self._add(NeuronBox(title, [neuron], frame=frame))

    def _add(self, box: LayerBox) -> None:
        self.boxes.append(box)
        for neuron in box.neurons:
            self.home.update(dict.fromkeys(neuron.nodes, box))
            for v in neuron.parameters:  # with several samples, they belong to the box of the first
                self.home.setdefault(v, box)
                self.parameters.add(v)

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
        shared: dict[object, Constant] = {}  # a layer's neurons have the same inputs, so one node for each constant
        for box, xs in inputs.items():
            if isinstance(box, NeuronBox):
                self._join_neuron(box, shared)
            else:
                self._join_layer(box, xs, uses)
        for other in self.boxes:
            if isinstance(other, RegularizerBox):
                self.edges += [
                    BundleEdge(tail, other, carried, are_parameters=True)
                    for tail, carried in self._by_node(other.parameters).items()
                    if not isinstance(tail, NeuronBox)  # edges from all neurons would hide the others
                ]

    def _join_operands(self, v: Value) -> None:
        bundles: dict[tuple[Box, bool], list[int]] = {}
        for place, x in enumerate(v.args):
            if not isinstance(x, Value):
                self.edges.append(Edge(Constant([x]), v))
            elif x not in self.home or (self.home[x].is_one_value and x not in self.parameters):
                self.edges.append(OperandEdge(self.home.get(x, x), v, place))
            else:
                bundles.setdefault((self.home[x], x in self.parameters), []).append(place)
        for (box, are_parameters), places in bundles.items():
            carried = list(dict.fromkeys(cast(Value, v.args[place]) for place in places))
            if are_parameters or len(carried) > 1:
                self.edges.append(BundleEdge(box, v, carried, are_parameters))
            else:
                self.edges.append(OperandEdge(box, v, places[0]))

    def _join_neuron(self, box: NeuronBox, shared: dict[object, Constant]) -> None:
        for place, (weight, x) in enumerate(box.neurons[0].terms):
            if isinstance(x, Value):
                tail: Node = self.home.get(x, x)
            else:
                tail = shared.setdefault((box.frame or box, place, repr(x)), Constant([x]))
            self.edges.append(WeightedEdge(tail, box, weight, x))

    def _join_layer(self, box: LayerBox, xs: Sequence[Value | float], uses: Counter[Value]) -> None:
        """Join a layer with its inputs, with one edge for those from one box, for many leaves, or many constants."""
        nodes = [x for x in xs if isinstance(x, Value)]
        own = dict.fromkeys(x for x in nodes if x.op is None and uses[x] == 1 and x not in self.home)
        if len(own) > _INPUTS_ONE_BY_ONE:
            leaves = InputsBox(list(own))
            self.boxes.append(leaves)
            self.home.update(dict.fromkeys(own, leaves))
            self.shown = [v for v in self.shown if v not in self.home]
        self.edges += [BundleEdge(tail, box, carried) for tail, carried in self._by_node(nodes).items()]
        numbers = [x for x in xs if not isinstance(x, Value)]
        groups = [numbers] if len(numbers) > _INPUTS_ONE_BY_ONE else [[x] for x in numbers]
        self.edges += [Edge(Constant(some), box) for some in groups]

    def _by_node(self, values: Iterable[Value]) -> dict[Node, list[Value]]:
        """Return the values that each node of the drawing holds."""
        by_node: dict[Node, list[Value]] = {}
        for v in values:
            by_node.setdefault(self.home.get(v, v), []).append(v)
        return by_node

"""Find the neurons in a graph: which nodes belong to one neuron, by the labels of its parameters.

A network leaves no record of its neurons in the graph, so that recording one costs nothing. Its parameters have labels:
`layer1.neuron3.weight2` and `layer1.neuron3.bias`, or in a lone neuron `weight1` and `bias`. The weighted sum of a
neuron is any node that adds up products of such weights, and such a bias, and nothing else: one `dot`, or a chain of
sums and products in any order. A node inside it that is used elsewhere as well is not hidden in it.

Which neuron it is, its parameters themselves say, not their labels: those of two networks may be the same.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from typing import NamedTuple

from autograd import ops
from autograd.engine import Value
from autograd.names import names_in_models
from autograd.ops import Op

# Labels are paths of attributes, so neurons of classes that users write are found by these: `neurons1.w2` where each
# neuron is an object, as micrograd has them, and `weight1.2` where a layer has a matrix. A letter alone is not enough.
_OF_A_NEURON = re.compile(
    r"(?:(?P<owner>.+)\.)?(?:weights?(?P<weight>[0-9]{0,9})|bias)|(?P<other>.+)\.(?:w(?P<w>[0-9]{0,9})|b)", re.DOTALL
)
_OF_A_MATRIX = re.compile(
    r"(?:(?P<layer>.+)\.)?(?:(?:weights?|w)(?P<row>[0-9]{1,9})\.(?P<number>[0-9]{1,9})|(?:bias(?:es)?|b)(?P<of>[0-9]{1,9}))",
    re.DOTALL,
)
_IN_A_LAYER = re.compile(r"(?:(?P<layer>.+)\.)?neurons?\d+", re.DOTALL)


@dataclass(eq=False)
class FoundNeuron:
    """A neuron as it computed one sample; a neuron that computed several samples is found as many times."""

    name: str  # "layer1.neuron3"; "neuron" where the labels are bare; no other neuron has it
    layer: str  # "layer1"; for a neuron in no layer, its own name
    terms: list[tuple[Value, Value | float]]  # weights with their inputs
    bias: Value | None
    net: Value  # the weighted sum with the bias
    output: Value  # its activation; where there is none, the net itself
    nodes: list[Value]  # the results on the way to the output, and the output

    @property
    def activation(self) -> Op | None:
        return None if self.output is self.net else self.output.op

    @property
    def parameters(self) -> list[Value]:
        return [weight for weight, _ in self.terms] + ([] if self.bias is None else [self.bias])

    @property
    def identity(self) -> Value:
        """A parameter that no other neuron has: the same one each time that the neuron is used."""
        return self.terms[0][0] if self.bias is None else self.bias


@dataclass(eq=False)
class FoundLayer:
    """The neurons of one layer that computed the same inputs, in order."""

    name: str
    neurons: list[FoundNeuron] = field(default_factory=list)


class _Parameter(NamedTuple):
    """The label of a parameter, split into its parts."""

    neuron: str  # "layer1.neuron3", or "" in a lone neuron
    is_bias: bool
    number: int  # of a weight


@dataclass(eq=False, slots=True)
class _Sum:
    """A sum of products with the weights of one neuron, as far as it has been found; it grows sum by sum."""

    owner: str
    terms: dict[Value, Value | float]  # the input of each weight
    numbers: set[int]  # those of the weights
    bias: Value | None = None
    inside: list[Value] = field(default_factory=list)  # the nodes on the way


def find_layers(nodes: Sequence[Value], *, variables: bool = True) -> list[FoundLayer]:
    """Return the layers of neurons in a graph, in the order of creation.

    Arguments:
        nodes: the graph in the order of creation, as `graph_of(output)` returns it.
        variables: whether layers whose labels are the same are named after the variables that their networks are bound
            to where the package was called: `encoder.layer1`, `decoder.layer1`; else they are `layer1`, `layer1#2`.

    >>> x = Value(0.4)
    >>> output = (x * Value(0.5, "weight") + Value(0.6, "bias")).tanh()
    >>> net = output.args[0]
    >>> [layer] = find_layers([x, *net.args[0].args[1:], net.args[1], net.args[0], net, output])
    >>> [neuron] = layer.neurons
    >>> neuron.name, len(neuron.terms), neuron.activation
    ('neuron', 1, <operation tanh: tanh(·)>)
    """
    neurons = _find_neurons(nodes)
    _drop_what_is_no_activation(neurons)
    _tell_apart(neurons, nodes, variables=variables)
    layers: dict[object, FoundLayer] = {}
    times: Counter[object] = Counter()
    for neuron in neurons:
        inputs = (neuron.layer, *(x if type(x) is Value else repr(x) for _, x in neuron.terms))
        times[neuron.identity, inputs] += 1  # the same neuron on the same numbers again is another sample's
        layer = layers.setdefault((times[neuron.identity, inputs], inputs), FoundLayer(neuron.layer))
        layer.neurons.append(neuron)
    return list(layers.values())


def _drop_what_is_no_activation(neurons: Iterable[FoundNeuron]) -> None:
    """End neurons with their weighted sums where a function of it is not the same each time: it belongs to the loss."""
    uses = defaultdict[Value, list[FoundNeuron]](list)
    for neuron in neurons:
        uses[neuron.identity].append(neuron)
    for found in uses.values():
        if len({neuron.activation for neuron in found}) > 1:
            for neuron in found:
                if neuron.output is not neuron.net:
                    neuron.nodes.remove(neuron.output)
                    neuron.output = neuron.net


def _tell_apart(neurons: Sequence[FoundNeuron], nodes: Sequence[Value], *, variables: bool) -> None:
    """Give neurons other names where their layers' labels are those of other layers."""
    uses = defaultdict[Value, list[FoundNeuron]](list)
    for neuron in neurons:
        uses[neuron.identity].append(neuron)
    if len({neuron.name for neuron in neurons}) == len(uses):
        return
    paths = names_in_models(nodes) if variables else {}
    layers = defaultdict[str, list[dict[str, list[FoundNeuron]]]](list)  # those of one name; each has a neuron once
    for v in nodes:  # in the order in which the parameters were made, so those of a layer come together
        if v in uses:
            name, layer = _names(paths.get(v, v.label))
            same = layers[layer]
            if not same or name in same[-1]:
                same.append({})
            same[-1][name] = uses[v]
    for layer, same in layers.items():
        others = (f"{layer}#{n}" for n in count(2))
        free = chain([layer], (name for name in others if name not in layers))
        for found, title in zip(same, free):  # there are names without end
            for name, times in found.items():
                renamed = title if name == layer else f"{title}.{name.rpartition('.')[2]}"
                for neuron in times:
                    neuron.name, neuron.layer = name if title == layer else renamed, title


def _names(label: str) -> tuple[str, str]:
    """Return the name of a neuron and that of its layer, by the label of one of its parameters.

    >>> _names("layer1.neuron3.weight2"), _names("neuron3.bias"), _names("bias"), _names("hidden.weight3.2")
    (('layer1.neuron3', 'layer1'), ('neuron3', 'layer'), ('neuron', 'neuron'), ('hidden.neuron3', 'hidden'))
    """
    parameter = _parameter(label)
    owner = parameter.neuron if parameter else ""
    match = _IN_A_LAYER.fullmatch(owner)
    return owner or "neuron", (match["layer"] or "layer") if match else owner or "neuron"


def _find_neurons(nodes: Sequence[Value]) -> list[FoundNeuron]:
    parameters = _parameters(nodes)
    if not parameters:
        return []
    only_user: dict[Value, Value | None] = {}  # None where there are several
    for v in nodes:
        for x in v.args:
            if type(x) is Value:
                only_user[x] = None if x in only_user else v
    sums: dict[Value, list[_Sum]] = {}
    for v in nodes:
        readings: list[_Sum] = []
        if v.op in (ops.mul, ops.dot):
            readings = _weighted_sums(v.args, parameters)
        elif v.op in (ops.add, ops.sum):
            within = {x: sums[x] for x in v.args if type(x) is Value and x in sums and only_user[x] is v}
            readings = _joined_sums(v.args, within, parameters)
            if readings:
                for reading in readings:
                    reading.inside += within
                for x in within:
                    del sums[x]
        if readings:
            sums[v] = readings
    weighted = (reading for readings in sums.values() for reading in readings)
    inputs = {x for reading in weighted for x in reading.terms.values() if type(x) is Value}
    biased = {p.neuron for v, p in parameters.items() if p.is_bias and v not in inputs}
    return [
        _neuron(net, found, only_user.get(net), parameters)
        for net, readings in sums.items()
        if (found := _most_likely(readings, biased)) is not None
    ]


def _most_likely(readings: Iterable[_Sum], biased: Container[str]) -> _Sum | None:
    """Return the sum of a neuron, if it is clear of which: those that have a bias somewhere have it here."""
    complete = [found for found in readings if found.bias is not None or found.owner not in biased]
    if len(complete) > 1:
        complete = [found for found in complete if found.owner]
    return complete[0] if len(complete) == 1 else None


def _parameters(nodes: Iterable[Value]) -> dict[Value, _Parameter]:
    found = {v: _parameter(v.label) for v in nodes if v.label and v.op is None}
    return {v: parameter for v, parameter in found.items() if parameter}


def _parameter(label: str) -> _Parameter | None:
    """Return what a label says of a parameter of a neuron; None if it is the label of something else."""
    match = _OF_A_NEURON.fullmatch(label)
    if match:
        number = match["weight"] if match["other"] is None else match["w"]
        return _Parameter(match["owner"] or match["other"] or "", number is None, int(number or 0))
    match = _OF_A_MATRIX.fullmatch(label)
    if match:
        neuron = f"{match['layer'] or ''}.neuron{match['row'] or match['of']}".removeprefix(".")
        return _Parameter(neuron, match["of"] is not None, int(match["number"] or 0))
    return None


def _weighted_sums(args: Sequence[Value | float], parameters: Mapping[Value, _Parameter]) -> list[_Sum]:
    """Return the sum of these products, if they are of inputs with the weights of one neuron.

    An input may have such a label, too: a `weight` in kilograms. Then there are as many readings as there are neurons
    of which all these products may be.
    """
    half = len(args) // 2
    products = [
        [
            (parameters[weight], weight, x)
            for weight, x in ((one, other), (other, one))
            if type(weight) is Value and weight in parameters and not parameters[weight].is_bias
        ]
        for one, other in zip(args[:half], args[half:], strict=True)
    ]
    owners = dict.fromkeys(parameter.neuron for parameter, _, _ in products[0]) if products else {}
    readings = [_weighted_sum(owner, products) for owner in owners]
    return [found for found in readings if found is not None]


def _weighted_sum(owner: str, products: Iterable[Sequence[tuple[_Parameter, Value, Value | float]]]) -> _Sum | None:
    """Return the sum of products with weights of this neuron, if each has just one: of two, it is the numbered one."""
    terms, numbers = dict[Value, Value | float](), set[int]()
    for product in products:
        own = [reading for reading in product if reading[0].neuron == owner]
        if len(own) > 1:
            own = [reading for reading in own if reading[0].number]
        if len(own) != 1:
            return None
        [(parameter, weight, x)] = own
        if weight in terms or parameter.number in numbers:
            return None  # of two neurons with the same labels
        terms[weight] = x
        if parameter.number:
            numbers.add(parameter.number)
    return _Sum(owner, terms, numbers)


def _joined_sums(
    args: Sequence[Value | float], sums: Mapping[Value, Sequence[_Sum]], parameters: Mapping[Value, _Parameter]
) -> list[_Sum]:
    """Return what `_joined_sum` does for each neuron of which all these sums may be."""
    if not sums:
        return []
    of_each = [{found.owner: found for found in readings} for readings in sums.values()]
    owners = [owner for owner in of_each[0] if all(owner in readings for readings in of_each)]
    parts = [{x: readings[owner] for x, readings in zip(sums, of_each, strict=True)} for owner in owners]
    joined = [_joined_sum(args, each, parameters) for each in parts]
    return [found for found in joined if found is not None]


def _joined_sum(
    args: Iterable[Value | float], sums: Mapping[Value, _Sum], parameters: Mapping[Value, _Parameter]
) -> _Sum | None:
    """Return the sum of several sums of one neuron and perhaps its bias, if these operands are nothing else.

    A constant 0, with which Python's `sum` begins, does not count. The longest of the sums takes the others in, so that
    a chain of a thousand sums is not a thousand copies.
    """
    parts = list(sums.values())
    owners = {part.owner for part in parts}
    biases = [part.bias for part in parts if part.bias is not None]
    for x in args:
        if type(x) is not Value:
            if x != 0:
                return None
        elif x in parameters and parameters[x].is_bias:
            owners.add(parameters[x].neuron)
            biases.append(x)
        elif x not in sums:
            return None
    if not parts or len(owners) != 1 or len(biases) > 1:
        return None
    longest = max(parts, key=lambda part: len(part.terms))
    others = [part for part in parts if part is not longest]
    for known, new in (
        (longest.terms.keys(), [weight for part in others for weight in part.terms]),
        (longest.numbers, [number for part in others for number in part.numbers]),
    ):
        if len(set(new)) < len(new) or not known.isdisjoint(new):
            return None
    for part in others:
        longest.terms |= part.terms
        longest.numbers |= part.numbers
        longest.inside += part.inside
    longest.bias = biases[0] if biases else None
    return longest


def _neuron(net: Value, found: _Sum, user: Value | None, parameters: Mapping[Value, _Parameter]) -> FoundNeuron:
    output, nodes = net, [*found.inside, net]
    if user is not None and _is_activation(user):
        output = user
        nodes.append(user)
    terms = sorted(found.terms.items(), key=lambda term: parameters[term[0]].number)
    return FoundNeuron(*_names(terms[0][0].label), terms, found.bias, net, output, nodes)


def _is_activation(user: Value) -> bool:
    """Return True for a function of a single Value, and perhaps of constants, such as the slope of a `leaky_relu`."""
    op, operands = user.op, [x for x in user.args if type(x) is Value]
    return op is not None and not op.variadic and op.symbol == op.name and len(operands) == 1

"""Find the neurons in a graph: which nodes belong to one neuron, by its parameters.

A network leaves no record of its neurons in the graph, so that recording one costs nothing. Its parameters have labels:
`layer1.neuron3.weight2` and `layer1.neuron3.bias`, or in a lone neuron `weight1` and `bias`. The weighted sum of a
neuron is any node that adds up products of such weights, and such a bias, and nothing else: one `dot`, or a chain of
sums and products in any order. A node inside it that is used elsewhere as well is not hidden in it.

What a Module of a user's class holds is known to be a parameter, whatever its label: which of these make up a neuron,
the structure of the graph says (`own_neurons.py`).

Which neuron it is, its parameters themselves say, not their labels: those of two networks may be the same.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import chain, count
from typing import NamedTuple

from autograd import ops
from autograd.collecting.memory import is_held
from autograd.engine import Value, created
from autograd.names import names_in_models
from autograd.ops import Op
from autograd.views.own_neurons import (
    Step,
    Unnamed,
    WeightedSum,
    inputs_of,
    is_activation,
    names_of_neurons,
    neurons_among,
)

# Labels of parameters outside of users' Modules: `neurons1.w2` where each neuron is an object, as micrograd has them,
# and `weight1.2` where a layer has a matrix. A letter alone is not enough.
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

    owner: str | None  # that of its weighted sum
    terms: list[tuple[Value, Value | float]]  # weights with their inputs
    bias: Value | None
    net: Value  # the weighted sum with the bias
    output: Value  # its activation; where there is none, the net itself
    nodes: list[Value]  # the results on the way to the output, and the output
    name: str = ""  # "layer1.neuron3"; "neuron" where the labels are bare; no other neuron has it
    layer: str = ""  # "layer1"; for a neuron in no layer, its own name
    identity: tuple[Value, ...] = ()  # its parameters, the same ones each time that it is used

    @property
    def activation(self) -> Op | None:
        return None if self.output is self.net else self.output.op

    @property
    def parameters(self) -> list[Value]:
        return [weight for weight, _ in self.terms] + ([] if self.bias is None else [self.bias])


@dataclass(eq=False)
class FoundLayer:
    """The neurons of one layer that computed the same inputs, in order."""

    name: str
    neurons: list[FoundNeuron] = field(default_factory=list)


class _Parameter(NamedTuple):
    """The label of a parameter, split into its parts; for what a Module of a user's class holds, what is known."""

    neuron: str | None  # "layer1.neuron3", or "" in a lone neuron; None in a Module of a user's class
    is_bias: bool | None
    number: int  # of a weight


_HELD = _Parameter(None, None, 0)
_PRODUCTS = (ops.mul, ops.dot)


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
    uses = _identify(neurons)
    _drop_what_is_no_activation(uses)
    _name(uses, nodes, variables=variables)
    layers: dict[object, FoundLayer] = {}
    times: Counter[object] = Counter()
    for neuron in neurons:
        inputs = (neuron.layer, *_inputs(neuron))
        times[neuron.identity, inputs] += 1  # the same neuron on the same numbers again is another sample's
        layer = layers.setdefault((times[neuron.identity, inputs], inputs), FoundLayer(neuron.layer))
        layer.neurons.append(neuron)
    return list(layers.values())


def _inputs(neuron: FoundNeuron) -> tuple[Hashable, ...]:
    return inputs_of(x for _, x in neuron.terms)


_Uses = Mapping[tuple[Value, ...], Sequence[FoundNeuron]]
"""The neurons that were found, by their identities."""


def _identify(neurons: Iterable[FoundNeuron]) -> _Uses:
    """Say which of the neurons that were found are the same: all their parameters are.

    With a bias, it may lack some inputs at times, as a recurrent one that has no state yet in its first step.
    """
    of_bias = defaultdict[Value, dict[frozenset[Value], tuple[Value, ...]]](dict)
    for neuron in neurons:
        if neuron.bias is not None:
            of_bias[neuron.bias][frozenset(neuron.parameters)] = tuple(neuron.parameters)
    uses = defaultdict[tuple[Value, ...], list[FoundNeuron]](list)
    for neuron in neurons:
        neuron.identity = tuple(neuron.parameters)
        if neuron.bias is not None and len(of_bias[neuron.bias]) > 1:
            own = frozenset(neuron.parameters)
            neuron.identity = max(
                (identity for known, identity in of_bias[neuron.bias].items() if known >= own), key=len
            )
        uses[neuron.identity].append(neuron)
    return uses


def _drop_what_is_no_activation(uses: _Uses) -> None:
    """End neurons with their weighted sums where a function of it is not the same each time: it belongs to the loss."""
    for found in uses.values():
        if len({neuron.activation for neuron in found}) > 1:
            for neuron in found:
                if neuron.output is not neuron.net:
                    neuron.nodes.remove(neuron.output)
                    neuron.output = neuron.net


def _name(uses: _Uses, nodes: Sequence[Value], *, variables: bool) -> None:
    """Name neurons and their layers by the labels of their parameters, and others with the same names apart."""
    if not uses:
        return
    named = _named(uses, {})
    if len({name for name, _ in named.values()}) < len(uses):
        named = _named(uses, names_in_models(nodes) if variables else {})
    layers = defaultdict[str, list[dict[str, Sequence[FoundNeuron]]]](list)  # of one name; each has a neuron once
    # In the order in which the parameters were made, so those of a layer come together.
    for identity in sorted(uses, key=lambda identity: sorted(map(created, identity))):
        name, layer = named[identity]
        same = layers[layer]
        if not same or name in same[-1]:
            same.append({})
        same[-1][name] = uses[identity]
    for layer, same in layers.items():
        others = (f"{layer}#{n}" for n in count(2))
        free = chain([layer], (name for name in others if name not in layers))
        for found, title in zip(same, free):  # there are names without end
            for name, times in found.items():
                renamed = title if name == layer else f"{title}.{name.rpartition('.')[2]}"
                for neuron in times:
                    neuron.name, neuron.layer = name if title == layer else renamed, title


def _named(uses: _Uses, paths: Mapping[Value, str]) -> dict[tuple[Value, ...], tuple[str, str]]:
    """Return the name of each neuron and that of its layer: by the labels, where there are no other paths."""
    labels = {p: paths.get(p, p.label) for identity in uses for p in identity}
    first = {identity: neurons[0] for identity, neurons in uses.items()}
    times = Counter(p for identity in uses for p in identity)  # a parameter that neurons share says less
    named = {
        identity: _names(labels[min(reversed(identity), key=times.__getitem__)])
        for identity, neuron in first.items()
        if neuron.owner is not None
    }
    own = {identity: neuron for identity, neuron in first.items() if neuron.owner is None}
    unnamed = [
        Unnamed(identity[: len(identity) - (neuron.bias is not None)], neuron.bias, _inputs(neuron))
        for identity, neuron in own.items()
    ]
    for identity, (name, layer) in zip(own, names_of_neurons(unnamed, labels), strict=True):
        match = _IN_A_LAYER.fullmatch(name) if name == layer else None
        named[identity] = (name, (match["layer"] or "layer") if match else layer)
    return named


def _names(label: str) -> tuple[str, str]:
    """Return the name of a neuron and that of its layer, by the label of one of its parameters.

    >>> _names("layer1.neuron3.weight2"), _names("neuron3.bias"), _names("bias"), _names("hidden.weight3.2")
    (('layer1.neuron3', 'layer1'), ('neuron3', 'layer'), ('neuron', 'neuron'), ('hidden.neuron3', 'hidden'))
    """
    parameter = _parameter(label)
    owner = (parameter.neuron if parameter else "") or ""
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
    weights = defaultdict[str | None, set[int]](set)  # the numbers of those in the graph
    for parameter in parameters.values():
        if not parameter.is_bias:
            weights[parameter.neuron].add(parameter.number)
    biased = {parameter.neuron for parameter in parameters.values() if parameter.is_bias}
    sums: dict[Value, list[WeightedSum]] = {}
    for v in nodes:
        readings: list[WeightedSum] = []
        if v.op in _PRODUCTS:
            readings = _weighted_sums(v.args, parameters, weights)
        elif v.op in (ops.add, ops.sum):
            within = {x: sums[x] for x in v.args if type(x) is Value and x in sums and only_user[x] is v}
            readings = _joined_sums(v.args, within, parameters, biased)
            if readings:
                for reading in readings:
                    reading.inside += within
                for x in within:
                    del sums[x]
        if readings:
            sums[v] = readings
    weighted = (reading for readings in sums.values() for reading in readings)
    inputs = {x for reading in weighted for x in reading.terms.values() if type(x) is Value}
    biased = {parameter.neuron for v, parameter in parameters.items() if parameter.is_bias and v not in inputs}
    factors = {
        found.owner
        for net, readings in sums.items()
        for found in readings
        if len(found.terms) == 1 and found.bias is None and getattr(only_user.get(net), "op", None) in _PRODUCTS
    }
    without_bias = weights.keys() - biased - factors
    clear = [
        [found for found in readings if _is_complete(found, without_bias, weights[found.owner])]
        for readings in sums.values()
    ]
    own = {net: found for net, readings in sums.items() for found in readings if found.owner is None}
    known = neurons_among(own, [v for v, p in parameters.items() if p is _HELD], nodes) if own else {}
    others = {
        net: found for net, readings in zip(sums, clear, strict=True) if (found := _most_likely(readings, parameters))
    }
    return [
        _neuron(net, found, only_user.get(net), parameters)
        for net, found in sorted((others | known).items(), key=lambda item: created(item[0]))
    ]


def _is_complete(found: WeightedSum, without_bias: Container[str | None], weights: AbstractSet[int]) -> bool:
    """Return True if a neuron has all of its parameters in a sum: its bias, or if it has none, all of its weights.

    In graphs of gradients, weights stand in other sums, or alone as factors of products.
    """
    if found.owner is None or found.bias is not None:
        return found.owner is not None
    return found.owner in without_bias and weights - {0} <= found.numbers


def _most_likely(complete: Sequence[WeightedSum], parameters: Mapping[Value, _Parameter]) -> WeightedSum | None:
    """Return the sum of a neuron, if it is clear of which: that of the bias, or one with a name."""
    if len(complete) > 1:
        own = [found for found in complete if found.bias is not None and parameters[found.bias].neuron == found.owner]
        complete = own or complete
    if len(complete) > 1:
        complete = [found for found in complete if found.owner]
    return complete[0] if len(complete) == 1 else None


def _parameters(nodes: Iterable[Value]) -> dict[Value, _Parameter]:
    leaves = (v for v in nodes if v.op is None and v.label)
    found = {v: _HELD if is_held(v) else _parameter(v.label) for v in leaves}
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


def _weighted_sums(
    args: Sequence[Value | float],
    parameters: Mapping[Value, _Parameter],
    weights: Mapping[str | None, AbstractSet[int]],
) -> list[WeightedSum]:
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
    ends = [*products[:1], *products[1:][-1:]]  # one of them may be another's
    owners = dict.fromkeys(parameter.neuron for product in ends for parameter, _, _ in product)
    readings = [_weighted_sum(owner, products, weights.get(owner, frozenset())) for owner in owners]
    return [found for found in readings if found is not None]


def _weighted_sum(
    owner: str | None,
    products: Iterable[Sequence[tuple[_Parameter, Value, Value | float]]],
    weights: AbstractSet[int],
) -> WeightedSum | None:
    """Return the sum of products with weights of this neuron, if each has just one: of two, it is the numbered one.

    A weight may be another's, which the two share, if it has none of that number itself.
    """
    terms, numbers = dict[Value, Value | float](), set[int]()
    for product in products:
        own: Sequence[tuple[_Parameter, Value, Value | float]] = [x for x in product if x[0].neuron == owner]
        if len(own) > 1:
            own = [reading for reading in own if reading[0].number]
        if not own and owner is not None and len(product) == 1 and product[0][0].number not in weights:
            own = product
        if len(own) != 1:
            return None
        [(parameter, weight, x)] = own
        if weight in terms or parameter.number in numbers:
            return None  # of two neurons with the same labels
        terms[weight] = x
        if parameter.number:
            numbers.add(parameter.number)
    return WeightedSum(owner, terms, numbers)


def _joined_sums(
    args: Sequence[Value | float],
    sums: Mapping[Value, Sequence[WeightedSum]],
    parameters: Mapping[Value, _Parameter],
    biased: Container[str | None],
) -> list[WeightedSum]:
    """Return what `_joined_sum` does for each neuron of which all these sums may be."""
    if not sums:
        return []
    of_each = [{found.owner: found for found in readings} for readings in sums.values()]
    owners = [owner for owner in of_each[0] if all(owner in readings for readings in of_each)]
    parts = [{x: readings[owner] for x, readings in zip(sums, of_each, strict=True)} for owner in owners]
    joined = [_joined_sum(args, each, parameters, biased) for each in parts]
    return [found for found in joined if found is not None]


def _joined_sum(
    args: Iterable[Value | float],
    sums: Mapping[Value, WeightedSum],
    parameters: Mapping[Value, _Parameter],
    biased: Container[str | None],
) -> WeightedSum | None:
    """Return the sum of several sums of one neuron and perhaps its bias, if these operands are nothing else.

    The bias may be another's, which the two share, if it has none itself. A constant 0, with which Python's `sum`
    begins, does not count. The longest of the sums takes the others in, so that a chain of a thousand sums is not a
    thousand copies.
    """
    parts = list(sums.values())
    owners = {part.owner for part in parts}
    biases = [part.bias for part in parts if part.bias is not None]
    for x in args:
        if type(x) is not Value:
            if x != 0:
                return None
        elif x in parameters and (parameters[x].is_bias or (parameters[x] is _HELD and None in owners)):
            if parameters[x].neuron not in owners and any(owner in biased for owner in owners):
                return None
            biases.append(x)
        elif x not in sums:
            return None
    if not parts or len(owners) != 1 or len(biases) > 1:
        return None
    longest = max(parts, key=lambda part: (part.owner is None and part.bias is not None, len(part.terms)))
    if longest.owner is None and longest.bias is not None and len(parts) > 1:
        [net] = [x for x, part in sums.items() if part is longest]
        longest.steps.append(Step(net, len(longest.terms), len(longest.inside)))
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


def _neuron(net: Value, found: WeightedSum, user: Value | None, parameters: Mapping[Value, _Parameter]) -> FoundNeuron:
    output, nodes = net, [*found.inside, net]
    if user is not None and is_activation(user):
        output = user
        nodes.append(user)
    terms = sorted(found.terms.items(), key=lambda term: (parameters[term[0]].number, created(term[0])))
    return FoundNeuron(found.owner, terms, found.bias, net, output, nodes)

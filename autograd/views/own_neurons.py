"""Neurons in Modules that users write: which weighted sums are neurons, and what they are called.

Attributes have any names, so structure decides. A neuron is a sum of products with one parameter each, plus perhaps a
parameter, its bias. Much that is no neuron looks like that: the terms of a polynomial, the gains of a normalisation,
the scale of an output, and in graphs of gradients the same weights again, each where the sum of another neuron brought
it. So a sum is one only if it leaves none of its list of weights out and mixes no other in; in doubt it is none, and is
drawn as it is.

The labels of parameters, which are their paths, say only what a neuron is called, and which one of its layer it is.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, Self

from autograd import ops
from autograd.engine import Value

_END_OF_A_PATH = re.compile(r"(?P<stem>.*?)(?P<number>[0-9]{0,9})", re.DOTALL)


@dataclass(eq=False, slots=True)
class WeightedSum:
    """A sum of products with the weights of one neuron, as far as it has been found; it grows sum by sum."""

    owner: str | None  # by the labels; None if the weights are known as parameters of a Module of a user's class
    terms: dict[Value, Value | float]  # the input of each weight
    numbers: set[int]  # those of the weights
    bias: Value | None = None
    inside: list[Value] = field(default_factory=list)  # the nodes on the way
    steps: "list[Step]" = field(default_factory=list)  # at which others were added to what has a bias already

    @property
    def inputs(self) -> tuple[Hashable, ...]:
        """The inputs; equal constants are one input, nan too."""
        return inputs_of(self.terms.values())

    def at(self, step: "Step") -> Self:
        """Return what the sum was at an earlier step."""
        terms, inside = dict(islice(self.terms.items(), step.terms)), self.inside[: step.inside]
        return type(self)(self.owner, terms, self.numbers, self.bias, inside)


class Step(NamedTuple):
    """How far a sum had grown."""

    net: Value
    terms: int
    inside: int


def inputs_of(inputs: Iterable[Value | float]) -> tuple[Hashable, ...]:
    """Return inputs as keys: equal constants are one input, nan too."""
    return tuple(x if type(x) is Value else repr(x) for x in inputs)


class Place(NamedTuple):
    """The place of a parameter, by its label: `hidden.W1.2` is number (1, 2) of what is called W in hidden."""

    path: str
    stem: str
    numbers: tuple[int, ...]

    @property
    def line(self) -> tuple[str, str, tuple[int, ...]]:
        """What it has in common with the elements of the same list."""
        return self.path, self.stem, self.numbers[:-1]


def place_of(label: str) -> Place:
    """Return the place of a parameter.

    >>> place_of("hidden.W1.2"), place_of("b")
    (Place(path='hidden', stem='W', numbers=(1, 2)), Place(path='', stem='b', numbers=()))
    """
    parts, numbers = label.split("."), list[int]()
    while len(parts) > 1 and re.fullmatch("[0-9]{1,9}", parts[-1]):
        numbers.insert(0, int(parts.pop()))
    match = _END_OF_A_PATH.fullmatch(parts[-1])
    stem, number = (match["stem"], match["number"]) if match else (parts[-1], "")
    return Place(".".join(parts[:-1]), stem, (*([int(number)] if number else []), *numbers))


# Which sums are neurons ----------------------------------------------------------------------------------------------


def neurons_among(
    sums: Mapping[Value, WeightedSum], parameters: Iterable[Value], nodes: Iterable[Value]
) -> dict[Value, WeightedSum]:
    """Return those of these sums that are neurons, by their nets.

    Arguments:
        sums: by their results, in the order of creation.
        parameters: all that are in the graph.
        nodes: the graph.
    """
    judge = _Judge(sums, parameters, nodes)
    neurons, claimed = dict[Value, WeightedSum](), dict[Value, frozenset[Value]]()
    for result, whole in sums.items():
        net, found = _without_what_was_added(result, whole, claimed)
        weights = frozenset(found.terms)
        # Without a bias, a sum of weights that an earlier one has otherwise is a gradient of that.
        is_first = found.bias is not None or all(claimed.get(w, weights) == weights for w in weights)
        if is_first and judge.is_neuron(net, found):
            neurons[net] = found
            for w in weights:
                claimed.setdefault(w, weights)
    return neurons


def _without_what_was_added(
    net: Value, found: WeightedSum, claimed: Mapping[Value, object]
) -> tuple[Value, WeightedSum]:
    """Return a sum without the gradients of other neurons that may have been added to the output of one."""
    own = next((i for i, w in enumerate(found.terms) if w in claimed), len(found.terms))  # the terms before are its own
    step = next((step for step in reversed(found.steps) if step.terms <= own), None)
    if step is not None and own < len(found.terms):
        return step.net, found.at(step)
    return net, found


class _Judge:
    """What is known of all sums, to judge each by it."""

    def __init__(self, sums: Mapping[Value, WeightedSum], parameters: Iterable[Value], nodes: Iterable[Value]) -> None:
        self.lines = _Lines(parameters)
        self.users = defaultdict[Value, list[Value]](list)
        self.of_inputs = defaultdict[Hashable, set[frozenset[Value]]](set)  # the weights of sums with these inputs
        self.biases = defaultdict[frozenset[Value], set[Value]](set)  # with these weights
        for v in nodes:
            for x in v.args:
                if type(x) is Value and x in sums:
                    self.users[x].append(v)
        for found in sums.values():
            weights = frozenset(found.terms)
            self.of_inputs[found.inputs].add(weights)
            if found.bias is not None:
                self.biases[weights].add(found.bias)

    def is_neuron(self, net: Value, found: WeightedSum) -> bool:
        if self._meets_its_inputs(net, found) or (self._is_alone(net, found) and _is_polynomial(found.terms.values())):
            return False
        if found.bias is None:
            return self.lines.are_whole(found.terms) and not _is_choice(found.terms.values())
        is_always_there = self.biases[frozenset(found.terms)] <= {found.bias}
        return is_always_there and not self.lines.share(found.bias, found.terms) and not self._is_gain(found)

    def _meets_its_inputs(self, net: Value, found: WeightedSum) -> bool:
        """Return True if a sum is multiplied by one of its inputs, as in Horner's rule and in quadratic forms."""
        inputs = {x for x in found.terms.values() if type(x) is Value}
        return any(
            x is net and user.args[(i + len(user.args) // 2) % len(user.args)] in inputs
            for user in self.users[net]
            if user.op in (ops.mul, ops.dot)
            for i, x in enumerate(user.args)
        )

    def _is_alone(self, net: Value, found: WeightedSum) -> bool:
        """Return True if a sum has no activation, and no other has its inputs."""
        return self.of_inputs[found.inputs] <= {frozenset(found.terms)} and not any(map(is_activation, self.users[net]))

    def _is_gain(self, found: WeightedSum) -> bool:
        """Return True for the single weight of a list of which each has an input of its own, as the gains of a norm."""
        return len(found.terms) == 1 and not all(
            frozenset([w]) in self.of_inputs[found.inputs] for w in self.lines.of(*found.terms).difference(found.terms)
        )


def is_activation(user: Value) -> bool:
    """Return True for a function of a single Value, and perhaps of constants, such as the slope of a `leaky_relu`."""
    op, operands = user.op, [x for x in user.args if type(x) is Value]
    return op is not None and not op.variadic and op.symbol == op.name and len(operands) == 1


class _Lines:
    """The lists that parameters are in: rows and columns of matrices, and attributes that are numbered."""

    def __init__(self, parameters: Iterable[Value]) -> None:
        self._places = {v: place_of(v.label) for v in parameters}
        self._rows, self._columns = defaultdict[Hashable, set[Value]](set), defaultdict[Hashable, set[Value]](set)
        for v, place in self._places.items():
            self._rows[self._row(place)].add(v)
            self._columns[self._column(place)].add(v)

    @staticmethod
    def _row(place: Place) -> Hashable:
        return (*place.line, len(place.numbers))

    @staticmethod
    def _column(place: Place) -> Hashable:
        path, stem, numbers = place
        return (path, stem, numbers[:-2], numbers[-1]) if len(numbers) > 1 else place

    def of(self, v: Value) -> set[Value]:
        """Return the elements of a parameter's list, the parameter alone if it is in none."""
        return self._rows[self._row(self._places[v])]

    def share(self, v: Value, others: Iterable[Value]) -> bool:
        """Return True if a parameter is in the same list as one of others."""
        return not self.of(v).isdisjoint(others)

    def are_whole(self, parameters: Iterable[Value]) -> bool:
        """Return True if these parameters are rows, or columns, and one of these has several elements.

        Those of a neuron without a bias are. A single one is a slope, a temperature or the scale of an output; in
        graphs of gradients, there are some of a list.
        """
        matrices = defaultdict[tuple[str, str], set[Value]](set)
        for v in parameters:
            matrices[self._places[v][:2]].add(v)
        return any(len(some) > 1 for some in matrices.values()) and all(
            all(self.of(v) <= some for v in some)
            or all(self._columns[self._column(self._places[v])] <= some for v in some)
            for some in matrices.values()
        )


def _is_choice(inputs: Collection[Value | float]) -> bool:
    """Return True if the inputs choose one of the weights, as a one-hot vector does for an embedding."""
    numbers = [x for x in inputs if type(x) is float]
    return len(numbers) == len(inputs) and sorted(numbers) == [*[0.0] * (len(numbers) - 1), 1.0]


def _is_polynomial(inputs: Iterable[Value | float]) -> bool:
    """Return True if an input is a product, or a power, of other inputs or of what others are products of."""
    values = [x for x in inputs if type(x) is Value]
    factors = {
        x: {y for y in x.args if type(y) is Value} for x in values if x.op in (ops.mul, ops.pow) and x.op is not None
    }
    times = Counter(y for some in factors.values() for y in some)
    times.update(values)
    return any(some and all(times[y] > 1 for y in some) for some in factors.values())


# What they are called ------------------------------------------------------------------------------------------------


class Unnamed(NamedTuple):
    """What tells a neuron's name."""

    weights: Sequence[Value]
    bias: Value | None
    inputs: Hashable

    @property
    def parameters(self) -> list[Value]:
        return [*self.weights, *([] if self.bias is None else [self.bias])]


def names_of_neurons(neurons: Sequence[Unnamed], labels: Mapping[Value, str]) -> list[tuple[str, str]]:
    """Return the name of each neuron and that of its layer, by the labels of its parameters.

    A layer is named as its Module, and where that has several, as their weights: `hidden`, or `hidden.W1`, `hidden.W2`.
    Neurons of a layer have the same inputs, and numbers: those of their biases, or of their rows or columns.
    """
    layers = defaultdict[Hashable, list[_Numbered]](list)
    for i, neuron in enumerate(neurons):
        numbered = _numbered(i, neuron, labels)
        layers[numbered.first.path, numbered.first.stem, numbered.of_layer, neuron.inputs].append(numbered)
    modules = defaultdict[str, list[tuple[dict[str, Value], list[list[_Numbered]]]]](list)  # those of each path
    for layer in layers.values():
        own = {labels[p]: p for numbered in layer for p in neurons[numbered.i].parameters}
        same = modules[layer[0].first.path]
        # Two Modules are of one path if parameters of both have the same label; other labels may tell them apart.
        known = next((known for known in same if all(known[0].get(x, p) is p for x, p in own.items())), None)
        if known is None:
            same.append(known := ({}, []))
        known[0].update(own)
        known[1].append(layer)
    names: dict[int, tuple[str, str]] = {}
    for path, some in ((path, some) for path, same in modules.items() for _, some in same):
        for layer, title in zip(some, _titles(path, some), strict=True):
            numbers = [numbered.number for numbered in layer]
            if len(layer) > 1 and None in numbers:  # twice the same number has a layer of two Modules
                numbers = list(range(1, len(numbers) + 1))
            for numbered, number in zip(layer, numbers, strict=True):
                if number is None:
                    names[numbered.i] = title or "neuron", title or "neuron"
                else:
                    names[numbered.i] = f"{title}.neuron{number}".removeprefix("."), title or "layer"
    return [names[i] for i in range(len(neurons))]


class _Numbered(NamedTuple):
    """A neuron with its number in its layer."""

    i: int
    first: Place  # of a weight
    number: int | None
    of_layer: Hashable  # what the neurons of a layer have in common
    around: tuple[int, ...]  # the numbers around that of the neuron
    common: tuple[int, ...]  # the first numbers of all its weights


def _numbered(i: int, neuron: Unnamed, labels: Mapping[Value, str]) -> _Numbered:
    places = [place_of(labels[w]) for w in neuron.weights]
    first = places[0]
    same = [place.numbers for place in places if place[:2] == first[:2] and len(place.numbers) == len(first.numbers)]
    fixed = [n for n, numbers in enumerate(zip(*same, strict=True)) if len(set(numbers)) == 1]
    common = first.numbers[: next((n for n in range(len(first.numbers)) if n not in fixed), len(first.numbers))]
    bias = None if neuron.bias is None else place_of(labels[neuron.bias])
    if bias is not None and bias.numbers:
        return _Numbered(i, first, bias.numbers[-1], bias.line, bias.numbers[:-1], common)
    number = first.numbers[fixed[-1]] if fixed and len(same) > 1 else None
    around = first.numbers[: fixed[-1]] if number is not None else ()
    return _Numbered(i, first, number, bias, around, common)


def _titles(path: str, layers: Sequence[Sequence[_Numbered]]) -> list[str]:
    """Return the titles of the layers in a Module."""
    if len(layers) == 1:
        return [path]
    first = [layer[0] for layer in layers]
    short = [f"{numbered.first.stem}{_joined(numbered.common[: len(numbered.around)])}" for numbered in first]
    if len(set(short)) < len(short):
        common = [
            [n for n, *others in zip(*(numbered.common for numbered in layer), strict=False) if {n}.issuperset(others)]
            for layer in layers
        ]
        short = [f"{numbered.first.stem}{_joined(numbers)}" for numbered, numbers in zip(first, common, strict=True)]
    times = Counter[str]()
    for i, title in enumerate(short):  # a matrix may be used by rows and by columns
        times[title] += 1
        short[i] = title if times[title] == 1 else f"{title}#{times[title]}"
    return [f"{path}.{title}".removeprefix(".") for title in short]


def _joined(numbers: Iterable[int]) -> str:
    return ".".join(map(str, numbers))

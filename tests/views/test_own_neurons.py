"""Neurons in Modules that users write are found by the structure of the graph, whatever the attributes are called."""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value, draw, exp, grad, nn, tanh
from autograd.engine import graph_of
from autograd.views.network import FoundNeuron, find_layers


def found(output: Value) -> list[FoundNeuron]:
    return [neuron for layer in find_layers(graph_of(output)) for neuron in layer.neurons]


def sizes(output: Value) -> list[tuple[str, int]]:
    """Return the name of each layer and the number of its neurons."""
    return [(layer.name, len(layer.neurons)) for layer in find_layers(graph_of(output))]


def number() -> Value:
    return Value(random.uniform(-1, 1))


def row(n: int) -> list[Value]:
    return [number() for _ in range(n)]


def matrix(rows: int, columns: int) -> list[list[Value]]:
    return [row(columns) for _ in range(rows)]


def inputs(n: int) -> list[Value]:
    return [Value(random.uniform(-1, 1), f"x{i}") for i in range(1, n + 1)]


class Own(nn.Module):
    """A Module with these attributes, made anew for it, and this call."""

    def __init__(self, call: Callable[..., Any], **attributes: Callable[[], Any]) -> None:
        self.call = call
        for name, make in attributes.items():
            setattr(self, name, make())

    def __call__(self, x: Any) -> Any:
        return self.call(self, x)


def dense(weights: Any, biases: Any, x: Any) -> list[Value]:
    return [tanh(autograd.dot(w, x) + b) for w, b in zip(weights, biases, strict=True)]


NAMES = [
    "W b", "w b", "weights biases", "weight bias", "kernel bias", "W_xh b_h", "theta b", "matrix offset", "W1 b1",
    "w1 b1", "fc1_weight fc1_bias", "weight_ih bias_ih", "coefs intercepts",
]  # fmt: skip


@pytest.mark.parametrize("names", NAMES)
def test_a_matrix_and_a_list_make_a_layer_whatever_their_names(names: str) -> None:
    w, b = names.split()
    model = Own(
        lambda m, x: autograd.sum(dense(getattr(m, w), getattr(m, b), x)),
        **{w: lambda: matrix(3, 2), b: lambda: row(3)},
    )
    x = inputs(2)
    layers = find_layers(graph_of(model(x)))
    assert [layer.name for layer in layers] == ["layer"]
    assert [neuron.name for neuron in layers[0].neurons] == ["neuron1", "neuron2", "neuron3"]
    for neuron, weights, bias in zip(layers[0].neurons, getattr(model, w), getattr(model, b), strict=True):
        assert neuron.terms == list(zip(weights, x, strict=True))
        assert neuron.bias is bias
        assert neuron.activation is tanh


def columns(m: Any, x: list[Value]) -> Value:
    total: Value = autograd.sum([a.tanh() for a in np.array(x) @ np.array(m.kernel) + np.array(m.bias)])
    return total


def scalars(m: Any, x: list[Value]) -> Value:
    hidden = tanh(m.w11 * x[0] + m.w12 * x[1] + m.b1), tanh(m.w21 * x[0] + m.w22 * x[1] + m.b2)
    output: Value = m.v1 * hidden[0] + m.v2 * hidden[1] + m.c
    return output


SPELLINGS: list[tuple[dict[str, Callable[[], Any]], Callable[[Any, list[Value]], Value], list[tuple[str, int]]]] = [
    ({"kernel": lambda: matrix(2, 3), "bias": lambda: row(3)}, columns, [("layer", 3)]),
    ({"w1": number, "w2": number, "b": number}, lambda m, x: (m.w1 * x[0] + m.w2 * x[1] + m.b).tanh(), [("neuron", 1)]),
    ({"w_x": number, "w_h": number, "b": number}, lambda m, x: m.w_x * x[0] + m.w_h * x[1] + m.b, [("neuron", 1)]),
    ({"a": number, "c": number}, lambda m, x: (m.a * x[0] + m.c).tanh(), [("neuron", 1)]),
    (
        {"w": lambda: row(2), "b": number},
        lambda m, x: sum((w * a for w, a in zip(m.w, x, strict=True)), m.b).tanh(),
        [("neuron", 1)],
    ),
    ({"w": lambda: row(2)}, lambda m, x: autograd.dot(m.w, x), [("neuron", 1)]),
    (
        {"w": lambda: row(3), "b": lambda: row(3)},
        lambda m, x: autograd.sum([tanh(w * x[0] + b) for w, b in zip(m.w, m.b, strict=True)]),
        [("layer", 3)],
    ),
    (
        {"W": lambda: matrix(3, 2), "b": number},  # a bias that all share
        lambda m, x: autograd.sum([tanh(autograd.dot(w, x) + m.b) for w in m.W]),
        [("layer", 3)],
    ),
    (
        {"W1": lambda: matrix(3, 2), "b1": lambda: row(3), "W2": lambda: matrix(1, 3), "b2": lambda: row(1)},
        lambda m, x: dense(m.W2, m.b2, dense(m.W1, m.b1, x))[0],
        [("W1", 3), ("W2", 1)],
    ),
    (
        {"hidden": lambda: matrix(3, 2), "out": lambda: matrix(1, 3)},  # without biases
        lambda m, x: autograd.dot(m.out[0], [tanh(autograd.dot(w, x)) for w in m.hidden]),
        [("hidden", 3), ("out", 1)],
    ),
    (
        {"W": lambda: matrix(2, 4), "b": lambda: row(4)},  # an autoencoder with the matrix transposed
        lambda m, x: autograd.sum(dense(zip(*m.W, strict=True), m.b, [tanh(autograd.dot(w, x)) for w in m.W])),
        [("W", 2), ("W#2", 4)],
    ),
    (dict.fromkeys(["w11", "w12", "w21", "w22", "b1", "b2", "v1", "v2", "c"], number), scalars, [("w", 2), ("v", 1)]),
]


@pytest.mark.parametrize(("attributes", "call", "layers"), SPELLINGS)
def test_other_spellings(attributes: Any, call: Any, layers: list[tuple[str, int]]) -> None:
    model, x = Own(call, **attributes), inputs(4 if layers[-1:] == [("W#2", 4)] else 2)
    output = model(x)
    assert sizes(output) == layers
    held = {p for neuron in found(output) for p in neuron.parameters}
    assert held == set(model.parameters())


def powers(coefficients: list[Value], x: Value) -> Value:
    total: Value = autograd.sum([c * x**i for i, c in enumerate(coefficients)])
    return total


NO_NEURONS: dict[str, tuple[dict[str, Callable[[], Any]], Callable[[Any, list[Value]], Value]]] = {
    "a polynomial": ({"c": lambda: row(4)}, lambda m, x: powers(m.c, x[0])),
    "a polynomial by products": ({"c": lambda: row(3)}, lambda m, x: m.c[0] + m.c[1] * x[0] + m.c[2] * x[0] * x[0]),
    "a Fourier series": ({"c": lambda: row(3)}, lambda m, x: m.c[0] + m.c[1] * x[0].sin() + m.c[2] * x[0].cos()),
    "a parabola": ({"a": number, "b": number, "c": number}, lambda m, x: m.a * x[0] ** 2 + m.b * x[0] + m.c),
    "Horner's rule": ({"c": lambda: row(3)}, lambda m, x: (m.c[2] * x[0] + m.c[1]) * x[0] + m.c[0]),
    "Horner's rule with letters": (
        {"a": number, "b": number, "c": number},
        lambda m, x: (m.a * x[0] + m.b) * x[0] + m.c,
    ),
    "a quadratic form": ({"A": lambda: matrix(2, 2)}, lambda m, x: autograd.dot(x, [autograd.dot(r, x) for r in m.A])),
    "a quadratic form by products": (
        {"A": lambda: matrix(2, 2)},
        lambda m, x: autograd.sum([m.A[i][j] * (x[i] * x[j]) for i in range(2) for j in range(2)]),
    ),
    "the gains of a norm": (
        {"gain": lambda: row(2), "bias": lambda: row(2)},
        lambda m, x: autograd.sum(
            [tanh(g * (a - autograd.mean(x)) + b) for g, a, b in zip(m.gain, x, m.bias, strict=True)]
        ),
    ),
    "gains without biases": (
        {"gain": lambda: row(2)},
        lambda m, x: autograd.sum([g * a / autograd.sqrt(autograd.dot(x, x)) for g, a in zip(m.gain, x, strict=True)]),
    ),
    "a temperature": ({"t": number}, lambda m, x: autograd.softmax([m.t * a for a in x])[0]),
    "the slope of a relu": ({"slope": number}, lambda m, x: autograd.sum([autograd.max(a, m.slope * a) for a in x])),
    "a mixture": (
        {"scores": lambda: row(2), "means": lambda: row(2)},
        lambda m, x: autograd.dot(autograd.softmax(m.scores), [exp(-((x[0] - mean) ** 2)) for mean in m.means]),
    ),
    "losses with weights": (
        {"alpha": number, "beta": number},
        lambda m, x: m.alpha * (x[0] - x[1]) ** 2 + m.beta * autograd.abs(x[0]),
    ),
    "penalties": (
        {"w": lambda: row(3)},
        lambda m, x: x[0] * (autograd.dot(m.w, m.w) + autograd.sum([w * w for w in m.w]) + 0.1 * autograd.sum(m.w)),
    ),
    "an embedding": (
        {"table": lambda: matrix(3, 2)},
        lambda m, x: autograd.dot(x, [autograd.dot(c, nn.one_hot(1, 3)) for c in zip(*m.table, strict=True)]),
    ),
    "places added to embeddings": (
        {"table": lambda: matrix(3, 1), "places": lambda: row(2)},
        lambda m, x: autograd.sum(
            [tanh(autograd.dot([r[0] for r in m.table], nn.one_hot(i, 3)) + p) for i, p in enumerate(m.places)]
        ),
    ),
    "the scale of an output": ({"scale": number}, lambda m, x: m.scale * autograd.sum([a.tanh() for a in x])),
}


@pytest.mark.parametrize("name", NO_NEURONS)
def test_what_only_looks_like_a_neuron(name: str) -> None:
    attributes, call = NO_NEURONS[name]
    model = Own(call, **attributes)
    output = model(inputs(2))
    assert found(output) == []
    assert not {v for v in graph_of(output) if v.op is None and v in set(model.parameters())} ^ set(model.parameters())


def test_a_polynomial_of_inputs_may_enter_a_layer() -> None:
    model = Own(lambda m, x: autograd.sum(dense(m.W, m.b, [*x, x[0] * x[1]])), W=lambda: matrix(2, 3), b=lambda: row(2))
    assert sizes(model(inputs(2))) == [("layer", 2)]


# Graphs of gradients -------------------------------------------------------------------------------------------------


def network(activation: Any = tanh) -> Own:
    def call(m: Any, x: Any) -> Value:
        hidden = [activation(autograd.dot(w, x) + b) for w, b in zip(m.W1, m.b1, strict=True)]
        output: Value = autograd.dot(m.W2[0], hidden) + m.b2[0]
        return output

    return Own(call, W1=lambda: matrix(3, 2), b1=lambda: row(3), W2=lambda: matrix(1, 3), b2=lambda: row(1))


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
@pytest.mark.parametrize("layers", [[2, 3, 1], [1, 1], [1, 3, 1], [2, 2, 2, 1], [1, 1, 1]])
def test_weights_in_a_graph_of_gradients_are_no_layers(layers: list[int], activation: str) -> None:
    model, x = nn.MLP(layers[0], layers[1:], activation), inputs(layers[0])
    output = model(x)
    hidden = [(f"layer{i}", n) for i, n in enumerate(layers[1:-1], start=1)]
    slope = grad(output, x[0])
    assert sizes(slope) == hidden  # a linear output layer is not in it; the hidden ones are, for their slopes
    assert sizes(output + slope) == [*hidden, (f"layer{len(layers) - 1}", 1)]
    if layers == [2, 3, 1] and activation == "tanh":
        assert sizes(grad(slope, x[0])) == hidden


@pytest.mark.parametrize("activation", [autograd.tanh, autograd.relu])
def test_nor_are_those_of_users_modules(activation: Any) -> None:
    model, x = network(activation), inputs(2)
    output = model(x)
    assert sizes(output) == [("W1", 3), ("W2", 1)]
    assert sizes(grad(output, x[0])) == [("layer", 3)]
    assert sizes(autograd.sum(grad(output, x))) == [("layer", 3)]
    assert sizes(output + autograd.sum(grad(output, x))) == [("W1", 3), ("W2", 1)]


# Which one it is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda model: model, lambda model: pickle.loads(pickle.dumps(model))]
)
def test_a_neuron_is_found_when_its_module_is_gone(copied: Callable[[Any], Any]) -> None:
    class Local(nn.Module):
        def __init__(self) -> None:
            self.A, self.b = matrix(2, 2), row(2)

        def __call__(self, x: Any) -> Any:
            return autograd.sum(dense(self.A, self.b, x))

    globals()["Local"] = Local
    Local.__qualname__ = "Local"
    output = copied(Local())(inputs(2))
    assert sizes(output) == [("layer", 2)]


def test_neurons_of_a_layer_that_share_a_bias_or_a_weight_are_several() -> None:
    shared, tied = nn.Layer(2, 3), nn.Layer(2, 3)
    for neuron in shared.neurons[1:]:
        neuron.b = shared.neurons[0].b
    for neuron in tied.neurons[1:]:
        neuron.w[0] = tied.neurons[0].w[0]
    for layer in (shared, tied):
        neurons = found(autograd.sum(layer(inputs(2)) + layer(inputs(2))))
        assert [neuron.parameters for neuron in neurons[:3]] == [neuron.parameters() for neuron in layer.neurons]
        assert [neuron.activation for neuron in neurons] == [autograd.relu] * 6
        assert [neuron.name for neuron in neurons] == ["neuron1", "neuron2", "neuron3"] * 2
        assert len({neuron.identity for neuron in neurons}) == 3


def test_own_neurons_may_share_weights_and_biases() -> None:
    tie = Value(0.5)
    model = Own(
        lambda m, x: autograd.sum(dense(m.W, m.b, x)),
        W=lambda: [[tie, number()], [tie, number()]],
        b=lambda: row(2),
    )
    neurons = found(autograd.sum([model(inputs(2)), model(inputs(2))]))
    assert [neuron.name for neuron in neurons] == ["neuron1", "neuron2"] * 2
    assert [neuron.identity for neuron in neurons[:2]] == [tuple(neuron.parameters) for neuron in neurons[2:]]


def test_a_step_without_a_state_is_of_the_same_neurons() -> None:
    def call(m: Any, xs: list[Value]) -> Value:
        state: list[Value] = []
        for x in xs:
            state = [
                tanh(w * x + (autograd.dot(u, state) if state else 0.0) + b)
                for w, u, b in zip(m.W, m.U, m.b, strict=True)
            ]
        return state[0] - state[1]

    cell = Own(call, W=lambda: row(2), U=lambda: matrix(2, 2), b=lambda: row(2))
    neurons = found(cell(inputs(3)))
    assert len(neurons) == 6
    assert len({neuron.identity for neuron in neurons}) == 2
    assert [len(neuron.terms) for neuron in neurons] == [1, 1, 3, 3, 3, 3]


def test_samples_of_a_neuron_with_many_inputs_are_found_in_time_that_grows_with_them() -> None:
    n = 5_000
    model = Own(lambda m, x: sum((w * x for w in m.w), m.b), w=lambda: row(n), b=number)
    neurons = found(model(0.5) - model(0.25))
    assert [len(neuron.terms) for neuron in neurons] == [n, n]


def test_names_are_paths() -> None:
    class Cell(nn.Module):
        def __init__(self, nin: int, nout: int) -> None:
            self.W, self.b = matrix(nout, nin), row(nout)

        def __call__(self, x: Any) -> list[Value]:
            return dense(self.W, self.b, x)

    class Deep(nn.Module):
        def __init__(self) -> None:
            self.first, self.last = Cell(2, 3), Cell(3, 1)

        def __call__(self, x: Any) -> Value:
            return self.last(self.first(x))[0]

    x = inputs(2)
    assert sizes(Deep()(x)) == [("first", 3), ("last", 1)]
    one, other = Cell(2, 2), Cell(2, 2)
    both = autograd.sum([*one(x), *other(x)])
    assert sizes(both) == [("one", 2), ("other", 2)]
    assert [neuron.name for neuron in found(both)][1:3] == ["one.neuron2", "other.neuron1"]
    assert [(layer.name, len(layer.neurons)) for layer in find_layers(graph_of(both), variables=False)] == [
        ("layer", 2),
        ("layer#2", 2),
    ]
    hidden = Cell(2, 2)(x)
    chained = autograd.sum(Cell(2, 1)(hidden))  # not W of one Module twice
    assert [(layer.name, len(layer.neurons)) for layer in find_layers(graph_of(chained))] == [
        ("layer", 2),
        ("layer#2", 1),
    ]
    model = network()
    assert "W1.2.1" in draw(model(x), detail="neuron", expand="W1.neuron2").source


def test_a_drawing_without_neurons_says_so() -> None:
    x = Value(0.5, "x")
    for detail in ("neuron", "layer"):
        assert "no neuron found" in draw(x * 2, detail=detail).source
        assert "no neuron found" not in draw(x * 2, detail=detail, caption=False).source
    assert "no neuron found" not in draw(x * 2).source
    assert "no neuron found" not in draw(network()(inputs(2)), detail="neuron").source


def test_one_parameter_is_no_plural() -> None:
    output = (Value(0.5, "x") * Value(0.25, "layer1.neuron1.weight")).tanh()
    assert "1 tanh neuron\\l1 parameter\\l" in draw(output, detail="layer").source

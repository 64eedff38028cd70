"""The neuron."""

from __future__ import annotations

import copy
import math
import pickle
import random
from typing import Any

import numpy as np
import pytest

from autograd import Value, dot
from autograd.nn import Neuron


def test_it_starts_as_micrograd_does() -> None:
    random.seed(1337)
    want = [random.uniform(-1, 1) for _ in range(3)]
    random.seed(1337)
    neuron = Neuron(3)
    assert [w.data for w in neuron.w] == want
    assert neuron.b.data == 0.0
    assert neuron.parameters() == [*neuron.w, neuron.b]


def test_the_weighted_sum_is_one_dot_node() -> None:
    neuron = Neuron(3, weights=[0.5, -1.0, 2.0], bias=0.25)
    output = neuron([1.0, 2.0, 3.0])
    (net,) = output.args
    assert isinstance(net, Value)
    weighted, bias = net.args
    assert isinstance(weighted, Value)
    assert weighted.op is dot
    assert weighted.args == (1.0, 2.0, 3.0, *neuron.w)
    assert bias is neuron.b
    assert output.data == math.tanh(0.5 - 2.0 + 6.0 + 0.25)


def test_a_single_input_makes_a_product() -> None:
    neuron = Neuron(1, weights=[0.5], bias=0.6)
    x = Value(0.4)
    for given in (x, [x], (x,)):
        (net,) = neuron(given).args
        assert isinstance(net, Value)
        product = net.args[0]
        assert isinstance(product, Value)
        assert product.args == (x, neuron.w[0])


def test_labels() -> None:
    assert [p.label for p in Neuron(1).parameters()] == ["weight", "bias"]
    assert [p.label for p in Neuron(2).parameters()] == ["weight1", "weight2", "bias"]
    assert [p.label for p in Neuron(2, labels=["a", "b", "c"]).parameters()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("activation", "want"),
    [("relu", 1.1), ("linear", 1.1), (None, 1.1), ("sigmoid", 1 / (1 + math.exp(-1.1))), (lambda v: v * 2, 2.2)],
)
def test_activations(activation: Any, want: float) -> None:
    assert Neuron(1, activation, weights=[0.5], bias=0.6)(1.0).data == pytest.approx(want, rel=1e-15)


@pytest.mark.parametrize("activation", ["tanh", "relu", "linear"])
def test_a_neuron_can_be_copied_and_pickled(activation: str) -> None:
    neuron = Neuron(2, activation, weights=[0.5, -1.0], bias=0.25)
    for twin in (copy.deepcopy(neuron), pickle.loads(pickle.dumps(neuron))):
        assert twin([1.0, 2.0]).data == neuron([1.0, 2.0]).data
        assert twin.w[0] is not neuron.w[0]


def test_numpy_inputs() -> None:
    neuron = Neuron(2, weights=np.array([0.5, -1.0]), bias=np.float64(0.25))
    assert neuron(np.array([1.0, 2.0])).data == math.tanh(0.5 - 2.0 + 0.25)
    assert Neuron(np.int64(1), weights=0.5)(np.array(1.0)).data == math.tanh(0.5)


def test_zero_grad() -> None:
    neuron = Neuron(2)
    neuron([1.0, 2.0]).backward()
    assert any(p.grad for p in neuron.parameters())
    neuron.zero_grad()
    assert all(p.grad == 0 for p in neuron.parameters())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Neuron(-1), "at least one input"),
        (lambda: Neuron(0), "at least one input"),
        (lambda: Neuron(2, weights=[1.0]), "2 weights, got 1"),
        (lambda: Neuron(2, labels=["a"]), "3 names, got 1"),
        (lambda: Neuron(2, activation="tahn"), "'linear'.*tanh"),
        (lambda: Neuron(2, activation="max"), "unknown activation"),
        (lambda: Neuron(2)([1.0]), "takes 2 inputs, got 1"),
    ],
)
def test_mistakes_are_explained(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()

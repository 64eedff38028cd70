"""A neuron, built on the engine.

net = inputs · weights + bias        output = activation(net)
"""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Sequence
from typing import Any, SupportsIndex

from autograd import ops
from autograd.engine import Value


class Neuron:
    """A single neuron: the weighted sum of its inputs, plus a bias, through an activation.

    Arguments:
        nin: the number of inputs.
        activation: `"tanh"`, the name of any other operation of one operand (`"relu"`, `"sigmoid"`), a function from a
            Value to a Value, or `"linear"` (None) for none.
        weights: `nin` numbers to begin with; by default random ones, `random.uniform(-1, 1)` each.
        bias: the number to begin with.
        labels: names for the weights and the bias, in that order; by default `weight` (`weight1`, `weight2`, ... where
            there are several) and `bias`.

    The parameters are `w`, a list of Values, and `b`, a Value. The weighted sum is one `dot` node; with a single input,
    one product.

    Raises:
        TypeError: `nin` is no integer.
        ValueError: no inputs, an unknown activation, or a wrong number of weights or labels.

    >>> neuron = Neuron(1, weights=[0.5], bias=0.6)
    >>> output = neuron(0.4)
    >>> print(f"{output:.4f}")
    0.6640
    >>> output.backward()
    >>> print(f"{neuron.w[0].grad:.4f} {neuron.b.grad:.4f}")
    0.2236 0.5591
    """

    __slots__ = ("_activate", "activation", "b", "w")  # so that a slip such as neuron.bias = 3 does not pass

    def __init__(
        self,
        nin: SupportsIndex,
        activation: str | Callable[[Value], Value] | None = "tanh",
        *,
        weights: Any = None,
        bias: Any = 0.0,
        labels: Sequence[str] | None = None,
    ) -> None:
        nin = operator.index(nin)
        if nin < 1:
            raise ValueError(f"a neuron has at least one input, got nin={nin}")
        weights = [random.uniform(-1, 1) for _ in range(nin)] if weights is None else _listed(weights)
        if len(weights) != nin:
            raise ValueError(f"{nin} inputs need {nin} weights, got {len(weights)}")
        if labels is None:
            labels = [*(["weight"] if nin == 1 else [f"weight{i}" for i in range(1, nin + 1)]), "bias"]
        if len(labels) != nin + 1:
            raise ValueError(f"labels are for {nin} weights and the bias: {nin + 1} names, got {len(labels)}")
        self.w = [Value(w, label) for w, label in zip(weights, labels, strict=False)]
        self.b = Value(bias, labels[-1])
        self.activation = "linear" if activation is None else activation
        self._activate = _activation(self.activation)

    def __call__(self, inputs: Any) -> Value:
        """Return the neuron's output for its inputs: `nin` Values or numbers; a single one need not stand in a list.

        Raises:
            ValueError: another number of inputs than the neuron has weights.
        """
        xs = _listed(inputs)
        if len(xs) != len(self.w):
            raise ValueError(f"this neuron has {len(self.w)} weights, so it takes {len(self.w)} inputs, got {len(xs)}")
        weighted = xs[0] * self.w[0] if len(xs) == 1 else ops.dot(xs, self.w)
        return self._activate(weighted + self.b)

    def parameters(self) -> list[Value]:
        """Return what training changes: the weights, then the bias."""
        return [*self.w, self.b]

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for p in self.parameters():
            p.grad = 0.0

    def __repr__(self) -> str:
        return f"Neuron({len(self.w)}, activation={self.activation!r})"


def _listed(values: Any) -> list[Any]:
    """The values as a list; a single one need not stand in one."""
    try:
        return list(values)
    except TypeError:
        return [values]


def _linear(net: Value) -> Value:
    return net


def _activation(activation: str | Callable[[Value], Value]) -> Callable[[Value], Value]:
    if callable(activation):
        return activation
    if activation == "linear":
        return _linear
    op = ops.TABLE.get(activation)
    if op is None or op.arity != 1:
        unary = ", ".join(sorted(name for name, op in ops.TABLE.items() if op.arity == 1))
        raise ValueError(f"unknown activation {activation!r}: pass 'linear', a function of a Value, or one of {unary}")
    return op

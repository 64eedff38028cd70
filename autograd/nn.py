"""Build networks of neurons: `Neuron`, `Layer`, `MLP`, the base class `Module`, and the losses to train them with.

net = inputs · weights + bias        output = activation(net)

The weighted sum is one `dot` node, to which the bias is added. micrograd starts from the bias and adds one product
after another, a node each. On its demo, the 100 losses of the training run agree to 14 digits, the first three of them
to the bit, in a third of the time. A `dot` with the bias in front has exactly micrograd's order, but takes half as long
again and no longer looks like the formula in a drawing.
"""

import math
import operator
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, SupportsIndex, cast

from autograd import ops
from autograd.activations import Activation, function_of, settled, title_of
from autograd.engine import Value
from autograd.losses import binary_cross_entropy, cross_entropy, hinge, loss, mse
from autograd.module import Module, counted, number_of_parameters
from autograd.text import printable, quoted, visible

__all__ = ["MLP", "Layer", "Module", "Neuron", "binary_cross_entropy", "cross_entropy", "hinge", "loss", "mse"]

_PARAMETERS_SPELLED_OUT = 500  # a larger network is summarized in its repr; micrograd's demo has 337


class Neuron(Module):
    """A neuron: the weighted sum of its inputs, plus a bias, passed through an activation.

    Arguments:
        nin: the number of inputs.
        activation: the name of an operation of one operand (`"tanh"`, `"relu"`, `"gelu"`, ...), as PyTorch writes it,
            too (`"LeakyReLU"`), a function from a Value to a Value, or `"linear"` (or None) for no activation. Of
            `"leaky_relu"` and `"elu"` the other operand is the default; pass `lambda net: net.leaky_relu(0.2)` for
            another one.
        nonlin: micrograd's argument in place of `activation`: True for relu, False for linear.
        weights: the `nin` initial weights; random by default.
        bias: the initial bias.
        labels: labels for the weights and the bias, in that order; by default `weight` (`weight1`, `weight2`, ... if
            there are several) and `bias`.
        init: the distribution of random weights, uniform between -bound and bound. "uniform": bound 1, as in micrograd.
            "xavier": sqrt(6 / (nin + nout)), which keeps the variance of activations and gradients from layer to layer
            with tanh and sigmoid (Glorot and Bengio 2010, equation 16). "he": sqrt(6 / nin), which does so with relu
            (He et al. 2015, equation 10).
        rng: the source of random weights, by its `uniform(low, high)`: a `random.Random(seed)` or a NumPy generator; by
            default the module `random`, so that `random.seed(...)` applies.

    The parameters are `w`, a list of Values, and `b`, a Value. The weighted sum is one `dot` node; with a single input,
    one product.

    Raises:
        TypeError: `nin` is not an integer, or `rng` not a generator.
        ValueError: no inputs, an unknown activation or init, or a wrong number of weights or labels.

    >>> neuron = Neuron(1, weights=[0.5], bias=0.6)
    >>> output = neuron(0.4)
    >>> print(f"{output:.4f}")
    0.6640
    >>> output.backward()
    >>> print(f"{neuron.w[0].grad:.4f} {neuron.b.grad:.4f}")
    0.2236 0.5591
    """

    __slots__ = ("w", "b", "activation", "_activate")  # so that a typo such as neuron.bias = 3 raises
    _part_names: ClassVar[dict[str, str]] = {"w": "weight", "b": "bias"}

    def __init__(
        self,
        nin: SupportsIndex,
        activation: Activation | bool = "tanh",
        *,
        nonlin: bool | None = None,
        weights: Any = None,
        bias: Any = 0.0,
        labels: Sequence[str] | None = None,
        init: str = "uniform",
        rng: Any = None,
    ) -> None:
        nin = _size("nin", nin, "a neuron has at least one input")
        weights = _initial(nin, 1, init, rng) if weights is None else _listed(weights)
        if len(weights) != nin:
            raise ValueError(f"{nin} inputs need {nin} weights, got {len(weights)}")
        self.w = [Value(w) for w in weights]
        self.b = Value(bias)
        self.activation = _activation_to_use(activation, nonlin)
        self._activate = function_of(self.activation)
        if labels is None:
            labels = [name for name, _ in self.named_parameters()][: nin + 1]
        if len(labels) != nin + 1:
            raise ValueError(f"labels are for {nin} weights and the bias: {nin + 1} names, got {len(labels)}")
        for p, label in zip([*self.w, self.b], labels):
            p.label = label

    def __call__(self, inputs: Any) -> Value:
        """Return the neuron's output for `nin` Values or numbers, in a list; a single one may be passed alone.

        Raises:
            ValueError: the number of inputs is not the number of weights.
        """
        xs = inputs if type(inputs) is list else _one_sample(inputs)
        if len(xs) != len(self.w):
            name = visible(self.b.label.removesuffix("bias").rstrip(".")) or "this neuron"
            many = f". {_PREDICT}" if len(self.w) == 1 or any(map(_is_row, xs)) else ""
            raise ValueError(f"{name} has {len(self.w)} weights, so it takes {len(self.w)} inputs, got {len(xs)}{many}")
        try:
            weighted = xs[0] * self.w[0] if len(xs) == 1 else ops.dot(xs, self.w)
            return self._activate(weighted + self.b)
        except (TypeError, AttributeError):
            _refuse_rows(xs)
            raise

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Yield each parameter with its name: the weights, `weight1` and so on (a single one: `weight`), and `bias`."""
        for name, p in super().named_parameters():
            yield ("weight" if name == "weight1" and len(self.w) == 1 else name), p

    @property
    def nonlin(self) -> bool:
        """True if the neuron has an activation, as in micrograd. Set to True, it is relu."""
        return self.activation != "linear"

    @nonlin.setter
    def nonlin(self, nonlin: bool) -> None:
        self.activation = _activation_to_use(nonlin, None)
        self._activate = function_of(self.activation)

    def __repr__(self) -> str:
        return printable(f"{title_of(self.activation)}Neuron({len(self.w)})")


class Layer(Module):
    """A layer of neurons that all take the same inputs.

    Arguments:
        nin: the number of inputs.
        nout: the number of neurons.
        activation: the activation of each neuron, as for `Neuron`; relu by default, as in micrograd.
        nonlin, init, rng: as for `Neuron`.

    Raises:
        TypeError: a size is not an integer, or `rng` not a generator.
        ValueError: a size is not positive, or an activation or init unknown.

    >>> Layer(2, 3)
    Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)]
    """

    __slots__ = ("neurons",)
    _part_names: ClassVar[dict[str, str]] = {"neurons": "neuron"}

    def __init__(
        self,
        nin: SupportsIndex,
        nout: SupportsIndex,
        activation: Activation | bool = "relu",
        *,
        nonlin: bool | None = None,
        init: str = "uniform",
        rng: Any = None,
    ) -> None:
        nin, nout = (
            _size("nin", nin, "a layer has at least one input"),
            _size("nout", nout, "a layer has at least one neuron"),
        )
        chosen = _activation_to_use(activation, nonlin)
        self.neurons = [Neuron(nin, chosen, weights=_initial(nin, nout, init, rng)) for _ in range(nout)]
        _label(self, self.neurons)

    def __call__(self, inputs: Any) -> Any:
        """Return the outputs for `nin` inputs: a list of `nout` Values; for a single neuron, the Value itself."""
        xs = _one_sample(inputs)
        outputs = [neuron(xs) for neuron in self.neurons]
        return outputs[0] if len(outputs) == 1 else outputs

    def __repr__(self) -> str:
        if number_of_parameters(self) <= _PARAMETERS_SPELLED_OUT:
            return f"{type(self).__name__} of [{', '.join(map(repr, self.neurons))}]"
        return f"{type(self).__name__} of {self._row()}: {counted(number_of_parameters(self))}"

    def _row(self) -> str:
        kinds = list(dict.fromkeys(map(repr, self.neurons)))
        return f"{len(self.neurons)} {' / '.join(kinds)}"


class MLP(Module):
    """A multilayer perceptron: layers in sequence, each taking the outputs of the one before.

    Arguments:
        nin: the number of inputs.
        nouts: a list with the number of neurons of each layer.
        activation: the activation of all layers but the last, which is linear; as for `Neuron`. Or a list of
            activations, one for each layer, the last one included.
        init, rng: as for `Neuron`.

    Raises:
        TypeError: a size is not an integer, `nouts` not a list, or `rng` not a generator.
        ValueError: no layers, a size that is not positive, an activation or init unknown, or more or fewer activations
            in the list than layers.

    >>> model = MLP(2, [3, 1], "tanh", rng=random.Random(0))
    >>> model
    MLP of [Layer of [TanhNeuron(2), TanhNeuron(2), TanhNeuron(2)], Layer of [LinearNeuron(3)]]
    >>> MLP(2, [1, 1, 1], ["tanh", "relu", "sigmoid"])
    MLP of [Layer of [TanhNeuron(2)], Layer of [ReLUNeuron(1)], Layer of [SigmoidNeuron(1)]]
    >>> model([1.0, -1.0])
    Value(data=-0.03554508819553309, grad=0.0)
    >>> [name for name, _ in model.named_parameters()][-4:]
    ['layer2.neuron1.weight1', 'layer2.neuron1.weight2', 'layer2.neuron1.weight3', 'layer2.neuron1.bias']
    >>> MLP(64, [32, 10])
    MLP with 2,410 parameters
      layer1: 32 ReLUNeuron(64), 2,080 parameters
      layer2: 10 LinearNeuron(32), 330 parameters
    """

    __slots__ = ("layers",)
    _part_names: ClassVar[dict[str, str]] = {"layers": "layer"}

    def __init__(
        self,
        nin: SupportsIndex,
        nouts: Sequence[SupportsIndex],
        activation: Activation | Sequence[Activation] = "relu",
        *,
        init: str = "uniform",
        rng: Any = None,
    ) -> None:
        try:
            sizes = [nin, *nouts]
        except TypeError:
            raise TypeError(f"nouts is a list with the size of each layer, [{nouts}] for a single one") from None
        if len(sizes) == 1:
            raise ValueError("nouts is empty: a network has at least one layer")
        self.layers = [
            Layer(nin, nout, chosen, init=init, rng=rng)
            for nin, nout, chosen in zip(sizes, sizes[1:], _activations(activation, len(sizes) - 1))
        ]
        _label(self, [neuron for layer in self.layers for neuron in layer.neurons])

    def __call__(self, inputs: Any) -> Any:
        """Return the last layer's outputs for `nin` inputs: a list of Values; for a single neuron, the Value itself."""
        outputs = inputs
        for layer in self.layers:
            outputs = layer(outputs)
        return outputs

    def __repr__(self) -> str:
        name, n = type(self).__name__, number_of_parameters(self)
        if n <= _PARAMETERS_SPELLED_OUT:
            return f"{name} of [{', '.join(map(repr, self.layers))}]"
        rows = [
            f"  layer{i}: {layer._row()}, {counted(number_of_parameters(layer))}"
            for i, layer in enumerate(self.layers, 1)
        ]
        return "\n".join([f"{name} with {counted(n)}", *rows])


def _label(module: Module, neurons: Sequence[Neuron]) -> None:
    """Label the neurons' weights and biases with their names in the module."""
    own = {p for neuron in neurons for p in (*neuron.w, neuron.b)}
    for name, p in module.named_parameters():
        if p in own:
            p.label = name


# Arguments of neurons ------------------------------------------------------------------------------------------------

_BOUNDS: dict[str, Callable[[int, int], float]] = {
    "uniform": lambda nin, nout: 1.0,
    "xavier": lambda nin, nout: math.sqrt(6 / (nin + nout)),  # Glorot and Bengio 2010, equation 16
    "he": lambda nin, nout: math.sqrt(6 / nin),  # variance 2 / nin: He et al. 2015, equation 10
}


def _initial(nin: int, nout: int, init: str, rng: Any) -> list[float]:
    """Return random initial weights for a neuron with `nin` inputs in a layer of `nout`."""
    if init not in _BOUNDS:
        raise ValueError(f"unknown init {quoted(init)}: there are {', '.join(map(repr, _BOUNDS))}")
    rng = random if rng is None else rng
    if not hasattr(rng, "uniform"):
        raise TypeError(f"rng is a generator such as random.Random(0), got {type(rng).__name__} {quoted(rng)}")
    bound = _BOUNDS[init](nin, nout)
    return [rng.uniform(-bound, bound) for _ in range(nin)]


def _size(name: str, size: SupportsIndex, least: str) -> int:
    size = operator.index(size)
    if size < 1:
        raise ValueError(f"{least}, got {name}={size}")
    return size


def _listed(values: Any) -> list[Any]:
    """Return the values as a list; a single one becomes a list of one."""
    try:
        return list(values)
    except TypeError:
        return [values]


_PREDICT = "A model is called with one sample; model.predict(xs) computes many"


def _one_sample(inputs: Any) -> list[Any]:
    """Return the inputs of a sample as a list.

    Raises:
        ValueError: it is a table of many samples.
    """
    shape: Any = getattr(inputs, "shape", ()) if type(inputs) is not list else ()
    if len(shape) > 1:
        raise ValueError(f"expected the inputs of one sample, got {shape[0]} rows. {_PREDICT}")
    return _listed(inputs)


def _is_row(x: Any) -> bool:
    return isinstance(x, (list, tuple)) or bool(getattr(x, "ndim", 0))


def _refuse_rows(xs: list[Any]) -> None:
    """Raise ValueError if a list of inputs is a list of samples."""
    if any(map(_is_row, xs)):
        raise ValueError(f"expected the inputs of one sample, got {len(xs)} rows. {_PREDICT}") from None


def _activation_to_use(activation: Activation | bool, nonlin: bool | None) -> str | Callable[[Value], Value]:
    """Return the activation; micrograd's `nonlin` may replace it, by name or in its position."""
    if isinstance(activation, bool):
        nonlin = activation
    if nonlin is not None:
        return "relu" if nonlin else "linear"
    return settled(cast(Activation, activation))  # a bool has been handled above


def _activations(activation: Activation | Sequence[Activation], layers: int) -> Sequence[Activation]:
    """Return the activation of each layer of a network: those in a list, or one for all layers but the last."""
    if not isinstance(activation, (list, tuple)):
        return [cast(Activation, activation)] * (layers - 1) + ["linear"]
    if len(activation) != layers:
        raise ValueError(
            f"activation lists one for each layer, the last one included ('linear' for none): "
            f"nouts has {layers}, got {len(activation)}"
        )
    return activation

"""Build networks: `Neuron`, `Layer`, `MLP`, and parts between them, their base class `Module`, and the losses.

net = inputs · weights + bias        output = activation(net)

The weighted sum is one `dot` node, to which the bias is added. micrograd starts from the bias and adds one product
after another, a node each. On its demo, the 100 losses of the training run agree to 14 digits, the first three of them
to the bit, in a third of the time. A `dot` with the bias in front has exactly micrograd's order, but takes half as long
again and no longer looks like the formula in a drawing.
"""

import math
import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Never, Self, SupportsIndex, cast

from autograd import ops
from autograd.activations import Activation, function_of, settled, title_of
from autograd.draws import normal, uniform
from autograd.engine import Value
from autograd.hints import refuse_named
from autograd.layers import Dropout, LayerNorm
from autograd.losses import binary_cross_entropy, cross_entropy, hinge, loss, mse, one_hot
from autograd.module import Constant, Module, Network, frozen_in_words, loaded, parameters_in_words
from autograd.samples.recording import ONE_SAMPLE
from autograd.sequential import Sequential, Standardize
from autograd.text import columns, counted, folded, printable, quoted, visible
from autograd.validation import size_of

if not TYPE_CHECKING:  # by which every name would do
    from autograd.hints import no_such_network as __getattr__  # noqa: F401  # Python calls it

__all__ = [
    "MLP", "Constant", "Dropout", "Layer", "LayerNorm", "Module", "Neuron", "Sequential", "Standardize",
    "binary_cross_entropy", "cross_entropy", "hinge", "load", "loss", "mse", "normal", "one_hot", "uniform",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__


_A_DOZEN = 12  # neurons, from which on a repr is a summary


class Neuron(Network):
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
    _derived: ClassVar[frozenset[str]] = Network._derived | {"_activate"}  # from `activation`

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
        **others: Never,
    ) -> None:
        if others:
            refuse_named("Neuron", "layer", others)
        nin = size_of("nin", nin, "a neuron has at least one input")
        weights = _initial(nin, 1, init, rng) if weights is None else _listed(weights)
        if len(weights) != nin:
            raise ValueError(f"{nin} inputs need {nin} weights, got {len(weights)}")
        self.w = [Value(w) for w in weights]
        self.b = Value(bias)
        self.activation = _activation_to_use(activation, nonlin)
        self._activate = function_of(self.activation)
        if labels is not None:
            if len(labels) != nin + 1:
                raise ValueError(f"labels are for {nin} weights and the bias: {nin + 1} names, got {len(labels)}")
            for p, label in zip([*self.w, self.b], labels):
                p.label = label

    def _made(self) -> None:
        if not isinstance(self.activation, str):
            self.parameters()  # a function that hides a parameter is refused here, not in training
        numbers: Iterable[Any] = range(1, len(self.w) + 1) if len(self.w) > 1 else [""]
        for p, name in zip([*self.w, self.b], [*(f"weight{i}" for i in numbers), "bias"]):
            p.label = p.label or name
        if type(self) is not Neuron:
            super()._made()

    def __call__(self, inputs: Any) -> Value:
        """Return the neuron's output for `nin` Values or numbers, in a list; a single one may be passed alone.

        Raises:
            ValueError: the number of inputs is not the number of weights.
        """
        xs = inputs if type(inputs) is list else _one_sample(inputs)
        if len(xs) != len(self.w):
            name = visible(self.b.label.removesuffix("bias").rstrip(".")) or "this neuron"
            many = f". {ONE_SAMPLE}" if len(self.w) == 1 or any(map(_is_row, xs)) else ""
            raise ValueError(
                f"{name} has {counted(len(self.w), 'weight')}, so it takes {counted(len(self.w), 'input')}, "
                f"got {len(xs)}{many}"
            )
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

    def architecture(self) -> dict[str, Any] | None:
        """Return the number of inputs and the name of the activation; None if the activation is a function."""
        name = self.activation
        if not isinstance(name, str) or function_of(name) is not self._activate:
            return None
        return {"nin": len(self.w), "activation": name}

    @classmethod
    def from_architecture(cls, arguments: dict[str, Any], most: int) -> Self:
        """Make a neuron whose weights are 0."""
        nin, activation = _arguments(arguments, "nin", "activation")
        _check_sizes([*_sizes(nin), 1], most)
        return cls(nin, _known(activation), rng=_Zeros)

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


class Layer(Network):
    """A layer of neurons that all take the same inputs.

    Arguments:
        nin: the number of inputs.
        nout: the number of neurons.
        activation: the activation of each neuron, as for `Neuron`; relu by default, as in micrograd.
        nonlin, init, rng: as for `Neuron`.
        squeeze: whether a layer of a single neuron returns the Value itself, as micrograd's does, not a list of one.

    Raises:
        TypeError: a size is not an integer, or `rng` not a generator.
        ValueError: a size is not positive, or an activation or init unknown.

    >>> Layer(2, 3)
    Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)]
    >>> Layer(2, 16)
    Layer of 16 ReLUNeuron(2): 48 parameters
    >>> [type(layer([0.5, 2.0])).__name__ for layer in (Layer(2, 1), Layer(2, 1, squeeze=False))]
    ['Value', 'list']
    """

    __slots__ = ("neurons", "squeeze")
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
        squeeze: bool = True,
        **others: Never,
    ) -> None:
        if others:
            refuse_named("Layer", "layer", others)
        nin, nout = (
            size_of("nin", nin, "a layer has at least one input"),
            size_of("nout", nout, "a layer has at least one neuron"),
        )
        chosen = _activation_to_use(activation, nonlin)
        self.neurons = [Neuron(nin, chosen, weights=_initial(nin, nout, init, rng)) for _ in range(nout)]
        self.squeeze = bool(squeeze)

    def __call__(self, inputs: Any) -> Any:
        """Return the outputs for `nin` inputs: a list of `nout` Values; for a single neuron, the Value itself.

        With `squeeze=False` it is a list in any case.
        """
        xs = _one_sample(inputs)
        outputs = [neuron(xs) for neuron in self.neurons]
        return outputs[0] if len(outputs) == 1 and self.squeeze else outputs

    def architecture(self) -> dict[str, Any] | None:
        """Return the sizes and the name of the activation; None if the neurons differ."""
        each = [neuron.architecture() if type(neuron) is Neuron else None for neuron in self.neurons]
        if not each or each[0] is None or any(one != each[0] for one in each):
            return None
        shared = each[0]
        return {"nin": shared["nin"], "nout": len(each), "activation": shared["activation"], **_kept(self.squeeze)}

    @classmethod
    def from_architecture(cls, arguments: dict[str, Any], most: int) -> Self:
        """Make a layer whose weights are 0."""
        squeeze, (nin, nout, activation) = _squeezing(arguments, "nin", "nout", "activation")
        _check_sizes([*_sizes(nin), *_sizes(nout)], most)
        return cls(nin, nout, _known(activation), rng=_Zeros, squeeze=squeeze)

    def __repr__(self) -> str:
        if len(self.neurons) < _A_DOZEN:
            return f"{self._name()} of [{', '.join(map(repr, self.neurons))}]{frozen_in_words(self)}"
        return f"{self._name()} of {self._row()}: {parameters_in_words(self)}"

    def _name(self) -> str:
        return type(self).__name__ + "(squeeze=False)" * self._keeps_a_list()

    def _keeps_a_list(self) -> bool:
        """Return True for a layer of a single neuron that returns a list of one Value."""
        return not self.squeeze and len(self.neurons) == 1

    def _row(self) -> str:
        kinds = list(dict.fromkeys(map(repr, self.neurons)))
        return f"{len(self.neurons)} {' / '.join(kinds)}{' in a list' * self._keeps_a_list()}"


class MLP(Network):
    """A multilayer perceptron: layers in sequence, each taking the outputs of the one before.

    Arguments:
        nin: the number of inputs.
        nouts: a list with the number of neurons of each layer.
        activation: the activation of all layers but the last, which is linear; as for `Neuron`. Or a list of
            activations, one for each layer, the last one included.
        init, rng: as for `Neuron`.
        squeeze: as for `Layer`: whether a network with a single output returns the Value itself.

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
        squeeze: bool = True,
        **others: Never,
    ) -> None:
        if others:
            refuse_named("MLP", "network", others)
        try:
            sizes = [nin, *nouts]
        except TypeError:
            raise TypeError(f"nouts is a list with the size of each layer, [{nouts}] for a single one") from None
        if len(sizes) == 1:
            raise ValueError("nouts is empty: a network has at least one layer")
        self.layers = [
            Layer(nin, nout, chosen, init=init, rng=rng, squeeze=squeeze)
            for nin, nout, chosen in zip(sizes, sizes[1:], _activations(activation, len(sizes) - 1))
        ]

    def __call__(self, inputs: Any) -> Any:
        """Return the last layer's outputs for `nin` inputs: a list of Values; for a single neuron, the Value itself.

        With `squeeze=False` it is a list in any case.
        """
        outputs = inputs
        for layer in self.layers:
            outputs = layer(outputs)
        return outputs

    def architecture(self) -> dict[str, Any] | None:
        """Return the sizes and the names of the activations; None if a layer's neurons differ, or layers do not fit."""
        each = [layer.architecture() if type(layer) is Layer else None for layer in self.layers]
        known = [one for one in each if one is not None]
        if not known or len(known) < len(each) or any(a["nout"] != b["nin"] for a, b in pairwise(known)):
            return None
        nouts, activations = [one["nout"] for one in known], [one["activation"] for one in known]
        squeeze = known[-1].get("squeeze", True)
        return {"nin": known[0]["nin"], "nouts": nouts, "activation": activations, **_kept(squeeze)}

    @classmethod
    def from_architecture(cls, arguments: dict[str, Any], most: int) -> Self:
        """Make a network whose weights are 0."""
        squeeze, (nin, nouts, activation) = _squeezing(arguments, "nin", "nouts", "activation")
        _check_sizes([*_sizes(nin), *_sizes(*_texts_or_numbers(nouts))], most)
        return cls(nin, nouts, list(map(_known, _texts_or_numbers(activation))), rng=_Zeros, squeeze=squeeze)

    def __repr__(self) -> str:
        name = type(self).__name__
        layers = [layer if isinstance(layer, Layer) else None for layer in self.layers]  # users may put others there
        if sum(1 if layer is None else len(layer.neurons) for layer in layers) < _A_DOZEN:
            return f"{name} of [{', '.join(map(repr, self.layers))}]"
        rows = [
            f"  layer{i}: " + (f"{layer._row()}, {parameters_in_words(layer)}" if layer else repr(part))
            for i, (layer, part) in enumerate(zip(layers, self.layers), 1)
        ]
        return "\n".join([f"{name} with {parameters_in_words(self)}", *folded("\n".join(rows), columns())])


def load(path: str | os.PathLike[str], classes: Iterable[type[Module]] | type[Module] = ()) -> Any:
    """Return the network that `save` wrote to a file, with its parameters' numbers and the names of its classes.

    Files have the architecture of networks whose activations are operations of the table, of networks of your own
    classes that define `architecture`, but not of others. An operation of your own has to be defined before.

    Arguments:
        path: the file.
        classes: your own subclasses of Module of which the network may consist, in a list; or a single one.

    Nothing in a file is executed: it names classes among the known ones, sizes, activations and numbers.

    Raises:
        OSError: the file cannot be read.
        TypeError: one of the classes is no subclass of Module.
        ValueError: the file is damaged or of a later version, has no architecture, as the files of earlier versions, or
            names an unknown class or activation.

    >>> import tempfile
    >>> model = MLP(2, [3, 1], "tanh")
    >>> path = os.path.join(tempfile.mkdtemp(), "model.json")
    >>> model.save(path)
    >>> twin = load(path)
    >>> twin
    MLP of [Layer of [TanhNeuron(2), TanhNeuron(2), TanhNeuron(2)], Layer of [LinearNeuron(3)]]
    >>> twin([0.5, -1.0]).data == model([0.5, -1.0]).data
    True
    """
    own = [classes] if isinstance(classes, type) else list(classes)
    for kind in own:
        if not isinstance(kind, type) or not issubclass(kind, Module):
            raise TypeError(
                f"classes are subclasses of nn.Module, got {quoted(kind)}; the names of what a model tells apart are "
                "in its file, and then in model.classes"
            )
    ours = (kind for name in __all__ if isinstance(kind := globals()[name], type) and kind is not Module)
    return loaded(path, {kind.__name__: kind for kind in (*ours, *own)})


# Arguments from files ------------------------------------------------------------------------------------------------


class _Zeros:
    """A generator that draws nothing: the numbers of a file are to follow."""

    @staticmethod
    def uniform(low: float, high: float) -> float:
        return 0.0


def _arguments(arguments: dict[str, Any], *names: str) -> list[Any]:
    if arguments.keys() != set(names):
        raise ValueError(f"it takes {', '.join(names)}, and nothing else")
    return [arguments[name] for name in names]


def _kept(squeeze: bool) -> dict[str, bool]:
    """Return the argument `squeeze` for a file, which has it only where it is not the default."""
    return {} if squeeze else {"squeeze": False}


def _squeezing(arguments: dict[str, Any], *names: str) -> tuple[bool, list[Any]]:
    """Return the argument `squeeze` of a file, and the others."""
    squeeze = arguments.get("squeeze", True)
    if not isinstance(squeeze, bool):
        raise ValueError("squeeze is neither true nor false")
    return squeeze, _arguments({name: x for name, x in arguments.items() if name != "squeeze"}, *names)


def _texts_or_numbers(x: Any) -> list[Any]:
    if not isinstance(x, list):
        raise ValueError("a list has become something else")
    return x


def _sizes(*sizes: Any) -> Sequence[int]:
    if not all(type(size) is int and size > 0 for size in sizes):
        raise ValueError("its sizes are no positive integers")
    return sizes


def _check_sizes(sizes: Sequence[int], most: int) -> None:
    """Raise ValueError if layers of these sizes have more parameters than the file."""
    if sum((nin + 1) * nout for nin, nout in pairwise(sizes)) > most:
        raise ValueError("it would have more parameters than the file has numbers")


def _known(activation: Any) -> str:
    """Return an activation by its name, which is that of an operation of the table."""
    if not isinstance(activation, str):
        raise ValueError("an activation is no name")
    try:
        settled(activation)
    except ValueError as problem:
        raise ValueError(
            f"{problem}; if {quoted(activation)} is an operation of your own, define it before you load"
        ) from None
    return activation


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


def _listed(values: Any) -> list[Any]:
    """Return the values as a list; a single one becomes a list of one."""
    try:
        return list(values)
    except TypeError:
        return [values]


def _one_sample(inputs: Any) -> list[Any]:
    """Return the inputs of a sample as a list.

    Raises:
        ValueError: it is a table of many samples.
    """
    shape: Any = getattr(inputs, "shape", ()) if type(inputs) is not list else ()
    if len(shape) > 1:
        raise ValueError(f"expected the inputs of one sample, got {shape[0]} rows. {ONE_SAMPLE}")
    return _listed(inputs)


def _is_row(x: Any) -> bool:
    return isinstance(x, (list, tuple)) or bool(getattr(x, "ndim", 0))


def _refuse_rows(xs: list[Any]) -> None:
    """Raise ValueError if a list of inputs is a list of samples."""
    if any(map(_is_row, xs)):
        raise ValueError(f"expected the inputs of one sample, got {len(xs)} rows. {ONE_SAMPLE}") from None


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
        settled(cast(Activation, activation))  # a single layer would not notice one that is unknown
        return [cast(Activation, activation)] * (layers - 1) + ["linear"]
    if len(activation) != layers:
        raise ValueError(
            f"activation lists one for each layer, the last one included ('linear' for none): "
            f"nouts has {layers}, got {len(activation)}"
        )
    return activation

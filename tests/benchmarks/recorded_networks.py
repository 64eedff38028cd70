"""Record networks in scalars, as a user writes them: the loss of one sample, neuron by neuron, and its gradients.

The parameters of a network are one flat list, in the order in which the loss takes them: a neuron's weights, then its
bias. The loss is the squared error; the compiled function returns its mean over a batch, and the mean's gradients.
`networks_by_hand.py` computes the same with matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import autograd
from autograd import Value, grad

Array = npt.NDArray[np.float64]
Numbers = tuple[Array, Array, Array]
"""The parameters, a batch of inputs, and a batch of targets."""

OPTIONS: dict[str, Any] = {"in_axes": (None, 0, 0), "reduce": "mean"}
MODULES = {"jax.numpy": "jax.numpy", "torch": "torch", "numpy module": "numpy"}
"""The backends that are modules, by the names that they have here."""


def neuron(parameters: Iterator[Any], inputs: Sequence[Any]) -> Any:
    """Return a neuron's sum; takes its weights and its bias from the parameters."""
    weights = [next(parameters) for _ in inputs]
    return autograd.dot(weights, inputs) + next(parameters)


def squared_error(outputs: Sequence[Any], targets: Sequence[Any]) -> Any:
    return autograd.sum([(output - target) ** 2 for output, target in zip(outputs, targets, strict=True)])


@dataclass(frozen=True)
class MLP:
    """Layers of neurons with an activation, the last one linear."""

    sizes: tuple[int, ...]
    samples: int
    activation: str = "tanh"

    @property
    def inputs(self) -> tuple[int, ...]:
        return self.sizes[:1]

    @property
    def targets(self) -> tuple[int, ...]:
        return self.sizes[-1:]

    @property
    def layers(self) -> list[tuple[int, int]]:
        return [(neurons, inputs + 1) for inputs, neurons in pairwise(self.sizes)]

    def loss(self, parameters: Iterator[Any], x: Any, t: Any) -> Any:
        *hidden, outputs = self.sizes[1:]
        activation = getattr(autograd, self.activation)
        for size in hidden:
            x = [activation(neuron(parameters, x)) for _ in range(size)]
        return squared_error([neuron(parameters, x) for _ in range(outputs)], t)


@dataclass(frozen=True)
class Convolution:
    """Two convolutions with 3 x 3 kernels and tanh, the first with a stride of 2, then a linear layer."""

    image: int
    channels: tuple[int, int]
    outputs: int
    samples: int

    @property
    def inputs(self) -> tuple[int, ...]:
        return (self.image, self.image)

    @property
    def targets(self) -> tuple[int, ...]:
        return (self.outputs,)

    @property
    def sides(self) -> tuple[int, int]:
        """The height, and width, of the images that the two convolutions make."""
        first = (self.image - 3) // 2 + 1
        return first, first - 2

    @property
    def layers(self) -> list[tuple[int, int]]:
        (c1, c2), side = self.channels, self.sides[1]
        return [(c1, 10), (c2, 9 * c1 + 1), (self.outputs, c2 * side * side + 1)]

    def loss(self, parameters: Iterator[Any], x: Any, t: Any) -> Any:
        first = self.convolve(parameters, [x], self.channels[0], stride=2)
        second = self.convolve(parameters, first, self.channels[1], stride=1)
        pixels = [pixel for image in second for row in image for pixel in row]
        return squared_error([neuron(parameters, pixels) for _ in range(self.outputs)], t)

    @staticmethod
    def convolve(parameters: Iterator[Any], images: Sequence[Any], channels: int, stride: int) -> list[list[list[Any]]]:
        """Return one image for each kernel: it takes a window of 3 x 3 pixels of all images at each place."""
        places = range(0, len(images[0]) - 2, stride)
        convolved = []
        for _ in range(channels):
            kernel = [next(parameters) for _ in range(9 * len(images))]
            bias = next(parameters)
            convolved.append(
                [
                    [
                        (
                            autograd.dot(
                                kernel, [image[i + y][j + x] for image in images for y in range(3) for x in range(3)]
                            )
                            + bias
                        ).tanh()
                        for j in places
                    ]
                    for i in places
                ]
            )
        return convolved


@dataclass(frozen=True)
class Attention:
    """A block of a transformer: each token attends to all, is added to what it finds, and normalized."""

    tokens: int
    width: int
    heads: int
    samples: int
    tiny: ClassVar[float] = 1e-5

    @property
    def inputs(self) -> tuple[int, ...]:
        return (self.tokens, self.width)

    targets = inputs

    @property
    def layers(self) -> list[tuple[int, int]]:
        """The weights of queries, keys, values, and of what is added; then the normalization's gains and offsets."""
        return [(self.width, self.width)] * 4 + [(self.width, 1)] * 2

    def loss(self, parameters: Iterator[Any], x: Any, t: Any) -> Any:
        width, size = self.width, self.width // self.heads

        def linear(vectors: Sequence[Any]) -> list[list[Any]]:
            rows = [[next(parameters) for _ in range(width)] for _ in range(width)]
            return [[autograd.dot(row, vector) for row in rows] for vector in vectors]

        queries, keys, values = linear(x), linear(x), linear(x)
        found: list[list[Any]] = [[] for _ in x]
        for part in (slice(start, start + size) for start in range(0, width, size)):
            for query, result in zip(queries, found):
                shares = autograd.softmax([autograd.dot(query[part], key[part]) / size**0.5 for key in keys])
                result += [autograd.dot(shares, column) for column in zip(*(value[part] for value in values))]
        added = [[a + b for a, b in zip(*pair)] for pair in zip(x, linear(found))]
        gains, offsets = ([next(parameters) for _ in range(width)] for _ in range(2))
        outputs = []
        for vector in added:
            mean = autograd.mean(vector)
            variance = autograd.mean([(a - mean) ** 2 for a in vector])
            scale = 1 / (variance + self.tiny).sqrt()
            outputs += [gain * (a - mean) * scale + offset for a, gain, offset in zip(vector, gains, offsets)]
        return squared_error(outputs, [target for targets in t for target in targets])


Network = MLP | Convolution | Attention

NETWORKS: dict[str, Network] = {
    "MLP 64-32-10": MLP((64, 32, 10), 32),
    "MLP 784-50-10": MLP((784, 50, 10), 32),
    "MLP 784-50-10, one sample": MLP((784, 50, 10), 1),
    "MLP 784-128-10": MLP((784, 128, 10), 64),
    "MLP 64-64-64-64-64-10": MLP((64, 64, 64, 64, 64, 10), 32),
    "convolution": Convolution(image=12, channels=(4, 8), outputs=10, samples=32),
    "attention": Attention(tokens=8, width=16, heads=2, samples=32),
}
"""The networks of the page, by their names in it."""

BATCHES: dict[str, MLP] = {
    "MLP 64-32-10": MLP((64, 32, 10), 32),
    "MLP 784-50-10": MLP((784, 50, 10), 32),
    "MLP 64-128-10": MLP((64, 128, 10), 32),
    "MLP 784-128-10": MLP((784, 128, 10), 64),
    "MLP 256-256-64": MLP((256, 256, 64), 64),
    "MLP 64-64-64-64-64-10": MLP((64, 64, 64, 64, 64, 10), 32),
}
OTHER_ACTIVATIONS: dict[str, MLP] = {
    f"{name}, {activation}": replace(BATCHES[name], activation=activation)
    for activation in ("sigmoid", "softplus")
    for name in ("MLP 64-32-10", "MLP 256-256-64")
}
IN_C: dict[str, Network] = {
    **{name: NETWORKS[name] for name in ("convolution", "attention")},
    **BATCHES,
    **OTHER_ACTIVATIONS,
    **{f"{name}, one sample": replace(network, samples=1) for name, network in (BATCHES | OTHER_ACTIVATIONS).items()},
}
"""The networks that the c backend is measured with."""


def numbers(network: Network) -> Numbers:
    """Return random numbers: the weights of a neuron, a batch of inputs and a batch of targets."""
    generator = np.random.default_rng(1337)
    parameters = [generator.normal(0.0, fan**-0.5, neurons * fan) for neurons, fan in network.layers]
    x, t = (generator.normal(0.0, 1.0, (network.samples, *shape)) for shape in (network.inputs, network.targets))
    return np.concatenate(parameters), x, t


def values(shape: Sequence[int]) -> Any:
    """Return Values nested like an array of that shape."""
    return [values(shape[1:]) for _ in range(shape[0])] if shape else Value(0.5)


def record_loss(network: Network) -> tuple[Value, Any]:
    """Return the loss of one sample, and what it depends on: the parameters, the inputs and the targets."""
    count = sum(neurons * fan for neurons, fan in network.layers)
    parameters, x, t = values([count]), values(network.inputs), values(network.targets)
    return network.loss(iter(parameters), x, t), (parameters, x, t)


def record(network: Network) -> tuple[Any, Any]:
    """Return the outputs and the inputs that `autograd.compile` takes: the loss of one sample, and its gradients."""
    loss, inputs = record_loss(network)
    return (loss, grad(loss, inputs[0])), inputs


def backend_named(name: str) -> Any:
    """Return the backend as `compile` takes it; a module is set up for one thread and for float64."""
    if name == "jax.numpy":
        import_module("jax").config.update("jax_enable_x64", True)
    if name == "torch":
        import_module("torch").set_num_threads(1)
    return import_module(MODULES[name]) if name in MODULES else name


def compile_network(recorded: tuple[Any, Any], backend: str) -> Any:
    """Compile what `record` returned."""
    return autograd.compile(*recorded, backend=backend_named(backend), **OPTIONS)


def make_step(function: Any, backend: str, network: Network) -> Callable[[], Any]:
    """Prepare a call of the compiled function on arrays of the backend's own; for JAX, of `jax.jit` of the function."""
    arguments: Sequence[Any] = numbers(network)
    if backend == "jax.numpy":
        jax = import_module("jax")
        step, on_device = jax.jit(function), jax.device_put(arguments)
        return lambda: jax.block_until_ready(step(*on_device))
    if backend == "torch":
        arguments = [import_module("torch").from_numpy(array) for array in arguments]
    return lambda: function(*arguments)


def make_compiled(network: Network, backend: str) -> Callable[[], Any]:
    """Prepare a call of a network, from recording to the arrays."""
    return make_step(compile_network(record(network), backend), backend, network)

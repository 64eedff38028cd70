"""Define programs that were published for other engines, written anew: each runs on any engine.

What is the original's are facts: sizes, constants, the order of operations and of random numbers, so that the numbers
come out the same. The docstrings say where the originals are. `tests/test_other_programs.py` compares the numbers;
`other_engines.py` measures the time beside the engines that the programs were written for.
"""

from __future__ import annotations

import random
import string
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import islice, pairwise
from typing import Any

from workloads import Engine, Transformer, Workload

Layers = list[list[tuple[list[Any], Any]]]
"""For each layer and neuron: weights and bias."""


def parameters_of(layers: Layers) -> list[Any]:
    return [p for layer in layers for weights, bias in layer for p in (*weights, bias)]


class Lecture:
    """The end of Karpathy's lecture on micrograd: 3-4-4-1 with tanh everywhere, trained on four samples by hand.

    Source: github.com/karpathy/nn-zero-to-hero, lectures/micrograd, the second notebook. Its network has been trained
    before, from weights without a seed; here a seed fixes them.
    """

    inputs = ((2.0, 3.0, -1.0), (3.0, -1.0, 0.5), (0.5, 1.0, 1.0), (1.0, 1.0, -1.0))
    targets = (1.0, -1.0, -1.0, 1.0)

    def __init__(self, engine: Engine, seed: int = 1337) -> None:
        generator = random.Random(seed)

        def draw() -> Any:
            return engine.value(generator.uniform(-1, 1))

        self.engine = engine
        self.layers: Layers = [
            [([draw() for _ in range(inputs)], draw()) for _ in range(outputs)]
            for inputs, outputs in pairwise((3, 4, 4, 1))
        ]
        self.parameters = parameters_of(self.layers)

    def predict(self, sample: Sequence[Any]) -> Any:
        for layer in self.layers:
            sample = [self.engine.weighted_sum(weights, sample, bias).tanh() for weights, bias in layer]
        return sample[0]

    @staticmethod
    def error(predictions: Sequence[Any], targets: Sequence[float]) -> Any:
        return sum((prediction - target) ** 2 for prediction, target in zip(predictions, targets))

    def loss(self) -> Any:
        return self.error([self.predict(sample) for sample in self.inputs], self.targets)

    def step(self) -> float:
        loss = self.loss()
        for p in self.parameters:
            p.grad = 0.0
        loss.backward()
        for p in self.parameters:
            p.data += -0.1 * p.grad
        return float(loss.data)


class Adam:
    """Adam as textbooks have it, with decay apart from the gradient: the state stands beside the parameters."""

    def __init__(self, parameters: list[Any], betas: tuple[float, float], decay: float = 0.0) -> None:
        self.parameters, self.betas, self.decay = parameters, betas, decay
        self.means, self.squares = [0.0] * len(parameters), [0.0] * len(parameters)
        self.steps = 0

    def step(self, rate: float) -> None:
        """Move the parameters, and set their gradients to 0."""
        self.steps += 1
        beta1, beta2 = self.betas
        for i, p in enumerate(self.parameters):
            self.means[i] = beta1 * self.means[i] + (1 - beta1) * p.grad
            self.squares[i] = beta2 * self.squares[i] + (1 - beta2) * p.grad**2
            mean = self.means[i] / (1 - beta1**self.steps)
            square = self.squares[i] / (1 - beta2**self.steps)
            p.data -= rate * (mean / (square**0.5 + 1e-8) + self.decay * p.data)
            p.grad = 0


class XorShift:
    """The generator xorshift64* of Vigna, https://doi.org/10.1145/2845077, of which 24 bits make a number below 1."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def uniform(self, low: float, high: float) -> float:
        x = self.state
        x ^= x >> 12
        x ^= x << 25 & 2**64 - 1
        x ^= x >> 27
        self.state = x
        word = x * 0x2545F4914F6CDD1D >> 32 & 2**32 - 1
        return low + (high - low) * ((word >> 8) / 2**24)


Sample = tuple[list[float], int]


def yin_yang(generator: XorShift, count: int) -> list[Sample]:
    """Return points in the unit disk, doubled, and their parts in turn: 0 yin, 1 yang, 2 the two dots.

    Source of the data set: Kriener, Göltz and Petrovici, The Yin-Yang dataset, https://arxiv.org/abs/2102.08211.
    """

    def part(x: float, y: float) -> int:
        right = ((x - 0.75) ** 2 + (y - 0.5) ** 2) ** 0.5
        left = ((x - 0.25) ** 2 + (y - 0.5) ** 2) ** 0.5
        if right < 0.1 or left < 0.1:
            return 2
        return 0 if right <= 0.1 or 0.1 < left <= 0.25 or (y > 0.5 and right > 0.25) else 1

    samples: list[Sample] = []
    while len(samples) < count:
        x, y = generator.uniform(0, 1.0), generator.uniform(0, 1.0)
        if ((x - 0.5) ** 2 + (y - 0.5) ** 2) ** 0.5 <= 0.5 and part(x, y) == len(samples) % 3:
            samples.append(([(x / 0.5 - 1) * 2, (y / 0.5 - 1) * 2], len(samples) % 3))
    return samples


class YinYang:
    """The demo of EurekaLabs' micrograd: 2-8-3 with tanh, cross-entropy and AdamW on 80 points of three classes.

    Source: github.com/EurekaLabsAI/micrograd, micrograd.py and utils.py. That program keeps the optimizer's state and
    a color on each Value; here the state is in lists.
    """

    def __init__(self, engine: Engine) -> None:
        generator = XorShift(42)
        samples = yin_yang(generator, 100)
        self.training, self.validation = samples[:80], samples[80:90]
        self.engine = engine
        self.layers: Layers = [
            [
                ([engine.value(generator.uniform(-1, 1) * inputs**-0.5) for _ in range(inputs)], engine.value(0))
                for _ in range(outputs)
            ]
            for inputs, outputs in pairwise((2, 8, 3))
        ]
        self.parameters = parameters_of(self.layers)
        self.optimizer = Adam(self.parameters, (0.9, 0.95), decay=1e-4)

    def predict(self, sample: Sequence[Any]) -> list[Any]:
        hidden, last = self.layers
        return self.apply(last, [x.tanh() for x in self.apply(hidden, sample)])

    def apply(self, layer: list[tuple[list[Any], Any]], inputs: Sequence[Any]) -> list[Any]:
        return [self.engine.weighted_sum(weights, inputs, bias) for weights, bias in layer]

    def loss(self, samples: Sequence[Sample] | None = None) -> Any:
        """Return the mean cross-entropy of the samples: of those to train with, unless others are given."""
        samples = self.training if samples is None else samples
        total = self.engine.value(0.0)
        for point, label in samples:
            powers = [x.exp() for x in self.predict(point)]
            total = total + -(powers[label] / sum(powers)).log()
        return total * (1.0 / len(samples))

    def step(self) -> float:
        loss = self.loss()
        loss.backward()
        self.optimizer.step(0.1)
        return float(loss.data)


@dataclass(frozen=True)
class Version:
    """What changed from one published version of microGPT to the next.

    Attributes:
        special: the tokens before the letters; there may be one more after them.
        vocabulary: the number of tokens.
        begin, end: the tokens around a name.
        length: the largest number of positions.
        tied: the embeddings of the tokens score the outputs too.
        deviation: of the random weights.
        still: the two projections that write to the stream of vectors are 0 at the start.
        normalized: embeddings are normalized.
        squared: the activation is the square of relu.
        betas: of Adam.
        steps: over these the learning rate falls to 0.
        apart: the loss of each letter gets a `backward()`, through the keys and values that it shares with the others.
    """

    special: int
    vocabulary: int
    begin: int
    end: int
    length: int
    tied: bool
    deviation: float
    still: bool
    normalized: bool
    squared: bool
    betas: tuple[float, float]
    steps: int
    apart: bool


EARLY = Version(2, 28, 0, 1, 8, True, 0.02, True, False, True, (0.9, 0.95), 1000, apart=True)
FIRST = Version(1, 27, 0, 0, 8, False, 0.02, True, True, True, (0.9, 0.95), 500, apart=False)
LAST = Version(0, 27, 26, 26, 16, False, 0.08, False, True, False, (0.85, 0.99), 1000, apart=False)

NAMES = "yuheng diondre xavien jori juanluis erandi phia samatha phoenix emmelynn hollan hollis callalily".split()
"""The names that come first when seed 42 has shuffled microGPT's data, the list of names of karpathy/makemore."""
ALL_NAMES = 32_033


class MicroGPT(Transformer):
    """Karpathy's microGPT: a transformer of 4,000 numbers that learns to spell names.

    Source: https://karpathy.github.io/2026/02/12/microgpt/, and both versions of
    gist.github.com/karpathy/8627fe009c40f57531cb18360106ce95: 243 lines, with micrograd's engine, exp and log; and 200
    lines, with an engine that stores local gradients. An earlier one, which forks of it keep, differs more. A step
    takes one name.
    """

    def __init__(self, engine: Engine, version: Version) -> None:
        self.version = version
        generator = random.Random(42)
        generator.shuffle(list(range(ALL_NAMES)))  # the weights are drawn from the state that the shuffle leaves

        def matrix(rows: int, columns: int, deviation: float = version.deviation) -> list[list[Any]]:
            return [[engine.value(generator.gauss(0, deviation)) for _ in range(columns)] for _ in range(rows)]

        width = 16
        still = 0.0 if version.still else version.deviation
        self.heads, self.width = 4, width
        self.tokens, self.positions = matrix(version.vocabulary, width), matrix(version.length, width)
        self.unembed = self.tokens if version.tied else matrix(version.vocabulary, width)
        self.query, self.key, self.value = (matrix(width, width) for _ in range(3))
        self.mix = matrix(width, width, still)
        self.widen, self.narrow = matrix(4 * width, width), matrix(width, 4 * width, still)
        matrices = [self.tokens, self.positions, *([] if version.tied else [self.unembed])]
        matrices += [self.query, self.key, self.value, self.mix, self.widen, self.narrow]
        self.parameters = [p for m in matrices for row in m for p in row]
        self.optimizer = Adam(self.parameters, version.betas)

    def next_name(self) -> list[int]:
        """Return the tokens of the next name, as many as there are positions for."""
        version = self.version
        name = NAMES[self.optimizer.steps % len(NAMES)]
        letters = [version.special + string.ascii_lowercase.index(letter) for letter in name]
        return [version.begin, *letters, version.end][: version.length + (0 if version.apart else 1)]

    def embed(self, token: int, position: int) -> list[Any]:
        x = super().embed(token, position)
        return self.normalize(x) if self.version.normalized else x

    def activate(self, x: Any) -> Any:
        return x.relu() ** 2 if self.version.squared else x.relu()

    def loss(self) -> Any:
        losses = list(self.losses(self.next_name()))
        return (1 / len(losses)) * sum(losses)

    def differentiate(self) -> float:
        """Set the gradients, and return the loss."""
        if not self.version.apart:
            loss = self.loss()
            loss.backward()
            return float(loss.data)
        total, share = 0.0, 1 / (len(self.next_name()) - 1)
        for loss in self.losses(self.next_name()):
            part = share * loss
            part.backward()
            total += part.data
        return total

    def step(self) -> float:
        loss = self.differentiate()
        self.optimizer.step(0.01 * (1 - self.optimizer.steps / self.version.steps))
        return loss


class FusedMicroGPT(MicroGPT):
    """microGPT with one line changed: the sum of products is `dot`, one node."""

    @staticmethod
    def linear(weights: list[list[Any]], x: list[Any]) -> list[Any]:
        dot = import_module("autograd").dot  # not above: the processes of other engines do not load this one
        return [dot(row, x) for row in weights]


def first_losses(program: Workload, steps: int) -> list[float]:
    """Return the losses of the first steps."""

    def losses() -> Iterator[float]:
        while True:
            yield program.step()

    return list(islice(losses(), steps))


Derivatives = Callable[[Callable[[Any], Any], float], tuple[float, float, float]]
"""Return f(x), f'(x) and f''(x), as an engine's users write it."""


class ScalarFunctions:
    """The functions of one number in HIPS autograd's tests, three times each, differentiated twice.

    Source: github.com/HIPS/autograd, tests/test_scalar_ops.py. Its points are random; here they are fixed.

    Arguments:
        numpy: a module with NumPy's functions, as the engine wants them called.
        derivatives: the engine's way to differentiate.
    """

    anywhere, positive, unit, above_1 = (
        (1.6243, -0.6118, 0.0),
        (0.5282, 1.0730, 7.2032),
        (0.1, 0.2, -0.7),
        (1.2, 3.8384),
    )
    points: Mapping[str, Sequence[float]] = {
        **dict.fromkeys(
            ("exp", "exp2", "expm1", "sin", "cos", "sinh", "cosh", "tanh", "arcsinh", "negative"), anywhere
        ),
        **dict.fromkeys(("log", "log2", "log10", "log1p", "sqrt", "reciprocal", "square"), positive),
        **dict.fromkeys(("arcsin", "arccos", "arctan", "arctanh", "tan", "absolute"), unit),
        "arccosh": above_1,
    }

    def __init__(self, numpy: Any, derivatives: Derivatives) -> None:
        self.numpy, self.derivatives = numpy, derivatives
        self.parameters: list[Any] = []

    def all(self) -> list[tuple[float, float, float]]:
        found = []
        for name, points in self.points.items():
            function = partial(self.thrice, getattr(self.numpy, name))
            found += [self.derivatives(function, point) for point in points]
        return found

    @staticmethod
    def thrice(function: Callable[[Any], Any], x: Any) -> Any:
        return 3.0 * function(x)

    def numbers(self) -> dict[str, list[float]]:
        values, first, second = (list(map(float, column)) for column in zip(*self.all()))
        return {"values": values, "first derivatives": first, "second derivatives": second}

    def step(self) -> float:
        return float(self.all()[0][0])


def with_graphs() -> ScalarFunctions:
    """Return them for this engine: each function records a graph, whose gradient is a graph, too."""
    numpy, engine = import_module("numpy"), import_module("autograd")

    def derivatives(f: Callable[[Any], Any], at: float) -> tuple[float, float, float]:
        x = engine.Value(at)
        y = f(x)
        first = engine.grad(y, x)
        return y.data, first.data, engine.grad(first, x).data

    return ScalarFunctions(numpy, derivatives)


def with_functions(folder: str) -> ScalarFunctions:
    """Return them for HIPS autograd, in whose repository's folder its package of the same name as this one is."""
    sys.path.insert(0, folder)
    numpy, engine = import_module("autograd.numpy"), import_module("autograd")

    def derivatives(f: Callable[[Any], Any], at: float) -> tuple[float, float, float]:
        y, first = engine.value_and_grad(f)(at)
        return y, first, engine.grad(engine.grad(f))(at)

    return ScalarFunctions(numpy, derivatives)

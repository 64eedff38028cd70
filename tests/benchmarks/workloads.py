"""Define the workloads: two training programs and an extreme graph, each written once and run on every engine.

Runs differ only in their `Engine`: where `Value` comes from and how a neuron adds its products. All code here uses only
what every engine documents, so the same lines run on all of them. Numbers that are no such engine's, plain floats and
those of a tape, have the demo in a form of their own.
"""

from __future__ import annotations

import json
import math
import os
import random
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")


def add_products(weights: Sequence[Any], inputs: Sequence[Any], bias: Any) -> Any:
    """Build a neuron's sum from atomic `*` and `+` nodes, as micrograd's `Neuron` does."""
    return sum((weight * value for weight, value in zip(weights, inputs)), bias)


@dataclass(frozen=True)
class Engine:
    """An engine: its `Value`, how a neuron adds its products, and how to get the operands of a Value."""

    name: str
    value: Callable[[float], Any]
    operands: Callable[[Any], Iterable[Any]]
    weighted_sum: Callable[[Sequence[Any], Sequence[Any], Any], Any] = add_products
    constant: Callable[[float], Any] = float


# Names as in the tables, and the modules to import. "autograd" alone is the engine that this process has.
ENGINES = {
    "micrograd": "micrograd.engine",
    "plain floats": "math",
    "minigrad": "minigrad.engine",
    "XAD": "xad.adj_1st",
    "stored gradients": "stored_gradients",
} | {
    f"autograd{chosen}, {form}": "autograd"
    for chosen in ("", ", pure", ", native", " before")
    for form in ("atomic", "fused")
}

FOLDERS: dict[str, str] = {}
"""Folders with a package that is imported in the place of the installed one: "before", an earlier version of ours."""


def environment(name: str) -> dict[str, str]:
    """Return the variables of the environment that make a process run that engine, or fail."""
    if name.startswith("autograd before"):
        return in_folder("before") | {"AUTOGRAD_PURE": "1", "AUTOGRAD_REQUIRE_NATIVE": ""}
    if name.startswith("autograd, pure"):
        return {"AUTOGRAD_PURE": "1", "AUTOGRAD_REQUIRE_NATIVE": ""}
    if name.startswith("autograd, native"):
        return {"AUTOGRAD_PURE": "", "AUTOGRAD_REQUIRE_NATIVE": "1"}
    return {}


def in_folder(key: str) -> dict[str, str]:
    """Return the variable that makes a process import from one of the `FOLDERS` first."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, [FOLDERS[key], os.environ.get("PYTHONPATH")]))}


def load(name: str) -> Engine:
    """Return the engine of that name; raise an ImportError if it is not installed."""
    module = import_module(ENGINES[name])
    if name == "plain floats":
        return Engine(name, float, lambda value: ())
    if name == "XAD":
        return Engine(name, module.Real, lambda value: ())
    if name.startswith("autograd, native") and not getattr(module.engine, "NATIVE", False):
        raise ImportError("this process runs the pure engine")

    def operands(value: Any) -> Iterable[Any]:
        # `_prev` of this engine would show its constants as Values: they are floats in `args`.
        listed = {"stored gradients": "children", "micrograd": "_prev"}.get(name, "args")
        return (x for x in getattr(value, listed) if type(x) is module.Value)

    if name.endswith(", fused"):
        dot = module.dot

        def fused(weights: Sequence[Any], inputs: Sequence[Any], bias: Any) -> Any:
            return dot(inputs, weights) + bias

        return Engine(name, module.Value, operands, fused)
    if name == "minigrad":
        # It does not expose a Value's operands, and reads the memory of every operand as a Value's: a plain number on
        # either side of an operator gives a wrong answer and then a crash (0.0.6). So constants are made Values here.
        return Engine(name, module.Value, lambda value: (), constant=module.Value)
    return Engine(name, module.Value, operands)


def with_deep_stack(work: Callable[[], Result]) -> Result:
    """Run `work` in a thread with a large stack and no recursion limit, which recursive engines need."""
    results: list[Result] = []
    limit = sys.getrecursionlimit()
    size = threading.stack_size(512 * 1024 * 1024)
    sys.setrecursionlimit(1_000_000)
    try:
        thread = threading.Thread(target=lambda: results.append(work()))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
        sys.setrecursionlimit(limit)
    if not results:
        raise RuntimeError("the work failed, see the traceback above")
    return results[0]


def answer(job: str, jobs: Mapping[str, Callable[..., Any]], shallow: Collection[str] = ()) -> None:
    """Do the job that the parent wrote as JSON, and answer in JSON.

    Arguments:
        shallow: the names of the jobs that get the stack that every program has; the peers' recursion needs more.
    """
    name, *arguments = json.loads(job)
    result = jobs[name](*arguments) if name in shallow else with_deep_stack(lambda: jobs[name](*arguments))
    if result is not None:
        print(json.dumps(result))


class Workload(Protocol):
    """A training program: its parameters, the graph of the loss, and a complete step."""

    parameters: list[Any]

    def loss(self) -> Any: ...

    def step(self) -> float: ...


def gradients_of(workload: Workload) -> tuple[float, list[float]]:
    """Return the first loss, and the gradients of all parameters, which are then 0 again."""
    if isinstance(workload, DemoOnTape):
        return workload.differentiate()
    loss = workload.loss()
    if isinstance(workload, DemoOnFloats):
        return float(loss), []
    loss.backward()
    gradients = [float(p.grad) for p in workload.parameters]
    for p in workload.parameters:
        p.grad = 0.0
    return float(loss.data), gradients


def two_moons(samples: int, noise: float = 0.1, seed: int = 1337) -> tuple[list[list[float]], list[float]]:
    """Return points on two interlocking half circles, with labels +1 and -1."""
    generator = random.Random(seed)
    points, labels = [], []
    for index in range(samples):
        angle = math.pi * (index // 2) / (samples // 2)
        upper = index % 2 == 0
        x, y = (math.cos(angle), math.sin(angle)) if upper else (1.0 - math.cos(angle), 0.5 - math.sin(angle))
        points.append([x + generator.gauss(0.0, noise), y + generator.gauss(0.0, noise)])
        labels.append(1.0 if upper else -1.0)
    return points, labels


class Demo:
    """micrograd's own demo: a 2-16-16-1 ReLU network, hinge loss and L2 over 100 points, full batch.

    The parameters are drawn in the order of `micrograd.nn.MLP(2, [16, 16, 1])`, and the loss is the demo's, line by
    line. (`constant` is `float` except for minigrad.)
    """

    def __init__(self, engine: Engine, samples: int = 100, sizes: Sequence[int] = (2, 16, 16, 1), seed: int = 1337):
        generator = random.Random(seed)
        self.engine = engine
        self.points, self.labels = two_moons(samples)
        self.layers = [
            [
                ([engine.value(generator.uniform(-1, 1)) for _ in range(inputs)], engine.value(0.0))
                for _ in range(outputs)
            ]
            for inputs, outputs in pairwise(sizes)
        ]
        self.parameters = [p for layer in self.layers for weights, bias in layer for p in (*weights, bias)]
        self.steps = 0

    def score(self, inputs: Sequence[Any]) -> Any:
        """Compute the network's output for one point: hidden layers with ReLU, the last one linear."""
        weighted_sum = self.engine.weighted_sum
        *hidden, last = self.layers
        for layer in hidden:
            inputs = [weighted_sum(weights, inputs, bias).relu() for weights, bias in layer]
        ((weights, bias),) = last
        return weighted_sum(weights, inputs, bias)

    def loss(self) -> Any:
        constant = self.engine.constant
        inputs = [list(map(self.engine.value, point)) for point in self.points]
        scores = list(map(self.score, inputs))
        losses = [(constant(1.0) + constant(-label) * score).relu() for label, score in zip(self.labels, scores)]
        data_loss = sum(losses, constant(0.0)) * constant(1.0 / len(losses))
        return data_loss + constant(1e-4) * sum((p * p for p in self.parameters), constant(0.0))

    def step(self) -> float:
        """Forward, zero_grad, backward, update. Returning frees the graph, so a step includes that."""
        loss = self.loss()
        for parameter in self.parameters:
            parameter.grad = 0.0
        loss.backward()
        rate = self.rate()
        for parameter in self.parameters:
            parameter.data -= rate * parameter.grad
        return float(loss.data)

    def rate(self) -> float:
        """Return the learning rate of this step, and count it."""
        self.steps += 1
        return 1.0 - 0.9 * min(self.steps - 1, 100) / 100


def relu(x: Any) -> Any:
    return x if x > 0.0 else 0.0


class DemoOnFloats(Demo):
    """The same program on plain floats: how long Python takes for it where nothing is recorded.

    A step computes the loss, and runs the loops over the parameters with gradients of 0. There is no backward.
    """

    def score(self, inputs: Sequence[Any]) -> Any:
        weighted_sum = self.engine.weighted_sum
        *hidden, last = self.layers
        for layer in hidden:
            inputs = [relu(weighted_sum(weights, inputs, bias)) for weights, bias in layer]
        ((weights, bias),) = last
        return weighted_sum(weights, inputs, bias)

    def loss(self) -> Any:
        inputs = [list(map(self.engine.value, point)) for point in self.points]
        scores = list(map(self.score, inputs))
        losses = [relu(1.0 + -label * score) for label, score in zip(self.labels, scores)]
        data_loss = sum(losses, 0.0) * (1.0 / len(losses))
        return data_loss + 1e-4 * sum((p * p for p in self.parameters), 0.0)

    def step(self) -> float:
        loss = self.loss()
        gradients = [0.0 for _ in self.parameters]
        rate = self.rate()
        self.parameters = [p - rate * gradient for p, gradient in zip(self.parameters, gradients)]
        return float(loss)


_OF_THIS_THREAD = threading.local()


def active_tape() -> Any:
    """Return the tape that XAD records on in this thread, which can have one."""
    if not hasattr(_OF_THIS_THREAD, "tape"):
        _OF_THIS_THREAD.tape = import_module(ENGINES["XAD"]).Tape()
        _OF_THIS_THREAD.tape.activate()
    return _OF_THIS_THREAD.tape


class DemoOnTape(DemoOnFloats):
    """The same program on XAD, which records on a tape. It has no relu, and an update makes new numbers."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.tape = active_tape()

    def differentiate(self) -> tuple[float, list[float]]:
        """Return the loss and the gradients: on the tape that the last step used, for its memory is kept."""
        self.tape.clearAll()
        self.tape.registerInputs(self.parameters)
        self.tape.newRecording()
        loss = self.loss()
        self.tape.registerOutput(loss)
        loss.derivative = 1.0
        self.tape.computeAdjoints()
        return float(loss.value), [p.derivative for p in self.parameters]

    def step(self) -> float:
        loss, gradients = self.differentiate()
        rate, real = self.rate(), self.engine.value
        self.parameters = [real(p.value - rate * g) for p, g in zip(self.parameters, gradients)]
        new = iter(self.parameters)
        self.layers = [[([next(new) for _ in weights], next(new)) for weights, _ in layer] for layer in self.layers]
        return loss


def demo(engine: Engine) -> Demo:
    """Return the demo in the form that the engine takes."""
    forms: dict[str, Callable[[Engine], Demo]] = {"plain floats": DemoOnFloats, "XAD": DemoOnTape}
    return forms.get(engine.name, Demo)(engine)


class Transformer:
    """A decoder block over scalars, as it is usually written for an engine that stores local gradients.

    Token and position embeddings, RMS norms, causal attention, a ReLU network, residuals, softmax and cross-entropy,
    all made from `+ - * / **`, exp, log, relu and Python's built-in `sum`.
    """

    def __init__(self, engine: Engine, vocabulary: int = 27, width: int = 16, heads: int = 4, length: int = 12):
        generator = random.Random(1337)

        def matrix(rows: int, columns: int) -> list[list[Any]]:
            return [[engine.value(generator.gauss(0.0, 0.08)) for _ in range(columns)] for _ in range(rows)]

        self.heads, self.width = heads, width
        self.tokens, self.positions = matrix(vocabulary, width), matrix(length, width)
        self.query, self.key, self.value, self.mix = (matrix(width, width) for _ in range(4))
        self.widen, self.narrow = matrix(4 * width, width), matrix(width, 4 * width)
        self.unembed = matrix(vocabulary, width)
        matrices = (self.tokens, self.positions, self.query, self.key, self.value, self.mix)
        self.parameters = [p for m in (*matrices, self.widen, self.narrow, self.unembed) for row in m for p in row]
        self.text = [generator.randrange(vocabulary) for _ in range(length + 1)]

    @staticmethod
    def linear(weights: list[list[Any]], x: list[Any]) -> list[Any]:
        return [sum(weight * value for weight, value in zip(row, x)) for row in weights]

    @staticmethod
    def normalize(x: list[Any]) -> list[Any]:
        scale = (sum(value * value for value in x) / len(x) + 1e-5) ** -0.5
        return [value * scale for value in x]

    @staticmethod
    def softmax(scores: list[Any]) -> list[Any]:
        # Subtracting the largest score changes no probability and keeps exp in range; it needs no gradient.
        top = max(score.data for score in scores)
        powers = [(score - top).exp() for score in scores]
        total = sum(powers)
        return [power / total for power in powers]

    def attend(self, query: list[Any], keys: list[list[Any]], values: list[list[Any]]) -> list[Any]:
        """Attend from the newest token to all tokens so far, head by head."""
        size = self.width // self.heads
        read = []
        for start in range(0, self.width, size):
            part = slice(start, start + size)
            scores = [sum(q * k for q, k in zip(query[part], key[part])) / size**0.5 for key in keys]
            weights = self.softmax(scores)
            read += [sum(w * v[j] for w, v in zip(weights, values)) for j in range(start, start + size)]
        return read

    def embed(self, token: int, position: int) -> list[Any]:
        """Return the token's vector, with its position added."""
        return [t + p for t, p in zip(self.tokens[token], self.positions[position])]

    def activate(self, x: Any) -> Any:
        return x.relu()

    def scores(self, token: int, position: int, keys: list[list[Any]], values: list[list[Any]]) -> list[Any]:
        """Score every token as the one that follows. The key and the value of this one join those before it."""
        x = self.embed(token, position)
        normal = self.normalize(x)
        keys.append(self.linear(self.key, normal))
        values.append(self.linear(self.value, normal))
        read = self.attend(self.linear(self.query, normal), keys, values)
        x = [old + new for old, new in zip(x, self.linear(self.mix, read))]
        hidden = [self.activate(value) for value in self.linear(self.widen, self.normalize(x))]
        x = [old + new for old, new in zip(x, self.linear(self.narrow, hidden))]
        return self.linear(self.unembed, x)

    def losses(self, text: Sequence[int]) -> Iterator[Any]:
        """Yield the cross-entropy of each token that follows another."""
        keys: list[list[Any]] = []
        values: list[list[Any]] = []
        for position, (token, following) in enumerate(pairwise(text)):
            yield -self.softmax(self.scores(token, position, keys, values))[following].log()

    def loss(self) -> Any:
        losses = list(self.losses(self.text))
        return sum(losses) / len(losses)

    def step(self) -> float:
        """Forward, backward, update, gradients to zero. Returning frees the graph, so a step includes that."""
        loss = self.loss()
        loss.backward()
        for parameter in self.parameters:
            parameter.data -= 0.1 * parameter.grad
            parameter.grad = 0.0
        return float(loss.data)


def chain(engine: Engine, nodes: int, leaf: Any = None) -> Any:
    """Build the deepest graph of that many nodes: each from the one before and a leaf, by `*` and `+` in turn."""
    value = engine.value(1.0)
    factor = engine.value(1.0 - 1e-7) if leaf is None else leaf
    for _ in range(nodes // 2):
        value = value * factor
        value = value + factor
    return value


def count_nodes(engine: Engine, output: Any) -> int:
    """Count the Values in the graph of `output`, including itself and its leaves."""
    seen = {output}
    stack = [output]
    while stack:
        for operand in engine.operands(stack.pop()):
            if operand not in seen:
                seen.add(operand)
                stack.append(operand)
    return len(seen)

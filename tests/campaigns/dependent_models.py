"""Train random models that depend on numbers as no graph can, and correct ones; count what `fit` refuses.

    python tests/campaigns/dependent_models.py --count 1000 --seed 0

The planted dependence is a decision, such as a branch on `x.data`, that is made anew at each call. It can also be
frozen, as recording freezes it, so for any sample both the model's result and the recorded one are known. A dependence
*shows* if the two differ in the samples that are recorded before training, in the loss or a gradient of the first or
the last batch, or in the last loss of the samples held out. `fit` must refuse each model whose dependence shows, and no
correct one.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

import autograd
from autograd import History, RecordingError, Value, fit, nn, optim, stop_gradient
from autograd.errors import DivergenceError, TrainingWarning
from autograd.training import advice

EFFECT = 1e-8  # of a mean loss: a larger difference counts; `fit` tolerates less


@dataclass
class Counts:
    """The models of a run, counted by their fate."""

    shown: int = 0
    """Models whose dependence shows: each must be refused."""
    missed: int = 0
    """Of these, those that were trained."""
    hidden: int = 0
    """Models whose dependence shows only in other samples, or at other steps."""
    hidden_missed: int = 0
    """Of these, those that were trained."""
    harmless: int = 0
    """Models whose planted decision is the same for all, or changes nothing."""
    right: int = 0
    """Models without a dependence."""
    refused: int = 0
    """Of these, those that were refused, or trained to other losses than by calling the model."""

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(x + y for x, y in zip(asdict(self).values(), asdict(other).values(), strict=True)))


Numbers = list[float]


def in_advice() -> bool:
    """Return True if `fit` is calling the model to advise its user after training, where it compares nothing."""
    return any(frame.f_globals.get("__name__") == advice.__name__ for frame, _ in traceback.walk_stack(None))


class Decision:
    """A planted decision: made anew at each call, unless it is fixed."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        self.samples: list[Numbers] = []
        """The inputs of the sample for which each of them was made; of a penalty, those of the sample before."""
        self.sample: Numbers = []
        self.is_fixed = False

    def __call__(self, decide: Callable[[], Any]) -> Any:
        if self.is_fixed:
            return self.value
        made = decide()
        if not in_advice():
            self.made.append(made)
            self.samples.append(self.sample)
        return made

    def forget(self) -> None:
        self.made.clear()
        self.samples.clear()

    @contextmanager
    def fixed(self, value: Any) -> Iterator[None]:
        """Let the decision have this value in the body."""
        self.is_fixed, self.value = True, value
        yield
        self.is_fixed = False


Decide = Callable[[Numbers, Numbers], Any]
"""A decision by the numbers of a sample (or of the parameters), and of the weights."""


def random_decision(rng: random.Random, kind: str, column: Numbers) -> tuple[Decide, Callable[[Value, Any], Value]]:
    """Return how to decide by a number, and what the decision does to a Value.

    Arguments:
        kind: one of `KINDS`.
        column: the numbers that the decision will read, for thresholds among them.
    """
    place = rng.randrange(1_000_000)

    def chosen(numbers: Numbers) -> float:
        return numbers[place % len(numbers)]

    threshold, width = rng.choice(column), rng.choice([0.01, 0.05, 0.2]) * (max(column) - min(column) or 1.0)
    factor = rng.choice([-2.0, 0.5, 3.0])
    calls = 0

    def counted(numbers: Numbers, weights: Numbers) -> int:
        nonlocal calls
        calls += 1
        return calls // every

    every, low = rng.choice([1, 2, 5, 20]), min(column)
    decides: dict[str, Decide] = {
        "branch": lambda xs, ws: chosen(xs) > threshold,
        "range": lambda xs, ws: abs(chosen(xs) - threshold) < width,
        "index": lambda xs, ws: int((chosen(xs) - low) / (4 * width)) % 4,
        "constant": lambda xs, ws: math.tanh(chosen(xs)),
        "numpy": lambda xs, ws: np.float64(chosen(xs)) * 2,
        "rounded": lambda xs, ws: round(chosen(xs), rng_digits),
        "weights": lambda xs, ws: chosen(ws) > weight,
        "random": lambda xs, ws: chance.random() < share,
        "noise": lambda xs, ws: chance.gauss(1.0, 0.1),
        "counter": counted,
    }
    rng_digits, weight, share = rng.choice([0, 1, 2]), rng.uniform(-1, 1), rng.choice([0.1, 0.5, 0.9])
    chance = random.Random(rng.randrange(1000))
    table = [rng.uniform(-1, 1) for _ in range(4)]
    effects: list[Callable[[Value, Any], Value]]
    if kind in ("branch", "range", "weights", "random"):
        effects = [
            lambda v, d: v * factor if d else v,
            lambda v, d: v + factor if d else v,
            lambda v, d: v.tanh() if d else v,
            lambda v, d: Value(float(d)) + v,
            lambda v, d: v * [1.0, factor][d],
            lambda v, d: stop_gradient(v) if d else v,  # the same number
            lambda v, d: Value(v.data) if d else v,
        ]
    elif kind in ("index", "counter"):
        effects = [lambda v, d: v * table[d % 4], lambda v, d: v + autograd.sum([v * 0.25] * (d % 4))]
    else:
        effects = [lambda v, d: v * float(d), lambda v, d: v + d, lambda v, d: v - Value(float(d))]
    return decides[kind], rng.choice(effects)


KINDS = ["branch", "range", "index", "constant", "numpy", "rounded", "weights", "random", "noise", "counter"]
DRAWN = {"random", "noise", "counter"}  # which do not depend on numbers
BACKENDS_IN_TURN = ["python", "numpy"]  # statements for a sample, and for a batch; C would compile for most of the time
PLACES = ["input", "input of samples held out", "output", "loss by target", "loss by output", "penalty"]


class Planted(nn.Module):
    """A small network, with a decision at one of `PLACES`, or nowhere."""

    def __init__(self, rng: random.Random, inputs: int, outputs: int, decision: Decision) -> None:
        self.decision = decision
        self.net = nn.MLP(
            inputs, [rng.randint(1, 4), outputs], rng.choice(["tanh", "relu", "sigmoid", "softplus"]), rng=rng
        )
        self.inner: Callable[[Value], Value] = lambda v: v
        self.outer: Callable[[Value], Value] = lambda v: v

    def __call__(self, xs: list[Value]) -> Any:
        self.decision.sample = [x.data for x in xs]
        first, *others = xs
        outputs = self.net([self.inner(first), *others])
        if isinstance(outputs, list):
            return [self.outer(outputs[0]), *outputs[1:]]
        return self.outer(outputs)


@dataclass
class Task:
    """A model with its data and the options of `fit`."""

    model: Planted
    xs: list[Numbers]
    """The inputs of all samples: to train with, and then those held out."""
    ys: list[Any]
    known: int
    """The number of samples to train with."""
    loss: Callable[[Any, Any], Any]
    penalty: Callable[[list[Value]], Value] | None
    batch_size: int
    epochs: int
    seed: int
    lr: float

    def train(self, backend: str, epochs: int | None = None) -> History:
        known, held_out = slice(self.known), slice(self.known, None)
        with warnings.catch_warnings(action="ignore", category=TrainingWarning):  # these models need not learn
            return fit(
                self.model, self.xs[known], self.ys[known], loss=self.loss, optimizer=optim.SGD(self.lr),
                regularizer=self.penalty, validation=(self.xs[held_out], self.ys[held_out]) if self.held_out else None,
                batch_size=self.batch_size, epochs=self.epochs if epochs is None else epochs, seed=self.seed,
                backend=backend, progress=False, callback=(lambda *_: None) if self.seed % 2 else None,
            )  # fmt: skip

    @property
    def held_out(self) -> list[int]:
        return list(range(self.known, len(self.xs)))

    def batches(self) -> tuple[list[int], list[int]]:
        """Return the samples of the first and of the last batch: `fit` shuffles if there are several."""
        n, order = self.known, list(range(self.known))
        if self.batch_size >= n:
            return order, order
        rng, first = random.Random(self.seed), list[int]()
        for _ in range(self.epochs):
            rng.shuffle(order)
            first = first or order[: self.batch_size]
        return first, order[(n - 1) // self.batch_size * self.batch_size :]

    def mean_loss(self, samples: list[int], decision: Decision, value: Any = None) -> Value:
        """Return the loss of samples, with the regularizer, and with the decision fixed to a value if there is one."""
        with nullcontext() if value is None else decision.fixed(value):
            losses = [self.loss(self.model([Value(x) for x in self.xs[i]]), self.target(i)) for i in samples]
            mean: Value = autograd.sum(losses) / len(losses)
            return mean + self.penalty(self.model.parameters()) if self.penalty else mean

    def target(self, i: int) -> Any:
        y = self.ys[i]
        return [Value(p) for p in y] if isinstance(y, list) else Value(y)


def random_task(rng: random.Random, kind: str | None, place: str | None) -> tuple[Task, Decision]:
    """Return a random task, with a planted dependence unless `kind` is None."""
    inputs, n = rng.randint(1, 4), rng.randint(12, 80)
    xs = [
        [rng.uniform(-2, 2) if rng.random() < 0.9 else float(rng.randint(-2, 2)) for _ in range(inputs)]
        for _ in range(n)
    ]
    classes = rng.random() < 0.3
    outputs = rng.randint(2, 3) if classes else 1
    known = n
    if rng.random() < 0.3 or place == "input of samples held out":
        xs += [[rng.uniform(8, 12) for _ in range(inputs)] for _ in range(rng.randint(1, 32))]
    base, ys = random_loss(rng, xs, outputs)
    decision = Decision()
    model = Planted(rng, inputs, outputs, decision)
    loss, penalty = base, None
    if kind and place:
        flat_targets = [y[0] if isinstance(y, list) else y for y in ys]
        column = flat_targets if place == "loss by target" else [x for row in xs for x in row]
        if place == "input of samples held out":
            column = [x for row in xs[known:] for x in row]
        if place == "penalty":
            column = [p.data for p in model.parameters()]
        decide, effect = random_decision(rng, kind, column)

        def weights() -> Numbers:
            return [p.data for p in model.parameters()]

        def planted(v: Value) -> Value:
            return effect(v, decision(lambda: decide([v.data], weights())))

        def planted_loss(output: Any, target: Any) -> Any:
            by = [t.data for t in target] if isinstance(target, list) else [target.data]
            if place == "loss by output":
                by = [z.data for z in output] if isinstance(output, list) else [output.data]
            return effect(base(output, target), decision(lambda: decide(by, weights())))

        def planted_penalty(ps: list[Value]) -> Value:
            square: Value = 1e-2 * autograd.sum([p * p for p in ps])
            return effect(square, decision(lambda: decide(weights(), weights())))

        if place.startswith("input"):
            model.inner = planted
        elif place == "output":
            model.outer = planted
        elif place == "penalty":
            penalty = planted_penalty
        else:
            loss = planted_loss
    else:
        model.inner, model.outer = rng.choice(RIGHT), rng.choice(RIGHT)
        penalty = rng.choice([None, lambda ps: 1e-3 * autograd.sum([p * p for p in ps])])
    task = Task(
        model, xs, ys, known, loss, penalty, batch_size=rng.choice([1, 4, 8, 16, n]), epochs=rng.randint(1, 6),
        seed=rng.randrange(1000), lr=rng.choice([0.01, 0.05]),
    )  # fmt: skip
    return task, decision


HALF = Value(1.0) / 2  # a result of constants, made once
RIGHT: list[Callable[[Value], Value]] = [
    lambda v: v,
    lambda v: autograd.where(v, v, 0.5 * v),
    lambda v: autograd.max(v, -v * HALF),
    lambda v: autograd.min(v, v * v),
    lambda v: abs(v) - stop_gradient(v) * 0.1,
    lambda v: v.step() + autograd.where(v - 1, 1.0, v),
    lambda v: autograd.sum([v * float(k) for k in range(3)]),
    lambda v: autograd.hypot(v, 0.5),
    lambda v: v * np.float64(0.5) + v.sign(),
    lambda v: autograd.sqrt(v - 5),  # nan, for all
    lambda v: 1 / (v * 0),  # inf, for all
]


def random_loss(rng: random.Random, xs: list[Numbers], outputs: int) -> tuple[Callable[[Any, Any], Any], list[Any]]:
    """Return a loss, and targets for it."""
    if outputs > 1:
        rows = [[float(k == c) for k in range(outputs)] for c in (rng.randrange(outputs) for _ in xs)]
        return nn.cross_entropy, rows
    sums = [sum(row) + rng.gauss(0, 0.5) for row in xs]
    return rng.choice(
        [
            (nn.mse, sums),
            (lambda o, t: abs(o - t), sums),
            (nn.hinge, [1.0 if s > 0 else -1.0 for s in sums]),
            (nn.binary_cross_entropy, [float(s > 0) for s in sums]),
        ]
    )


def try_planted(rng: random.Random, backend: str) -> Counts:
    """Train a model with a dependence, and see whether it showed and whether it was refused."""
    kind = rng.choice(KINDS)
    task, decision = random_task(rng, kind, rng.choice(PLACES))
    start = [p.data for p in task.model.parameters()]
    everything = list(range(len(task.xs)))
    try:
        task.train(backend, epochs=0)
    except RecordingError:
        return Counts(shown=1)
    except ValueError as problem:  # the gradient is stopped for all samples that were looked at
        if "depends on no parameter" not in str(problem):
            raise
        return Counts(harmless=1)
    first, last = task.batches()
    shows = varies(task, decision) or differs(task, decision, kind, first, gradients=True)
    hidden = differs(task, decision, kind, everything, each=True, gradients=True)
    for p, number in zip(task.model.parameters(), start, strict=True):
        p.data = number
    decision.forget()
    try:
        task.train(backend)
    except RecordingError:  # at other samples or other steps, it was not bound to be seen
        return Counts(shown=1) if shows else Counts(hidden=1)
    except DivergenceError:
        return Counts(harmless=1)
    if kind in DRAWN:
        shows = shows or varies(task, decision)
    shows = shows or differs(task, decision, kind, last, gradients=True)
    shows = shows or (bool(task.held_out) and differs(task, decision, kind, task.held_out))
    hidden = hidden or kind in DRAWN or differs(task, decision, kind, everything, each=True, gradients=True)
    return Counts(
        shown=shows, missed=shows, hidden=not shows and hidden, hidden_missed=not shows and hidden,
        harmless=not shows and not hidden,
    )  # fmt: skip


def varies(task: Task, decision: Decision) -> bool:
    """Return True if the decision, wherever it was made, gives another loss or gradient than the recorded one."""
    made = {(tuple(sample), repr(d)): (sample, d) for sample, d in zip(decision.samples, decision.made, strict=True)}
    for sample, d in made.values():
        here = [task.xs.index(sample)]
        gradients = here[0] < task.known
        if another(task, here, decision, d, decision.made[0], gradients=gradients):
            return True
    return False


def differs(
    task: Task, decision: Decision, kind: str, samples: list[int], *, each: bool = False, gradients: bool = False
) -> bool:
    """Return True if the recorded decision gives another loss for the samples than a new one.

    Arguments:
        each: whether to look at the samples one by one.
        gradients: whether another gradient counts, too; not for samples held out.
    """
    if kind in DRAWN:  # asked again, they would decide otherwise
        return False
    parts = [[i] for i in samples] if each else [samples]
    return any(
        another(task, part, decision, None, decision.made[0], gradients=gradients and part[0] < task.known)
        for part in parts
    )


def another(task: Task, samples: list[int], decision: Decision, one: Any, other: Any, *, gradients: bool) -> bool:
    """Return True if two values of a decision (None: as it is made) give another loss, or another gradient."""
    losses = [task.mean_loss(samples, decision, d) for d in (one, other)]
    if far(*(loss.data for loss in losses)):
        return True
    parameters = task.model.parameters()
    return gradients and any(
        far(x.data, y.data) for x, y in zip(*(autograd.grad(loss, parameters) for loss in losses), strict=True)
    )


def far(x: float, y: float) -> bool:
    return abs(x - y) > EFFECT * (abs(x) + abs(y))


def try_right(rng: random.Random, backend: str) -> Counts:
    """Train a correct model, compiled and eager: it must not be refused, and the losses must agree."""
    seed = rng.randrange(1 << 40)
    runs = []
    for name in (backend, "eager"):
        task, _ = random_task(random.Random(seed), None, None)
        try:
            history = task.train(name)
        except DivergenceError as error:
            history = error.history
        except RecordingError:
            return Counts(right=1, refused=1)
        runs.append(history.losses + history.validation_losses)
    compiled, called = runs
    same = len(compiled) == len(called) and np.allclose(compiled, called, rtol=1e-9, atol=1e-12)
    return Counts(right=1, refused=not same)


def run(count: int, seed: int, backends: Sequence[str] = BACKENDS_IN_TURN) -> Counts:
    """Train this many models with a planted dependence, and half as many right ones."""
    total = Counts()
    for k in range(count):
        rng = random.Random(f"dependent {seed} {k}")
        total += try_planted(rng, backends[k % len(backends)])
        if k % 2 == 0:
            total += try_right(rng, backends[k % len(backends)])
    return total


def dependent(seed: int) -> int:
    """Train random models, some of which depend on numbers.

    Returns:
        the number of models whose dependence shows, and of right ones.
    """
    counts = run(24, seed)
    assert not counts.missed, counts
    assert not counts.refused, counts
    return counts.shown + counts.right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="models with a dependence (default: 1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backends", nargs="+", default=BACKENDS_IN_TURN)
    options = parser.parse_args()
    counts = run(options.count, options.seed, options.backends)
    print(counts)
    return int(bool(counts.missed or counts.refused))


if __name__ == "__main__":
    sys.exit(main())

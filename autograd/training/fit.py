"""Train a model: `fit` checks its arguments, has one sample's graph compiled, and steps over the data in epochs.

A model and its data pass through this folder in one direction:

    objective.py, data.py    the user's arguments, checked
    record.py                the graph of one sample
    steps.py                 a function of a batch, compiled from the graph or eager
    fit.py                   epochs of steps; checkpoint.py holds the state after each step
    history.py, progress.py  what the user sees of it
"""

from __future__ import annotations

import math
import operator
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, SupportsIndex

from autograd.engine import Value, at_once
from autograd.errors import DivergenceError
from autograd.optim import Optimizer
from autograd.training.checkpoint import Checkpoint
from autograd.training.data import Data, Dataset
from autograd.training.history import History
from autograd.training.objective import Objective
from autograd.training.progress import Progress
from autograd.training.record import Sample
from autograd.training.steps import CHOICES, Steps, compiled_steps, eager_steps

__all__ = ["History", "fit"]


def fit(
    model: Any,
    xs: Any,
    ys: Any,
    *,
    loss: Callable[[Any, Any], Value],
    optimizer: Optimizer,
    epochs: SupportsIndex,
    batch_size: SupportsIndex | None = None,
    regularizer: Callable[[list[Value]], Value] | None = None,
    validation: tuple[Any, Any] | None = None,
    backend: str = "auto",
    seed: int | None = None,
    progress: bool = True,
    callback: Callable[[int, History], object] | None = None,
) -> History:
    """Train a model: move its parameters so that the loss falls.

    `fit` records the graph of one sample, compiles loss and gradients together, and calls the compiled function for
    each batch. So the model's Python runs once: what it decides by an `if`, reads from `.data` or draws at random
    (dropout) stays the same for all samples, and leaves that are not parameters become constants. Comparing Values
    while the graph is recorded is an error; the rest cannot be detected. With `backend="eager"` the model runs anew for
    each sample, as in a loop written by hand.

    Arguments:
        model: a Module, or any object that can be called with one sample's inputs and has `parameters()`. It is called
            with a Value if the samples in `xs` are plain numbers, else with a list of Values.
        xs: the inputs: a list or array with one entry per sample, a number or a row of numbers.
        ys: the targets, one per sample: numbers or rows; for `nn.cross_entropy` also class indices.
        loss: a function of one sample's output and target, both Values or lists of Values: `nn.mse`, `nn.hinge`,
            `nn.binary_cross_entropy`, `nn.cross_entropy`, a `functools.partial` of one, or your own. `nn.loss` gives
            your own an accuracy, and a check of its targets.
        optimizer: an optimizer from `autograd.optim`. One that has made steps before continues from them.
        epochs: the number of passes over all samples.
        batch_size: the number of samples per step; None for all. The last batch of an epoch may be smaller. If there
            are several batches, the samples are shuffled anew for each epoch.
        regularizer: a function of the list of parameters, added to the loss of each step, such as
            `lambda ps: 1e-4 * autograd.sum([p * p for p in ps])`.
        validation: (xs, ys) to measure after each epoch.
        backend: one of `autograd.compile`'s, "python", "numpy" or "c"; "eager", which compiles nothing and calls
            `backward()`; or "auto", the fastest available: "c" with a C compiler, else "numpy", else "python". With
            batches of one, the losses are the same to the bit in all of them (`hypot` aside); larger batches may be
            summed in another order.
        seed: the seed of the shuffling; None to shuffle with the module `random`, so that `random.seed(...)` applies.
        progress: whether to report progress on stderr, with tqdm if it is installed, else in about ten lines.
        callback: called with (epoch, history) after each epoch, counted from 0. It sees the current parameters and may
            change them. If it returns True, training ends.

    Returns the History. The loss of an epoch is the mean over its samples, each computed with the parameters *before*
    its batch's step. The same holds for the accuracy, which `hinge` (by the sign), `binary_cross_entropy` and
    `cross_entropy` have, and any loss that carries one.

    Ctrl-C ends the run: the parameters are those of the last whole step, the unfinished epoch is not in the History,
    and `History.interrupted` is True. Any other exception leaves the parameters of the last whole step, too. The
    parameters' gradients are 0 afterwards.

    Raises:
        TypeError: an argument of the wrong kind; or the model compares Values.
        ValueError: samples and targets that do not fit, an unknown backend, or a number out of range.
        DivergenceError: a loss or a parameter became inf or nan. The parameters are those before that step; the error's
            `history` is the run so far.
        CompilerError: the backend is "c", and there is no C compiler.

    >>> from autograd import nn, optim
    >>> model = nn.Neuron(1, "linear", weights=[0.5], bias=0.5)
    >>> history = fit(model, [0.0, 2.0], [1.0, 5.0], loss=nn.mse, optimizer=optim.SGD(0.25), epochs=20, progress=False)
    >>> history
    █▂▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁ 20 epochs: loss 1.603e-05
    >>> print(f"{model(10.0):.3f}")
    20.977
    """
    began = time.perf_counter()
    epochs = _integer("epochs", epochs, least=0)
    if backend not in CHOICES:
        raise ValueError(f"no backend {backend!r}: there are {', '.join(map(repr, CHOICES))}")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer is one of autograd.optim's, such as optim.SGD(0.1), got {optimizer!r}")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback is a function of the epoch and the history, got {type(callback).__name__}")
    rng: Any = random if seed is None else random.Random(_integer("seed", seed, least=0))
    objective = Objective.of(model, loss, regularizer)
    optimizer.attach(objective.parameters)
    data = Data.of(xs, ys, validation)
    n = len(data.known)
    size = n if batch_size is None else min(_integer("batch_size", batch_size, least=1), n)

    sample = Sample(objective, data.known.xs.like, frozen=backend != "eager")
    data = sample.with_targets(data)
    if backend == "eager":
        steps = eager_steps(objective)
    else:
        graph = sample.graph(data.known.ys.like)
        steps = compiled_steps(graph, size, backend, judge=data.held_out is not None)

    checkpoint = Checkpoint(objective.parameters, optimizer, arrays=steps.learn.arrays)
    history = History(backend=steps.backend)
    run_epoch = _Epoch(steps, data, size, checkpoint, history, accuracy=objective.accuracy is not None)
    reporter = Progress(epochs, history.figures) if progress and epochs else None
    started = time.perf_counter()
    history.compile_seconds = started - began
    try:
        try:
            for epoch in range(epochs):
                run_epoch(rng)
                if reporter:
                    reporter()
                if callback:
                    checkpoint.commit()
                    stop = callback(epoch, history)
                    checkpoint.read()
                    if stop:
                        break
        finally:
            checkpoint.commit()
            history.seconds = time.perf_counter() - started
            if reporter:
                reporter.close()
    except KeyboardInterrupt:
        history.interrupted = True
        checkpoint.commit()  # again: the interrupt may have come during the first one
    return history


def _integer(name: str, number: SupportsIndex, least: int) -> int:
    try:
        integer = operator.index(number)
    except TypeError:
        raise TypeError(f"{name} is an integer, got {number!r}") from None
    if integer < least:
        raise ValueError(f"{name} is at least {least}, got {integer}")
    return integer


class _Epoch:
    """One pass over the data, step by step, entered in the history."""

    def __init__(
        self, steps: Steps, data: Data, size: int, checkpoint: Checkpoint, history: History, *, accuracy: bool
    ) -> None:
        self.steps, self.data, self.checkpoint, self.history = steps, data, checkpoint, history
        self.steps_before = checkpoint.optimizer.steps
        self.batches = data.known.batches(size, arrays=steps.learn.arrays, alone=steps.learn.alone)
        self.is_finite = _is_finite_array if steps.learn.arrays else _is_finite_list
        self.accuracy = accuracy
        self.columns = [history.losses, history.accuracy][: 1 + accuracy]
        if data.held_out and steps.judge:
            self.held_out = data.held_out.whole(arrays=steps.judge.arrays)
            self.columns += [history.validation_losses, history.validation_accuracy][: 1 + accuracy]

    def __call__(self, rng: Any) -> None:
        checkpoint, learn, is_finite = self.checkpoint, self.steps.learn.compute, self.is_finite
        update, state = checkpoint.optimizer.update, vars(checkpoint.optimizer)
        numbers, _ = checkpoint.kept
        loss = accuracy = 0.0
        for x, y, weight in self.batches(rng):
            batch_loss, gradients, batch_accuracy = learn(numbers, x, y)
            if not math.isfinite(batch_loss):
                raise self._diverged(f"the loss became {batch_loss}")
            moved = update(numbers, gradients)
            if not is_finite(moved):
                checkpoint.restore_optimizer()
                raise self._diverged(_not_finite(checkpoint.parameters, gradients, moved))
            numbers = moved
            checkpoint.kept = numbers, state.copy()
            loss += batch_loss * weight
            accuracy += batch_accuracy * weight
        figures = self._figures(self.data.known, loss, accuracy)
        if self.data.held_out and self.steps.judge:
            loss, accuracy = self.steps.judge.compute(numbers, *self.held_out)
            figures += self._figures(self.data.held_out, loss, accuracy)
        at_once(map(list.append, self.columns, figures))

    def _figures(self, data: Dataset, loss: float, accuracy: float) -> tuple[float, ...]:
        return (loss, _as_fraction(accuracy, data.scores)) if self.accuracy else (loss,)

    def _diverged(self, what: str) -> DivergenceError:
        step, epoch = self.checkpoint.optimizer.steps - self.steps_before, len(self.history.losses)
        places = [(samples.name, samples.first_not_finite()) for samples in (self.data.known.xs, self.data.known.ys)]
        causes = [f"sample {i} of {name} is not finite: leave it out" for name, i in places if i is not None]
        advice = causes or [
            "try a smaller learning rate or the optimizer's clip_norm=1.0; autograd.detect_anomaly() with "
            'backend="eager" finds the operation'
        ]
        error = DivergenceError(
            f"{what} at step {step} (epoch {epoch}, both counted from 0): {'; '.join(advice)}. "
            "The parameters are those before that step"
        )
        error.history = self.history
        return error


def _as_fraction(accuracy: float, scores: int) -> float:
    """Round off what the sum over batches has added, if the accuracy is a whole number of scores.

    >>> _as_fraction(0.3 + 0.3 + 0.3 + 0.1, 10), _as_fraction(0.123, 10)
    (1.0, 0.123)
    """
    if not math.isfinite(accuracy):
        return accuracy
    fraction = round(accuracy * scores) / scores
    return fraction if math.isclose(accuracy, fraction, abs_tol=1e-9) else accuracy


def _is_finite_array(numbers: Any) -> bool:
    import numpy as np  # noqa: PLC0415  # an array was passed

    return bool(np.isfinite(numbers).all())


def _is_finite_list(numbers: Any) -> bool:
    return all(map(math.isfinite, numbers))


def _not_finite(parameters: Sequence[Value], gradients: Any, moved: Any) -> str:
    """Say which parameter, or whose gradient, is the first that is not finite after a step."""
    for what, numbers in (("the gradient of", gradients), ("", moved)):
        for i, (p, number) in enumerate(zip(parameters, numbers)):
            if not math.isfinite(number):
                return f"{what} {p.label or f'parameter {i}'} became {float(number)}".lstrip()
    raise AssertionError("all is finite")

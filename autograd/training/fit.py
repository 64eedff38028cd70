"""Training: `fit` records one sample's graph, compiles loss and gradients once, and steps over the data.

What a step calculates, in every backend with the same operations in the same order:

    loss       mean over the batch of loss(model(x), y), plus the regularizer
    gradients  mean over the batch of the loss's gradients, plus the regularizer's
    hits       mean over the batch of what was classified right
"""

from __future__ import annotations

import math
import operator
import random
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from functools import partial, reduce
from importlib.util import find_spec
from itertools import repeat
from typing import Any, NamedTuple, SupportsIndex

from autograd import ops
from autograd.codegen.compile import compile
from autograd.engine import Value, at_once, commit_data, grad, set_grad
from autograd.errors import CompilerError, DivergenceError
from autograd.losses import binary_cross_entropy, cross_entropy, hinge
from autograd.optim import Optimizer
from autograd.training.data import Samples, nesting, samples
from autograd.training.history import History
from autograd.training.progress import Progress
from autograd.training.record import no_frozen_branch
from autograd.trees import tree_leaves, tree_map, tree_shape

__all__ = ["History", "fit"]

BACKENDS = ("auto", "c", "numpy", "python", "eager")
_FEW = 32  # parameters; up to so many, lists are faster than arrays
_TOGETHER = 64  # samples in one graph of the eager backend: a tenth faster than one by one, in little memory

Step = Callable[[Any, Any, Any], tuple[float, Any, float]]
"""(parameters, xs, ys) -> (loss, gradients, hits)."""


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

    The graph of one sample is recorded and compiled, loss and gradients together; then the compiled function steps over
    the data. So the model's Python runs once: what it decides by an `if`, reads from `.data` or draws at random
    (dropout) is the same for all samples from then on, and leaves that are no parameters are constants. Comparing
    Values while recording is an error; the rest cannot be seen. With `backend="eager"` the model runs anew for each
    sample, as in a loop of your own.

    Arguments:
        model: a Module, or anything that can be called with a sample's inputs and has `parameters()`. It gets a Value
            where the samples in `xs` are lone numbers, else a list of Values.
        xs: the inputs: a list or array with an entry for each sample, a number or a row of them.
        ys: the targets, as many: numbers or rows; for `nn.cross_entropy` also the index of the class.
        loss: a function of one sample's output and target, both Values or lists of Values: `nn.mse`, `nn.hinge`,
            `nn.binary_cross_entropy`, `nn.cross_entropy`, or your own.
        optimizer: what moves the parameters, from `autograd.optim`. It goes on from the steps it has made.
        epochs: how many times to go through all samples.
        batch_size: the samples of a step; None for all. The last batch of an epoch may be smaller. Where there are
            several batches, the samples are shuffled for each epoch.
        regularizer: a function of the list of parameters, added to each step's loss, such as
            `lambda ps: 1e-4 * autograd.sum([p * p for p in ps])`.
        validation: (xs, ys), to be measured after each epoch.
        backend: "auto", the fastest that there is here: "c" with a C compiler, else "numpy", else "python". "eager"
            calls `backward()`. With batches of one the losses are the same bits in "eager", "python", "numpy" and "c"
            (`hypot` aside); in larger ones sums over the batch may be added up in another order.
        seed: of the shuffling; None to shuffle with the module `random`, so that `random.seed(...)` counts.
        progress: whether to tell of it on stderr, by tqdm where that is installed, else in about ten lines.
        callback: is called with (epoch, history) after each epoch, counted from 0; the parameters are up to date, and
            what it changes in them stays. If it returns True, training ends.

    Returns the History. An epoch's loss is the mean over its samples, where each counted with the parameters that its
    batch met, that is, before their step; the same holds for the accuracy, which is known for hinge (by the sign),
    binary_cross_entropy and cross_entropy.

    Ctrl-C ends the run: the parameters of the last whole step stay, the epoch that was under way is not in the History,
    and its `interrupted` is True. Whatever else ends it, the parameters are those of the last whole step. Their
    gradients are 0 in the end.

    Raises:
        TypeError: an argument of the wrong kind; the model compares Values.
        ValueError: samples and targets that do not fit, an unknown backend, or a number out of its range.
        DivergenceError: a loss or a parameter is inf or nan. The parameters are those before that step; the error's
            `history` is the run so far.
        CompilerError: for "c", there is no C compiler.

    >>> from autograd import nn, optim
    >>> model = nn.Neuron(1, "linear", weights=[0.5], bias=0.5)
    >>> history = fit(model, [0.0, 2.0], [1.0, 5.0], loss=nn.mse, optimizer=optim.SGD(0.25), epochs=20, progress=False)
    >>> history
    █▂▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁ 20 epochs: loss 1.603e-05
    >>> print(f"{model(10.0):.3f}")
    20.977
    """
    begin = time.perf_counter()
    epochs = _whole("epochs", epochs, least=0)
    if backend not in BACKENDS:
        raise ValueError(f"no backend {backend!r}: there are {', '.join(map(repr, BACKENDS))}")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer is one of autograd.optim's, such as optim.SGD(0.1), got {optimizer!r}")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback is a function of the epoch and the history, got {type(callback).__name__}")
    seed = None if seed is None else _whole("seed", seed, least=0)
    task = _Task.of(model, loss, regularizer, frozen=backend != "eager")
    optimizer.attach(task.parameters)
    data = task.data("xs", xs, "ys", ys)
    size = len(data.xs) if batch_size is None else min(_whole("batch_size", batch_size, least=1), len(data.xs))
    held_out = None
    if validation is not None:
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:
            raise TypeError(f"validation is a tuple (xs, ys), got {type(validation).__name__}")
        held_out = task.data("validation xs", validation[0], "validation ys", validation[1], like=data)
    run = _Run(task, optimizer, data, held_out, size=size, backend=backend)
    history = run.history
    reporter = Progress(epochs, history.figures) if progress and epochs else None
    rng = random if seed is None else random.Random(seed)
    started = time.perf_counter()
    history.compile_seconds = started - begin
    try:
        try:
            for epoch in range(epochs):
                run.epoch(rng)
                if reporter:
                    reporter()
                if callback:
                    run.commit()
                    stop = callback(epoch, history)
                    run.read()
                    if stop:
                        break
        finally:
            run.commit()
            history.seconds = time.perf_counter() - started
            if reporter:
                reporter.close()
    except KeyboardInterrupt:
        history.interrupted = True
        run.commit()  # once more: the interrupt may have come just there
    return history


# What is learned, and from what --------------------------------------------------------------------------------------


class _Data(NamedTuple):
    """Inputs and targets, as many."""

    xs: Samples
    ys: Samples


class _Task(NamedTuple):
    """What is to become small, and what moves for it."""

    model: Callable[[Any], Any]
    parameters: list[Value]
    loss: Callable[[Any, Any], Value]
    regularizer: Callable[[list[Value]], Value] | None
    frozen: bool
    """Whether the model runs only once, so that it must not compare."""

    @classmethod
    def of(cls, model: Any, loss: Any, regularizer: Any, frozen: bool) -> _Task:
        if not callable(model) or not hasattr(model, "parameters"):
            raise TypeError(
                f"a model can be called and has parameters(), as autograd.nn's Modules do, got {type(model).__name__}"
            )
        if not callable(loss):
            raise TypeError(f"loss is a function of an output and a target, such as nn.mse, got {loss!r}")
        if regularizer is not None and not callable(regularizer):
            raise TypeError(f"regularizer is a function of the list of parameters, got {regularizer!r}")
        parameters = list(model.parameters())
        if not parameters:
            raise ValueError("the model has no parameters, so there is nothing to learn")
        return cls(model, parameters, loss, regularizer, frozen)

    def data(self, xs_name: str, xs: Any, ys_name: str, ys: Any, like: _Data | None = None) -> _Data:
        """The user's data, checked, with the probabilities of the classes where an index stood."""
        inputs, targets = samples(xs_name, xs), samples(ys_name, ys)
        if len(inputs) != len(targets):
            raise ValueError(
                f"each sample needs a target: {xs_name} has {len(inputs)} samples, {ys_name} {len(targets)}"
            )
        if like and nesting(inputs.like) != nesting(like.xs.like):
            raise ValueError(
                f"a sample of {xs_name} is {tree_shape(inputs.like)}, one to learn from {tree_shape(like.xs.like)}"
            )
        if self.loss in _RIGHT:
            with self.watch():
                output = self.model(tree_map(Value, inputs.like))
            targets = _checked_targets(ys_name, self.loss, output, targets)
        if like and nesting(targets.like) != nesting(like.ys.like):
            raise ValueError(
                f"a sample of {ys_name} is {tree_shape(targets.like)}, one to learn from {tree_shape(like.ys.like)}"
            )
        return _Data(inputs, targets)

    def watch(self) -> AbstractContextManager[None]:
        return no_frozen_branch('or pass backend="eager"') if self.frozen else nullcontext()

    def of_sample(self, x: Any, y: Any, plain: bool) -> tuple[Value, Any]:
        """The loss of a sample, and what part of its scores is right: a Value or, `plain`, a float."""
        output = self.model(x)
        value, right = self._value("loss", self.loss(output, y)), _RIGHT.get(self.loss)
        if right is None:
            return value, 0.0 if plain else Value(0.0)
        return value, right(tree_map(_data_of, output), tree_map(_data_of, y)) if plain else right(output, y)

    def penalty(self) -> Value | None:
        return self._value("regularizer", self.regularizer(self.parameters)) if self.regularizer else None

    def recorded(self, data: _Data) -> tuple[Any, Any, Value, Any, Value | None]:
        """The graph of the first sample: its leaves x and y, its loss, its hits, and the regularizer."""
        x, y = tree_map(Value, data.xs.like), tree_map(Value, data.ys.like)
        with self.watch():
            return x, y, *self.of_sample(x, y, plain=False), self.penalty()

    @staticmethod
    def _value(name: str, result: Any) -> Value:
        if not isinstance(result, Value):
            raise TypeError(f"the {name} has to return a Value, got {type(result).__name__} {result!r}")
        return result


_data_of = operator.attrgetter("data")


def _checked_targets(name: str, loss: Any, output: Any, targets: Samples) -> Samples:
    """The targets of a classification, each of which the loss itself has looked at."""
    rows = targets.as_lists()
    if loss is not cross_entropy or isinstance(targets.like, list):
        for row in {str(row): row for row in rows}.values():
            loss(output, row)
        return targets
    if any(not row.is_integer() for row in rows):
        raise ValueError(f"{name}: the index of a class is an integer, got {next(r for r in rows if r % 1)}")
    for index in set(rows):
        loss(output, int(index))
    one_hot = [[float(i == index) for i in range(len(output))] for index in rows]
    return Samples(one_hot, one_hot[0])


# Whether a sample was classified right, on floats and on Values ------------------------------------------------------


def _right_sign(score: Any, label: Any) -> Any:
    return ops.step(ops.where(score, 1.0, -1.0) * label)


def _right_class(logit: Any, target: Any) -> Any:
    return ops.where(target - 0.5, ops.where(logit, 1.0, 0.0), ops.where(logit, 0.0, 1.0))


def _of_all(right: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def mean(outputs: Any, targets: Any) -> Any:
        found = [right(output, target) for output, target in zip(tree_leaves(outputs), tree_leaves(targets))]
        return ops.sum(found) / len(found)

    return mean


def _right_choice(logits: Any, target: Any) -> Any:
    """Whether the first largest logit is that of a most probable class."""
    largest, chosen = logits[0], target[0]
    for logit, probability in zip(logits[1:], target[1:]):
        chosen = ops.where(logit - largest, probability, chosen)
        largest = ops.max(largest, logit)
    return ops.where(reduce(ops.max, target) - chosen, 0.0, 1.0)


_RIGHT: dict[Any, Callable[[Any, Any], Any]] = {
    hinge: _of_all(_right_sign),
    binary_cross_entropy: _of_all(_right_class),
    cross_entropy: _right_choice,
}


# Steps over the data -------------------------------------------------------------------------------------------------


class _Run:
    """A training run: where it is, and how it goes on."""

    def __init__(
        self, task: _Task, optimizer: Optimizer, data: _Data, held_out: _Data | None, *, size: int, backend: str
    ) -> None:
        self.task, self.optimizer, self.data = task, optimizer, data
        self.begun = optimizer.steps
        self.step, form, chosen = _first_of(backend, partial(_made, task, data, size, gradients=True))
        self.arrays = form == "arrays"
        self.batches = _batches(data, size, form)
        self.history = history = History(backend=chosen)
        self.columns = [history.losses, history.accuracy] if task.loss in _RIGHT else [history.losses]
        self.judge: Callable[[Any], tuple[float, ...]] | None = None
        if held_out:
            judge, form, _ = _made(task, held_out, len(held_out.xs), chosen, gradients=False)
            ((x, y, _),) = _batches(held_out, len(held_out.xs), form)(None)
            self.judge = lambda numbers: self._figures(held_out, *judge(numbers, x, y)[::2])
            self.columns += [history.validation_losses, history.validation_accuracy][: len(self.columns)]
        self.read()

    def read(self) -> None:
        """Take the parameters, and what the optimizer is, from where the user sees them."""
        numbers: Any = [p.data for p in self.task.parameters]
        if self.arrays:
            import numpy as np  # noqa: PLC0415  # it was found

            numbers = np.array(numbers)
        state = {field.name: getattr(self.optimizer, field.name) for field in fields(self.optimizer)}
        self.kept = numbers, vars(self.optimizer) | state  # one assignment, so that Ctrl-C finds both or neither

    def commit(self) -> None:
        """Give the user the parameters and the optimizer as they were after the last whole step."""
        numbers, state = self.kept
        parameters = self.task.parameters
        commit_data(
            parameters,
            list(map(float, numbers)),
            map(set_grad, parameters, repeat(0.0)),
            map(dict.update, [vars(self.optimizer)], [state]),
        )

    def epoch(self, rng: Any) -> None:
        """Go through all samples once, and enter it in the history."""
        step, update, state = self.step, self.optimizer.update, vars(self.optimizer)
        is_finite = _is_finite_array if self.arrays else _is_finite_list
        numbers, _ = self.kept
        loss = hits = 0.0
        for x, y, weight in self.batches(rng):
            value, gradients, right = step(numbers, x, y)
            if not math.isfinite(value):
                raise self._diverged(f"the loss became {value}")
            moved = update(numbers, gradients)
            if not is_finite(moved):
                vars(self.optimizer).update(self.kept[1])
                raise self._diverged(_which(self.task.parameters, gradients, moved))
            numbers = moved
            self.kept = numbers, state.copy()
            loss += value * weight
            hits += right * weight
        figures = self._figures(self.data, loss, hits)
        if self.judge:
            figures += self.judge(numbers)
        at_once(map(list.append, self.columns, figures))

    def _figures(self, data: _Data, loss: float, hits: float) -> tuple[float, ...]:
        """The loss and, where it is known, the accuracy, which is a whole number of scores."""
        if self.task.loss not in _RIGHT:
            return (loss,)
        scores = len(data.xs) * (1 if self.task.loss is cross_entropy else len(tree_leaves(data.ys.like)))
        return loss, round(hits * scores) / scores

    def _diverged(self, what: str) -> DivergenceError:
        step, epoch = self.optimizer.steps - self.begun, len(self.history.losses)
        bad = [(name, part.not_finite()) for name, part in (("xs", self.data.xs), ("ys", self.data.ys))]
        causes = [f"sample {i} of {name} is not finite: leave it out" for name, i in bad if i is not None]
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


def _is_finite_array(numbers: Any) -> bool:
    import numpy as np  # noqa: PLC0415  # an array was passed

    return bool(np.isfinite(numbers).all())


def _is_finite_list(numbers: Any) -> bool:
    return all(map(math.isfinite, numbers))


def _which(parameters: Sequence[Value], gradients: Any, moved: Any) -> str:
    """What is not finite after a step, in words: the first parameter, or its gradient."""
    for what, numbers in (("the gradient of", gradients), ("", moved)):
        for i, (p, number) in enumerate(zip(parameters, numbers)):
            if not math.isfinite(number):
                return f"{what} {p.label or f'parameter {i}'} became {float(number)}".lstrip()
    raise AssertionError("all is finite")


def _batches(data: _Data, size: int, form: str) -> Callable[[Any], Iterable[tuple[Any, Any, float]]]:
    """A function of a random generator that returns an epoch's batches: inputs, targets, and their part of it."""
    xs, ys = (part.as_array() if form == "arrays" else part.as_lists() for part in data)
    n = len(data.xs)
    if size == n:
        whole = [(xs[0], ys[0], 1.0) if form == "numbers" else (xs, ys, 1.0)]
        return lambda rng: whole
    order = list(range(n))
    cuts = [(start, min(start + size, n)) for start in range(0, n, size)]

    def shuffled(rng: Any) -> Iterable[tuple[Any, Any, float]]:
        rng.shuffle(order)
        if form == "numbers":
            return [(xs[i], ys[i], 1 / n) for i in order]
        if form == "arrays":
            rows, targets = xs[order], ys[order]
        else:
            rows, targets = [xs[i] for i in order], [ys[i] for i in order]
        return [(rows[a:b], targets[a:b], (b - a) / n) for a, b in cuts]

    return shuffled


# How a step is calculated --------------------------------------------------------------------------------------------


def _first_of(backend: str, make: Callable[[str], tuple[Step, str, str]]) -> tuple[Step, str, str]:
    """What `make` makes with the backend; for "auto", with the first that can."""
    if backend != "auto":
        return make(backend)
    for name in ("c", *["numpy"] * _has_numpy()):
        try:
            return make(name)
        except (CompilerError, ValueError):
            continue
    return make("python")


def _made(task: _Task, data: _Data, size: int, backend: str, gradients: bool) -> tuple[Step, str, str]:
    """A step, the form in which it takes its arguments, and the backend.

    Forms: "numbers", one sample at a time; "lists", or "arrays" of samples.
    """
    if backend == "eager":
        return _eager(task, gradients), "lists", backend
    arrays = backend != "python" and _has_numpy()
    if gradients and size == 1 and (not arrays or (backend == "c" and len(task.parameters) <= _FEW)):
        form = "numbers"
    else:
        form = "arrays" if arrays else "lists"
    return _compiled(task, data, form, backend, gradients), form, backend


def _compiled(task: _Task, data: _Data, form: str, backend: str, gradients: bool) -> Step:
    x, y, value, right, penalty = task.recorded(data)
    wanted: Any = []
    if gradients:
        # 0.0 is where sums begin, in backward() and over a batch: it makes -0.0 to 0.0.
        wanted = [0.0 + g for g in grad(value, task.parameters)]
        if penalty is not None:
            wanted = [g + other for g, other in zip(wanted, grad(penalty, task.parameters))]
            value = value + penalty
    batch: Any = {} if form == "numbers" else {"in_axes": (None, 0, 0), "reduce": "mean"}
    return compile((value, wanted, right), (task.parameters, x, y), backend=backend, **batch)


def _eager(task: _Task, gradients: bool) -> Step:
    parameters = task.parameters

    def step(numbers: Any, xs: Any, ys: Any) -> tuple[float, list[float], float]:
        commit_data(parameters, map(float, numbers), map(set_grad, parameters, repeat(0.0)))
        n, loss, hits = len(xs), 0.0, 0.0
        for start in range(0, n, _TOGETHER):
            chunk = slice(start, start + _TOGETHER)
            values = []
            for x, y in zip(xs[chunk], ys[chunk]):
                value, right = task.of_sample(tree_map(Value, x), tree_map(Value, y), plain=True)
                values.append(value)
                loss += value.data
                hits += right
            if gradients:
                (values[0] if len(values) == 1 else ops.sum(values)).backward()
        loss, hits = loss / n, hits / n
        if not gradients:
            return loss, [], hits
        for p in parameters:
            p.grad /= n
        penalty = task.penalty()
        if penalty is not None:
            penalty.backward()
            loss += penalty.data
        return loss, [p.grad for p in parameters], hits

    return step


def _has_numpy() -> bool:
    return find_spec("numpy") is not None


def _whole(name: str, number: SupportsIndex, least: int) -> int:
    try:
        whole = operator.index(number)
    except TypeError:
        raise TypeError(f"{name} is an integer, got {number!r}") from None
    if whole < least:
        raise ValueError(f"{name} is at least {least}, got {whole}")
    return whole

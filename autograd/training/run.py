"""Run epochs of steps, and keep the state of parameters and optimizer after the last complete step."""

import math
import operator
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

from autograd.engine import at_once, changing, set_grad
from autograd.errors import DivergenceError
from autograd.optim import Optimizer
from autograd.samples.reference import AT_RANDOM
from autograd.training.consistency import Consistency, Stopwatch
from autograd.training.data import Batch, Dataset, Feed, Learn
from autograd.training.diagnosis import Cause, Step, cause_of
from autograd.training.history import History
from autograd.training.preparation import Prepared
from autograd.training.reads import may_read
from autograd.training.rules_in_c import NotInCError
from autograd.training.steps import BatchFunction
from autograd.training.steps_in_c import Made, Rates, State, StepsInC

_READS = "its learning rate or its rule may read the parameters, or their gradients, before each step"
Cut = tuple[int, int, int]
"""A batch: the shape of its samples, the place of the first in the order of these, and their number."""


class _Best(NamedTuple):
    """The lowest loss of a run so far."""

    loss: float
    epoch: int
    kept: State
    """The parameters' numbers and the optimizer's state to which it belongs."""


class Run:
    """A run of training: its epochs, entered in the history, and its state after the last whole step.

    `commit` gives that state to the Values and the optimizer that the user sees, all at once.

    Arguments:
        prepared, optimizer: what to train, and how.
        size: the number of samples in a batch.
        patience: as for `fit`.
        advise: returns what to do about numbers that are no longer finite, "" for the usual.
    """

    def __init__(
        self,
        prepared: Prepared,
        optimizer: Optimizer,
        size: int,
        patience: int | None = None,
        advise: Callable[[], str] = str,
    ) -> None:
        self.optimizer, self.size, self.patience, self.advise = optimizer, size, patience, advise
        self.steps_before = optimizer.steps
        self.orders = [list(range(len(part.data))) for part in prepared.learners]
        self.history = history = History()
        self.accuracy = prepared.objective.accuracy is not None
        self.columns = [history.losses, history.accuracy][: 1 + self.accuracy]
        if prepared.judges:
            self.columns += [history.validation_losses, history.validation_accuracy][: 1 + self.accuracy]
        self.watch = Stopwatch()
        self.earlier_checks = 0.0
        self.rng = random.Random(0)  # of checks: the user's is left alone
        self.follow(prepared)

    @property
    def check_seconds(self) -> float:
        """The time that checks have taken so far."""
        return self.earlier_checks + self.watch.seconds

    @property
    def known(self) -> list[Dataset]:
        """The samples of each shape."""
        return [part.data for part in self.learners]

    def follow(self, prepared: Prepared) -> None:
        """Go on with these parameters and functions."""
        self.objective, self.learners, self.judges = prepared.objective, prepared.learners, prepared.judges
        self.parameters, self.history.backend = self.objective.parameters, prepared.backend
        self.earlier_checks, self.watch = self.check_seconds, prepared.watch
        self.freshness, self.draws = prepared.freshness, prepared.draws
        self.arrays = any(part.function.form.arrays for part in self.learners)
        self.of = sum(map(len, self.known))
        learns = [self._drawing(part.function) for part in self.learners]
        self.learner_of = dict(zip(learns, self.learners))
        self.feeds = [
            Feed(learn, part.data, min(self.size, len(part.data)), order=order, form=part.function.form, of=self.of)
            for learn, part, order in zip(learns, self.learners, self.orders)
        ]
        self.held_out = [part.data.whole(part.function.form) for part in self.judges]
        self.scores, self.scores_held_out = (
            sum(part.data.scores for part in parts) for parts in (self.learners, self.judges)
        )
        self.checks = [part.consistency for part in self.learners if part.consistency]
        self.checked = list[Consistency]()  # those by which samples were compared last
        self.last_batches: Callable[[], Iterable[Batch]] | None = None  # one of each shape, with these functions
        self.judge_compared = False
        self.best: _Best | None = None  # with these parameters; watched only where there is a patience
        self.due: list[tuple[int, Callable[[], State]]] = []
        """Checks that are due after steps which C has gone on from: after how many epochs, and the state then."""
        self.cuts: list[Cut] = []
        """The batches of an epoch in C, where they are the same in all epochs: a single one."""
        self.in_c: StepsInC | None = None
        self.rates = Rates()
        self.read()
        self.history.steps_in_python = ""
        try:
            self.in_c = self._steps_in_c()
        except NotInCError as problem:
            self.history.steps_in_python = str(problem)

    def _steps_in_c(self) -> StepsInC:
        """Return what makes the steps of this run in C.

        Raises:
            NotInCError: Python has to make them; the message says why.
        """
        if self.history.backend != "c":
            raise NotInCError(f"the backend is {self.history.backend!r}")
        if self.reads:
            raise NotInCError(_READS)
        functions = [part.function for part in self.learners]
        rest: dict[str, Any] = {"draws": self.draws, "arrays": self.arrays}
        steps = StepsInC(self.feeds, functions, self.optimizer, self.rates, len(self.parameters), **rest)
        steps.load(self.kept)
        if len(self.feeds) == 1 and self.feeds[0].whole:
            self.cuts = [(0, 0, self.of)]
            steps.plan(self.cuts)
        return steps

    def _drawing(self, function: BatchFunction) -> Learn:
        """Return a function of a batch that draws the numbers of its samples."""
        compute, form, n = function.compute, function.form, function.draws
        if not n:
            return compute

        def learn(numbers: Any, xs: Any, ys: Any) -> Any:
            return compute(numbers, xs, ys, self.draws.rows(1 if form.alone else len(xs), n, form))

        return learn

    def batches(self, rng: Any) -> Sequence[Batch]:
        """Return the batches of an epoch: each of samples of one shape, in an order that mixes the shapes."""
        if len(self.feeds) == 1:
            return self.feeds[0].batches(rng)
        batches = [batch for feed in self.feeds for batch in feed.batches(rng)]
        rng.shuffle(batches)
        return batches

    def read(self) -> None:
        """Read the parameters, the other leaves and the optimizer's state, which the user may have changed."""
        self.objective.held.read()
        numbers: Any = [p.data for p in self.parameters]
        if self.arrays:
            import numpy as np  # noqa: PLC0415  # the backend has found it

            numbers = np.array(numbers)
        self.kept = numbers, self.optimizer.state()  # one assignment, so that Ctrl-C finds both or neither
        """The parameters' numbers, and the optimizer's state. The loop over steps assigns both at once."""
        self.reads = may_read(self.optimizer, self.parameters)
        """Whether the optimizer may read the parameters of the model, which get their numbers before its steps then."""
        if self.reads and self.in_c:
            self.in_c, self.history.steps_in_python = None, _READS
        if self.freshness:
            self.freshness.restart()

    def commit(self, kept: State | None = None) -> None:
        """Set the parameters and the optimizer to a state, and the gradients to 0, in one step.

        Arguments:
            kept: the state; None for that after the last step.
        """
        numbers, state = kept or self.kept
        self.optimizer.restore(
            state,
            changing(self.parameters, _as_list(numbers)),
            map(set_grad, self.parameters, repeat(0.0)),
        )

    def epochs(self, rng: Any, most: int) -> int:
        """Pass over the data once, or where that is a single step in C, several times; return how many.

        The figures are entered in the history.

        Arguments:
            rng: shuffles the samples.
            most: the number of epochs, at most.
        """
        if self.in_c is None:
            self.epoch(rng)
            return 1
        cuts = self.cuts
        if not cuts:
            cuts = [(shape, *cut) for shape, feed in enumerate(self.feeds) for cut in feed.cuts(rng)]
            if len(self.feeds) > 1:
                rng.shuffle(cuts)
            self.in_c.plan(cuts)
        if not self.last_batches:
            for batch in self._of_each_shape(cuts[::-1]):
                self._compare_batch("the first batch", batch)
        self.last_batches = partial(self._of_each_shape, cuts)
        if len(cuts) == 1 and self.patience is None and not self.judges:
            return self._epochs_of_one_step(cuts[0], most)
        self._epoch_in_c(cuts)
        return 1

    def _of_each_shape(self, cuts: Sequence[Cut]) -> list[Batch]:
        """Return the last batch of each shape."""
        return [self.feeds[shape].batch(start, n) for shape, start, n in {cut[0]: cut for cut in cuts}.values()]

    def _epochs_of_one_step(self, cut: Cut, most: int) -> int:
        """Make epochs of a single step each, and enter their figures as their steps are kept, both at once."""
        epochs = len(self.history.losses)
        due, stops = next_check(epochs), list[int]()
        while due < epochs + most:
            stops.append(due - epochs)
            due = next_check(due)

        def keep(made: Made) -> None:
            done, figures = len(made.losses), [made.losses]
            if self.accuracy:
                fractions = {y: _as_fraction(y, self.scores) for y in set(made.accuracies)}  # fewer than epochs
                figures.append(list(map(fractions.__getitem__, made.accuracies)))
            due = [(epochs + stop, partial(made.state, stop)) for stop in stops if stop < done]
            changes = {"kept": made.state(done), "due": due}
            at_once(map(setattr, repeat(self), changes, changes.values()), map(list.extend, self.columns, figures))

        self._make(0, [*stops, most], keep)
        made = len(self.history.losses) - epochs
        if not made:
            self._epoch_in_c([cut])
        return made or 1

    def _epoch_in_c(self, cuts: list[Cut]) -> None:
        """Make the steps of an epoch in C, but for those that Python has to make, and enter its figures."""
        before = self.kept
        losses, accuracies = list[float](), list[float]()

        def keep(made: Made) -> None:
            kept, figures = made.state(len(made.losses)), [made.losses, made.accuracies]
            at_once(map(setattr, [self], ["kept"], [kept]), map(list.extend, [losses, accuracies], figures))

        try:
            while len(losses) < len(cuts):
                place = len(losses)
                self._make(place, [len(cuts) - place], keep)
                if len(losses) == place:
                    shape, start, n = cuts[place]
                    loss, accuracy = self._step(self.feeds[shape].batch(start, n))
                    losses.append(loss)
                    accuracies.append(accuracy)
        finally:
            if len(accuracies) == len(cuts):  # all steps are made, also where Ctrl-C came while C made the last ones
                self._enter_steps(cuts, losses, accuracies, before if len(cuts) == 1 else self.kept)

    def _enter_steps(
        self, cuts: Sequence[Cut], losses: Sequence[float], accuracies: Sequence[float], kept: State
    ) -> None:
        """Enter the means of an epoch's steps, as `_enter` does."""
        loss = accuracy = 0.0
        for (_, _, n), batch_loss, batch_accuracy in zip(cuts, losses, accuracies):
            loss += batch_loss * (n / self.of)
            accuracy += batch_accuracy * (n / self.of)
        self._enter(loss, accuracy, kept)

    def _make(self, place: int, stops: Sequence[int], keep: Callable[[Made], object]) -> None:
        """Make steps in C from a batch on, some or none; see `StepsInC.make`."""
        if self.in_c is None:
            return
        try:
            self.in_c.make(self.kept, self.objective.held.numbers, place, stops, keep)
        except NotInCError as problem:
            self.in_c, self.history.steps_in_python = None, str(problem)

    def epoch(self, rng: Any) -> None:
        """Pass over the data once, step by step, and enter the figures in the history."""
        before = self.kept
        loss = accuracy = 0.0
        batches = self.batches(rng)
        if not self.last_batches:
            for batch in {batch[0]: batch for batch in reversed(batches)}.values():  # the first of each shape
                self._compare_batch("the first batch", batch)
        for batch in batches:
            batch_loss, batch_accuracy = self._step(batch)
            weight = batch[3]
            loss += batch_loss * weight
            accuracy += batch_accuracy * weight
        self.last_batches = {batch[0]: batch for batch in batches}.values if len(self.learners) > 1 else lambda: [batch]
        self._enter(loss, accuracy, before if len(batches) == 1 else self.kept)

    def _step(self, batch: Batch) -> tuple[float, float]:
        """Make a step, and return the loss and the accuracy of its batch."""
        learn, x, y, _ = batch
        loss, gradients, accuracy = learn(self.kept[0], x, y)
        if not math.isfinite(loss):
            raise self._diverged(f"the loss became {loss}", learn, x, y)
        if self.reads and not self.freshness:  # eager steps have set both
            numbers, slopes = map(_as_list, (self.kept[0], gradients))
            at_once(changing(self.parameters, numbers), map(set_grad, self.parameters, slopes))
        rates = self.rates.next()
        update = partial(self.optimizer.update_at, rates) if rates else self.optimizer.update
        moved = update(self.kept[0], gradients)
        if not (_is_finite_array if self.arrays else _is_finite_list)(moved):
            self.optimizer.restore(self.kept[1])
            raise self._diverged(_not_finite(self.objective.parameter_names(), gradients, moved), learn, x, y)
        self.kept = moved, self.optimizer.state()
        del self.rates.rows[:1]
        return loss, accuracy

    def _enter(self, loss: float, accuracy: float, kept: tuple[Any, dict[str, Any]]) -> None:
        """Enter the figures of an epoch.

        Arguments:
            loss, accuracy: the means over its samples.
            kept: the state to which the loss belongs, if it is the one that `patience` watches.
        """
        figures = self._figures(self.scores, loss, accuracy)
        watched = loss
        if self.judges:
            judged = self._judged(self.kept[0])
            figures += self._figures(self.scores_held_out, *judged)
            watched, kept = judged[0], self.kept
        at_once(map(list.append, self.columns, figures))
        if self.patience is not None and (watched < self.best.loss if self.best else math.isfinite(watched)):
            self.best = _Best(watched, len(self.history.losses) - 1, kept)

    def _judged(self, numbers: Any) -> tuple[float, float]:
        """Return loss and accuracy of the samples held out."""
        found = [self._drawing(part.function)(numbers, *samples) for part, samples in zip(self.judges, self.held_out)]
        of = sum(len(part.data) for part in self.judges)
        shares = [len(part.data) / of for part in self.judges]  # 1.0 for a single shape
        loss, accuracy = (sum(map(operator.mul, shares, figures)) for figures in zip(*found))
        return loss, accuracy

    def gives_up(self) -> bool:
        """Return True if the lowest loss is `patience` epochs old."""
        return self.best is not None and len(self.history.losses) - 1 - self.best.epoch >= (self.patience or 0)

    def bring_back_best(self) -> None:
        """Go back to the parameters of the lowest loss, if there was a patience."""
        if self.best is not None:
            self.kept, self.history.best_epoch = self.best.kept, self.best.epoch

    def check_if_due(self, epochs: int, *, last: bool, callback: bool) -> None:
        """Check, if a check is due, that the recorded graph holds for the current parameters (see `consistency.py`).

        Arguments:
            epochs: the number of epochs so far.
            last: True if no other epoch follows.
            callback: True if a callback follows, which may change the model: what differs already is not its doing.

        Raises:
            RecordingError: it does not hold.
        """
        passed, self.due = self.due, []
        if not self.checks:
            return
        if passed:
            with self.watch.running():
                for earlier, state in passed:
                    self._check_earlier(earlier, state())
                self.optimizer.restore(self.kept[1])
        due = epochs.bit_count() == 1  # 1, 2, 4, 8, ...: see `next_check`
        if due or callback:
            with self._checking():
                self._compare_some(AT_RANDOM if due else 1)
        if self.judges and (last or not self.judge_compared):
            with self._checking():
                for part, samples in zip(self.judges, self.held_out):
                    if part.consistency:
                        part.consistency.compare_held_out(part.function, self.kept[0], *samples)
            self.judge_compared = True
        if last and self.last_batches:
            for batch in self.last_batches():
                self._compare_batch("the last batch", batch)

    def _check_earlier(self, epochs: int, kept: State) -> None:
        """Check the model with the state after some of the epochs. Where that fails, those after it are forgotten."""
        try:
            self.commit(kept)
            self._compare_some(AT_RANDOM)
        except Exception:
            later = slice(epochs, None)
            at_once(map(setattr, [self], ["kept"], [kept]), map(list.__delitem__, self.columns, repeat(later)))
            raise

    def _compare_some(self, count: int) -> None:
        """Compare so many samples at random, with the parameters that the model has."""
        self.checked = self.rng.sample(self.checks, min(count, len(self.checks)))
        for consistency in self.checked:
            consistency.compare_some(count // len(self.checked))

    @contextmanager
    def _checking(self) -> Iterator[None]:
        """Give the model the current parameters, and count the time of the body among that of checks."""
        with self.watch.running():
            self.commit()
            yield

    @contextmanager
    def compiling(self) -> Iterator[None]:
        """Count the time of the body, that of checks aside, among that of compiling."""
        began, checked = time.perf_counter(), self.check_seconds
        try:
            yield
        finally:
            self.history.compile_seconds += time.perf_counter() - began - (self.check_seconds - checked)

    def is_outdated(self) -> bool:
        """Return True if the model has other parameters, or computes something else, than when it was prepared.

        Raises:
            RecordingError: it computes something else with each call.
        """
        with self.watch.running() if self.checks else nullcontext():
            if list(self.objective.model.parameters()) != self.parameters:
                return True
            return any(consistency.outdated() for consistency in self.checked)

    def _compare_batch(self, name: str, batch: Batch) -> None:
        learn, x, y, _ = batch
        _, function, consistency = self.learner_of[learn]
        if consistency:
            with self._checking():
                consistency.compare_batch(name, function, self.kept[0], x, y)

    def _figures(self, scores: int, loss: float, accuracy: float) -> tuple[float, ...]:
        return (loss, _as_fraction(accuracy, scores)) if self.accuracy else (loss,)

    def _diverged(self, what: str, learn: Learn, xs: Any, ys: Any) -> DivergenceError:
        """Return the error for a step that has lost its numbers: its sample is run once more to find the operation.

        Arguments:
            what: what is not finite.
            learn, xs, ys: the batch of the step.
        """
        step, epoch = self.optimizer.steps - self.steps_before, len(self.history.losses)
        columns = [*(part.xs for part in self.known), *(part.ys for part in self.known)]
        places = [(column.name, column.first_not_finite()) for column in columns]
        advice = [f"sample {i} of {name} is not finite: leave it out" for name, i in places if i is not None]
        cause = None
        if not advice:
            self.commit()
            part = self.learner_of[learn]
            cause = cause_of(self.objective, Step(part.data, part.function, self.kept[0], xs, ys, self.draws.last))
            advice.append(self._advice(cause, first=step == 0))
        text = (
            f"{what} at step {step} (epoch {epoch}, both 0-based): {'; '.join(advice)}. "
            "The parameters are those before that step"
        )
        if cause:
            said = cause.text if step == 0 or cause.is_pole else cause.text.split("\n", 1)[0]  # of growth, in brief
            text += f". {said[0].upper()}{said[1:]}"
        error = DivergenceError(text)
        error.history, error.anomaly = self.history, cause and cause.error
        return error

    def _advice(self, cause: Cause | None, *, first: bool) -> str:
        """Return what to do about a step whose data are finite.

        Arguments:
            cause: the operation, if one was found.
            first: True if no step has moved the parameters.
        """
        advice = self.advise()
        if advice:
            return advice
        if cause and cause.error is None:
            return "the model or the loss refuses a sample"
        if cause and (first or cause.is_pole):
            why = "no step has moved the parameters yet" if first else "the numbers have not grown"
            return (
                f"{why}, so a smaller learning rate does not help. Keep the operation below from such numbers, as "
                f"{cause.remedy} does"
            )
        # a new model: the numbers of this one have grown
        return "train a new model with a smaller learning rate or the optimizer's clip_norm=1.0"


def next_check(epochs: int) -> int:
    """Return the number of epochs after which the next check is due, if there have been so many.

    >>> [next_check(n) for n in (0, 1, 2, 3, 4)]
    [1, 2, 4, 4, 8]
    """
    return 1 << epochs.bit_length()


def _as_fraction(accuracy: float, scores: int) -> float:
    """Remove the rounding error of the sum over batches, if the accuracy is that of a whole number of scores.

    >>> _as_fraction(0.3 + 0.3 + 0.3 + 0.1, 10), _as_fraction(0.123, 10)
    (1.0, 0.123)
    """
    if not math.isfinite(accuracy):
        return accuracy
    fraction = round(accuracy * scores) / scores
    return fraction if math.isclose(accuracy, fraction, abs_tol=1e-9) else accuracy


def _as_list(numbers: Any) -> list[float]:
    """Return numbers as a list; an optimizer's own `update` may have returned one where arrays are kept."""
    return numbers.tolist() if hasattr(numbers, "tolist") else list(map(float, numbers))


def _is_finite_array(numbers: Any) -> bool:
    import numpy as np  # noqa: PLC0415  # an array was passed

    return bool(np.isfinite(numbers).all())


def _is_finite_list(numbers: Any) -> bool:
    return all(map(math.isfinite, numbers))


def _not_finite(names: Sequence[str], gradients: Any, moved: Any) -> str:
    """Name the first parameter that is not finite after a step, or whose gradient is not."""
    kinds = (("the gradient of ", gradients), ("", moved))
    what, i, x = next((what, i, x) for what, numbers in kinds for i, x in enumerate(numbers) if not math.isfinite(x))
    return f"{what}{names[i]} became {float(x)}"

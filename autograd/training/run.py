"""Run epochs of steps, and keep the state of parameters and optimizer after the last complete step."""

import math
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from autograd.engine import at_once, changing, set_grad
from autograd.errors import DivergenceError
from autograd.optim import Optimizer
from autograd.samples.reference import AT_RANDOM
from autograd.training.consistency import Consistency
from autograd.training.data import Batch, Dataset
from autograd.training.history import History
from autograd.training.preparation import Prepared


class _Best(NamedTuple):
    """The lowest loss of a run so far."""

    loss: float
    epoch: int
    kept: tuple[Any, dict[str, Any]]
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
        self.order = list(range(len(prepared.data.known)))
        self.history = history = History(backend=prepared.functions.backend)
        self.accuracy = prepared.objective.accuracy is not None
        self.columns = [history.losses, history.accuracy][: 1 + self.accuracy]
        if prepared.data.held_out:
            self.columns += [history.validation_losses, history.validation_accuracy][: 1 + self.accuracy]
        self.consistency: Consistency | None = None
        self.earlier_checks = 0.0
        self.follow(prepared)

    @property
    def check_seconds(self) -> float:
        """The time that checks have taken so far."""
        return self.earlier_checks + (self.consistency.seconds if self.consistency else 0.0)

    def follow(self, prepared: Prepared) -> None:
        """Go on with these parameters and functions."""
        self.objective, self.data, self.functions = prepared.objective, prepared.data, prepared.functions
        self.parameters = self.objective.parameters
        self.earlier_checks, self.consistency = self.check_seconds, prepared.consistency
        self.freshness = prepared.freshness
        self.arrays = self.functions.learn.form.arrays
        self.batches = self.data.known.batches(self.size, self.order, self.functions.learn.form)
        if self.data.held_out and self.functions.judge:
            self.held_out = self.data.held_out.whole(self.functions.judge.form)
        self.last_batch: Batch | None = None  # with these functions
        self.judge_compared = False
        self.best: _Best | None = None  # with these parameters; watched only where there is a patience
        self.read()

    def read(self) -> None:
        """Read the parameters and the optimizer's state, which the user may have changed."""
        numbers: Any = [p.data for p in self.parameters]
        if self.arrays:
            import numpy as np  # noqa: PLC0415  # the backend has found it

            numbers = np.array(numbers)
        self.kept = numbers, self.optimizer.state()  # one assignment, so that Ctrl-C finds both or neither
        """The parameters' numbers, and the optimizer's state. The loop over steps assigns both at once."""
        if self.freshness:
            self.freshness.restart()

    def commit(self) -> None:
        """Set the parameters and the optimizer to the kept state, and the gradients to 0, in one step."""
        numbers, state = self.kept
        self.optimizer.restore(
            state,
            changing(self.parameters, list(map(float, numbers))),
            map(set_grad, self.parameters, repeat(0.0)),
        )

    def epoch(self, rng: Any) -> None:
        """Pass over the data once, step by step, and enter the figures in the history."""
        learn, update, state = self.functions.learn.compute, self.optimizer.update, self.optimizer.state
        is_finite = _is_finite_array if self.arrays else _is_finite_list
        before = self.kept
        numbers, _ = before
        loss = accuracy = 0.0
        batches = self.batches(rng)
        if self.last_batch is None:
            self._compare_batch("the first batch", batches[0])
        for x, y, weight in batches:
            batch_loss, gradients, batch_accuracy = learn(numbers, x, y)
            if not math.isfinite(batch_loss):
                raise self._diverged(f"the loss became {batch_loss}")
            moved = update(numbers, gradients)
            if not is_finite(moved):
                self.optimizer.restore(self.kept[1])
                raise self._diverged(_not_finite(self.objective.parameter_names(), gradients, moved))
            numbers = moved
            self.kept = numbers, state()
            loss += batch_loss * weight
            accuracy += batch_accuracy * weight
        self.last_batch = x, y, weight
        figures = self._figures(self.data.known, loss, accuracy)
        if self.data.held_out and self.functions.judge:
            judged = self.functions.judge.compute(numbers, *self.held_out)
            figures += self._figures(self.data.held_out, *judged)
            watched, kept = judged[0], self.kept
        else:
            watched, kept = loss, before if len(batches) == 1 else self.kept
        at_once(map(list.append, self.columns, figures))
        if self.patience is not None and (watched < self.best.loss if self.best else math.isfinite(watched)):
            self.best = _Best(watched, len(self.history.losses) - 1, kept)

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
        due = epochs.bit_count() == 1  # 1, 2, 4, 8, ...
        if self.consistency and (due or callback):
            with self.consistency.timed():
                self.commit()
                self.consistency.compare_some(AT_RANDOM if due else 1)
        if self.consistency and self.data.held_out and self.functions.judge and (last or not self.judge_compared):
            with self.consistency.timed():
                self.commit()
                self.consistency.compare_held_out(self.functions.judge, self.kept[0], *self.held_out)
            self.judge_compared = True
        if last and self.last_batch:
            self._compare_batch("the last batch", self.last_batch)

    def _compare_batch(self, name: str, batch: Batch) -> None:
        if self.consistency:
            with self.consistency.timed():
                self.commit()
                x, y, _ = batch
                self.consistency.compare_batch(name, self.functions.learn, self.kept[0], x, y)

    def _figures(self, data: Dataset, loss: float, accuracy: float) -> tuple[float, ...]:
        return (loss, _as_fraction(accuracy, data.scores)) if self.accuracy else (loss,)

    def _diverged(self, what: str) -> DivergenceError:
        step, epoch = self.optimizer.steps - self.steps_before, len(self.history.losses)
        places = [(samples.name, samples.first_not_finite()) for samples in (self.data.known.xs, self.data.known.ys)]
        causes = [f"sample {i} of {name} is not finite: leave it out" for name, i in places if i is not None]
        advice = causes or [  # a new model: the numbers of this one have grown
            self.advise()
            or "train a new model with a smaller learning rate or the optimizer's clip_norm=1.0; "
            'autograd.detect_anomaly() with backend="eager" finds the operation'
        ]
        error = DivergenceError(
            f"{what} at step {step} (epoch {epoch}, both 0-based): {'; '.join(advice)}. "
            "The parameters are those before that step"
        )
        error.history = self.history
        return error


def _as_fraction(accuracy: float, scores: int) -> float:
    """Remove the rounding error of the sum over batches, if the accuracy is that of a whole number of scores.

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


def _not_finite(names: Sequence[str], gradients: Any, moved: Any) -> str:
    """Name the first parameter that is not finite after a step, or whose gradient is not."""
    kinds = (("the gradient of ", gradients), ("", moved))
    what, i, x = next((what, i, x) for what, numbers in kinds for i, x in enumerate(numbers) if not math.isfinite(x))
    return f"{what}{names[i]} became {float(x)}"

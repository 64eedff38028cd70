"""Record the graph of one sample's loss, and refuse what it cannot express for all samples."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any, NamedTuple, NoReturn

from autograd.collecting.holder import Holder, states_of
from autograd.collecting.walk import frozen_or_not, label_all, names_of_all
from autograd.draws import drawing_from
from autograd.engine import Value, commit_data, created, graph_of
from autograd.errors import RecordingError, TrainingWarning
from autograd.frames import warn_caller
from autograd.hints import NO_EQUAL_NUMBER, NO_PLAIN_NUMBER, in_place_of_an_index, refuse_class
from autograd.losses import Accuracy, Baseline, Classes, Targets, carried, loss_named
from autograd.modes import training_mode
from autograd.samples.recording import (
    Drawing,
    Graph,
    as_inputs,
    called,
    is_input,
    no_frozen_branch,
    parameter_names,
    results_recorded,
)
from autograd.text import and_joined, quoted, visible
from autograd.trees import tree_copy


class Held:
    """The leaves that the graphs of samples have beside parameters and inputs, such as those of frozen parts.

    They are inputs of the compiled functions, so a callback may change them: an average of the weights, a target
    network.
    """

    def __init__(self) -> None:
        self.leaves: list[Value] = []  # all graphs share the list
        self.numbers: Any = []

    def hold(self, leaves: Iterable[Value]) -> None:
        """Add leaves, once the graphs are recorded, and read their numbers."""
        self.leaves += dict.fromkeys(leaves)
        self.read()

    def read(self) -> None:
        """Read their numbers, which the user may have changed."""
        self.numbers = [v.data for v in self.leaves]


class Objective(NamedTuple):
    """The number to minimize: the loss of a model's outputs, plus a regularizer of its parameters."""

    model: Any
    parameters: list[Value]
    loss: Callable[[Any, Any], Any]
    accuracy: Accuracy | None
    targets: Targets | None
    classes: Classes | None
    baseline: Baseline | None
    regularizer: Callable[[list[Value]], Any] | None
    held: Held

    @classmethod
    def of(cls, model: Any, loss: Any, regularizer: Any) -> Objective:
        """Check the user's arguments.

        Warns:
            TrainingWarning: the loss takes the target first.

        Raises:
            TypeError: one is of the wrong kind.
            ValueError: the model has no parameters, or there is no loss of that name.
        """
        if isinstance(model, type):
            refuse_class(model)
        if not callable(model) or not hasattr(model, "parameters"):
            raise TypeError(
                f"a model can be called and has parameters(), as autograd.nn's Modules do, got {type(model).__name__}"
            )
        if isinstance(loss, str):
            loss = loss_named(loss)
        if not callable(loss):
            raise TypeError(
                f"loss is a function of an output and a target, such as nn.mse, or its name, 'mse', got {quoted(loss)}"
            )
        _check_order(loss)
        if regularizer is not None and not callable(regularizer):
            raise TypeError(f"regularizer is a function of the list of parameters, got {quoted(regularizer)}")
        parameters = list(model.parameters())
        if isinstance(model, Holder):
            label_all(model)
        if not parameters:
            frozen = frozen_or_not(lambda: list(model.parameters()))
            if frozen:
                raise ValueError(
                    "all parameters of the model are frozen, so there is nothing to learn: call unfreeze() on the "
                    "model, or on the part that is to learn"
                )
            states = states_of(model) if isinstance(model, Holder) else []
            assigned = (
                f": what a call assigns, {and_joined(states[:3])}, is state, make it in __init__" if states else ""
            )
            raise ValueError(f"the model has no parameters, so there is nothing to learn{assigned}")
        functions = {name: carried(loss, name) for name in ("accuracy", "targets", "classes", "baseline")}
        return cls(model, parameters, loss, regularizer=regularizer, held=Held(), **functions)

    def parameter_names(self) -> list[str]:
        """Return a name for each parameter, fit for a message."""
        return parameter_names(self.model, self.parameters)

    def leaf_names(self) -> list[str]:
        """Return a name for each parameter, and for each leaf that is held beside them."""
        held = self.held.leaves
        paths = {v: name for name, v in names_of_all(self.model)} if held and isinstance(self.model, Holder) else {}
        others = [visible(paths.get(v) or v.label or f"{v}") for v in held]
        return [*self.parameter_names(), *others]

    def sample_loss(self, output: Any, y: Any) -> Value:
        """Return the loss of one sample."""
        try:
            return _value("loss", self.loss(output, y))
        except (IndexError, KeyError, TypeError) as problem:
            instead = _in_place_of(problem)
            if instead and instead not in getattr(problem, "__notes__", ()):
                problem.add_note(instead)
            raise

    def penalty(self) -> Value | None:
        """Return the regularizer's share of the loss."""
        return _value("regularizer", self.regularizer(list(self.parameters))) if self.regularizer else None


def _in_place_of(problem: Exception) -> str:
    """Return what to write in a loss that takes its target for an int; "" for another error."""
    text = str(problem)
    if isinstance(problem, KeyError) and any(isinstance(key, Value) for key in problem.args):
        return f"A target is a Value, which is no key: with a list in place of the dictionary, {_FOR_A_CLASS}"
    if "only integers" in text or "indices must be integers" in text:  # of NumPy's array; of a list, and a float
        return f"A target is a Value, which is no index: {_FOR_A_CLASS}"
    if text == NO_PLAIN_NUMBER:
        return f"A target is a Value: {_FOR_A_CLASS}"
    if text == NO_EQUAL_NUMBER:
        return (
            "A target is a Value, whose number is another one for each sample: where a class t is to choose, write "
            "autograd.where(nn.one_hot(t, 3)[1], x, y), which is x for class 1 of 3, else y."
        )
    return ""


_FOR_A_CLASS = f"for a class t, write {in_place_of_an_index()}."
_TARGETS = {"y_true", "true", "truth", "target", "targets", "label", "labels", "y"}
_OUTPUTS = {
    *("y_pred", "pred", "preds", "prediction", "predictions", "predicted", "output", "outputs", "out"),
    *("y_hat", "yhat", "logit", "logits", "score", "scores"),
}


def _check_order(loss: Callable[..., Any]) -> None:
    """Look at what a loss calls its arguments.

    Warns:
        TrainingWarning: the target is the first one, as in Keras: with numbers for both, nothing else would tell.
    """
    try:
        first, second, *_ = inspect.signature(loss).parameters
    except (TypeError, ValueError):
        return
    if first.lower() in _TARGETS and second.lower() in _OUTPUTS:
        warn_caller(
            f"fit passes the output first, then the target, but the loss takes {quoted(first)} first, then "
            f"{quoted(second)}: exchange them, or pass loss=lambda output, target: your_loss(target, output)",
            TrainingWarning,
        )


def _value(name: str, result: Any) -> Value:
    if not isinstance(result, Value):
        raise TypeError(f"the {name} has to return a Value, got {type(result).__name__} {quoted(result)}")
    return result


class Sample:
    """A sample on its way through the model and the loss.

    The model is called when the output is first needed, and only once: the check of the targets and all compiled
    functions share the output of the first sample. Model and loss get lists of their own, which they may change.

    Arguments:
        objective: what to record.
        x: the inputs of the sample, numbers.
        training: whether the model is in training, or used.
        draws: the numbers that `nn.uniform` gives, where it matters which.
    """

    def __init__(self, objective: Objective, x: Any, *, training: bool = True, draws: Sequence[float] = ()) -> None:
        self.objective, self.training = objective, training
        self.begin = Value(0.0)  # no number of the sample: it may have none
        self.x = as_inputs(x)
        self.source = Drawing(draws)

    def _calling(self) -> ExitStack:
        stack = ExitStack()  # no generator, as `contexts.setting` says
        for statement in (noting(training=self.training), training_mode(self.training), drawing_from(self.source)):
            stack.enter_context(statement)
        return stack

    @property
    def is_called(self) -> bool:
        """True if the model has been called with the sample."""
        return "output" in vars(self)

    @cached_property
    def output(self) -> Any:
        with self._calling():
            output = called(self.objective.model, tree_copy(self.x))
        self.drawn = len(self.source.drawn)  # by the model
        self.answered = Value(0.0)
        return output

    def takes(self, y: Any) -> bool:
        """Return True if the loss can be computed with this target."""
        try:
            self.loss(as_inputs(y))
        except RecordingError:
            raise
        except (TypeError, ValueError):
            return False
        return True

    def loss(self, target: Any) -> Value:
        """Return the loss for a target, Values."""
        output = self.output
        del self.source.drawn[self.drawn :]  # of another target
        with self._calling():
            return self.objective.sample_loss(output, target)

    def graph(self, y: Any) -> Graph:
        """Record the loss and the accuracy (0 if the loss has none) too, for a target."""
        objective, target = self.objective, as_inputs(y)
        loss, accuracy = self.loss(tree_copy(target)), Value(0.0)
        if objective.accuracy:
            with self._calling():
                accuracy = _value("accuracy", objective.accuracy(self.output, tree_copy(target)))
        inputs = objective.parameters, self.x, target
        return Graph(inputs, [loss, accuracy], self.begin, self.source.drawn, objective.held.leaves)


@contextmanager
def noting(*, training: bool) -> Iterator[None]:
    """Note in errors of the body that samples held out were computed, where it does not run in training."""
    try:
        yield
    except Exception as problem:
        if not training and _NOTE not in getattr(problem, "__notes__", ()):
            problem.add_note(_NOTE)
        raise


_NOTE = (
    "The model was called for a sample held out for validation, with `training` False: what it returns then has to fit "
    "the loss, too."
)


def penalty_graph(objective: Objective) -> Graph | None:
    """Record the regularizer; None if there is none.

    Raises:
        RecordingError: it draws by `nn.uniform`, whose numbers are those of a sample.
    """
    with drawing_from(_refuse_draws):
        begin, penalty = Value(0.0), objective.penalty()
    return None if penalty is None else Graph((objective.parameters,), [penalty], begin, held=objective.held.leaves)


def _refuse_draws(n: int) -> NoReturn:
    raise RecordingError(
        "the regularizer draws by nn.uniform, whose numbers are drawn for each sample: draw in the model or the loss, "
        'or pass backend="eager"'
    )


@contextmanager
def watched(objective: Objective) -> Iterator[None]:
    """Refuse what one graph cannot express for all samples: that the body compares Values or sets leaves that it reads.

    Raises:
        RecordingError: at a comparison; or after the body, if a leaf has another number. All then have their old
            numbers again.
    """
    numbers = [p.data for p in objective.parameters]
    with no_frozen_branch('or pass backend="eager"'):
        yield
    leaves, numbers = [*objective.parameters, *objective.held.leaves], numbers + objective.held.numbers
    moved = [i for i, p in enumerate(leaves) if p.data is not numbers[i] and p.data != numbers[i]]
    if moved:
        name = objective.leaf_names()[moved[0]]
        commit_data(leaves, numbers)
        raise RecordingError(
            f"the model or the loss sets {name}.data while it is called, which "
            'compiled code would not do. Change parameters in the callback of fit, or pass backend="eager"'
        )


def held_by(graphs: Iterable[Graph]) -> Iterator[Value]:
    """Yield the leaves of graphs that are neither parameters nor inputs, and were there before they were recorded.

    Those of results that were there before are left out: these keep their numbers if such a leaf changes.
    """
    for graph in graphs:
        older = [v for v in graph_of(*graph.outputs) if created(v) < created(graph.begin)]
        left_out = {*graph.inputs[0], *(x for v in older for x in v.args)}
        yield from (v for v in older if v.op is None and v not in left_out and not is_input(v))


@contextmanager
def recording(objective: Objective) -> Iterator[list[Value]]:
    """Combine `watched` and `results_recorded`: yield the list of the results.

    Raises:
        RecordingError: as `watched`.
    """
    with watched(objective), results_recorded() as made:
        yield made

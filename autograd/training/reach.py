"""Notice parameters that the loss does not depend on: a model that reads their numbers would be trained in vain.

If the loss reaches none of them, that is an error. If it leaves out some, that is a warning: a frozen part of a model
is not among its `parameters()`, or has its numbers in the graph behind a `stop_gradient`. And if the loss has leaves of
its own, which look like parameters and are not trained, that is a warning, too.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from autograd.calls import passed_to, was_made_in_a_call
from autograd.collecting.holder import Holder, kept_from_training
from autograd.collecting.walk import names_of_all, tell_of_made
from autograd.engine import Value, created, graph_of
from autograd.errors import ParameterWarning, TrainingWarning
from autograd.frames import warn_caller
from autograd.samples.recording import is_input
from autograd.text import and_joined, visible
from autograd.training.record import Objective, Sample
from autograd.trees import tree_leaves

_MOST_NAMES = 3  # in a warning


class Reach:
    """The parameters on which the losses depend that were seen so far.

    Arguments:
        objective: what is minimized.
        samples: the number of samples whose losses are going to be seen.
    """

    def __init__(self, objective: Objective, samples: int) -> None:
        self.objective, self.samples = objective, samples
        self.reached = False
        self.left = dict.fromkeys(objective.parameters)  # in order

    def see(self, loss: Value) -> None:
        """See the loss of one sample, or the sum of several."""
        self.reached = self.reached or _reaches(loss, self.objective.parameters)
        self.see_penalty(loss)

    def see_penalty(self, penalty: Value) -> None:
        """See the regularizer: a parameter that only this reaches gets a gradient, but from no sample."""
        if self.left:
            for v in graph_of(penalty):
                self.left.pop(v, None)

    def judge(self, samples: int) -> bool:
        """Count samples whose losses were seen; if these are all, judge, and return True.

        Warns:
            TrainingWarning: neither the losses nor the regularizer depend on some of the parameters.

        Raises:
            ValueError: the losses depend on none.
        """
        self.samples -= samples
        if self.samples > 0:
            return False
        if not self.reached:
            raise ValueError(
                "the loss depends on no parameter of the model, so there is nothing to learn. The model or the loss "
                "reads numbers (.data, float(...)), makes new Values of them, or stops all gradients: compute with the "
                "parameters themselves, which are Values"
            )
        if self.left:
            names = dict(zip(self.objective.parameters, self.objective.parameter_names()))
            listed = _listed([names[p] for p in self.left])
            get = "gets" if len(self.left) == 1 else "get"
            warn_caller(
                f"the loss does not depend on {listed}, which therefore {get} no gradient. If the model reads numbers "
                "(.data) there, compute with the Values; if they are to stay as they are, write p.stop_gradient(), or "
                "freeze the Module that holds them, model.part.freeze()",
                TrainingWarning,
            )
        return True


def _reaches(loss: Value, parameters: list[Value]) -> bool:
    """Return True if a gradient of this loss passes to one of the parameters, be it 0."""
    wanted = set(parameters)
    return any(v in wanted for v in _reached(loss))


def _reached(loss: Value, answered: Value | None = None) -> Iterator[Value]:
    """Yield the Values to which a gradient passes.

    Arguments:
        answered: a leaf made before all results that count: it does not pass beyond earlier ones.
    """
    seen, waiting = {loss}, [loss]
    while waiting:
        v = waiting.pop()
        yield v
        if v.op is not None and (answered is None or created(v) > created(answered)):
            operands = [x for i, x in enumerate(v.args) if type(x) is Value and x not in seen and v.op.passes(i)]
            seen.update(operands)
            waiting += operands


def strangers(loss: Value, begin: Value, answered: Value) -> list[Value]:
    """Return the leaves that a loss reaches beside the model's answers, and that were there before it was called.

    Arguments:
        loss: of one sample.
        begin: a leaf made before the model was called, and after anything of the user's.
        answered: a leaf made between the model's answer and the loss.
    """
    return [v for v in _reached(loss, answered) if v.op is None and created(v) < created(begin)]


def warn_of_strangers(objective: Objective, found: Iterable[Value]) -> None:
    """Warn of leaves of the loss or the regularizer that are not trained, unless that has been said.

    Warns:
        TrainingWarning: they are no parameters, nor frozen, nor in an `nn.Constant`, nor the model's.
    """
    parameters = set(objective.parameters)
    others = [v for v in dict.fromkeys(found) if v not in parameters and not is_input(v)]
    if others and isinstance(objective.model, Holder):
        known = {v for _, v in names_of_all(objective.model)}
        others = [v for v in others if v not in known]
    if others:  # which takes longer
        kept = kept_from_training()
        others = [v for v in others if id(v) not in kept]
    if others:
        loss = objective.loss
        paths = {v: name for name, v in names_of_all(loss)} if isinstance(loss, Holder) else dict[Value, str]()
        listed = _listed([visible(paths.get(v) or v.label or f"{v}") for v in sorted(others, key=created)])
        one = len(others) == 1
        it = "it" if one else "them"
        warn_caller(
            f"the loss depends on {listed}, which {'is no parameter' if one else 'are no parameters'} of the model and "
            f"so {'stays as it is' if one else 'stay as they are'}. To train {it}, put {it} in the model, which may "
            f"return {it} beside its answer; else say that {it if one else 'they'} {'is' if one else 'are'} to stay: "
            f"freeze() the network that holds {it}, use an nn.Constant, or write v.stop_gradient()",
            TrainingWarning,
        )


def warn_of_late(objective: Objective, x: Any, loss: Value, begin: Value) -> None:
    """Warn of leaves of the model that a call of it has made and kept: calls that follow use them, untrained.

    Arguments:
        x: the inputs of a sample, numbers.
        loss: that of the sample.
        begin: a leaf made before the model was called.

    Warns:
        ParameterWarning: there are some.
    """
    if not isinstance(objective.model, Holder):
        return
    parameters = set(objective.parameters)
    leaves = [v for v in _reached(loss) if v.op is None and v not in parameters and not (is_input(v) or passed_to(v))]
    new = {v for v in leaves if created(v) > created(begin)}
    found = [v for v in leaves if v not in new and was_made_in_a_call(created(v))]
    if new:  # are they used again?
        outputs = [v for v in tree_leaves(Sample(objective, x).output) if type(v) is Value]
        found += new.intersection(v for output in outputs for v in _reached(output))
    if found:
        known = {v for _, v in names_of_all(objective.model)}
        kept = kept_from_training()
        found = [v for v in found if v not in known and id(v) not in kept]
    if found:
        listed = _listed([visible(v.label or f"{v}") for v in sorted(found, key=created)])
        tell_of_made(objective.model)
        it, that = ("it is", "it") if len(found) == 1 else ("they are", "them")
        warn_caller(
            f"the model uses {listed}, which a call of it has made and kept: so {it} state, neither trained nor saved. "
            f"To train {that}, make {that} in __init__; if {it} to stay, use an nn.Constant, or v.stop_gradient()",
            ParameterWarning,
        )


def _listed(names: list[str]) -> str:
    shown = names[:_MOST_NAMES]
    others = len(names) - len(shown)
    return f"{', '.join(shown)} and {others:,} more" if others else and_joined(shown)

"""Notice parameters that the loss does not depend on: a model that reads their numbers would be trained in vain.

If the loss reaches none of them, that is an error. If it leaves out some, that is a warning: a frozen part of a model
is not among its `parameters()`, or has its numbers in the graph behind a `stop_gradient`.
"""

from autograd.engine import Value, graph_of
from autograd.errors import TrainingWarning
from autograd.frames import warn_caller
from autograd.training.record import Objective

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
            shown = [names[p] for p in self.left][:_MOST_NAMES]
            others = len(self.left) - len(shown)
            listed = f"{', '.join(shown)} and {others:,} more" if others else " and ".join(shown)
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
    seen, waiting = {loss}, [loss]
    while waiting:
        v = waiting.pop()
        if v in wanted:
            return True
        if v.op is not None:
            operands = [x for i, x in enumerate(v.args) if type(x) is Value and x not in seen and v.op.passes(i)]
            seen.update(operands)
            waiting += operands
    return False

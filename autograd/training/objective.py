"""Define what training minimizes: the loss of a model's outputs, plus a regularizer of its parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from autograd.engine import Value
from autograd.losses import Accuracy, Targets, accuracy_of, targets_of


class Objective(NamedTuple):
    """A model, its parameters, and the functions that judge it."""

    model: Callable[[Any], Any]
    parameters: list[Value]
    loss: Callable[[Any, Any], Any]
    accuracy: Accuracy | None
    targets: Targets | None
    regularizer: Callable[[list[Value]], Any] | None

    @classmethod
    def of(cls, model: Any, loss: Any, regularizer: Any) -> Objective:
        """Check the user's arguments.

        Raises:
            TypeError: one is of the wrong kind.
            ValueError: the model has no parameters.
        """
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
        return cls(model, parameters, loss, accuracy_of(loss), targets_of(loss), regularizer)

    def sample_loss(self, output: Any, y: Any) -> Value:
        """Return the loss of one sample."""
        return _value("loss", self.loss(output, y))

    def sample_accuracy(self, output: Any, y: Any) -> Value:
        """Return the share of one sample that is right, as a graph; 0 if the loss has no accuracy."""
        return _value("accuracy", self.accuracy(output, y)) if self.accuracy else Value(0.0)

    def penalty(self) -> Value | None:
        """Return the regularizer's share of the loss."""
        return _value("regularizer", self.regularizer(self.parameters)) if self.regularizer else None


def _value(name: str, result: Any) -> Value:
    if not isinstance(result, Value):
        raise TypeError(f"the {name} has to return a Value, got {type(result).__name__} {result!r}")
    return result

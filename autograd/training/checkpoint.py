"""Keep the parameters and the optimizer as of the last whole step, and hand them over in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from itertools import repeat
from typing import Any

from autograd.engine import Value, commit_data, set_grad
from autograd.optim import Optimizer


class Checkpoint:
    """The state of a run after its last whole step, apart from the Values and the optimizer that the user sees.

    Arguments:
        parameters: the Values that training moves.
        optimizer: the optimizer that moves them.
        arrays: whether to keep the parameters' numbers in a NumPy array, or else in a list.
    """

    def __init__(self, parameters: Sequence[Value], optimizer: Optimizer, *, arrays: bool) -> None:
        self.parameters, self.optimizer, self.arrays = parameters, optimizer, arrays
        self.read()

    def read(self) -> None:
        """Take over the parameters and the optimizer's attributes, which the user may have changed."""
        numbers: Any = [p.data for p in self.parameters]
        if self.arrays:
            import numpy as np  # noqa: PLC0415  # the backend has found it

            numbers = np.array(numbers)
        defaults = {field.name: getattr(self.optimizer, field.name) for field in fields(self.optimizer)}
        self.kept = numbers, vars(self.optimizer) | defaults  # one assignment, so that Ctrl-C finds both or neither
        """The parameters' numbers, and the optimizer's attributes. The loop over steps assigns both at once."""

    def commit(self) -> None:
        """Give the parameters and the optimizer the kept state, and set the gradients to 0, all of it or nothing."""
        numbers, state = self.kept
        commit_data(
            self.parameters,
            list(map(float, numbers)),
            map(set_grad, self.parameters, repeat(0.0)),
            map(dict.update, [vars(self.optimizer)], [state]),
        )

    def restore_optimizer(self) -> None:
        """Undo the optimizer's step that came after the kept state."""
        vars(self.optimizer).update(self.kept[1])

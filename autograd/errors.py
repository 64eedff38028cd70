"""Define every exception of the package that a user can catch; `autograd` exports them.

For ordinary mistakes the package raises Python's own: `TypeError` for an argument of the wrong type, `ValueError` for
one that is out of range or does not fit the others.
"""

from collections.abc import Sequence
from typing import Any

import graphviz


class AnomalyError(ArithmeticError):
    """A nan or an infinity was computed under `detect_anomaly`; the message says where.

    Attributes:
        node: the Value at which it was computed.
        path: the Values from `node` to the output, both included.
        source: the line that recorded `node`, as "file:line: text"; None if it is unknown.
    """

    def __init__(
        self, message: str = "", node: Any = None, path: Sequence[Any] = (), source: str | None = None
    ) -> None:
        super().__init__(message)
        self.node = node
        self.path = tuple(path)
        self.source = source


class GradientMismatch(AssertionError):  # noqa: N818  # a published name
    """A derivative rule disagrees with its numeric check, or is not linear in the gradient from above.

    The message says which rule, and shows both numbers side by side.
    """


class DivergenceError(FloatingPointError):
    """A loss, a gradient or a parameter became inf or nan in training.

    The message says which sample lost its numbers, and by which operation, with the line of your source.

    Attributes:
        history: the `History` of the run up to that point.
        anomaly: the `AnomalyError` of that sample, run once more; None if no operation was found.
    """

    history: Any = None
    anomaly: AnomalyError | None = None


class RecordingError(TypeError):
    """One recorded graph cannot stand for all samples: the model reads numbers, draws them, or keeps old results.

    The message says which operation or constant differs, for which samples, and what to write instead.

    Attributes:
        history: the `History` of the run up to that point; None before training.
    """

    history: Any = None


class FrozenChoiceWarning(UserWarning):
    """A comparison of Values decided how a graph was recorded, and the graph keeps that choice.

    The message names the comparison, its numbers then and now, and the line of source that made it. `autograd.max`,
    `autograd.min` and `autograd.where` choose anew whenever the graph is computed.
    """


class ParameterWarning(UserWarning):
    """The parameters of a Module are not what they seem to be: one Value stands several times in a list, or a call has
    assigned anew what held parameters.

    The message says where, and what to write.
    """


class StaleGraphWarning(UserWarning):
    """A leaf was changed after a graph was recorded, and the graph was not replayed: its numbers do not fit together.

    The message names the leaf. `forward()` on the output computes the graph anew; a training loop that records its loss
    in each step needs none.
    """


class TrainingWarning(UserWarning):
    """`fit` has noticed that training cannot go well, or has not: large inputs, a loss no lower than a constant's,
    or one that depends on a part of the parameters only.

    The message says which, and what to do.
    """


class UnsupportedOperationError(ValueError):
    """A target cannot express an operation; the message says what to write instead, or which backend to use."""


class CompilerError(RuntimeError):
    """The C compiler is missing, or it failed; the message says what to do."""


class CompilerNotFound(CompilerError):  # noqa: N818  # named like GraphvizNotFound
    """No C compiler was found; the message says how to install one."""


class GraphvizNotFound(graphviz.ExecutableNotFound):  # type: ignore[misc]  # its base has no types
    """Graphviz is missing: neither the program `dot` nor pygraphviz was found; the message says how to install one."""

    def __init__(self, message: str) -> None:
        RuntimeError.__init__(self, message)  # the class between the two expects a command line

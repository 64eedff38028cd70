"""A tiny scalar autograd engine: numbers that remember how they were made, and their gradients.

>>> from autograd import Value
>>> x = Value(3.0)
>>> y = x * x
>>> y.backward()
>>> x.grad
6.0

Every operation of the table is also a function: floats in, float out; a Value in, a Value out. `from autograd import *`
shadows no builtin: call `abs`, `max`, `min`, `pow`, `round`, `sum` and `compile` as `autograd.max` and so on.
"""

__version__ = "0.1.0"  # the one place: pyproject.toml reads it here

import builtins

from autograd import nn, ops, optim, pickling, ufuncs
from autograd.anomaly import detect_anomaly
from autograd.check import check_gradients, faux_gradient
from autograd.codegen.compile import compile
from autograd.engine import Value
from autograd.errors import (
    AnomalyError,
    CompilerError,
    CompilerNotFound,
    DivergenceError,
    FrozenChoiceWarning,
    GradientMismatch,
    GraphvizNotFound,
    ParameterWarning,
    RecordingError,
    StaleGraphWarning,
    TrainingWarning,
    UnsupportedOperationError,
)
from autograd.functions import (
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    log_softmax,
    logsumexp,
    mean,
    softmax,
    value_and_grad,
    vjp,
)
from autograd.hints import no_such_name as __getattr__
from autograd.installation import warn_of_hips as _warn_of_hips
from autograd.training.descent import Descent, descend
from autograd.training.fit import fit
from autograd.training.history import History
from autograd.training.plots import plot_decision_boundary
from autograd.views.draw import draw
from autograd.views.explain import explain
from autograd.views.explorer import explore
from autograd.views.formula import formula
from autograd.views.outline import to_text
from autograd.views.sheet import to_spreadsheet

_warn_of_hips(__path__[0])

globals().update(ops.TABLE)  # so that a new row of the table is all that a new operation needs

_public = ["nn", "ops", "optim", *(name for name, x in globals().items() if callable(x) and not name.startswith("_"))]
__all__ = [name for name in _public if not hasattr(builtins, name)]


def __dir__() -> list[str]:
    return sorted(_public)

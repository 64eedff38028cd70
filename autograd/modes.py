"""Say whether models are being trained or used, to the layers that compute something else in training: dropout."""

from contextvars import ContextVar

from autograd.contexts import setting

_training: ContextVar[bool | None] = ContextVar("training", default=None)


def training_here() -> bool | None:
    """Return what the innermost `training_mode` says, in this thread or task; None outside of all.

    >>> training_here() is None
    True
    """
    return _training.get()


def training_mode(training: bool) -> setting[bool | None]:
    """Return a `with` statement that lets every model be in training, or not, in this thread or task.

    It goes before what the models' own `train()` and `eval()` have set, which is untouched.

    >>> with training_mode(True):
    ...     with training_mode(False):
    ...         print(training_here())
    ...     print(training_here())
    False
    True
    """
    return setting(_training, training)

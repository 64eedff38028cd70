"""Say whether models are being trained or used, to the layers that compute something else in training: dropout."""

from contextvars import ContextVar

from autograd.contexts import setting

_training: ContextVar[bool | None] = ContextVar("training", default=None)
_in_parts: ContextVar[bool] = ContextVar("in_parts", default=False)


def is_training(own: bool, frozen: bool) -> bool:
    """Return whether a Module is in training, in this thread or task.

    Arguments:
        own: what its `train()` or `eval()` has set.
        frozen: whether it is frozen: it stays as it is, with its running statistics and without dropout.
    """
    mode = training_here()
    if frozen or mode is False:
        return False
    return own if mode is None or _in_parts.get() else True


def train_in_parts(model: object) -> None:
    """Let parts of a model that `eval()` was called for stay so in training; not if it was called for the whole."""
    _in_parts.set(bool(getattr(model, "training", True)))


def training_here() -> bool | None:
    """Return what the innermost `training_mode` says, in this thread or task; None outside of all.

    >>> training_here() is None
    True
    """
    return _training.get()


def training_mode(training: bool) -> setting[bool | None]:
    """Return a `with` statement that lets every model be in training, or not, in this thread or task.

    It goes before what the models' own `train()` and `eval()` have set, which is untouched; but in `fit`, a part that
    is frozen, or for which `eval()` was called, is never in training.

    >>> with training_mode(True):
    ...     with training_mode(False):
    ...         print(training_here())
    ...     print(training_here())
    False
    True
    """
    return setting(_training, training)

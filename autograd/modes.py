"""Say whether models are being trained or used, to the layers that compute something else in training: dropout."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_training: ContextVar[bool | None] = ContextVar("training", default=None)


def training_here() -> bool | None:
    """Return what the innermost `training_mode` says, in this thread or task; None outside of all.

    >>> training_here() is None
    True
    """
    return _training.get()


@contextmanager
def training_mode(training: bool) -> Iterator[None]:
    """Let every model be in training, or not, while the body runs, in this thread or task.

    It goes before what the models' own `train()` and `eval()` have set, which is untouched.

    >>> with training_mode(True):
    ...     with training_mode(False):
    ...         print(training_here())
    ...     print(training_here())
    False
    True
    """
    before = _training.get()
    try:
        _training.set(training)  # not before the try, where Ctrl-C could come between
        yield
    finally:
        _training.set(before)

"""Listen to the engine's events in one thread or task alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from autograd.engine import listening

_entered: ContextVar[frozenset[object]] = ContextVar("statements", default=frozenset())
"""The `with listening_here()` statements that this thread or task is in."""


@contextmanager
def listening_here(**listeners: Callable[..., object]) -> Iterator[None]:
    """Call these functions at events of this thread or task, as `autograd.engine.listening` does at those of all.

    Arguments:
        listeners: the arguments of `listening`.

    >>> import threading
    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> with listening_here(recorded=lambda v: print("recorded", v.op.name)):
    ...     y = x * x
    ...     other = threading.Thread(target=lambda: x + 1)
    ...     other.start()
    ...     other.join()
    recorded mul
    """
    this = object()

    def here(listener: Callable[..., object]) -> Callable[..., None]:
        def heard(*event: object) -> None:
            if this in _entered.get():
                listener(*event)

        return heard

    with listening(**{event: here(listener) for event, listener in listeners.items()}):
        try:
            _entered.set(_entered.get() | {this})
            yield
        finally:
            _entered.set(_entered.get() - {this})  # if Ctrl-C comes first, a statement is left whose listeners are gone

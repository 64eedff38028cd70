"""Set a context variable for a while, so that nothing, not even Ctrl-C, leaves it set."""

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class setting(Generic[T]):  # noqa: N801  # used like a function, as contextlib.suppress
    """A `with` statement that sets a context variable, which has a default, while its body runs.

    A generator with a `finally` would be shorter. But if Ctrl-C comes on the way into it, the error's traceback keeps
    the generator, and whenever that is freed, long after other statements have ended, it sets what was there before.

    >>> mode = ContextVar("mode", default="calm")
    >>> with setting(mode, "wild"):
    ...     mode.get()
    'wild'
    >>> mode.get()
    'calm'
    """

    __slots__ = ("variable", "value", "before")

    def __init__(self, variable: ContextVar[T], value: T) -> None:
        self.variable, self.value, self.before = variable, value, variable.get()

    def __enter__(self) -> None:
        self.variable.set(self.value)

    def __exit__(self, *exception: object) -> None:
        self.variable.set(self.before)


def in_own_context(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function to run in a copy of the context, so that what it sets ends with it.

    Ctrl-C may come between the end of a `with` statement's body and its `__exit__`.

    >>> mode = ContextVar("mode", default="calm")
    >>> @in_own_context
    ... def forgetful():
    ...     setting(mode, "wild").__enter__()
    >>> forgetful()
    >>> mode.get()
    'calm'
    """

    @wraps(function)
    def call(*arguments: P.args, **named: P.kwargs) -> R:
        run: Any = copy_context().run
        result: R = run(function, *arguments, **named)
        return result

    return call

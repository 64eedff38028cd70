"""Let code watch an engine at work, by functions that are called at its events.

An event is a dictionary of the functions that listen to it. An engine that finds it empty does nothing. So `engine.py`
can be watched without knowing by whom, another engine can raise the same events, and nobody replaces a function of
another module.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import wraps
from typing import Any, TypeVar, cast

Value = Any
"""A node of the graph: the engine defines it, and imports this module."""

Listeners = dict[object, tuple[Callable[..., object], object]]
"""The functions that listen to an event, each with its scope; by the `with` statement that has registered it."""

_EVENTS = Listeners(), Listeners(), Listeners(), Listeners(), Listeners()
recorded, compared, replayed, pulled, differentiated = _EVENTS
"""The events; an engine raises them by `announce`, and may test first whether anyone listens."""
on_registration: list[Callable[[], object]] = []
"""Called when listeners have come or gone."""
registry = threading.RLock()  # reentrant: a signal handler may listen too
turn = threading.RLock()  # of backward(), one at a time, because it leaves marks and parts on the nodes
if hasattr(os, "register_at_fork"):  # fork only while no other thread holds a lock
    for _lock in (registry, turn):  # acquired in reverse, as by a listener that listens during backward()
        os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
_scope: ContextVar[object] = ContextVar("scope", default=None)  # the call of an `unobserved` function, None outside
_F = TypeVar("_F", bound=Callable[..., Any])


@contextmanager
def listening(
    *,
    recorded: Callable[[Value], object] | None = None,
    compared: Callable[[Value, Any], object] | None = None,
    replayed: Callable[[Sequence[Value], Mapping[Value, float]], object] | None = None,
    pulled: Callable[[Value, Value, Callable[[Value], float]], object] | None = None,
    differentiated: Callable[[Value, Sequence[Value], Sequence[Value]], object] | None = None,
) -> Iterator[None]:
    """Call these functions at events of the engine while the body of the `with` statement runs.

    Arguments:
        recorded: `recorded(v)`, when an operation on Values has made `v`, which is complete, and before the caller gets
            it. The Values that `grad` makes are recorded; leaves, copies and unpickled Values are not.
        compared: `compared(v, other)`, before `<`, `<=`, `>` or `>=` answers. `v` is the Value whose method Python
            called (the left operand, unless only the right one is a Value), `other` is whatever it is compared with.
        replayed: `replayed(nodes, data)`, when `forward()` has computed the new numbers, before it commits them.
            `nodes` is the graph in order of creation; `data` maps its leaves, and all that depends on them, to numbers.
        pulled: `pulled(output, v, part)`, during `output.backward()`, before it commits any gradient. It is called for
            each result `v` in the graph, newest first, when the gradient of `v` is complete and has been pulled back to
            the operands of `v`; after all results, for each leaf, newest first, too. `part(x)` is the gradient that
            this call has accumulated so far at a Value `x` of the graph; the `.grad` of `x` is still that of before the
            call.
        differentiated: `differentiated(output, inputs, derivatives)`, when `grad(output, inputs)` has made the
            gradients, before it returns them; `inputs` is the flat list of the Values. So do the other derivatives:
            `jvp` for each output with its tangent, `jacobian` for each with its row, `hessian` with all entries.

    Any number of listeners may be active, nested and in several threads. They are called in registration order, in the
    thread that raises the event. An exception in a listener propagates from the operation, the comparison, `forward()`,
    `backward()` or `grad`; no number and no gradient has changed then. What views compute raises no events: they are
    `unobserved`.

    Without listeners, events cost nothing.

    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> with listening(recorded=lambda v: print("recorded", v.op.name, v.data)):
    ...     y = x * x + 1
    recorded mul 9.0
    recorded add 10.0
    """
    functions = recorded, compared, replayed, pulled, differentiated
    this, scope = object(), _scope.get()
    # Chosen here: an `if` at the end of the loop below would take Ctrl-C out of the `try`, as engine.py says.
    entries = [(known, (function, scope)) for known, function in zip(_EVENTS, functions) if function is not None]
    try:
        try:
            with registry:
                for listeners, entry in entries:
                    listeners[this] = entry
                _tell()
            yield
        finally:
            _stop_listening(this)
    except BaseException:  # Ctrl-C in the line above would leave the listeners installed for good
        _stop_listening(this)
        raise


def _stop_listening(this: object) -> None:
    with registry:
        for listeners in _EVENTS:
            listeners.pop(this, None)
        _tell()


def _tell() -> None:
    for function in on_registration:
        function()


def unobserved(function: _F) -> _F:
    """Decorate a function that makes Values for internal use, such as a view's copies of a graph.

    The events of a call, and of all that it calls in its thread, reach only the listeners that it registers, and these
    hear nothing else. So `detect_anomaly` neither refuses nor names a node that no user made.

    The call runs in a copy of the context (`contextvars`): nothing has to be undone when it ends, even by Ctrl-C.

    >>> from autograd import Value, grad
    >>> @unobserved
    ... def slope(f, x):
    ...     x = Value(x)
    ...     return grad(f(x), x).data
    >>> with listening(recorded=lambda v: print("recorded", v)):
    ...     slope(lambda x: x * x, 3.0)
    6.0
    """

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        context = copy_context()
        context.run(_scope.set, object())
        return context.run(function, *args, **options)

    return cast(_F, call)


def announce(listeners: Listeners, *event: Any) -> None:
    """Raise an event: call the functions that listen to it, as far as the running code is in their scope."""
    here = _scope.get()
    for listener, scope in list(listeners.values()):  # a copy: others may register and leave meanwhile
        if scope is here:
            listener(*event)


# In one thread alone ----------------------------------------------------------------------------------------------

_entered: ContextVar[frozenset[object]] = ContextVar("statements", default=frozenset())
"""The `with listening_here()` statements that this thread or task is in."""


@contextmanager
def listening_here(**listeners: Callable[..., object]) -> Iterator[None]:
    """Call these functions at events of this thread or task, as `listening` does at those of all.

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

"""Remember what calls of users' Modules were passed, and what was made in them.

A leaf that is found in a list or the like of a Module has been put there by the user, or by a call. No list tells by
whom. But a call has only what it was passed, or has made itself, and what its Module can reach: this is evidence.
"""

from __future__ import annotations

import os
import weakref
from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from threading import RLock, get_ident, local
from typing import Any

from autograd.engine import Value, created

_MOST_CALLS = 10_000  # that are remembered
_MOST_THREADS = 64  # whose calls run at the same time
_MOST_ROOTS = 16  # Modules in whose calls another one was called, that are remembered


class Calls:
    """The calls of users' Modules that a thread is in.

    Attributes:
        depth: how many there are.
        begun, outermost: when the innermost and the outermost began: numbers of creation.
        root: the Module whose call is the outermost.
        making: how many Modules are in the making, in or outside of calls.
        assigned: the attributes that they have assigned: Modules, names, and what was there before.
    """

    __slots__ = ("depth", "begun", "outermost", "root", "making", "assigned")

    def __init__(self) -> None:
        self.depth = self.begun = self.outermost = self.making = 0
        self.root: weakref.ref[Any] | None = None
        self.assigned: dict[tuple[int, Any], tuple[Any, str, Any]] = {}


def note_root(roots: tuple[weakref.ref[Any], ...], root: weakref.ref[Any]) -> tuple[weakref.ref[Any], ...]:
    """Return the Modules in whose calls a Module was called, with another one, the last of them."""
    return (*(ref for ref in roots[-_MOST_ROOTS:] if ref is not root), root)


class _Here(local):
    """What there is once for each thread."""

    def __init__(self) -> None:
        self.calls = Calls()


here = _Here()


# What was made in calls ----------------------------------------------------------------------------------------------


_Call = tuple[int, int, int, weakref.ref[Any]]
"""A call that is over: what was made in it has numbers of creation below the first and above the second; its thread,
and the Module."""

_over: list[_Call] = []  # in the order of their ends
_lock = RLock()  # a signal handler may call a Module
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def note_call(begin: int, end: int, module: Any) -> Iterable[Any]:
    """Remember an outermost call in which something was made.

    Returns the Modules whose calls are going to be forgotten: they decide by them what they hold, while they can.
    """
    thread, ref = get_ident(), weakref.ref(module)
    with _lock:
        if _over:
            last, first, of, called = _over[-1]
            if last + 1 == begin and of == thread and called is ref:
                _over[-1] = end, first, thread, ref
                return ()
        _over.append((end, begin, thread, ref))
        if len(_over) <= _MOST_CALLS:
            return ()
        oldest = _over[: _MOST_CALLS // 2]
    return _forgetting(oldest)


def _forgetting(calls: list[_Call]) -> Iterable[Any]:
    yield from {id(x): x for *_, called in calls if (x := called()) is not None}.values()
    with _lock:
        del _over[: bisect_left(_over, calls[-1]) + 1]


def was_made_in_a_call(number: int, born: int = 0, can_put: Callable[[Any], bool] = lambda ref: True) -> bool:
    """Return True for the number of creation of what was made in a call, in which its holder was not made, too.

    Arguments:
        number: that of a leaf or a Module.
        born: that of the Module that holds it.
        can_put: whether a call of a Module can have put it where it is. An initializer that makes it has not; and the
            numbers of two threads are mixed.
    """
    calls = here.calls
    if calls.depth and number > calls.outermost >= born:
        return True
    thread = get_ident()
    first = bisect_left(_over, (number,))
    for _, begin, of, called in islice(_over, first, first + _MOST_THREADS):
        if born <= begin < number and can_put(called):
            return True
        if of == thread:
            return False
    return False


# What was passed to calls --------------------------------------------------------------------------------------------

_Ref = weakref.ref[Any]
_Passed = tuple[_Ref, list[_Ref]]
"""A leaf or a Module that was passed to outermost calls, and the Modules that were called."""

_values: dict[int, _Passed] = {}  # by number of creation
_modules: dict[int, _Passed] = {}  # by id


def passed_to(part: Any) -> list[_Ref]:
    """Return the Modules to whose calls a leaf or a Module was passed; not all of those that are gone."""
    known = _values.get(created(part)) if type(part) is Value else _modules.get(id(part))
    return known[1] if known is not None and known[0]() is part else []


def is_new(part: Any, to: _Ref) -> bool:
    """Return True for a leaf or a Module that was not passed to a call of a Module before."""
    return not any(ref is to for ref in passed_to(part))


def pass_in(part: Any, to: _Ref) -> None:
    """Remember a leaf or a Module that is passed to a call of a Module."""
    if refs := passed_to(part):
        refs[:] = [*(ref for ref in refs if ref() is not None), to]
    elif type(part) is Value:
        number = created(part)
        _values[number] = weakref.ref(part, partial(_values.pop, number)), [to]
    else:
        _modules[id(part)] = weakref.ref(part, partial(_forget, id(part))), [to]


def _forget(key: int, ref: weakref.ref[Any]) -> None:
    known = _modules.get(key)
    if known is not None and known[0] is ref:  # another may have the id by now
        _modules.pop(key, None)

"""Know which calls of users' Modules a thread is in: what they put into a Module is no parameter."""

from __future__ import annotations

from threading import local
from typing import Any


class Calls:
    """The calls of users' Modules that a thread is in.

    Attributes:
        depth: how many there are.
        begun, outermost: when the innermost and the outermost began: numbers of creation.
        making: how many Modules are in the making, in or outside of calls.
        assigned: the attributes that they have assigned: Modules, names, and what was there before.
        compared: what the Modules held whose calls they are, one after that in whose call it was called; but for those
            that are parts of one before.
    """

    __slots__ = ("depth", "begun", "outermost", "making", "assigned", "compared")

    def __init__(self) -> None:
        self.depth = self.begun = self.outermost = self.making = 0
        self.assigned: dict[tuple[int, Any], tuple[Any, str, Any]] = {}
        self.compared: tuple[Any, ...] = ()


class _Here(local):
    """What there is once for each thread."""

    def __init__(self) -> None:
        self.calls = Calls()


here = _Here()

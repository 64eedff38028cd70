"""Remember what each Module holds itself, to tell parameters from what calls keep."""

from __future__ import annotations

import weakref
from collections.abc import Container, Iterable
from typing import Any, NamedTuple, Self, cast

from autograd.collecting.kinds import Holding
from autograd.engine import Value, created
from autograd.marks import Remembered, marks_of


class _Held(NamedTuple):
    """A Value or a Module that a Module holds."""

    part: weakref.ref[Any]
    attribute: Any
    """The attribute in which it was found; of an element of a Module that is a list, its number."""
    when: int


MADE, NEW, TOLD = range(3)
"""When a part came: as the Module was made; since; and since, which the user has been told."""


class Memory(Remembered):
    """What a Module remembers of the Values and Modules that it holds, but for those that Modules inside it hold.

    Values are known by the number of their creation, Modules by their id. All are referenced weakly, and those that are
    gone are forgotten.

    Attributes:
        held: parameters and Modules.
        state: Values that a call has put beside them.
        told: the attributes of which the user has been told that calls change them.
        settled: the last call before its parts were compared with these.
        unchecked: whether parts have come whose names have not been compared.
    """

    __slots__ = ("held", "state", "told", "settled", "unchecked")

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[int, _Held] = {}
        self.state: dict[int, weakref.ref[Value]] = {}
        self.told: frozenset[Any] = frozenset()
        self.settled, self.unchecked = 0, False

    def of(self, part: Any) -> _Held | None:
        """Return what is remembered of a part that is held; None if it is not known."""
        if type(part) is Value:
            return self.held.get(created(part))
        known = self.held.get(-id(part))
        return known if known and known.part() is part else None

    def hold(self, part: Any, attribute: Any, when: int = NEW) -> None:
        """Remember a parameter or a Module."""
        key = created(part) if type(part) is Value else -id(part)
        self.held[key] = _Held(weakref.ref(part), attribute, when)
        self.state.pop(key, None)

    def pass_over(self, part: Value) -> None:
        """Remember a Value as state."""
        self.state[created(part)] = weakref.ref(part)

    def forget(self, state: Container[int]) -> None:
        """Forget what is gone, and Values that are state no more, but for these ones, by id."""
        gone = [key for key, held in self.held.copy().items() if held.part() is None]
        for key in gone:  # in place: another thread may add some
            self.held.pop(key, None)
        gone = [key for key, known in self.state.copy().items() if id(known()) not in state]
        for key in gone:
            self.state.pop(key, None)

    def twin(self) -> Self:
        """Return one for a copy of the Module, which has the same parts, and the same lists, which calls may fill."""
        twin = super().twin()
        twin.called, twin.settled = self.called, self.settled
        twin.held, twin.state = self.held.copy(), self.state.copy()
        twin.told, twin.unchecked = self.told, self.unchecked
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle with the parts in place of the references to them."""
        held = [(x.part(), x.attribute, x.when) for x in self.held.copy().values()]
        state = [x() for x in self.state.copy().values()]
        return _remembering, ([x for x in held if x[0] is not None], [x for x in state if x is not None], self.told)


def _remembering(held: Iterable[tuple[Any, Any, int]], state: Iterable[Any], told: frozenset[Any]) -> Memory:
    memory = Memory()
    for part, attribute, when in held:
        memory.hold(part, attribute, when)
    for part in state:
        memory.pass_over(part)
    memory.told = told
    return memory


def memory_of(module: Holding) -> Memory:
    """Return what a Module remembers."""
    return cast(Memory, marks_of(module).memory)
